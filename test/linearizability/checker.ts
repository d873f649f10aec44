/** Owns the check whether a history is linearizable: whether every key behaved like one register that does one thing at a time. */
import { byKey, type Action, type Held, type Operation } from './history.ts';

/** The keys whose operations no order explains that keeps to real time. */
export function findUnlinearizable(history: readonly Operation[]): string[] {
  return [...byKey(history)].filter(([, operations]) => !isLinearizable(operations)).map(([key]) => key);
}

/** What a register holds after an action; undefined where it could not have been answered so. */
export function apply(held: Held, action: Action, isUnknown: boolean): Held | undefined {
  switch (action.kind) {
    case 'get':
      return action.value === held ? held : undefined;
    case 'set':
      return action.value;
    case 'delete':
      return isUnknown || action.isApplied === (held !== null) ? null : undefined;
    case 'cas': {
      const fits = held === action.expected;
      if (!isUnknown && action.isApplied !== fits) return undefined;
      return fits ? action.value : held;
    }
  }
}

/**
 * Searches for an order of the operations of one key, after Wing and Gong (Testing and verifying concurrent objects, 1993), with the
 * memory of Lowe (Testing for linearizability, 2017): the same operations done with the same outcome are not tried twice. Operations
 * without an answer may be left out. A register begins empty.
 */
export function isLinearizable(operations: readonly Operation[]): boolean {
  return new Search(operations).succeeds();
}

class Search {
  readonly #operations: readonly Operation[];
  readonly #isDone: boolean[];
  readonly #tried = new Set<string>();
  /** The operations that are done, as bits. */
  #done = 0n;
  /** How many with an answer are not. */
  #left: number;

  constructor(operations: readonly Operation[]) {
    this.#operations = [...operations].sort((a, b) => a.start - b.start);
    this.#isDone = operations.map(() => false);
    this.#left = operations.filter(({ end }) => end !== Infinity).length;
  }

  succeeds(held: Held = null): boolean {
    if (this.#left === 0) return true;
    // What was called after another one was answered comes after it.
    const firstEnd = this.#operations.reduce(
      (end, one, n) => (this.#isDone[n] === true ? end : Math.min(end, one.end)),
      Infinity,
    );
    for (const [n, { start, end, action }] of this.#operations.entries()) {
      if (start > firstEnd) return false;
      if (this.#isDone[n] === true) continue;
      const after = apply(held, action, end === Infinity);
      if (after === undefined) continue;
      this.#mark(n, true);
      const place = `${this.#done.toString(36)} ${String(after)}`;
      if (!this.#tried.has(place)) {
        this.#tried.add(place);
        if (this.succeeds(after)) return true;
      }
      this.#mark(n, false);
    }
    return false;
  }

  #mark(n: number, isDone: boolean): void {
    this.#isDone[n] = isDone;
    this.#done ^= 1n << BigInt(n);
    if (this.#operations[n]?.end !== Infinity) this.#left += isDone ? -1 : 1;
  }
}
