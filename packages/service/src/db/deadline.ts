/** Owns waiting that ends. */

/** How much time a call has left. */
export interface Deadline {
  /** Milliseconds left; 0 when it has passed. */
  left(): number;
}

/** A deadline `ms` milliseconds from now, on the monotonic clock. */
export function deadlineIn(ms: number): Deadline {
  const end = performance.now() + ms;
  return { left: () => Math.max(0, end - performance.now()) };
}

// Longer delays make Node's timers fire at once.
const longestDelay = 2 ** 31 - 1;

// A timer that fires this much too late tells that the process was busy, and could not read an answer in time.
const busy = 20;

/** What a step is given at least, in milliseconds: a deadline that passed while the process was busy says nothing of the other side. */
export const moment = 100;

/**
 * Resolves as `work` does, or rejects with `late()` after `ms` milliseconds, or after a moment where that is longer; what `work` does
 * afterwards is ignored. A process that was too busy to read the answer in time gets a moment to do so.
 */
export function within<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const delay = Math.min(Math.max(ms, moment), longestDelay);
    const due = performance.now() + delay;
    const end = (): void => reject(late());
    let timer = setTimeout(() => {
      // An answer that has arrived is read before this.
      if (performance.now() < due + busy) setImmediate(end);
      else timer = setTimeout(end, moment);
    }, delay);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what was thrown is handed on as it is
        reject(error);
      },
    );
  });
}
