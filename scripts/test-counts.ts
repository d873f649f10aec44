/** Owns the sum of a run: reads the JSON reports of vitest and prints `N passed, N failed`. */
import { readFileSync } from 'node:fs';

/** The part of vitest's JSON report that is summed. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** What a run came to. `skipped` counts tests that were not run; there may be none. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Sums reports of runs whose worst exit status is given. A file that fails before its first test counts as one failure, and so
 * does a run that had no test at all or that failed without a failed test (an unhandled rejection).
 */
export function sumReports(reports: readonly Report[], status: number): Counts {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const report of reports) {
    const unread = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
    passed += report.numPassedTests;
    failed += report.numFailedTests + unread.length;
    skipped += report.numPendingTests + report.numTodoTests;
  }
  const silent = failed === 0 && (status !== 0 || passed === 0 || reports.some((report) => !report.success));
  return { passed, failed: silent ? 1 : failed, skipped };
}

if (import.meta.main) {
  // How many other steps failed, the exit status of the tests, and their reports.
  const [failedSteps, status, ...files] = process.argv.slice(2);
  const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
  const { passed, failed, skipped } = sumReports(reports, Number(status));
  if (skipped > 0) console.log(`${String(skipped)} tests were skipped, and none may be`);
  const failures = failed + skipped + Number(failedSteps);
  console.log(`${String(passed)} passed, ${String(failures)} failed`);
  if (failures > 0) process.exitCode = 1;
}
