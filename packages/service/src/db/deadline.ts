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

/** Resolves as `work` does, or rejects with `late()` after `ms` milliseconds; what `work` does afterwards is ignored. */
export function within<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // An answer that arrived while this process was busy is read first.
    const onTime = (): void => void setImmediate(() => reject(late()));
    const timer = setTimeout(onTime, Math.min(ms, longestDelay));
    void work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
