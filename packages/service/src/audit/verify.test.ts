/** Owns the proof that the audit log can be proven: whatever is done to a stored row, seal, checkpoint, version or value is found, and named. */
import type { AuditFinding } from '@strata/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { inTier } from '../../../../test/kill/tier.ts';
import { servicesOn } from '../../../../test/services.ts';
import type { Database } from '../db/database.ts';
import { DataKeys } from '../secrets/data-keys.ts';
import { newKey } from '../secrets/key-ring.ts';
import { chooseKeySource } from '../secrets/key-source.ts';
import { auditKeyOf, type AuditKey } from './key-ring.ts';
import { Vault } from '../secrets/vault.ts';
import { verifyIn } from './verify.ts';

const global = { scope: 'global' } as const;
const encryptionKey = newKey();
const patient = { timeout: inTier({ quick: 60_000, ci: 60_000, soak: 1_800_000 }) };
const org = { scope: 'org', scopeId: 'o' } as const;

/** The key of a store that is tested, whose secret is that of the database in memory or of the option. */
async function keyOf(database: Database): Promise<AuditKey> {
  const source = chooseKeySource({ encryptionKey, environment: {}, database, report: () => undefined });
  return auditKeyOf(await new DataKeys(database, source).derive('audit'));
}

/** What is done, and what is found, by the id of the row or the number of the seal. */
const deeds: readonly (readonly [what: string, statements: string, found: readonly string[]])[] = [
  [
    'an edited user',
    `UPDATE configuration_audit_log SET user_id = 'eve' WHERE id = 3`,
    ['row_changed 3', 'version_unrecorded version'],
  ],
  [
    'an edited address of the caller',
    `UPDATE configuration_audit_log SET ip = '10.0.0.1' WHERE id = 3`,
    ['row_changed 3'],
  ],
  [
    'an edited time',
    `UPDATE configuration_audit_log SET created_at = created_at + interval '1 microsecond' WHERE id = 9`,
    ['row_changed 9', 'version_unrecorded commit'],
  ],
  [
    'edited metadata',
    `UPDATE configuration_audit_log SET metadata = metadata || '{"x": 1}' WHERE id = 2`,
    ['row_changed 2'],
  ],
  ['a code of its own', `UPDATE configuration_audit_log SET mac = repeat('0', 64) WHERE id = 2`, ['row_changed 2']],
  [
    'no code any more',
    `UPDATE configuration_audit_log SET mac = NULL, mac_key = NULL, mac_nonce = NULL WHERE id = 2`,
    ['row_changed 2'],
  ],
  [
    'a removed row',
    `DELETE FROM configuration_audit_log WHERE id = 4`,
    ['row_missing 4', 'version_unrecorded version'],
  ],
  [
    'a removed row with its seal',
    `DELETE FROM configuration_audit_seals WHERE audit_id = 4; DELETE FROM configuration_audit_log WHERE id = 4`,
    ['seal_missing 4', 'version_unrecorded version'],
  ],
  ['a removed seal', `DELETE FROM configuration_audit_seals WHERE audit_id = 4`, ['seal_missing 4', 'row_inserted 4']],
  [
    'a changed link',
    `UPDATE configuration_audit_seals SET chain = repeat('0', 64) WHERE number = 5`,
    ['seal_changed 5', 'row_changed 6'],
  ],
  [
    'a changed code of a seal',
    `UPDATE configuration_audit_seals SET mac = repeat('0', 64) WHERE number = 5`,
    ['seal_changed 5'],
  ],
  [
    'two rows that changed places',
    `ALTER TABLE configuration_audit_log ALTER COLUMN id DROP IDENTITY; UPDATE configuration_audit_log SET id = CASE id WHEN 4 THEN -5 ELSE -4 END WHERE id IN (4, 5); UPDATE configuration_audit_log SET id = -id WHERE id < 0`,
    ['row_changed 4', 'row_changed 5'],
  ],
  [
    'two seals that changed places',
    `UPDATE configuration_audit_seals SET audit_id = CASE audit_id WHEN 4 THEN -5 ELSE -4 END WHERE audit_id IN (4, 5); UPDATE configuration_audit_seals SET audit_id = -audit_id WHERE audit_id < 0`,
    ['seal_changed 5', 'seal_changed 4'],
  ],
  [
    'an inserted row',
    `INSERT INTO configuration_audit_log (environment, operation, user_id, success, created_at) VALUES ('default', 'set', 'eve', true, now())`,
    ['row_inserted 13'],
  ],
  [
    'an inserted row that waits',
    `INSERT INTO configuration_audit_log (environment, operation, user_id, success, created_at) VALUES ('default', 'set', 'eve', true, now()); INSERT INTO configuration_audit_unsealed SELECT 'default', max(id) FROM configuration_audit_log`,
    ['row_inserted 14'],
  ],
  [
    'a copied row',
    `INSERT INTO configuration_audit_log (environment, operation, user_id, success, metadata, created_at, mac_key, mac_nonce, mac) SELECT environment, operation, user_id, success, metadata, created_at, mac_key, mac_nonce, mac FROM configuration_audit_log WHERE id = 3`,
    ['row_changed 15'],
  ],
  [
    'a waiting row that was edited',
    `UPDATE configuration_audit_log SET user_agent = 'x' WHERE id = 12`,
    ['row_changed 12'],
  ],
  [
    'a waiting row that was removed',
    `DELETE FROM configuration_audit_log WHERE id = 12`,
    ['row_missing 12', 'version_unrecorded version'],
  ],
  ['a row that waits no more', `DELETE FROM configuration_audit_unsealed WHERE audit_id = 12`, ['row_inserted 12']],
  [
    'a removed row that waits no more',
    `DELETE FROM configuration_audit_unsealed WHERE audit_id = 12; DELETE FROM configuration_audit_log WHERE id = 12`,
    ['version_unrecorded version'],
  ],
  [
    'a shorter chain',
    `DELETE FROM configuration_audit_seals WHERE number > 8; DELETE FROM configuration_audit_log WHERE id > 8; DELETE FROM configuration_audit_unsealed`,
    [
      'truncated 10',
      'truncated 9',
      'version_unrecorded commit',
      ...Array<string>(3).fill('version_unrecorded version'),
    ],
  ],
  [
    'a changed statement',
    `UPDATE configuration_audit_checkpoints SET statement = replace(statement, '"by":"system"', '"by":"eve"') WHERE sequence = 1`,
    ['checkpoint_invalid 9'],
  ],
  [
    'a statement that is none',
    `UPDATE configuration_audit_checkpoints SET statement = 'x' WHERE sequence = 1`,
    ['checkpoint_invalid 9'],
  ],
  [
    'a checkpoint with another number',
    `UPDATE configuration_audit_checkpoints SET number = 3 WHERE sequence = 1`,
    ['checkpoint_invalid 3'],
  ],
  ['a removed checkpoint', `DELETE FROM configuration_audit_checkpoints WHERE sequence = 1`, ['checkpoint_invalid 0']],
  [
    'a changed version',
    `UPDATE configuration_versions SET value = '7' WHERE revision = 2`,
    ['version_changed version'],
  ],
  [
    'a changed author of a commit',
    `UPDATE configuration_commits SET actor = 'eve' WHERE revision = 2`,
    ['version_changed version', 'version_unrecorded version'],
  ],
  [
    'a changed current value',
    `UPDATE configuration_settings SET value = '7' WHERE key = 'other'`,
    ['value_changed version'],
  ],
  ['a removed current value', `DELETE FROM configuration_settings WHERE key = 'other'`, ['value_changed version']],
  [
    'an older current version',
    `UPDATE configuration_settings AS s SET version = v.parent, value = p.value, revision = p.revision FROM configuration_versions AS v JOIN configuration_versions AS p ON p.hash = v.parent WHERE v.hash = s.version AND s.key = 'k' AND s.scope = 'global'`,
    ['value_changed version'],
  ],
];

