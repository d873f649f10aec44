/** Owns the file that keeps a ring of keys where none is configured: one key a line, the first encrypts, readable by its owner only. */
import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { dirname } from 'node:path';
import { ConfigurationError } from '@strata/core';
import { newKey, parseKeyRing, type KeyRing } from './key-ring.ts';

/** Reads the ring of a file; undefined where there is no such file. @throws ConfigurationError `encryption_key_malformed`. */
export function readKeyFile(path: string): KeyRing | undefined {
  const lines = linesOf(path);
  return lines === undefined ? undefined : parseKeyRing(lines.join(','), path);
}

function linesOf(path: string): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(path, error);
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Makes a file with one new key, unless another process was faster; answers the ring that is there then. */
export function makeKeyFile(path: string): KeyRing {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    withFile(path, [newKey()], (written) => {
      try {
        // Unlike a rename this replaces nothing.
        linkSync(written, path);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
    });
  } catch (error) {
    throw unusable(path, error);
  }
  const ring = readKeyFile(path);
  if (ring === undefined) throw unusable(path, new Error('it is gone'));
  return ring;
}

/** Puts a new key before those of a file. */
export function addKey(path: string): KeyRing {
  return rewrite(path, (lines) => [newKey(), ...lines]);
}

/** Takes a key out of a file. The caller has made sure that nothing needs it. */
export function removeKey(path: string, keyId: string): KeyRing {
  return rewrite(path, (lines) => lines.filter((line) => parseKeyRing(line, path).keyIds[0] !== keyId));
}

function rewrite(path: string, change: (lines: readonly string[]) => readonly string[]): KeyRing {
  try {
    withFile(path, change(linesOf(path) ?? []), (written) => renameSync(written, path));
  } catch (error) {
    throw unusable(path, error);
  }
  return readKeyFile(path) ?? makeKeyFile(path);
}

/** Writes a file beside `path`, on disk before it is put in place: a key that is lost loses what was encrypted with it. */
function withFile(path: string, lines: readonly string[], place: (written: string) => void): void {
  const written = `${path}.${randomUUID()}`;
  const file = openSync(written, 'wx', 0o600);
  try {
    chmodSync(written, 0o600);
    writeFileSync(file, ['# Keys of Strata. Whoever has this file can read the secrets of the store; without it nobody can.', ...lines, ''].join('\n')); // prettier-ignore
    fsyncSync(file);
    place(written);
  } finally {
    closeSync(file);
    rmSync(written, { force: true });
  }
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function unusable(path: string, error: unknown): ConfigurationError<'encryption_key_malformed'> {
  const problem = error instanceof Error ? error.message : String(error);
  return new ConfigurationError('encryption_key_malformed', { source: path, problem }, { cause: error });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
