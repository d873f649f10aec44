/** Owns where a service takes the keys from that wrap its data keys: what it is given, else a file, else memory. */
import { join, resolve } from 'node:path';
import { ConfigurationError } from '@strata/core';
import { addKey, makeKeyFile, readKeyFile, removeKey } from './key-file.ts';
import { newKey, parseKeyRing, type KeyProvider, type KeyRing } from './key-ring.ts';

/** Where keys come from, for people: the option, the variable, the path of a file. */
export type KeyOrigin = 'keyProvider' | 'encryptionKey' | 'CONFIG_ENCRYPTION_KEY' | 'file' | 'memory' | 'none';

/** The keys of one service. */
export interface KeySource {
  readonly origin: KeyOrigin;
  /** Names it in messages. */
  readonly name: string;
  /** Whether somebody chose the keys, so that wrong ones are to be told of at once. */
  readonly isConfigured: boolean;
  /** The keys; undefined where there are none. @throws ConfigurationError `encryption_key_malformed`. */
  keys(): KeyProvider | undefined;
  /** The keys, made where they may be. @throws ConfigurationError as `keys`. */
  keysToWrap(): KeyProvider | undefined;
  /** Puts a new key first; undefined where the keys are kept elsewhere. */
  addKey?(): KeyRing;
  removeKey?(keyId: string): KeyRing;
}

/** What decides where the keys come from. */
export interface KeySettings {
  readonly keyProvider?: KeyProvider | undefined;
  /** A ring as `CONFIG_ENCRYPTION_KEY` has it. */
  readonly encryptionKey?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly database: { readonly kind: 'postgres' | 'embedded'; readonly dataDir?: string | null };
  readonly report: (warning: unknown) => void;
}

/** The name of the file with the keys, beside the data of an embedded database. */
const fileName = 'encryption.key';

/**
 * Chooses the source: a provider, the option, the variable, a file beside the embedded data, the memory of an embedded database in memory. On
 * PostgreSQL a file is made in the working directory, except in production.
 * @throws ConfigurationError `encryption_key_malformed` for a ring that is given, `invalid_argument` for two sources at once.
 */
export function chooseKeySource({ keyProvider, encryptionKey, environment, database, report }: KeySettings): KeySource {
  if (keyProvider !== undefined && encryptionKey !== undefined) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'keyProvider',
      problem: 'give it or encryptionKey, not both',
    });
  }
  if (keyProvider !== undefined) return fixed('keyProvider', 'keyProvider', keyProvider);
  if (encryptionKey !== undefined)
    return fixed('encryptionKey', 'encryptionKey', parseKeyRing(encryptionKey, 'encryptionKey'));
  const given = environment['CONFIG_ENCRYPTION_KEY'] ?? '';
  if (given !== '') {
    return fixed('CONFIG_ENCRYPTION_KEY', 'CONFIG_ENCRYPTION_KEY', parseKeyRing(given, 'CONFIG_ENCRYPTION_KEY'));
  }
  if (database.kind === 'embedded') {
    const { dataDir } = database;
    return typeof dataDir === 'string' ? keyFile(join(dataDir, fileName)) : inMemory(database);
  }
  if (environment['NODE_ENV'] === 'production') return none;
  return keyFile(resolve('.strata', fileName), (path) =>
    report(
      new Error(
        `A key was made in ${path}, as CONFIG_ENCRYPTION_KEY is not set. Without this file the secrets in the database cannot be read: keep it, and set CONFIG_ENCRYPTION_KEY to the key in it before another machine uses the database.`,
      ),
    ),
  );
}

function fixed(origin: KeyOrigin, name: string, keys: KeyProvider): KeySource {
  return { origin, name, isConfigured: true, keys: () => keys, keysToWrap: () => keys };
}

const none: KeySource = {
  origin: 'none',
  name: 'no key',
  isConfigured: false,
  keys: () => undefined,
  keysToWrap: () => undefined,
};

function keyFile(path: string, made?: (path: string) => void): KeySource {
  const make = (): KeyRing => {
    const ring = makeKeyFile(path);
    made?.(path);
    return ring;
  };
  return {
    origin: 'file',
    name: path,
    isConfigured: false,
    // Read each time: another process may have added a key.
    keys: () => readKeyFile(path),
    keysToWrap: () => readKeyFile(path) ?? make(),
    addKey: () => addKey(path),
    removeKey: (keyId) => removeKey(path, keyId),
  };
}

/** The rings of databases in memory: gone with them, and shared by all services on one. */
const rings = new WeakMap<object, string[]>();

function inMemory(database: object): KeySource {
  const held = rings.get(database) ?? [newKey()];
  rings.set(database, held);
  const ring = (): KeyRing => parseKeyRing(held.join(','), 'the key in memory');
  return {
    origin: 'memory',
    name: 'the memory of this process',
    isConfigured: false,
    keys: ring,
    keysToWrap: ring,
    addKey: () => {
      held.unshift(newKey());
      return ring();
    },
    removeKey: (keyId) => {
      const left = held.filter((text) => parseKeyRing(text, 'the key in memory').keyIds[0] !== keyId);
      held.splice(0, held.length, ...left);
      return ring();
    },
  };
}
