/** Owns what the benchmarks of the audit log share: a key of their own, no key file of anybody, and a pool that tells what rows are authenticated with. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';

/** A key that nobody else has. */
export const encryptionKey = randomBytes(32).toString('base64');

/** Works in an empty directory, so that a service without a key finds none; answers how to end that. */
export function withoutKeyFile(): () => void {
  const before = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'strata-bench-audit-'));
  process.chdir(directory);
  delete process.env['CONFIG_ENCRYPTION_KEY'];
  return () => {
    process.chdir(before);
    rmSync(directory, { recursive: true, force: true });
  };
}

/** The id of a key, a nonce, and the two blocks of HMAC. */
const stamp = /^[0-9a-f]{16} [0-9a-f]{32} [0-9a-f]{128} [0-9a-f]{128}$/;

/** Notes what the statements of a pool hand to the database to authenticate rows with; answers the last of it. */
export function noteStamps(pool: pg.Pool): () => string {
  let last = '';
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      const [config, values] = args;
      const given = (config as { readonly values?: unknown }).values ?? values;
      for (const value of Array.isArray(given) ? (given as unknown[]) : []) {
        if (typeof value === 'string' && stamp.test(value)) last = value;
      }
      return query(...args);
    }) as typeof client.query;
  });
  return () => {
    if (last === '') throw new Error('no statement was handed anything to authenticate rows with');
    return last;
  };
}
