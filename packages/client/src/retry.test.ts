import { expect, it } from 'vitest';
import { StrataClientError } from './client-error.ts';
import { isPassing, moveDelay, retryDelay } from './retry.ts';

it('waits a random part of a time that doubles up to 30 seconds', () => {
  const most = Array.from({ length: 20 }, (_, failures) => retryDelay(failures, 1));
  expect(most.slice(0, 6)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000]);
  expect(Math.max(...most)).toBe(30_000);
  expect([retryDelay(9, 0), retryDelay(9, 0.5)]).toEqual([0, 15_000]);
});

it('comes back when a server that ends says so, and never late', () => {
  expect([moveDelay(120), moveDelay(undefined), moveDelay(900_000)]).toEqual([120, 1000, 5000]);
});

it.each([
  ['unreachable', 0, true],
  ['timeout', 0, true],
  ['invalid_answer', 200, true],
  ['server_closing', 503, true],
  ['internal_error', 500, true],
  ['request_timeout', 408, true],
  ['invalid_key', 400, false],
  ['cross_site', 403, false],
  ['aborted', 0, false],
] as const)('takes %s (%i) for passing: %s', (code, status, expected) => {
  expect(isPassing(new StrataClientError(code, 'x', { status }))).toBe(expected);
});
