/** Owns the secrets in values: sealed for one place in the store, opened for those who may, and told apart without being shown. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import {
  canonicalJson,
  ConfigurationError,
  deepFreeze,
  formatAddress,
  formatPath,
  isWithin,
  mapParts,
  masked,
  readJson,
  sealedPaths,
  sealedText,
  toSealed,
  type Address,
  type Diff,
  type JsonValue,
  type Path,
} from '@strata/core';
import type { Sql } from '../db/database.ts';
import type { DataKey, DataKeys } from './data-keys.ts';

/** Where a sealed value stands. It opens nowhere else. */
export interface SealedPlace extends Address {
  /** The full hash of its version, which stands for its commit; of what waits for approval, its request and edition. */
  readonly version: string;
}

/** A value with its secrets in the clear. It never leaves this process as it is. */
export interface Opened {
  readonly value: JsonValue;
  /** Where the secrets are that were sealed in it. */
  readonly secrets: readonly Path[];
}

/** Says inside the service that an intent holds secrets and that what they take is not at hand yet; see `withSecrets`. */
export class SecretsNeeded extends Error {}

interface SealedParts {
  readonly nonce: Buffer;
  readonly tag: Buffer;
  readonly sealed: Buffer;
}

/** An effective value in memory, out of the sight of whatever looks at that. */
export class HeldSecret {
  readonly #parts: SealedParts;

  constructor(parts: SealedParts) {
    this.#parts = parts;
  }

  /** How many bytes it takes. */
  get size(): number {
    const { nonce, tag, sealed } = this.#parts;
    return nonce.length + tag.length + sealed.length;
  }

  /** @internal */
  parts(): SealedParts {
    return this.#parts;
  }
}

const purpose = 'values';
const format = '1';
const nonceLength = 12;
const tagLength = 16;
/** How many encryptions are asked for at once. */
const block = 256;
/** Texts are filled up to a multiple of this, so that their length tells little. */
const padding = 32;
/** How long sealing goes on with a data key before it asks for the current one, in milliseconds. */
const longestUse = 60_000;

const sealedForm = /^1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})$/;

/** Seals and opens the secrets of one environment. */
export class Vault {
  readonly #keys: DataKeys;
  readonly #environment: string;
  /** Of this process alone, for what it keeps in memory and tells apart. */
  readonly #own = createSecretKey(randomBytes(32));
  #sealing: { readonly key: DataKey; left: number; readonly until: number } | undefined;
  #digesting: { readonly bytes: Buffer; readonly key: KeyObject } | undefined;

  constructor(keys: DataKeys, environment: string) {
    this.#keys = keys;
    this.#environment = environment;
  }

