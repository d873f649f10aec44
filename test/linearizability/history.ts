/** Owns what a history is: what clients asked of one store, when, and what they were told. */

/** What a key holds; null where there is nothing. Every write of a history has a value of its own. */
export type Held = string | null;

/** What was done with one key. */
export type Action =
  | { readonly kind: 'get'; readonly value: Held }
  | { readonly kind: 'set'; readonly value: string }
  /** `isApplied`: false where it was refused because nothing was there. */
  | { readonly kind: 'delete'; readonly isApplied: boolean }
  /** Writes `value` over `expected` alone; `isApplied`: false where it was refused because something else was there. */
  | { readonly kind: 'cas'; readonly expected: Held; readonly value: string; readonly isApplied: boolean };

/** One action of one client, from its call to its answer. */
export interface Operation {
  readonly key: string;
  readonly action: Action;
  /** On a clock that all clients share. */
  readonly start: number;
  /** Infinite where no answer came: it may have happened at any time since the call, or not at all. */
  readonly end: number;
}

/** What a client was told besides. */
export interface ToldOperation extends Operation {
  readonly client: string;
  /** The process that was asked. */
  readonly process: string;
  /** Undefined where a write was refused or its outcome is unknown. */
  readonly revision: number | undefined;
  /** The revision that the refusal of a write told. */
  readonly refusedAt?: number | undefined;
  /** How a read was asked for, and what it said of itself. */
  readonly read?: { readonly minRevision: number | undefined; readonly age: number; readonly stale: boolean };
}

/** What the store says that a key held from a revision on. */
export interface StoredVersion {
  readonly key: string;
  readonly revision: number;
  readonly value: Held;
}

/** The operations of each key. */
export function byKey<T extends { readonly key: string }>(operations: readonly T[]): Map<string, T[]> {
  const keys = new Map<string, T[]>();
  for (const operation of operations) {
    const ofKey = keys.get(operation.key);
    if (ofKey === undefined) keys.set(operation.key, [operation]);
    else ofKey.push(operation);
  }
  return keys;
}