/** Statements that somebody can run who owns the tables. */
function tampering(statements: string): string {
  const tables = ['audit_log', 'audit_seals', 'audit_checkpoints', 'versions', 'commits'];
  const triggers = (what: string): string =>
    tables.map((table) => `ALTER TABLE configuration_${table} ${what} TRIGGER USER;`).join(' ');
  return `${triggers('DISABLE')} ${statements}; ${triggers('ENABLE')}`;
}

/** What a verification finds after some statements, which are undone again. */
async function findingsAfter(database: Database, statements: string): Promise<readonly AuditFinding[]> {
  const undo = new Error('undone');
  let findings: readonly AuditFinding[] = [];
  const key = await keyOf(database);
  const source = chooseKeySource({ encryptionKey, environment: {}, database, report: () => undefined });
  const vault = new Vault(new DataKeys(database, source), 'default');
  await database
    .transaction(async (sql) => {
      await sql.script(tampering(statements));
      findings = (await verifyIn({ environment: 'default', vault }, sql, key, {})).findings;
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  return findings;
}

const row = fc.integer({ min: 1, max: 12 });
const sealedRow = fc.integer({ min: 1, max: 10 });
const two = fc.uniqueArray(sealedRow, { minLength: 2, maxLength: 2 });
const log = 'configuration_audit_log';
const columns = {
  ...{ environment: `environment || 'x'`, revision: 'coalesce(revision, 0) + 1', operation: `operation || 'x'` },
  ...{ config_key: `coalesce(config_key, '') || 'x'`, scope: `CASE scope WHEN 'org' THEN 'team' ELSE 'org' END` },
  ...{ scope_id: `coalesce(scope_id, '') || 'x'`, user_id: `'x' || user_id`, success: 'NOT success', ip: `'::1'` },
  ...{ metadata: `metadata || '{"x": 1}'`, user_agent: `'x'`, request_id: `'x'`, mac: 'reverse(mac) || 1' },
  ...{ created_at: `created_at + interval '1 microsecond'`, mac_key: `mac_key || 'x'`, mac_nonce: `mac_nonce || 'x'` },
};

/** Something that is done to stored rows at random, and a row or seal that has to be named. */
const mutation: fc.Arbitrary<{ readonly statements: string; readonly named: number | 'newest' }> = fc.oneof(
  fc.tuple(row, fc.constantFrom(...Object.entries(columns))).map(([id, [column, value]]) => ({
    statements: `UPDATE ${log} SET ${column} = ${value} WHERE id = ${String(id)}`,
    named: id,
  })),
  fc.tuple(row, fc.boolean()).map(([id, withSeal]) => ({
    statements: `DELETE FROM ${log} WHERE id = ${String(id)}${withSeal && id < 10 ? `; DELETE FROM configuration_audit_seals WHERE audit_id = ${String(id)}` : ''}`,
    named: id,
  })),
  fc.tuple(row, fc.boolean()).map(([id, withCode]) => ({
    statements: `INSERT INTO ${log} (environment, revision, operation, config_key, scope, scope_id, user_id, success, metadata, created_at${withCode ? ', mac_key, mac_nonce, mac' : ''})
      SELECT environment, revision, operation, config_key, scope, scope_id, user_id, success, metadata, created_at${withCode ? ', mac_key, mac_nonce, mac' : ''} FROM ${log} WHERE id = ${String(id)}`,
    named: 'newest' as const,
  })),
  fc.tuple(two, fc.boolean()).map(([[a = 1, b = 2], seals]) => ({
    statements: seals
      ? `UPDATE configuration_audit_seals SET audit_id = CASE audit_id WHEN ${String(a)} THEN -${String(b)} ELSE -${String(a)} END WHERE audit_id IN (${String(a)}, ${String(b)});
        UPDATE configuration_audit_seals SET audit_id = -audit_id WHERE audit_id < 0`
      : `ALTER TABLE ${log} ALTER COLUMN id DROP IDENTITY; UPDATE ${log} SET id = CASE id WHEN ${String(a)} THEN -${String(b)} ELSE -${String(a)} END WHERE id IN (${String(a)}, ${String(b)});
        UPDATE ${log} SET id = -id WHERE id < 0`,
    named: a,
  })),
  fc.integer({ min: 0, max: 9 }).map((left) => ({
    statements: `DELETE FROM configuration_audit_seals WHERE number > ${String(left)}; DELETE FROM ${log} WHERE id > ${String(left)}; DELETE FROM configuration_audit_unsealed`,
    named: 10,
  })),
);

describeDatabases('the proof of the audit log', (engine) => {
  const services = servicesOn(engine);

  /** A store with ten sealed rows, of which nine are signed, and two that wait. */
  async function sealed() {
    const opened = await services.open({ encryptionKey });
    const { service } = opened;
    await service.registerScope({ scope: 'team', scopeId: 't', parent: org });
    for (let n = 1; n <= 6; n += 1) await service.set('k', n, n % 2 === 0 ? org : global, 'ann', `Step ${String(n)}`);
    await service.delete('k', org, 'bob');
    await service.createTag('v1', (await service.getHistory('k', 1))[0]?.version ?? '', undefined, { actor: 'ann' });
    const kept = await service.createAuditCheckpoint();
    await service.set('other', 1, global, 'cid');
    await service.createAuditCheckpoint();
    await service.set('waiting', 1, global, 'cid');
    await service.set('waiting', 2, global, 'cid');
    return { ...opened, kept };
  }

  it('finds nothing where nothing was done to it', async () => {
    const { service, kept } = await sealed();
    const verified = await service.verifyAudit({ checkpoints: [kept] });
    expect(verified).toEqual({
      ...{ ok: true, findings: [], findingCount: 0, rows: 12, sealed: 10, waiting: 2, withoutMac: 0 },
      ...{ versions: 10, checkpoints: 2, number: 10, chain: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
    expect(kept).toMatchObject({ kind: 'checkpoint', number: 9, sequence: 1, by: 'system', environment: 'default' });
  });

  it('finds whatever is done to what is stored, and names it', async () => {
    const { database } = await sealed();
    const found: Record<string, readonly string[]> = {};
    const expected: Record<string, readonly string[]> = {};
    for (const [what, statements, names] of deeds) {
      expected[what] = names;
      const findings = await findingsAfter(database, statements);
      found[what] = findings.map(({ kind, id, number, version }) => `${kind} ${String(id ?? number ?? (version === undefined ? 'commit' : 'version'))}`); // prettier-ignore
    }
    expect(found).toEqual(expected);
  });

  it('finds each of many random mutations of stored rows, and names a row or seal that it is of', patient, async () => {
    const { database } = await sealed();
    expect(await findingsAfter(database, 'SELECT 1')).toEqual([]);
    await fc.assert(
      fc.asyncProperty(mutation, async ({ statements, named }) => {
        const findings = await findingsAfter(database, statements);
        const names = findings.flatMap(({ id, number }) => [id ?? [], number ?? []].flat());
        const newest = Math.max(0, ...names);
        expect(named === 'newest' ? newest > 12 : names.includes(named), JSON.stringify(findings)).toBe(true);
      }),
      { numRuns: inTier({ quick: 40, ci: 40, soak: 1000 }) },
    );
  });

  it('finds with a checkpoint kept elsewhere that the end of the log is gone, even where nothing here tells of it', async () => {
    const { service, database } = await sealed();
    await service.as('ann').createAuditCheckpoint();
    const [kept] = await service.listAuditCheckpoints({ limit: 1 });
    expect(kept).toMatchObject({ number: 12, sequence: 3, by: 'ann' });
    await database.script(
      tampering(
        [
          'DELETE FROM configuration_audit_checkpoints WHERE sequence > 2',
          'DELETE FROM configuration_audit_seals WHERE number > 10',
          'DELETE FROM configuration_audit_log WHERE id > 10',
          `DELETE FROM configuration_settings WHERE key = 'waiting'`,
          `DELETE FROM configuration_versions WHERE key = 'waiting'`,
          'DELETE FROM configuration_commits WHERE revision > 10',
        ].join('; '),
      ),
    );
    expect(await service.verifyAudit()).toMatchObject({ ok: true, rows: 10 });
    const { findings } = await service.verifyAudit({ checkpoints: kept === undefined ? [] : [kept] });
    expect(findings).toEqual([
      {
        kind: 'truncated',
        number: 12,
        message: 'The chain ends at the seal 10, and the checkpoint 3 signed 12 seals: the last 2 are gone.',
      },
    ]);
  });

  it('believes no checkpoint that somebody else signed, and none of another store', async () => {
    const { service, kept } = await sealed();
    const forged = { ...kept, statement: kept.statement.replace('"number":9', '"number":8') };
    const { findings } = await service.verifyAudit({ checkpoints: [forged] });
    expect(findings).toEqual([
      { kind: 'checkpoint_invalid', number: 8, message: 'The checkpoint 1 that was given is not what a key of this store signed.' }, // prettier-ignore
    ]);
    const other = await services.open({ encryptionKey });
    await expectRefusal(other.service.verifyAudit({ checkpoints: [kept] }), 'invalid_argument');
    await expectRefusal(service.verifyAudit({ checkpoints: [{ statement: '{}', signature: '' }] }), 'invalid_argument');
  });

  it('sees one moment, whatever is written, sealed and pruned meanwhile', async () => {
    const { service, database } = await services.open({ encryptionKey });
    const other = services.on(database, { encryptionKey });
    let isDone = false;
    const write = async (): Promise<void> => {
      for (let n = 0; !isDone; n += 1) {
        await other.set(`k${String(n % 7)}`, n, global, 'ann');
        if (n % 5 === 0) await other.createAuditCheckpoint();
        if (n % 11 === 0) await other.pruneAudit({ before: new Date(Date.now() - 50) }, 'root', 'Old');
      }
    };
    const writing = write();
    try {
      for (let n = 0; n < 25; n += 1) expect((await service.verifyAudit()).findings).toEqual([]);
    } finally {
      isDone = true;
      await writing;
    }
  });
});