  /**
   * Makes sure that `seal` and `digest` have what they need. Not inside a transaction.
   * @throws ConfigurationError as `DataKeys.current`.
   */
  async prepare(): Promise<void> {
    await this.#keys.derive(purpose);
    if (this.canSeal) return;
    const owed = Math.max(0, -(this.#sealing?.left ?? 0));
    const key = await this.#keys.current(purpose, block + owed);
    this.#sealing = { key, left: block, until: performance.now() + longestUse };
  }

  /** Whether `seal` and `digest` can be called. */
  get canSeal(): boolean {
    const sealing = this.#sealing;
    return sealing !== undefined && sealing.left > 0 && performance.now() < sealing.until;
  }

  /** Makes the next `prepare` ask for the current data key. */
  forgetKey(): void {
    this.#sealing = undefined;
  }

  /** A digest that nobody can try guesses on who does not have the keys. */
  digest(text: string): string {
    const bytes = this.#keys.derived(purpose);
    if (bytes === undefined) throw new SecretsNeeded();
    if (this.#digesting?.bytes !== bytes) this.#digesting = { bytes, key: createSecretKey(bytes) };
    return createHmac('sha256', this.#digesting.key).update(text).digest('hex');
  }

  /** What stands for a value with secrets in the hash of its version. */
  digestOf(value: JsonValue): string {
    return this.digest(`value ${canonicalJson(value)}`);
  }

  /** Seals the parts of a value at some paths for a place. Equal secrets come out different each time. */
  seal(value: JsonValue, secrets: readonly Path[], place: SealedPlace): JsonValue {
    const sealing = this.#sealing;
    if (sealing === undefined || !this.canSeal) throw new SecretsNeeded();
    return mapParts(value, (part, path) => {
      if (!secrets.some((secret) => secret.length === path.length && isWithin(path, secret))) return undefined;
      sealing.left -= 1;
      return toSealed(this.#sealText(sealing.key, JSON.stringify(part), place, path));
    });
  }

  #sealText({ id, key }: DataKey, text: string, place: SealedPlace, path: Path): string {
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(secretBinding(this.#environment, place, path));
    const sealed = Buffer.concat([cipher.update(padded(text)), cipher.final(), cipher.getAuthTag()]);
    return [format, id, nonce.toString('base64url'), sealed.toString('base64url')].join('.');
  }

  /**
   * Opens what is sealed in a value; a value without secrets is answered as it is.
   * @param sql where data keys are read that this process does not hold yet; inside a transaction its handle.
   * @throws ConfigurationError `secret_damaged` for what does not open at this place, `encryption_key_missing`, `key_provider_failed`.
   */
  async open(sql: Sql, value: JsonValue, place: SealedPlace): Promise<Opened> {
    if (sealedPaths(value).length === 0) return { value, secrets: [] };
    return this.openWith((id) => this.#keys.find(id, sql), value, place, this.#environment);
  }

  /**
   * Opens what was sealed for a place of any environment.
   * @param find looks up a data key.
   * @throws ConfigurationError as `open`, and what `find` throws.
   */
  async openWith(
    find: (id: string) => Promise<DataKey | undefined>,
    value: JsonValue,
    place: SealedPlace,
    environment: string,
  ): Promise<Opened> {
    const secrets = sealedPaths(value);
    const keys = new Map<string, DataKey>();
    for (const id of sealedKeyIds(value, place)) {
      const key = await find(id);
      if (key?.purpose === purpose) keys.set(id, key);
    }
    const opened = mapParts(value, (part, path) => {
      const text = sealedText(part);
      return text === undefined ? undefined : openText(text, path, place, environment, keys);
    });
    return { value: deepFreeze(opened), secrets };
  }

  /** Puts marks in the place of secrets that are equal for equal secrets, within this process and for nobody else. */
  comparable({ value, secrets }: Opened): JsonValue {
    if (secrets.length === 0) return value;
    return mapParts(value, (part, path) =>
      secrets.some((secret) => secret.length === path.length && isWithin(path, secret))
        ? `${markBegin}${createHmac('sha256', this.#own).update(canonicalJson(part)).digest('base64url')}`
        : undefined,
    );
  }

  /** Keeps a value with secrets in memory. */
  hold(value: JsonValue): HeldSecret {
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', this.#own, nonce);
    const sealed = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()]);
    return new HeldSecret({ nonce, tag: cipher.getAuthTag(), sealed });
  }

  /** The value that was kept. */
  release(held: HeldSecret): JsonValue {
    const { nonce, tag, sealed } = held.parts();
    const decipher = createDecipheriv('aes-256-gcm', this.#own, nonce).setAuthTag(tag);
    const plain = decipher.update(sealed, undefined, 'utf8') + decipher.final('utf8');
    return deepFreeze(readJson(plain));
  }
}

/** The bytes of a text of JSON, filled up with spaces. */
export function padded(text: string): Buffer {
  const plain = Buffer.from(text);
  const filled = Buffer.alloc(Math.ceil(plain.length / padding) * padding, ' ');
  plain.copy(filled);
  return filled;
}

/** Everything that a sealed value is bound to; each part with its length, so that no two bindings read alike. */
export function secretBinding(environment: string, { key, scope, scopeId, version }: SealedPlace, path: Path): Buffer {
  const parts = ['strata', format, environment, key, scope, scopeId, version, JSON.stringify(path)];
  return Buffer.from(parts.map((part) => `${String(part.length)}:${part}`).join(''));
}

/** The ids of the data keys that the sealed parts of a value need. @throws ConfigurationError `secret_damaged`. */
export function sealedKeyIds(value: JsonValue, place: SealedPlace): ReadonlySet<string> {
  const ids = new Set<string>();
  mapParts(value, (part, path) => {
    const text = sealedText(part);
    if (text === undefined) return undefined;
    ids.add(parseSealed(text, place, path).id);
    return part;
  });
  return ids;
}

function parseSealed(text: string, place: SealedPlace, path: Path): { id: string; nonce: Buffer; sealed: Buffer } {
  const [, id, nonce, sealed] = sealedForm.exec(text) ?? [];
  if (id === undefined || nonce === undefined || sealed === undefined) {
    throw damaged(place, path, 'it is not of a form that this version of Strata knows, or was cut off');
  }
  return { id, nonce: Buffer.from(nonce, 'base64url'), sealed: Buffer.from(sealed, 'base64url') };
}

function openText(
  text: string,
  path: Path,
  place: SealedPlace,
  environment: string,
  keys: ReadonlyMap<string, DataKey>,
): JsonValue {
  const { id, nonce, sealed } = parseSealed(text, place, path);
  const key = keys.get(id);
  if (key === undefined) throw damaged(place, path, `the store has no data key ${id}`);
  let plain: string;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.key, nonce, { authTagLength: tagLength });
    decipher.setAAD(secretBinding(environment, place, path)).setAuthTag(sealed.subarray(-tagLength));
    plain = Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]).toString();
  } catch {
    throw damaged(place, path, 'it was changed, or is one of another place, version or environment');
  }
  return readJson(plain);
}

/** The refusal of a secret that does not open. */
export function damaged(place: Address, path: Path, problem: string): ConfigurationError<'secret_damaged'> {
  return new ConfigurationError('secret_damaged', { address: formatAddress(place), path: formatPath(path), problem });
}

/** No value of a caller's holds U+0000. */
const markBegin = '\u0000secret ';

const isMark = (value: JsonValue): boolean => typeof value === 'string' && value.startsWith(markBegin);

/** Masks what `comparable` has marked. */
export function maskMarks(value: JsonValue): JsonValue {
  return mapParts(value, (part) => (isMark(part) ? masked : undefined));
}

/** Masks what `comparable` has marked in differences. */
export function maskDiffs(diffs: readonly Diff[]): Diff[] {
  return diffs.map((one) => ({
    ...one,
    ...(one.oldValue === undefined ? {} : { oldValue: maskMarks(one.oldValue) }),
    ...(one.newValue === undefined ? {} : { newValue: maskMarks(one.newValue) }),
  }));
}
