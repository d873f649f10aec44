/** Owns the proof of backups: a store that was restored is the one that was backed up, on either database, or nothing at all. */
import { createHash, randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { formatCursor } from '@strata/core';
import { createSchema, describeDatabases, postgresPool } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import { readBackupFile, writeBackupFile } from './backup-file.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { Database } from './db/database.ts';
import { postgresDatabase } from './db/postgres.ts';
import { migrate } from './db/migrate.ts';
import { notBackedUp } from './store/whole-store.ts';

/** The stores of a test are read with the same keys. */
const keyed = { encryptionKey: createHash('sha256').update('of these tests').digest('base64') };
const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'acme' } as const;
const team = { scope: 'team', scopeId: 'north' } as const;

async function whole(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

async function* inPieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

/** The lines of a backup, without those of the audit of later backups. */
async function linesOf(file: Uint8Array, passphrase?: string): Promise<readonly string[]> {
  let text = '';
  for await (const part of readBackupFile(inPieces(file), passphrase)) text += part;
  return text.split('\n').slice(0, -2);
}

/** Something in every part of a store. */
async function fill(service: ConfigurationManagementService, staging: ConfigurationManagementService): Promise<void> {
  await service.registerScope({ ...team, parent: org, name: 'North "é" \\ \u2028' });
  await service.registerSchema(
    'limits',
    { type: 'object', properties: { trucks: { type: 'integer' } } },
    { actor: 'ann' },
  );
  await service.set('limits', { trucks: 5 }, global, 'ann', "it's a comment,\nwith {braces}");
  const first = await service.set('odd', { '': [1e21, 5e-324, -0.1], 'a\\"b': 'no', '\ud83d\ude00': null }, org, 'ann');
  await service.set('odd', 'NULL', org, 'bob', undefined, { expiresAt: '2126-01-01T00:00:00.123Z' });
  await service.rollback('odd', first.version, 'cy', 'back');
  await service.set('gone', '', team, 'ann');
  await service.delete('gone', team, 'ann');
  await service.createTag('stable', first.version, 'the first');
  await service.lockConfig('limits', global, { path: 'trucks' }, 'ann');
  await service.setPolicy({ name: 'money', keys: ['budget'], minimumApprovals: 1 }, 'ann');
  await service.set('budget', 1, org, 'ann');
  const error: unknown = await service.set('budget', 2, org, 'ann').catch((reason: unknown) => reason);
  const { requestId } = error as { requestId: string };
  await service.commentOnChange(requestId, 'bob', 'why?');
  await service.approveChange(requestId, 'bob', 'fine');
  await service.requestChange({ key: 'budget', ...org, proposedValue: 3, requestedBy: 'ann', justification: 'more' });
  await service.setRole({ name: 'treasurer', permissions: ['read', 'approve'] }, 'ann').catch(() => undefined);
  await staging.set('limits', { trucks: 500 }, global, 'eve');
}

describeDatabases('a backup', (engine) => {
  const services = servicesOn(engine);

  async function filled(): Promise<{ service: ConfigurationManagementService; database: Database }> {
    const { service, database } = await services.open(keyed);
    await fill(service, services.on(database, { ...keyed, environment: 'staging' }));
    return { service, database };
  }

  it('is restored as it was, and the store goes on from there', async () => {
    const { service } = await filled();
    const file = await whole(service.backup());
    const { service: copy, database } = await services.open(keyed);
    const seen: number[] = [];
    const restored = await copy.restoreBackup(inPieces(file), { onProgress: ({ rows }) => seen.push(rows) });
    expect(seen.at(-1)).toBe(restored.rows);
    expect(await copy.getHistory('odd')).toEqual(await service.getHistory('odd'));
    expect(await copy.listTags()).toEqual(await service.listTags());
    expect(await copy.listChangeRequests()).toEqual(await service.listChangeRequests());
    expect(await copy.get('limits', { ...team })).toEqual({ trucks: 5 });
    expect(await copy.exportConfig(global, 'json', { subtree: true })).toBe(
      await service.exportConfig(global, 'json', { subtree: true }),
    );
    await expectRefusal(copy.set('limits', { trucks: 6 }, org, 'ann'), 'locked');
    const next = await copy.set('new', 1, org, 'ann');
    expect(next.revision).toBe(restored.revision + 1);
    const [request] = await copy.getPendingChanges();
    await copy.commentOnChange(request?.id ?? '', 'cy', 'still here');
    const [{ id: store } = {}] = await database.query('SELECT id FROM configuration_store');
    expect(store).toEqual(expect.any(String));
    const again = await whole(copy.backup());
    expect((await linesOf(again)).length).toBeGreaterThan((await linesOf(file)).length);
  });

  it('of what was restored has the same content, byte for byte', async () => {
    const { service } = await filled();
    const file = await whole(service.backup({ passphrase: 'correct horse' }));
    const { service: copy } = await services.open(keyed);
    await copy.restoreBackup(inPieces(file, 7), { passphrase: 'correct horse' });
    const later = await whole(copy.backup());
    // A backup leaves a row in the audit log before it begins, authenticated with a data key.
    const moved = ['configuration_audit_log', 'configuration_audit_unsealed', 'configuration_data_keys'];
    const steady = (lines: readonly string[]): readonly string[] => {
      let table = '';
      return lines.filter((line) => {
        if (line.startsWith('{"table"')) ({ table } = JSON.parse(line) as { table: string });
        return !moved.includes(table);
      });
    };
    const before = steady(await linesOf(file, 'correct horse'));
    expect(before.length).toBeGreaterThan(30);
    expect(steady(await linesOf(later))).toEqual(before);
  });

  it('holds every table of the schema, except those that are named with a reason', async () => {
    const { service, database } = await filled();
    const rows = await database.query<{ name: string }>(
      "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'",
    );
    const lines = await linesOf(await whole(service.backup()));
    const held = lines.flatMap((line) =>
      line.startsWith('{"table"') ? [(JSON.parse(line) as { table: string }).table] : [],
    );
    expect([...held, ...Object.keys(notBackedUp)].sort()).toEqual(rows.map(({ name }) => name).sort());
    for (const reason of Object.values(notBackedUp)) expect(reason.length).toBeGreaterThan(20);
  });

  it('is of one moment, whatever is written meanwhile', async () => {
    const { service, database } = await filled();
    const other = services.on(database, keyed);
    const stop = new AbortController();
    let written = 0;
    const writing = Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (; !stop.signal.aborted; written += 1) {
          // An embedded database works without ever waiting, and would let nothing else run.
          await nextTurn();
          await other.commit(
            [
              { key: `pair-a${String(writer)}`, ...org, value: written },
              { key: `pair-b${String(writer)}`, ...org, value: written },
            ],
            'bob',
          );
        }
      }),
    );
    const file = await whole(service.backup());
    stop.abort();
    await writing;
    const { service: copy } = await services.open(keyed);
    const { revision } = await copy.restoreBackup(inPieces(file));
    const values = await copy.getAll(org);
    for (let writer = 0; writer < 4; writer += 1) {
      expect(values.get(`pair-a${String(writer)}`)).toEqual(values.get(`pair-b${String(writer)}`));
    }
    expect(await service.exportConfig(org, 'json', { revision })).toBe(await copy.exportConfig(org));
  });

  it('goes only into an empty store', async () => {
    const { service } = await filled();
    const file = await whole(service.backup());
    await expectRefusal(service.restoreBackup(inPieces(file)), 'store_not_empty');
    const { service: used, database } = await services.open(keyed);
    await used.exportConfig(org);
    const refusal = await expectRefusal(used.restoreBackup(inPieces(file)), 'store_not_empty');
    expect(refusal.message).toContain('configuration_audit_log');
    expect(await database.query('SELECT FROM configuration_commits')).toEqual([]);
  });

  it(
    'that was changed, cut off or made by another hand is refused, and nothing of it is stored',
    { timeout: 60_000 },
    async () => {
      const { service } = await filled();
      const plain = await whole(service.backup());
      const sealed = await whole(service.backup({ passphrase: 'correct horse' }));
      const { service: copy, database } = await services.open(keyed);
      const attempt = async (file: Uint8Array, passphrase?: string): Promise<unknown> =>
        copy
          .restoreBackup(inPieces(file), passphrase === undefined ? {} : { passphrase })
          .catch((error: unknown) => error);
      const codes = expect.stringMatching(/^(backup_unreadable|passphrase_wrong)$/) as string;
      for (const [file, passphrase] of [
        [plain, undefined],
        [sealed, 'correct horse'],
      ] as const) {
        for (let round = 0; round < 12; round += 1) {
          const at = Math.floor((file.length * round) / 12);
          const flipped = Buffer.from(file);
          flipped[at] = (flipped[at] ?? 0) ^ 0x10;
          expect(await attempt(flipped, passphrase)).toMatchObject({ code: codes });
          expect(await attempt(file.subarray(0, at), passphrase)).toMatchObject({ code: codes });
        }
        expect(await attempt(Buffer.concat([file, Buffer.from('x')]), passphrase)).toMatchObject({ code: codes });
      }
      expect(await attempt(sealed, 'wrong horse')).toMatchObject({ code: 'passphrase_wrong' });
      expect(await attempt(sealed)).toMatchObject({ code: 'passphrase_wrong' });
      expect(await attempt(plain, 'correct horse')).toMatchObject({ code: 'passphrase_wrong' });
      expect(await attempt(Buffer.from('{"format":"strata-export"}\n'))).toMatchObject({ code: 'backup_unreadable' });
      expect(await attempt(Buffer.from('x'.repeat(10_000)))).toMatchObject({ code: 'backup_unreadable' });
      const newer = Buffer.from(plain.toString('latin1').replace('"formatVersion":1', '"formatVersion":2'), 'latin1');
      expect(await attempt(newer)).toMatchObject({ message: expect.stringContaining('newer version') as string });
      const lines = await linesOf(plain);
      const rebuilt = (change: (line: string, index: number) => string): Promise<Buffer> =>
        whole(
          writeBackupFile(async_(`${lines.map(change).join('\n')}\n{"end":true,"rows":1,"digest":"x"}\n`), undefined),
        );
      expect(
        await attempt(await rebuilt((line, index) => (index === 0 ? line.replace('"001_', '"901_') : line))),
      ).toMatchObject({ message: expect.stringContaining('use a newer one') as string });
      expect(await attempt(await rebuilt((line) => line))).toMatchObject({
        message: expect.stringContaining('ends too early') as string,
      });
      expect(await database.query('SELECT FROM configuration_versions')).toEqual([]);
      await expectRefusal(copy.restoreBackup(inPieces(plain), { passphrase: 'short' }), 'invalid_argument');
      expect(await copy.restoreBackup(inPieces(plain))).toMatchObject({ rows: expect.any(Number) as number });
    },
  );

  it('that stops coming half-way leaves the store empty', async () => {
    const { service } = await filled();
    const file = await whole(service.backup());
    const { service: copy, database } = await services.open(keyed);
    for (const share of [0.1, 0.5, 0.99]) {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* inPieces(file.subarray(0, Math.floor(file.length * share)));
        throw new Error('the disk was taken out');
      }
      await expect(copy.restoreBackup(broken())).rejects.toThrow('the disk was taken out');
      expect(await database.query('SELECT FROM configuration_commits')).toEqual([]);
    }
    await copy.restoreBackup(inPieces(file));
  });

  it('that nobody reads to its end lets go of the database', async () => {
    const { service } = await filled();
    const backup = service.backup();
    await backup.next();
    await backup.next();
    await backup.return();
    await service.set('after', 1, org, 'ann');
  });

  it('tells watchers to begin anew whose place it does not have', async () => {
    const { service } = await filled();
    const file = await whole(service.backup());
    const later = await service.set('later', 1, org, 'ann');
    const { service: copy } = await services.open(keyed);
    const { revision } = await copy.restoreBackup(inPieces(file));
    await copy.set('other', 1, org, 'bob');
    const told: unknown[] = [];
    const subscription = await copy.subscribe(
      { fromRevision: formatCursor({ revision: later.revision, commit: later.commit }) },
      (event) => told.push(event),
    );
    await expect.poll(() => told, { timeout: 10_000 }).toMatchObject([{ type: 'reset' }]);
    subscription.stop();
    expect(later.revision).toBe(revision + 1);
  });

  it('is made and restored only by who may do so in every environment', async () => {
    const { service, database } = await services.open(keyed);
    const staging = services.on(database, { ...keyed, environment: 'staging' });
    for (const one of [service, staging]) {
      await one.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
      await one.bindRole({ subject: { user: 'ann' }, role: 'editor', ...global }, 'root');
    }
    await service.bindRole({ subject: { user: 'half' }, role: 'admin', ...global }, 'root');
    for (const actor of ['ann', 'half', 'zoe']) {
      await expectRefusal(whole(service.as(actor).backup()), 'not_permitted');
      await expectRefusal(service.as(actor).restoreBackup(inPieces(Buffer.from('x'))), 'not_permitted');
    }
    expect((await whole(service.as('root').backup())).length).toBeGreaterThan(100);
  });
});

