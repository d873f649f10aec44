/** Owns the cache that the processes of a store share in Redis: asking it, filling it, and doing without it. */
import { randomUUID } from 'node:crypto';
import type { ScopeRequest } from '@strata/core';
import type { CacheEntry } from './cache.ts';
import { CircuitBreaker, started } from './circuit-breaker.ts';
import type { Context, SharedCache } from './context.ts';
import { isConnected, type RedisClient } from './redis-client.ts';
import { EntryCodec } from './shared-entry.ts';
import {
  noRejections,
  SharedValues,
  type ReadMark,
  type SharedCacheStats,
  type SharedValue,
  type SharedValueParts,
  type SnapshotRead,
} from './shared-values.ts';
import { readStoreIdentity } from './store/store-identity.ts';

/** How many commands that nobody waits for may be on their way, and with how many characters. */
const maxWrites = 128;
const maxWriteSize = 8 * 1024 * 1024;
/** How many names one command deletes. */
const deleteSize = 500;
/** How long to wait until the identity of the store is asked for again, in milliseconds. */
const identityPause = 1000;

/** Values in Redis: each with the revision of its snapshot, sealed, and served only by the rules of `SharedValues`. */
export class RedisCache implements SharedCache {
  readonly #context: () => Context;
  readonly #client: RedisClient;
  readonly #ttl: number;
  readonly #values: SharedValues;
  readonly #breaker = new CircuitBreaker();
  readonly #rejected = { ...noRejections };
  #codec: EntryCodec | undefined;
  /** The feed's epoch of the codec: the store of another one has other names. */
  #epoch = -1;
  #askAgain = 0;
  #hits = 0;
  #misses = 0;
  #dropped = 0;
  #writes = 0;
  #writeSize = 0;

  constructor(context: () => Context, client: RedisClient, parts: Pick<SharedValueParts, 'cache' | 'history' | 'ttl'>) {
    this.#context = context;
    this.#client = client;
    this.#ttl = parts.ttl;
    this.#values = new SharedValues({ ...parts, reader: randomUUID(), now: Date.now });
  }

  get stats(): SharedCacheStats {
    const { state, errors, openings } = this.#breaker;
    const rejected = { ...this.#rejected };
    return { state, hits: this.#hits, misses: this.#misses, rejected, errors, openings, dropped: this.#dropped };
  }

  /** See `SharedValues.mark`. */
  get mark(): ReadMark {
    return this.#values.mark;
  }

  /** The values of those keys that are there and may be served; they are in this process's memory then. Never rejects. */
  async find(keys: readonly string[], request: ScopeRequest): Promise<Map<string, SharedValue>> {
    const found = new Map<string, SharedValue>();
    const codec = this.#currentCodec();
    if (codec !== undefined && this.#context().history?.followed !== undefined) {
      const names = keys.map((key) => codec.nameOf(key, request));
      const texts = await this.#breaker.run(() => this.#ask(names));
      for (const [index, key] of keys.entries()) {
        const value = this.#accept(codec, names[index] ?? '', texts?.[index] ?? null, key, request);
        if (value !== undefined) found.set(key, value);
      }
    }
    this.#hits += found.size;
    this.#misses += keys.length - found.size;
    return found;
  }

  async #ask(names: readonly string[]): Promise<(string | null)[]> {
    if (!isConnected(this.#client)) throw new Error('Redis is not connected');
    return this.#client.mget(...names);
  }

  #accept(
    codec: EntryCodec,
    name: string,
    text: string | null,
    key: string,
    request: ScopeRequest,
  ): SharedValue | undefined {
    if (text === null) return undefined;
    const outcome = this.#values.accept(codec.read(name, text), key, request);
    if (typeof outcome === 'object') return outcome;
    this.#rejected[outcome] += 1;
    if (outcome === 'malformed' || outcome === 'forged' || outcome === 'expired') this.#delete([name]);
    return undefined;
  }

  /** The codec of the store as it is; undefined until its identity is known, which nobody waits for. */
  #currentCodec(): EntryCodec | undefined {
    const { db, environment, feed } = this.#context();
    const { epoch } = feed;
    if (this.#epoch === epoch && this.#codec !== undefined) return this.#codec;
    if (this.#epoch === epoch && performance.now() < this.#askAgain) return undefined;
    this.#codec = undefined;
    this.#epoch = epoch;
    this.#askAgain = performance.now() + identityPause;
    readStoreIdentity(db).then(
      (identity) => {
        if (this.#epoch === epoch) this.#codec = new EntryCodec(identity, environment);
      },
      // The read that follows tells the caller of a database that is away.
      () => undefined,
    );
    return undefined;
  }

  /** Stores what was just read from the database, for all processes. Nobody waits for it. @param mark taken before that read. */
  offer(read: SnapshotRead, mark: ReadMark): void {
    const codec = this.#currentCodec();
    const { revision, chain, beside, request, rules } = read;
    const commit = revision === 0 ? '' : read.commit;
    if (codec === undefined || commit === undefined) return;
    for (const [key, value] of read.values) {
      if (rules.byKey.get(key)?.sensitive === true) continue;
      const name = codec.nameOf(key, request);
      const text = codec.write(name, { value, revision, commit, chain, beside, ...mark });
      this.#write(text.length, () => this.#client.set(name, text, 'PX', Math.ceil(this.#ttl * 1000)));
    }
  }

  /** Serves nothing any more that was read before this call, and takes out what this process knows to be there. */
  forget(matches: (key: string) => boolean, entries: readonly CacheEntry[]): void {
    this.#values.forget(matches);
    const codec = this.#currentCodec();
    if (codec !== undefined) this.#delete(entries.map(({ key, request }) => codec.nameOf(key, request)));
  }

  #delete(names: readonly string[]): void {
    for (let at = 0; at < names.length; at += deleteSize) {
      const some = names.slice(at, at + deleteSize);
      this.#write(0, () => this.#client.del(...some));
    }
  }

  #write(size: number, command: () => Promise<unknown>): void {
    const isAway = this.#breaker.state !== 'closed' || !isConnected(this.#client);
    if (isAway || this.#writes >= maxWrites || this.#writeSize + size > maxWriteSize) {
      this.#dropped += 1;
      return;
    }
    this.#writes += 1;
    this.#writeSize += size;
    const end = (): void => {
      this.#writes -= 1;
      this.#writeSize -= size;
    };
    started(command).then(end, () => {
      end();
      this.#breaker.countError();
    });
  }
}
