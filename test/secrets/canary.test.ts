/** Owns the canary: random secrets go every way in and out, and are then looked for in everything that is left behind or was told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { createServer } from '../../packages/server/src/server.ts';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { readBackupFile } from '../../packages/service/src/backup-file.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { newKey } from '../../packages/service/src/secrets/key-ring.ts';
import { Cluster } from '../kill/cluster.ts';
import { quickPlace } from '../kill/quick-place.ts';
import { startRedis } from '../redis-server.ts';
import { throughCommands } from './command-paths.ts';
import { Heard, shown } from './heard.ts';
import { listen, throughHttp } from './http-paths.ts';
import { throughLibrary } from './library-paths.ts';
import { find, formsOf, Markers, Places, textForms } from './markers.ts';

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function directoryOf(name: string): string {
  const directory = mkdtempSync(join(quickPlace(), `strata-test-canary-${name}-`));
  directories.push(directory);
  return directory;
}

/** All rows of all tables as texts, as a dump has them. */
async function addDump(places: Places, database: Database): Promise<void> {
  const tables = await database.query<{ name: string }>(
    "SELECT c.oid::regclass::text AS name FROM pg_class AS c WHERE c.relkind IN ('r', 'm') AND pg_table_is_visible(c.oid) AND c.relname LIKE 'configuration_%'",
  );
  expect(tables.length).toBeGreaterThan(15);
  for (const { name } of tables) {
    const rows = await database.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`);
    places.add('dump', rows.map(({ text }) => text).join('\n'), name);
  }
}

/** A backup as a file, and what is in it. */
async function addBackup(places: Places, service: ConfigurationManagementService, passphrase?: string): Promise<void> {
  const name = passphrase === undefined ? 'backup' : 'backup with a passphrase';
  const file: Uint8Array[] = [];
  for await (const part of service.backup(passphrase === undefined ? {} : { passphrase })) file.push(part);
  places.add(name, Buffer.concat(file), 'the file');
  for await (const text of readBackupFile(async function* () { yield* file; }(), passphrase)) places.add(name, text, 'its content');
} // prettier-ignore

/** All that a Redis holds, in its file and entry by entry. */
async function addRedis(places: Places, client: Redis, directory: string): Promise<void> {
  await client.config('SET', 'rdbcompression', 'no');
  await client.call('SAVE');
  places.addDirectory('Redis file', directory);
  const names = await client.keys('*');
  // Secrets are not shared over it at all.
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) places.add('Redis entries', `${name} ${String(await client.get(name))}`);
}

/** Expects to find the secrets nowhere, and what is no secret in every place. */
function expectSecret(places: Places, secret: Markers, open: Markers, encryptionKey: string): void {
  const found = new Set(places.search(textForms(open.stem)).map(({ place }) => place));
  expect([...places.sizes().keys()].filter((place) => !found.has(place))).toEqual([]);
  expect(places.search(textForms(secret.stem))).toEqual([]);
  expect(places.search(formsOf(Buffer.from(encryptionKey, 'base64')))).toEqual([]);
}

describe('the search', () => {
  it('finds a marker in each form, wherever it stands', () => {
    const markers = new Markers();
    const forms = textForms(markers.stem);
    const text = markers.next();
    const bytes = Buffer.from(text);
    const escaped = Array.from(bytes, (byte) => `\\u00${byte.toString(16).padStart(2, '0')}`).join('');
    const written: readonly (readonly [string, Buffer | string])[] = [
      ['raw', text],
      ['raw', JSON.stringify(JSON.stringify({ a: text }))],
      ['raw', encodeURIComponent(text)],
      ['hex', bytes.toString('hex')],
      ['HEX', bytes.toString('hex').toUpperCase()],
      ['UTF-16LE', Buffer.from(text, 'utf16le')],
      ['UTF-16BE', Buffer.from(text, 'utf16le').swap16()],
      ['JSON escapes, lower case', escaped],
      ['URL escapes, upper case', bytes.toString('hex').toUpperCase().replaceAll(/../g, '%$&')],
      ...[0, 1, 2].map((offset) => [`base64 at ${String(offset)}`, Buffer.from(`${'x'.repeat(offset)}${text}`).toString('base64')] as const),
      ...[0, 1, 2].map((offset) => [`base64url at ${String(offset)}`, Buffer.from(`${'x'.repeat(offset)}${text}`).toString('base64url')] as const),
    ]; // prettier-ignore
    for (const [form, content] of written) {
      const around = Buffer.concat([Buffer.from('before'), Buffer.from(content), Buffer.from('after')]);
      expect(find(around, forms).map((hit) => hit.replace(/ at byte \d+$/, ''))).toContain(form);
      expect(find(around, textForms(new Markers().stem))).toEqual([]);
    }
    const key = Buffer.from(newKey(), 'base64');
    expect(find(Buffer.from(`CONFIG_ENCRYPTION_KEY=${key.toString('base64')}`), formsOf(key))).not.toEqual([]);
  });
});

describe('secrets are found nowhere', () => {
  let written = 0;

  it('of an embedded database', async () => {
    const [secret, open, places, encryptionKey] = [new Markers(), new Markers(), new Places(), newKey()];
    const dataDir = directoryOf('embedded');
    const database = await openEmbeddedDatabase({ dataDir });
    const warned: string[] = [];
    const service = createConfigurationService(database, {
      encryptionKey,
      audit: { reads: 'all', seal: true },
      onWarning: (warning) => warned.push(shown(warning)),
    });
    await service.watchConfig('*', (changes) => places.add('watched', shown(changes)));
    await service.watchConfig('*', (changes) => places.add('watched values', shown(changes)), { scope: { scope: 'org', scopeId: 'acme' } }); // prettier-ignore
    await throughLibrary({ service, secret, open, heard: new Heard(places) });
    await addBackup(places, service);
    await addBackup(places, service, secret.name());
    await addDump(places, database);
    await service.close();
    await database.close();
    expect(warned).toEqual([]);
    places.addDirectory('PGlite directory', dataDir);
    expectSecret(places, secret, open, encryptionKey);
    written += secret.count;
  });

  it('of PostgreSQL, Redis, a server and its clients', { timeout: 300_000 }, async () => {
    const [secret, open, places, encryptionKey] = [new Markers(), new Markers(), new Places(), newKey()];
    const [dataDir, redisDir, clientDir] = [directoryOf('postgres'), directoryOf('redis'), directoryOf('client')];
    // The log has each statement with all that was bound to it, and no segment of the WAL is removed.
    const logged = ['log_statement=all', 'log_min_duration_statement=0', 'log_parameter_max_length=-1'];
    const cluster = await Cluster.create(dataDir, [
      ...logged,
      'log_parameter_max_length_on_error=-1',
      'wal_keep_size=1GB',
    ]);
    const redis = await startRedis(redisDir);
    try {
      const pool = new pg.Pool(cluster.pool('canary'));
      await cluster.createSchema('canary');
      const warned: string[] = [];
      const settings = { encryptionKey, redis: redis.client(), audit: { reads: 'all', seal: true }, serviceName: 'canary', onWarning: (warning: unknown) => warned.push(shown(warning)) } as const; // prettier-ignore
      const service = createConfigurationService(pool, settings);
      await service.migrate();
      const logger = { level: 'trace', stream: { write: (line: string) => places.add('log of the server', line) } };
      const app = createServer(service, { logger });
      const url = await app.listen({ host: '127.0.0.1', port: 0 });
      app.log.debug(open.next());
      const subject = { url, secret, open, places };
      const stop = await listen(subject);
      await throughLibrary({ service, secret, open, heard: new Heard(places) });
      await throughHttp(subject);
      await throughCommands(subject, clientDir);
      // Another process reads what it finds in Redis, and puts there what it does not.
      const other = createConfigurationService(pool, { ...settings, redis: redis.client() });
      for (const scopeId of ['acme', 'http-1', 'cli', 'imported']) {
        for (const one of [other, service, other])
          await one.getBatch(['tokens', 'plain', 'db', 'api_keys', 'secrets'], { scope: 'org', scopeId });
      }
      await addBackup(places, service);
      await addBackup(places, service, secret.name());
      await addDump(places, postgresDatabase(pool));
      stop();
      await app.close();
      await other.close();
      await service.close();
      await addRedis(places, redis.client(), redisDir);
      await pool.end();
      await cluster.query('CHECKPOINT');
      expect(warned).toEqual([]);
    } finally {
      await redis.close();
      await cluster.stop();
    }
    places.add('log of PostgreSQL', cluster.log);
    places.addDirectory('PostgreSQL directory', dataDir);
    places.addDirectory('WAL of PostgreSQL', join(dataDir, 'pg_wal'));
    expectSecret(places, secret, open, encryptionKey);
    written += secret.count;
  });

  it('and they were a thousand', () => expect(written).toBeGreaterThanOrEqual(1000));
});