async function* async_(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}

describeDatabases(
  'a backup that moves',
  (engine) => {
    const services = servicesOn(engine);

    async function onPostgres(): Promise<ConfigurationManagementService> {
      const schema = `test_${randomUUID().replaceAll('-', '')}`;
      const drop = await createSchema(schema);
      const pool = postgresPool(schema);
      const database = postgresDatabase(pool);
      await migrate(database);
      const service = services.on(database, keyed);
      onTestFinished(async () => {
        await service.close();
        await database.close();
        await pool.end();
        await drop();
      });
      return service;
    }

    it('from an embedded database to PostgreSQL and back is the same store', async () => {
      const { service, database } = await services.open(keyed);
      await fill(service, services.on(database, { ...keyed, environment: 'staging' }));
      const first = await whole(service.backup());
      const grown = await onPostgres();
      const { digest } = await grown.restoreBackup(inPieces(first));
      const second = await whole(grown.backup());
      const { service: back } = await services.open(keyed);
      await back.restoreBackup(inPieces(second));
      expect(await back.getHistory('odd')).toEqual(await service.getHistory('odd'));
      expect(await back.exportConfig(global, 'yaml', { subtree: true, deleted: true })).toBe(
        await service.exportConfig(global, 'yaml', { subtree: true, deleted: true }),
      );
      const auditOf = (lines: readonly string[]): readonly string[] => {
        const start = lines.indexOf('{"table":"configuration_audit_log"}');
        const end = lines.findIndex((line, index) => index > start && line.startsWith('{'));
        return lines.slice(start, end === -1 ? undefined : end);
      };
      const before = auditOf(await linesOf(first));
      expect(auditOf(await linesOf(second)).slice(0, before.length)).toEqual(before);
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
    });
  },
  'embedded',
);
