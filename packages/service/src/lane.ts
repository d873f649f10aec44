/** Owns the one lane in which the writes of this process go to the database, one after the other. */

/** Runs work one at a time, in the order in which it was handed in. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after all that was handed in before it, whether that succeeded or not. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when nothing is left to do, what was handed in meanwhile included. */
  async idle(): Promise<void> {
    for (let last; last !== this.#last;) {
      last = this.#last;
      await last;
    }
  }
}
