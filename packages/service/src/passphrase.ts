/** Owns what a passphrase may be, and the key that comes from it. */
import { randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { ConfigurationError } from '@strata/core';

/** With fewer characters somebody who has the file would guess it. */
const leastLength = 8;

/** Checks a passphrase where one is given. @throws ConfigurationError `invalid_argument`, which never shows it. */
export function parsePassphrase(passphrase: unknown): string | undefined {
  if (passphrase === undefined) return undefined;
  if (typeof passphrase === 'string' && passphrase.length >= leastLength && passphrase.isWellFormed())
    return passphrase;
  throw new ConfigurationError('invalid_argument', {
    argument: 'passphrase',
    problem: `give a text of ${String(leastLength)} or more characters`,
  });
}

/** How the key comes from the passphrase: scrypt (RFC 7914) with these numbers. It stands in the file that the key is for. */
export interface Encryption {
  readonly cipher: 'aes-256-gcm';
  readonly kdf: 'scrypt';
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** In base64. */
  readonly salt: string;
}

/** What is needed for a new key: one for each file. */
export function newEncryption(): Encryption {
  return { cipher: 'aes-256-gcm', kdf: 'scrypt', N: 2 ** 16, r: 8, p: 1, salt: randomBytes(16).toString('base64') };
}

/** Whether what stands in a file is known here, and takes no more than a few seconds and 256 MiB. */
export function isEncryption(given: unknown): given is Encryption {
  const { cipher, kdf, N, r, p, salt } = (given ?? {}) as Partial<Record<keyof Encryption, unknown>>;
  const isUpTo = (number: unknown, most: number): boolean =>
    Number.isInteger(number) && (number as number) > 0 && (number as number) <= most;
  return (
    cipher === 'aes-256-gcm' &&
    kdf === 'scrypt' &&
    typeof salt === 'string' &&
    isUpTo(N, 2 ** 18) &&
    isUpTo(r, 8) &&
    isUpTo(p, 4)
  );
}

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);

/** The key of 32 bytes. The same passphrase in another Unicode form gives the same one. */
export function deriveKey(passphrase: string, { N, r, p, salt }: Encryption): Promise<Buffer> {
  return derive(passphrase.normalize('NFC'), Buffer.from(salt, 'base64'), 32, { N, r, p, maxmem: 256 * N * r });
}
