/** Owns the rules by which this process serves a value that another one read: nothing outside the process has a say in them. */
import type { JsonValue, ScopeRef, ScopeRequest } from '@strata/core';
import type { EffectiveValueCache } from './cache.ts';
import type { CircuitState } from './circuit-breaker.ts';
import type { CommitHistory } from './commit-history.ts';
import type { Rules } from './rules.ts';
import type { SharedEntry } from './shared-entry.ts';

/**
 * Why an entry is not served. `malformed`, `forged`: no process of this store wrote it for this key and scope. `expired`: its time is over.
 * `ahead`: it is newer than what this process knows of. `foreign`: it is of another history of the store, or older than what this process
 * knows of. `forgotten`: it was read before this process was told to forget. `stale`: something it was made of has changed since.
 */
export type Rejection = 'malformed' | 'forged' | 'expired' | 'ahead' | 'foreign' | 'forgotten' | 'stale';

export const noRejections: Readonly<Record<Rejection, number>> = {
  malformed: 0,
  forged: 0,
  expired: 0,
  ahead: 0,
  foreign: 0,
  forgotten: 0,
  stale: 0,
};

/** What was counted of the cache in Redis since the service was made. */
export interface SharedCacheStats {
  /** `off` without Redis; else whether it is asked (`closed`), left alone because it failed (`open`), or tried again (`half-open`). */
  readonly state: CircuitState | 'off';
  readonly hits: number;
  /** How often nothing was found, or nothing asked. */
  readonly misses: number;
  /** How many entries were found and not served, by reason. */
  readonly rejected: Readonly<Record<Rejection, number>>;
  /** How many commands failed or were not answered in time. */
  readonly errors: number;
  /** How often it was given up. */
  readonly openings: number;
  /** How many entries were not stored because too many were on their way, or Redis was away. */
  readonly dropped: number;
}

/** Values that were read from the database in one snapshot. */
export interface SnapshotRead {
  readonly values: ReadonlyMap<string, JsonValue>;
  readonly request: ScopeRequest;
  readonly revision: number;
  /** The commit of that revision; undefined where the store holds none. */
  readonly commit: string | undefined;
  readonly chain: readonly ScopeRef[];
  readonly beside: readonly ScopeRef[];
  readonly rules: Rules;
}

/** A value that another process read, with what its readers have to be permitted on. */
export interface SharedValue {
  readonly value: JsonValue;
  readonly chain: readonly ScopeRef[];
}

/** What a read that may be shared is marked with before it begins. */
export type ReadMark = Pick<SharedEntry, 'readAt' | 'reader' | 'forgotten'>;

/** What this process was told to forget, while others may still offer it. */
interface Forgotten {
  readonly matches: (key: string) => boolean;
  /** Only what this process itself read after that is served. */
  readonly count: number;
  readonly until: number;
}

/** Beyond that many, all keys count as forgotten. */
const maxForgotten = 64;
/** How far the clocks of two processes may differ at least before a forgotten value could come back, in milliseconds. */
const clockDifference = 60_000;

/** What the rules rest on. */
export interface SharedValueParts {
  readonly cache: EffectiveValueCache;
  readonly history: CommitHistory;
  /** How long a value may be served after it was read, in seconds. */
  readonly ttl: number;
  /** Names this process. */
  readonly reader: string;
  /** The time in milliseconds. */
  readonly now: () => number;
}

/** Judges entries by what this process knows, and puts those that hold into its memory. */
export class SharedValues {
  readonly #parts: SharedValueParts;
  #forgotten: Forgotten[] = [];

  constructor(parts: SharedValueParts) {
    this.#parts = parts;
  }

  /** What a read that begins now has to be marked with. */
  get mark(): ReadMark {
    const { cache, reader, now } = this.#parts;
    return { readAt: now(), reader, forgotten: cache.forgotten };
  }

  /** Serves nothing any more that was read before this call; to be called after the cache has forgotten it too. */
  forget(matches: (key: string) => boolean): void {
    const { cache, ttl, now } = this.#parts;
    const until = now() + ttl * 1000 + Math.max(ttl * 1000, clockDifference);
    const one = { matches, count: cache.forgotten, until };
    const held = this.#forgotten.filter((other) => other.until > now());
    this.#forgotten = held.length < maxForgotten ? [...held, one] : [{ ...one, matches: () => true }];
  }

  /** Keeps what was found for a key at a scope in memory, if it may be served; else says why it may not. */
  accept(found: SharedEntry | 'malformed' | 'forged', key: string, request: ScopeRequest): SharedValue | Rejection {
    if (typeof found === 'string') return found;
    const { cache, history, ttl, now } = this.#parts;
    const { value, revision, commit, chain, beside, readAt } = found;
    const age = now() - readAt;
    if (!(Math.abs(age) < ttl * 1000)) return 'expired';
    const { followed } = history;
    if (followed === undefined || revision > followed) return 'ahead';
    if (!history.holds(revision, commit)) return 'foreign';
    if (this.#isForgotten(found, key)) return 'forgotten';
    const seconds = ttl - Math.max(0, age) / 1000;
    const kept = cache.keep(key, request, value, revision, { key, chain, beside }, { seconds, followed });
    return kept ? { value, chain } : 'stale';
  }

  #isForgotten({ reader, forgotten }: SharedEntry, key: string): boolean {
    return this.#forgotten.some(
      ({ matches, count, until }) =>
        until > this.#parts.now() && !(reader === this.#parts.reader && forgotten >= count) && matches(key),
    );
  }
}
