/** Owns the proof that a run that went wrong is never counted as a good one. */
import { describe, expect, it } from 'vitest';
import { failuresIn, sumReports } from '../scripts/test-counts.ts';

const good = {
  numPassedTests: 5,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  success: true,
  testResults: [
    {
      name: 'good.test.ts',
      status: 'passed',
      message: '',
      assertionResults: Array.from({ length: 5 }, () => ({ fullName: 'works', status: 'passed' })),
    },
  ],
};

describe('the sum of test reports', () => {
  it('adds the reports up', () => {
    const bad = { ...good, numFailedTests: 2, numPendingTests: 1, numTodoTests: 3, success: false };
    expect(sumReports([good, bad], 1)).toEqual({ passed: 10, failed: 2, skipped: 4 });
  });

  it('counts a file that could not be read as a failure', () => {
    const testResults = [
      ...good.testResults,
      { name: 'bad.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
    ];
    expect(sumReports([{ ...good, success: false, testResults }], 1).failed).toBe(1);
  });

  it('counts a run that failed without a failed test as a failure', () => {
    expect(sumReports([{ ...good, success: false }], 0).failed).toBe(1);
    expect(sumReports([good], 1).failed).toBe(1);
  });

  it('counts a run without any test as a failure', () => {
    expect(sumReports([{ ...good, numPassedTests: 0, testResults: [] }], 0).failed).toBe(1);
    expect(sumReports([], 0).failed).toBe(1);
  });

  it('tells what failed and why, tests and files', () => {
    const failed = {
      fullName: 'counts to ten',
      status: 'failed',
      failureMessages: ['\u001b[31mexpected 9\u001b[39m\n to be 10'],
    };
    const testResults = [
      {
        name: 'one.test.ts',
        status: 'failed',
        message: '',
        assertionResults: [failed, { fullName: 'works', status: 'passed' }],
      },
      { name: 'two.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
    ];
    expect(failuresIn([good, { ...good, testResults }])).toEqual([
      'failed: one.test.ts: counts to ten\n  expected 9\n   to be 10',
      'failed: two.test.ts\n  no such module',
    ]);
  });
});
