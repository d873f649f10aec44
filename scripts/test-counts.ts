/** Owns the sum of a run: reads the JSON reports of vitest and prints what failed, then `N passed, N failed`. */
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

/** The part of vitest's JSON report that is summed. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
  readonly testResults: readonly FileReport[];
}

interface FileReport {
  readonly name: string;
  readonly status: string;
  /** Why the file could not be read. */
  readonly message: string;
  readonly assertionResults: readonly TestReport[];
}

interface TestReport {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages?: readonly string[] | null;
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

/** What failed, each with the first lines of the reason: a log that is cut keeps its end. */
export function failuresIn(reports: readonly Report[]): string[] {
  return reports.flatMap(({ testResults }) => testResults.flatMap(failuresOfFile));
}

function failuresOfFile({ name, status, message, assertionResults }: FileReport): string[] {
  if (assertionResults.length === 0) return status === 'failed' ? [failure(name, message)] : [];
  return assertionResults
    .filter((test) => test.status === 'failed')
    .map((test) => failure(`${name}: ${test.fullName}`, test.failureMessages?.join('\n') ?? ''));
}

function failure(name: string, reason: string): string {
  const lines = stripVTControlCharacters(reason).split('\n').slice(0, 12);
  return [`failed: ${name}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

if (import.meta.main) {
  // How many other steps failed, the exit status of the tests, and their reports.
  const [failedSteps, status, ...files] = process.argv.slice(2);
  const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
  const { passed, failed, skipped } = sumReports(reports, Number(status));
  for (const text of failuresIn(reports)) console.log(text);
  if (skipped > 0) console.log(`${String(skipped)} tests were skipped, and none may be`);
  const failures = failed + skipped + Number(failedSteps);
  console.log(`${String(passed)} passed, ${String(failures)} failed`);
  if (failures > 0) process.exitCode = 1;
}
