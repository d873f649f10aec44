/** Owns the keys of the audit log: what rows and seals are authenticated with, and what checkpoints are signed with. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { ConfigurationError } from '@strata/core';

/** The keys made of one secret. */
export interface AuditKey {
  /** The first digits of the SHA-256 of the public key. */
  readonly id: string;
  /** Signs checkpoints. */
  readonly privateKey: KeyObject;
  /** Ed25519, SPKI, as base64. */
  readonly publicKey: string;
  /** The code of a row: HMAC-SHA256 as hex, with a key of its own for each nonce. */
  rowMac(nonce: string, text: string): string;
  /** The code of a seal: HMAC-SHA256 as hex. */
  sealMac(text: string): string;
  /** What the database authenticates rows with: the id, a fresh nonce, and the two padded blocks of HMAC. It is good for one statement or transaction. */
  newStamp(): string;
}

/** PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Makes the keys of a secret. */
export function auditKeyOf(secret: Uint8Array): AuditKey {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), `strata audit ${purpose}`, 32));
  const rows = createSecretKey(derive('rows'));
  const seals = createSecretKey(derive('seals'));
  const der = Buffer.concat([pkcs8Prefix, derive('checkpoints')]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const id = createHash('sha256').update(spki).digest('hex').slice(0, 16);
  // The rows of one statement share a nonce.
  let last = { nonce: '', key: rows };
  const keyOf = (nonce: string): KeyObject => {
    if (last.nonce !== nonce) last = { nonce, key: createSecretKey(hmac(rows, nonce)) };
    return last.key;
  };
  return {
    id,
    privateKey,
    publicKey: spki.toString('base64'),
    rowMac: (nonce, text) => hmac(keyOf(nonce), text).toString('hex'),
    sealMac: (text) => hmac(seals, text).toString('hex'),
    newStamp: () => {
      const nonce = randomBytes(16).toString('hex');
      const key = hmac(rows, nonce);
      return [id, nonce, padded(key, 0x36), padded(key, 0x5c)].join(' ');
    },
  };
}

/** @param key a key object: one of bytes would be made into one for each call, which takes longer than the code itself. */
function hmac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The block of 64 bytes that HMAC-SHA256 begins a hash with (RFC 2104). */
function padded(key: Buffer, pad: number): string {
  return Buffer.from(Array.from({ length: 64 }, (_, index) => (key[index] ?? 0) ^ pad)).toString('hex');
}

/** The keys of the audit log that this process has; see `AuditKeyRing`. */
export interface AuditKeys {
  load(): Promise<AuditKey | undefined>;
  require(): Promise<AuditKey>;
  find(id: string): AuditKey | undefined;
  stamp(): string;
  /** Forgets them: the store is another one than before. */
  forget(): void;
}

/** Gives the keys that are made of the store's secret, once that is known. */
export class AuditKeyRing implements AuditKeys {
  readonly #secret: () => Promise<Uint8Array | undefined>;
  #key: AuditKey | undefined;

  /** @param secret what the keys are made of; undefined while this process has none. */
  constructor(secret: () => Promise<Uint8Array | undefined>) {
    this.#secret = secret;
  }

  /** The keys; undefined while this process has none. The first time not inside a transaction. */
  async load(): Promise<AuditKey | undefined> {
    if (this.#key === undefined) {
      const secret = await this.#secret();
      if (secret !== undefined) this.#key ??= auditKeyOf(secret);
    }
    return this.#key;
  }

  /** The same. @throws ConfigurationError `audit_key_missing`. */
  async require(): Promise<AuditKey> {
    const key = await this.load();
    if (key === undefined) throw new ConfigurationError('audit_key_missing', {});
    return key;
  }

  forget(): void {
    this.#key = undefined;
  }

  /** The keys of an id; undefined where they are not those of this process. */
  find(id: string): AuditKey | undefined {
    return this.#key?.id === id ? this.#key : undefined;
  }

  /** What the rows of one statement or transaction are authenticated with; empty where `load` has found no key. */
  stamp(): string {
    return this.#key?.newStamp() ?? '';
  }
}
