/** Owns the data keys of a store: what encrypts and authenticates, each for one purpose, unwrapped once by each process. */
import { createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { ConfigurationError, isConfigurationError } from '@strata/core';
import type { Database, Sql } from '../db/database.ts';
import {
  countDataKeys,
  readDataKey,
  readOneOfEachKek,
  readOtherwiseWrapped,
  reserveUses,
  rewrapDataKeys,
  storeDataKey,
  type DataKeyCount,
  type StoredDataKey,
} from '../store/data-keys.ts';
import { missingKey, type KeyProvider, type WrappedKey } from './key-ring.ts';
import type { KeySource } from './key-source.ts';

/** A data key as it is used. */
export interface DataKey {
  readonly id: string;
  readonly purpose: string;
  /** 32 bytes. */
  readonly bytes: Buffer;
  /** The same as the cryptography takes them: it would make one of these of bytes, for each call, which takes longer than a short text. */
  readonly key: KeyObject;
}

/** How the use of data keys is bounded. */
export interface DataKeyBounds {
  /** With how many encryptions the next data key begins. Random nonces of 96 bits allow for 2^32. Default: 2^20. */
  readonly maxUses?: number;
  /** How many uses a process reserves at once. Default: 256. */
  readonly reserved?: number;
}

/** How long a process goes on with a data key that another one has replaced, in milliseconds. */
const longestUse = 60_000;
/** How many data keys are wrapped anew in one statement. */
const pageSize = 100;
/** The one from which all keys are derived that have to stay the same for as long as the store. */
const rootPurpose = 'root';

interface Current {
  readonly key: DataKey;
  left: number;
  readonly until: number;
}

/** What there is of data keys, and how they are wrapped. */
export interface DataKeyStatus {
  /** The id of the key that wraps now; undefined where there is none. */
  readonly currentKeyId: string | undefined;
  readonly dataKeys: readonly DataKeyCount[];
}

/** What a turn of `rewrap` did. */
export interface RewrapResult {
  /** How many data keys were wrapped anew by this call. */
  readonly rewrapped: number;
  /** How many are left under other keys: those that others made meanwhile. */
  readonly left: number;
}

/**
 * The data keys of one store. Data keys are made and counted outside of any transaction, lest one is used that a rollback takes back; what is
 * there already can be read inside one, through its handle.
 */
export class DataKeys {
  readonly #db: Database;
  readonly #source: KeySource;
  readonly #bounds: Required<DataKeyBounds>;
  readonly #held = new Map<string, DataKey>();
  readonly #current = new Map<string, Current>();
  readonly #derived = new Map<string, Buffer>();
  readonly #making = new Map<string, Promise<DataKey>>();
  #root: DataKey | undefined;

  constructor(db: Database, source: KeySource, bounds: DataKeyBounds = {}) {
    this.#db = db;
    this.#source = source;
    this.#bounds = { maxUses: 2 ** 20, reserved: 256, ...bounds };
  }

  /** Forgets what is known of the store: it is another one than before. */
  forget(): void {
    this.#held.clear();
    this.#current.clear();
    this.#derived.clear();
    this.#root = undefined;
  }

  /** Where the keys come from that wrap them. */
  get source(): KeySource {
    return this.#source;
  }

  /**
   * The data key of a purpose that is to be used now, made where there is none. Not inside a transaction.
   * @param uses how many times it is going to be used.
   * @throws ConfigurationError `encryption_not_configured` where there is no key to wrap it with; `encryption_key_missing`,
   *   `data_key_damaged`, `key_provider_failed`.
   */
  async current(purpose: string, uses = 1): Promise<DataKey> {
    const held = this.#current.get(purpose);
    if (held !== undefined && held.left >= uses && performance.now() < held.until) {
      held.left -= uses;
      return held.key;
    }
    let making = this.#making.get(purpose);
    if (making === undefined) {
      making = this.#reserve(purpose, uses).finally(() => this.#making.delete(purpose));
      this.#making.set(purpose, making);
      return making;
    }
    await making;
    return this.current(purpose, uses);
  }

  async #reserve(purpose: string, uses: number): Promise<DataKey> {
    const isRoot = purpose === rootPurpose;
    const block = isRoot ? 1 : Math.max(uses, this.#bounds.reserved);
    // What is derived has to stay as it is, and the root itself encrypts nothing.
    const most = isRoot ? Number.POSITIVE_INFINITY : this.#bounds.maxUses;
    let stored = await reserveUses(this.#db, purpose, block);
    for (let tries = 0; stored === undefined || stored.uses - block >= most; tries += 1) {
      if (tries === 5) throw new Error(`the data key of ${purpose} was replaced again and again`);
      await this.#make(purpose, stored?.id);
      stored = await reserveUses(this.#db, purpose, block);
    }
    const key = await this.#unwrap(stored);
    this.#current.set(purpose, { key, left: block - uses, until: performance.now() + longestUse });
    return key;
  }

  async #make(purpose: string, replaces: string | undefined): Promise<void> {
    const keys = await this.#keysToWrap();
    const id = randomBytes(8).toString('hex');
    const { keyId, wrapped } = await this.#wrap(keys, randomBytes(32), { dataKeyId: id, purpose });
    await this.#db.transaction((sql) => storeDataKey(sql, { id, purpose, wrapped, kekId: keyId }, replaces));
  }

  /** A key that was lost is not replaced by another one as if nothing had been there. */
  async #keysToWrap(): Promise<KeyProvider> {
    if (this.#source.keys() === undefined) {
      const [used] = await readOneOfEachKek(this.#db);
      if (used !== undefined) throw missingKey(used.kekId, `there is no key in ${this.#source.name}`);
    }
    const keys = this.#source.keysToWrap();
    if (keys === undefined) throw new ConfigurationError('encryption_not_configured', {});
    return keys;
  }

  /** A data key that this process holds unwrapped. */
  held(id: string): DataKey | undefined {
    return this.#held.get(id);
  }

  /**
   * A data key by its id; undefined where the store has none of that id.
   * @param sql where to read it; inside a transaction its handle.
   * @throws ConfigurationError `encryption_key_missing`, `data_key_damaged`, `key_provider_failed`.
   */
  async find(id: string, sql: Sql = this.#db): Promise<DataKey | undefined> {
    const held = this.#held.get(id);
    if (held !== undefined) return held;
    const stored = await readDataKey(sql, id);
    return stored === undefined ? undefined : this.#unwrap(stored);
  }

  /** How a data key is wrapped, to be taken elsewhere with what it encrypts; undefined where the store has none of that id. */
  async wrapped(id: string): Promise<StoredDataKey | undefined> {
    return readDataKey(this.#db, id);
  }

  /**
   * Unwraps a data key of another store, which this one does not keep.
   * @throws ConfigurationError as `find`.
   */
  unwrapForeign(key: Pick<StoredDataKey, 'id' | 'purpose' | 'wrapped' | 'kekId'>): Promise<DataKey> {
    return this.#open(key);
  }

  /**
   * 32 bytes that stay the same for as long as the store, whichever keys are rotated: the same for the same label in every process, and
   * without relation to those for another label. Not inside a transaction, unless this process has derived some before.
   * @throws ConfigurationError as `current`.
   */
  async derive(label: string): Promise<Buffer> {
    this.#root ??= await this.current(rootPurpose);
    return this.#derive(this.#root, label);
  }

  /** What `derive` answers, where that takes no waiting: this process has derived something before. */
  derived(label: string): Buffer | undefined {
    return this.#root === undefined ? undefined : this.#derive(this.#root, label);
  }

  #derive(root: DataKey, label: string): Buffer {
    let key = this.#derived.get(label);
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', root.bytes, Buffer.alloc(0), `strata ${label}`, 32));
      this.#derived.set(label, key);
    }
    return key;
  }

  /** Replaces the data keys that are in use: what is encrypted from now on is so with new ones. Answers for how many purposes. */
  async renew(): Promise<number> {
    const purposes = (await countDataKeys(this.#db)).filter(
      ({ purpose, current }) => purpose !== rootPurpose && current !== null,
    );
    for (const { purpose, current } of purposes) await this.#make(purpose, current ?? undefined);
    this.#current.clear();
    return purposes.length;
  }

  /**
   * Wraps with the key that wraps now what other keys wrapped. Values are not touched, and are read and written meanwhile; where it is
   * ended halfway, the next call goes on.
   * @param told is called with how many are done, page by page.
   */
  async rewrap(told: (rewrapped: number) => void = () => undefined): Promise<RewrapResult> {
    const keys = await this.#keysToWrap();
    const keyId = await this.#currentKeyId(keys);
    let rewrapped = 0;
    let after = '';
    for (;;) {
      const page = await readOtherwiseWrapped(this.#db, keyId, after, pageSize);
      after = page.at(-1)?.id ?? after;
      if (page.length === 0) break;
      const anew = await Promise.all(
        page.map(async (stored) => {
          const { bytes } = await this.#unwrap(stored);
          const wrapped = await this.#wrap(keys, bytes, { dataKeyId: stored.id, purpose: stored.purpose });
          return { id: stored.id, from: stored.kekId, kekId: wrapped.keyId, wrapped: wrapped.wrapped };
        }),
      );
      rewrapped += await rewrapDataKeys(this.#db, anew);
      told(rewrapped);
    }
    const others = (await countDataKeys(this.#db)).filter(({ kekId }) => kekId !== keyId);
    return { rewrapped, left: others.reduce((sum, { count }) => sum + count, 0) };
  }

  /** The id of the key that wraps now. @throws ConfigurationError as `current`. */
  async wrappingKeyId(): Promise<string> {
    return this.#currentKeyId(await this.#keysToWrap());
  }

  /** What there is, and how it is wrapped. */
  async status(): Promise<DataKeyStatus> {
    const keys = this.#source.keys();
    const currentKeyId = keys === undefined ? undefined : await this.#currentKeyId(keys);
    return { currentKeyId, dataKeys: await countDataKeys(this.#db) };
  }

  /**
   * Finds out whether the data keys that are stored can be unwrapped here.
   * @param sql where to read them; inside a transaction its handle.
   * @throws ConfigurationError `encryption_key_missing` with the id of the key that is wanted, `data_key_damaged`, `key_provider_failed`.
   */
  async verify(sql: Sql = this.#db): Promise<void> {
    for (const stored of await readOneOfEachKek(sql)) await this.#unwrap(stored);
  }

  async #unwrap({ id, purpose, wrapped, kekId }: StoredDataKey): Promise<DataKey> {
    const held = this.#held.get(id);
    if (held !== undefined) return held;
    const key = await this.#open({ id, purpose, wrapped, kekId });
    this.#held.set(id, key);
    return key;
  }

  async #open({
    id,
    purpose,
    wrapped,
    kekId,
  }: Pick<StoredDataKey, 'id' | 'purpose' | 'wrapped' | 'kekId'>): Promise<DataKey> {
    const keys = this.#source.keys();
    if (keys === undefined) throw missingKey(kekId, `there is no key in ${this.#source.name}`);
    const bytes = Buffer.from(await this.#ask('unwrap', () => keys.unwrap({ keyId: kekId, wrapped }, { dataKeyId: id, purpose }))); // prettier-ignore
    if (bytes.length !== 32) throw new ConfigurationError('data_key_damaged', { id, keyId: kekId });
    return { id, purpose, bytes, key: createSecretKey(bytes) };
  }

  async #wrap(
    keys: KeyProvider,
    bytes: Uint8Array,
    context: { readonly dataKeyId: string; readonly purpose: string },
  ): Promise<WrappedKey> {
    return this.#ask('wrap', () => keys.wrap(bytes, context));
  }

  /** A provider tells which key wraps now by wrapping. */
  async #currentKeyId(keys: KeyProvider): Promise<string> {
    return (await this.#wrap(keys, randomBytes(32), { dataKeyId: '0'.repeat(16), purpose: 'probe' })).keyId;
  }

  async #ask<T>(operation: 'wrap' | 'unwrap', run: () => T | Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (isConfigurationError(error, 'encryption_key_missing')) {
        const { keyId, has } = error.details;
        throw missingKey(String(keyId), `${this.#source.name}: ${String(has)}`);
      }
      if (isConfigurationError(error)) throw error;
      // What a provider throws may hold anything, so that only its kind is told; the cause has the rest.
      const problem = error instanceof Error ? error.name : typeof error;
      throw new ConfigurationError('key_provider_failed', { operation, problem }, { cause: error });
    }
  }
}
