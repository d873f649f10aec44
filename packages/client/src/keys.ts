/** Owns the calls on keys. */
import type { Connection } from './connection.ts';

/** How many data keys there are of a purpose under a key that wraps them. */
export interface DataKeyCount {
  readonly purpose: string;
  readonly kekId: string;
  readonly count: number;
  readonly uses: number;
  readonly current: string | null;
}

/** A key that wraps data keys. */
export interface WrappingKey {
  readonly keyId: string;
  /** Whether the server holds it; null where a provider keeps that to itself. */
  readonly held: boolean | null;
  readonly current: boolean;
  readonly dataKeys: number;
}

/** The keys of a store. */
export interface KeyStatus {
  readonly origin: string;
  readonly currentKeyId: string | null;
  readonly keys: readonly WrappingKey[];
  readonly dataKeys: readonly DataKeyCount[];
}

/** The answer of `rotateKeys`. */
export interface KeyRotation {
  readonly currentKeyId: string;
  /** Whether a new wrapping key was made; with a configured ring whoever configures it puts a new one first. */
  readonly added: boolean;
  readonly renewed: number;
}

/** The answer of `rewrapKeys`. */
export interface KeyRewrap {
  readonly currentKeyId: string;
  readonly rewrapped: number;
  readonly left: number;
}

/** The answer of `retireKey`. */
export interface KeyRetirement {
  readonly keyId: string;
  readonly removed: boolean;
}

/** The calls on keys. They take the permission `policy` at global. */
export function keyCalls(connection: Connection) {
  return {
    /** The keys that encrypt secrets, and how much each is in use. */
    getKeyStatus: () => connection.send<KeyStatus>({ path: '/v1/encryption-keys' }),

    /** Goes on with new keys; what there is stays readable. */
    rotateKeys: () => connection.send<KeyRotation>({ method: 'POST', path: '/v1/encryption-keys/rotate' }),

    /** Wraps all data keys with the key that wraps now; what was ended halfway is gone on with. */
    rewrapKeys: () => connection.send<KeyRewrap>({ method: 'POST', path: '/v1/encryption-keys/rewrap' }),

    /** Does without a key from now on. @throws `encryption_key_in_use`. */
    retireKey: (keyId: string) =>
      connection.send<KeyRetirement>({ method: 'POST', path: '/v1/encryption-keys/retire', body: { keyId } }),
  };
}
