/** Owns waiting for this process to have followed the feed up to a revision. */

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

/** How far this process has followed, and who waits for it. */
export class Revisions {
  #reached = 0;
  readonly #waiters = new Set<Waiter>();

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Notes that everything up to a revision is known. A store that was put back comes to a lower one than before. */
  reach(revision: number): void {
    this.#reached = revision;
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Resolves once everything up to a revision is known. @param signal ends the wait: it then never resolves. */
  reached(revision: number, signal: AbortSignal): Promise<void> {
    if (revision <= this.#reached) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = { revision, resolve };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', () => this.#waiters.delete(waiter), { once: true });
    });
  }
}
