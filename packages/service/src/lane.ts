/** Owns the one lane in which the writes of this process go to the database, one after the other. */
import { isConfigurationError } from '@strata/core';

/** Whether an error says that the database cannot work now, whatever it is asked. */
export function isOutage(error: unknown): boolean {
  return isConfigurationError(error) && outages.has(error.code);
}

/** Whether the connection was lost while a statement was under way, so that nobody knows what became of it. */
export function isCut(error: unknown): boolean {
  return isConfigurationError(error, 'unavailable') && error.details['sent'] === true;
}

const outages: ReadonlySet<string> = new Set(['unavailable', 'storage_full']);

/** Runs work one at a time, in the order in which it was handed in. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();
  #outages = 0;
  #outage: unknown;

  /**
   * Runs `work` after all that was handed in before it, whether that succeeded or not. Where the database turns out not to work
   * meanwhile, `work` is not run and fails the same way: it has waited long enough, and would wait as long again.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    const outages = this.#outages;
    const result = this.#last.then(async () => {
      if (this.#outages !== outages) throw this.#outage;
      return this.#watch(work);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isOutage(error)) {
        this.#outages += 1;
        this.#outage = error;
      }
      throw error;
    }
  }

  /** Resolves when nothing is left to do, what was handed in meanwhile included. */
  async idle(): Promise<void> {
    for (let last; last !== this.#last;) {
      last = this.#last;
      await last;
    }
  }
}
