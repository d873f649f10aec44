import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';
import { createSchema, postgresPool } from '../../../test/databases.ts';
import { nodeEnvironment } from '../../../test/node-environment.ts';
import { testKey } from '../../../test/http-server.ts';

const main = join(import.meta.dirname, 'main.ts');
const keyed = { environment: { CONFIG_ENCRYPTION_KEY: testKey } };

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
  await strata.service.set('motto', 'Safety first', { scope: 'global' }, 'ann');
});
afterAll(() => strata.close());

describe('strata backup and restore', () => {
  it('take a store from a server into a directory, and from there on, sealed', async () => {
    const made = await strata.run(['backup', 'first.backup', '--url', strata.url]);
    expect([made.code, made.errors]).toEqual([0, '']);
    expect(made.out).toMatch(/^The backup is in first\.backup: \d+\.\d MB\.\n$/);
    const restored = await strata.run(['restore', 'first.backup', '--data-dir', 'copy'], keyed);
    expect([restored.code, restored.errors]).toEqual([0, '']);
    expect(restored.out).toMatch(
      /^The backup is restored, and what is stored was read back and is the same: revision 1, \d+ rows\.\n$/,
    );
    const again = await strata.run(['restore', 'first.backup', '--data-dir', 'copy'], keyed);
    expect([again.code, again.out]).toEqual([1, '']);
    expect(again.errors).toContain('it has come to revision 1');

    await writeFile(join(strata.directory, 'key.txt'), 'correct horse\n');
    const sealed = await strata.run(
      ['backup', 'second.backup', '--data-dir', 'copy', '--passphrase-file', 'key.txt'],
      keyed,
    );
    expect(sealed.out).toMatch(/MB, encrypted\.\n$/);
    // The secrets of a store, and what proves its audit log, need the keys of the first one.
    const foreign = await strata.run(['restore', 'first.backup', '--data-dir', 'foreign']);
    expect([foreign.code, foreign.out]).toEqual([1, '']);
    expect(foreign.errors).toMatch(/key/);
    const wrong = { environment: { ...keyed.environment, STRATA_PASSPHRASE: 'wrong horse' } };
    const refused = await strata.run(['restore', 'second.backup', '--data-dir', 'other'], wrong);
    expect(refused.errors).toContain('strata: The passphrase is wrong: it does not open this backup');
    const right = { environment: { ...keyed.environment, STRATA_PASSPHRASE: 'correct horse' } };
    expect(await strata.json(['restore', 'second.backup', '--data-dir', 'other'], right)).toMatchObject({
      revision: 1,
    });
    expect((await readdir(strata.directory)).filter((name) => name.includes('unfinished'))).toEqual([]);
  });

  it('say what is wrong with the command', async () => {
    expect((await strata.run(['restore', 'missing.backup'])).code).toBe(2);
    await writeFile(join(strata.directory, 'none.backup'), 'hello');
    expect((await strata.run(['restore', 'none.backup', '--org', 'acme'])).errors).toContain('restored as a whole');
    const none = await strata.run(['restore', 'none.backup', '--data-dir', 'none']);
    expect(none.errors).toContain('it is no backup of Strata');
    expect((await strata.run(['restore', 'none.backup', '--url', strata.url])).code).toBe(5);
    expect((await strata.run(['backup', 'no/such/directory/x', '--url', strata.url])).code).toBe(1);
  });
});

describe('the recipe from the embedded database to PostgreSQL', () => {
  it('takes every value, version and audit row with it, line for line as the guide has it', async () => {
    const guide = await readFile(new URL('../../../docs/guides/portability.md', import.meta.url), 'utf8');
    const lines =
      /^### From the embedded database to PostgreSQL\n[^]*?```sh\n([^]*?)```/m.exec(guide)?.[1]?.trim().split('\n') ??
      [];
    expect(lines.at(-1)).toMatch(/ strata serve$/);
    const directory = join(strata.directory, 'recipe');
    const first = await openEmbeddedDatabase({ dataDir: join(directory, '.strata') });
    const service = createConfigurationService(first);
    await service.registerScope({ scope: 'team', scopeId: 'north', parent: { scope: 'org', scopeId: 'acme' } });
    await service.set('branding', { companyName: 'Acme' }, { scope: 'org', scopeId: 'acme' }, 'ann', 'ours');
    const motto = await service.set('motto', 'Safety "first"', { scope: 'global' }, 'ann');
    await service.createTag('stable', motto.version);
    await service.delete('motto', { scope: 'global' }, 'bob');
    const history = [await service.getHistory('branding'), await service.getHistory('motto')];
    const audit = await service.getAuditLog({ limit: 100 });
    await service.close();
    await first.close();

    const schema = `test_${randomUUID().replaceAll('-', '')}`;
    const drop = await createSchema(schema);
    const pool = postgresPool(schema);
    try {
      const { host, port, user, password, database } = inject('postgres');
      const place = `${user}:${encodeURIComponent(password)}@${host}:${String(port)}/${database}`;
      const url = `postgres://${place}?options=-c%20search_path%3D${schema}`;
      const script = lines.slice(0, -1).join('\n').replaceAll('postgres://app@localhost/app', url);
      const { stderr } = await promisify(execFile)(
        '/bin/sh',
        ['-e', '-c', `strata() { '${process.execPath}' --conditions=source '${main}' "$@"; }\n${script}`],
        {
          cwd: directory,
          env: { ...nodeEnvironment(), NODE_ENV: 'production' },
        },
      );
      expect(stderr).toBe('');
      const key =
        (await readFile(join(directory, '.strata', 'encryption.key'), 'utf8'))
          .split('\n')
          .find((line) => !line.startsWith('#')) ?? '';
      const grown = createConfigurationService(pool, { encryptionKey: key, listen: false });
      expect([await grown.getHistory('branding'), await grown.getHistory('motto')]).toEqual(history);
      const kept = await grown.getAuditLog({ limit: 100 });
      expect(kept.slice(-audit.length).map(({ seal: _, ...entry }) => entry)).toEqual(
        audit.map(({ seal: _, ...entry }) => entry),
      );
      expect(await grown.verifyAudit()).toMatchObject({ ok: true });
      await grown.close();
    } finally {
      await pool.end();
      await drop();
    }
  });
});
