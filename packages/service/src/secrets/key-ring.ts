/** Owns the keys that wrap data keys: what a provider of them is, and the one whose keys this process holds itself. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { ConfigurationError } from '@strata/core';

/** What a data key is wrapped for. It is authenticated, so that a wrapped key serves no other purpose under no other name. */
export interface KeyContext {
  readonly dataKeyId: string;
  readonly purpose: string;
}

/** A data key as it is stored. */
export interface WrappedKey {
  /** Names the key that wrapped it: 1 to 255 characters. */
  readonly keyId: string;
  /** Text of the provider's own form. */
  readonly wrapped: string;
}

/**
 * Wraps and unwraps data keys, as a key management service does: `createConfigurationService(pool, { keyProvider })`. Both may take their
 * time: a data key is unwrapped once by each process, and never leaves it.
 */
export interface KeyProvider {
  /** Wraps 32 bytes with the key that is in force now. */
  wrap(dataKey: Uint8Array, context: KeyContext): WrappedKey | Promise<WrappedKey>;
  /** Gives back the 32 bytes, or throws: for another context, or with another key, than they were wrapped with. */
  unwrap(key: WrappedKey, context: KeyContext): Uint8Array | Promise<Uint8Array>;
}

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
}

const keyLength = 32;
const nonceLength = 12;
const tagLength = 16;

/** A ring of keys of 32 bytes: the first wraps, each of them unwraps. */
export class KeyRing implements KeyProvider {
  readonly #keys: readonly [Key, ...Key[]];

  constructor(keys: readonly [Buffer, ...Buffer[]]) {
    const [first, ...others] = keys;
    this.#keys = [toKey(first), ...others.map(toKey)];
  }

  /** The ids of the keys, that of the one that wraps first. They tell nothing of the keys. */
  get keyIds(): readonly [string, ...string[]] {
    const [first, ...others] = this.#keys;
    return [first.id, ...others.map(({ id }) => id)];
  }

  wrap(dataKey: Uint8Array, context: KeyContext): WrappedKey {
    const { id, bytes } = this.#keys[0];
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(contextText(context));
    const sealed = Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    return { keyId: id, wrapped: sealed.toString('base64url') };
  }

  /** @throws ConfigurationError `encryption_key_missing` where the ring does not hold the key, `data_key_damaged` where it does not fit. */
  unwrap({ keyId, wrapped }: WrappedKey, context: KeyContext): Uint8Array {
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) throw missingKey(keyId, `it holds ${this.keyIds.join(', ')}`);
    const sealed = Buffer.from(wrapped, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.bytes, sealed.subarray(0, nonceLength), {
        authTagLength: tagLength,
      });
      decipher.setAAD(contextText(context)).setAuthTag(sealed.subarray(-tagLength));
      return Buffer.concat([decipher.update(sealed.subarray(nonceLength, -tagLength)), decipher.final()]);
    } catch (error) {
      throw new ConfigurationError('data_key_damaged', { id: context.dataKeyId, keyId }, { cause: error });
    }
  }
}

const toKey = (bytes: Buffer): Key => ({
  id: createHash('sha256').update('strata key id ').update(bytes).digest('hex').slice(0, 12),
  bytes,
});

// A purpose and an id hold no spaces.
const contextText = ({ dataKeyId, purpose }: KeyContext): Buffer =>
  Buffer.from(`strata data key 1 ${dataKeyId} ${purpose}`);

/** The refusal of what needs a key that is not there. @param has what there is instead. */
export function missingKey(keyId: string, has: string): ConfigurationError<'encryption_key_missing'> {
  return new ConfigurationError('encryption_key_missing', { keyId, has });
}

const base64Form = /^(?:[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9_-]*={0,2})$/;

/**
 * Reads a ring: keys of 32 bytes in base64, comma-separated, the one that encrypts first.
 * @param source what a message calls it.
 * @throws ConfigurationError `encryption_key_malformed`, which tells nothing of the text.
 */
export function parseKeyRing(text: string, source: string): KeyRing {
  const refuse = (problem: string): never => {
    throw new ConfigurationError('encryption_key_malformed', { source, problem });
  };
  const parts = text.split(',').map((part) => part.trim());
  const keys = parts.map((part, index) => {
    const which = parts.length === 1 ? 'it' : `key ${String(index + 1)} of ${String(parts.length)}`;
    if (part === '') return refuse(`${which} is empty`);
    if (!base64Form.test(part)) return refuse(`${which} is not base64`);
    const bytes = Buffer.from(part, 'base64');
    if (bytes.length !== keyLength) return refuse(`${which} has ${String(bytes.length)} bytes instead of 32`);
    if (bytes.every((byte) => byte === bytes[0])) return refuse(`${which} is the same byte 32 times`);
    return bytes;
  });
  const [first, ...others] = keys;
  if (first === undefined) return refuse('it is empty');
  const ring = new KeyRing([first, ...others]);
  if (new Set(ring.keyIds).size < keys.length) return refuse('it holds the same key twice');
  return ring;
}

/** A new key in the form that `parseKeyRing` reads. */
export function newKey(): string {
  return randomBytes(keyLength).toString('base64');
}
