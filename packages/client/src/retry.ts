/** Owns when a lost stream is opened again, so that many clients do not come back all at once. */
import { isClientError, type StrataClientError } from './client-error.ts';

const shortest = 1000;
const longest = 30_000;
/** A server that sends its clients elsewhere says when; no longer than this is waited. */
const longestMove = 5000;

/** The time to wait after so many failures in a row: a random part of a time that doubles, from 1 to 30 seconds. */
export function retryDelay(failures: number, random: number): number {
  return Math.round(random * Math.min(longest, shortest * 2 ** Math.min(failures, 10)));
}

/** The time to wait after the server has sent its clients elsewhere, each at a time of its own. */
export function moveDelay(told: number | undefined): number {
  return Math.min(told ?? shortest, longestMove);
}

/** Whether what went wrong can be gone the next time; anything else will be refused again. */
export function isPassing(error: unknown): error is StrataClientError {
  if (!isClientError(error)) return false;
  const { code, status } = error;
  return (
    ['unreachable', 'timeout', 'invalid_answer'].includes(code) || status >= 500 || status === 408 || status === 429
  );
}

/** Waits; resolves early when the signal aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
    if (signal?.aborted === true) done();
  });
}
