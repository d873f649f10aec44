/** Owns secrets in documents that are sealed with a passphrase, so that they open in a store with other keys. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  ConfigurationError,
  deepFreeze,
  isWithin,
  mapParts,
  readJson,
  sealedPaths,
  sealedText,
  toSealed,
  type JsonObject,
  type JsonValue,
  type Path,
} from '@strata/core';
import { deriveKey, isEncryption, newEncryption } from '../passphrase.ts';
import { damaged, padded, secretBinding, type Opened, type SealedPlace } from './vault.ts';

const nonceLength = 12;
const tagLength = 16;
const sealedForm = /^p1\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,})$/;
/** What the check of the passphrase is bound to. */
const checkBinding = Buffer.from('strata document passphrase');

/** Seals and opens secrets with the key that comes from a passphrase. Random nonces: a key is for one document, of fewer than 2^32 secrets. */
export class PassphraseSeal {
  readonly #key: Buffer;
  /** What a document says of its key: how it comes from the passphrase, and a check of that. */
  readonly header: JsonObject;

  private constructor(key: Buffer, header: JsonObject) {
    this.#key = key;
    this.header = header;
  }

  /** For a new document. */
  static async make(passphrase: string): Promise<PassphraseSeal> {
    const encryption = newEncryption();
    const key = await deriveKey(passphrase, encryption);
    return new PassphraseSeal(key, { ...encryption, check: seal(key, 'null', checkBinding) });
  }

  /** For a document that has it. @throws ConfigurationError `document_unsupported`, `passphrase_wrong`. */
  static async of(header: JsonValue, passphrase: string | undefined): Promise<PassphraseSeal> {
    if (!isEncryption(header)) {
      throw new ConfigurationError('document_unsupported', {
        problem: 'its secrets are encrypted in a way that is not known here',
      });
    }
    if (passphrase === undefined) {
      throw new ConfigurationError('passphrase_wrong', { problem: 'the secrets of this document need one' });
    }
    const key = await deriveKey(passphrase, header);
    const { check } = header as unknown as { readonly check?: unknown };
    if (typeof check !== 'string' || open(key, check, checkBinding) === undefined) {
      throw new ConfigurationError('passphrase_wrong', {
        problem: 'it does not open the secrets of this document, or the document was changed',
      });
    }
    return new PassphraseSeal(key, header as unknown as JsonObject);
  }

  /** Seals the parts of a value at some paths. */
  seal({ value, secrets }: Opened, place: SealedPlace, environment: string): JsonValue {
    return mapParts(value, (part, path) =>
      secrets.some((secret) => isSame(secret, path))
        ? toSealed(seal(this.#key, JSON.stringify(part), secretBinding(environment, place, path)))
        : undefined,
    );
  }

  /** Opens what is sealed in a value. @throws ConfigurationError `secret_damaged`. */
  open(value: JsonValue, place: SealedPlace, environment: string): Opened {
    const opened = mapParts(value, (part, path) => {
      const text = sealedText(part);
      if (text === undefined) return undefined;
      const plain = open(this.#key, text, secretBinding(environment, place, path));
      if (plain === undefined) throw damaged(place, path, 'it was changed, or is one of another place or document');
      return readJson(plain);
    });
    return { value: deepFreeze(opened), secrets: sealedPaths(value) };
  }
}

const isSame = (one: Path, other: Path): boolean => one.length === other.length && isWithin(one, other);

function seal(key: Buffer, text: string, binding: Buffer): string {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(binding);
  const sealed = Buffer.concat([cipher.update(padded(text)), cipher.final(), cipher.getAuthTag()]);
  return ['p1', nonce.toString('base64url'), sealed.toString('base64url')].join('.');
}

function open(key: Buffer, text: string, binding: Buffer): string | undefined {
  const [, nonce, encoded] = sealedForm.exec(text) ?? [];
  if (nonce === undefined || encoded === undefined) return undefined;
  const sealed = Buffer.from(encoded, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), {
      authTagLength: tagLength,
    });
    decipher.setAAD(binding).setAuthTag(sealed.subarray(-tagLength));
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]).toString();
  } catch {
    return undefined;
  }
}
