/** Owns the proof of writes: atomic, audited in the same step, repeatable, and without effect when only tried. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectFrozen, expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Database, Row } from './db/database.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;

interface AuditRow extends Row {
  readonly operation: string;
  readonly config_key: string | null;
  readonly scope: string | null;
  readonly scope_id: string | null;
  readonly user_id: string;
  readonly revision: number;
  readonly success: boolean;
  readonly metadata: string;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly created_at: Date;
}

const auditLog = (database: Database): Promise<AuditRow[]> =>
  database.query<AuditRow>('SELECT * FROM configuration_audit_log ORDER BY id');

describeDatabases('a write', (engine) => {
  const services = servicesOn(engine);

  it('keeps a copy of its own, so that the caller’s object stays the caller’s', async () => {
    const { service } = await services.open();
    const value = { list: [1], inner: { a: 1 } };
    const version = await service.set('k', value, global, 'ann');
    value.list.push(2);
    value.inner.a = 2;
    expect(Object.isFrozen(value)).toBe(false);
    expectFrozen(version.value);
    expect(version.value).toEqual({ list: [1], inner: { a: 1 } });
    expect(await service.get('k')).toEqual({ list: [1], inner: { a: 1 } });
  });

  it('is audited in its own step: who, what, where, which version', async () => {
    const { service, database } = await services.open();
    const first = await service.set('k', 1, org, 'ann', 'why');
    const second = await service.set('k', 2, org, 'bob');
    await service.rollback('k', first.version, 'carl', 'back');
    await service.delete('k', org, 'dora');
    await service.commit([{ key: 'k', ...global, value: 1 }, { key: 'l', ...team, value: 1 }], 'eve', 'both'); // prettier-ignore
    await service.registerScope({ ...team, parent: org }, { actor: 'fay' });
    await service.removeScope(team, { actor: 'fay' }).catch(() => undefined);
    await service.registerSchema('k', {}, { actor: 'gil' });
    await service.lockConfig('m', global, { path: 'a' }, 'hal', 'fixed');
    await service.unlockConfig('m', global, { path: 'a' }, 'hal');
    await service.createTag('release', first.version, undefined, { actor: 'ida' });
    const rows = await auditLog(database);
    const told = rows.map((row) => [row.revision, row.operation, row.config_key, row.scope, row.user_id]);
    expect(told).toEqual([
      [1, 'set', 'k', 'org', 'ann'],
      [2, 'set', 'k', 'org', 'bob'],
      [3, 'rollback', 'k', 'org', 'carl'],
      [4, 'delete', 'k', 'org', 'dora'],
      [5, 'set', 'k', 'global', 'eve'],
      [5, 'set', 'l', 'team', 'eve'],
      [6, 'scope', null, 'team', 'fay'],
      [7, 'schema', 'k', null, 'gil'],
      [8, 'lock', 'm', 'global', 'hal'],
      [9, 'unlock', 'm', 'global', 'hal'],
      [10, 'tag', 'k', 'org', 'ida'],
    ]);
    expect(rows.every((row) => row.success && row.created_at instanceof Date)).toBe(true);
    expect(JSON.parse(rows[1]?.metadata ?? '')).toEqual({
      ...{ version: second.version, parent: first.version, commit: second.commit, comment: null },
    });
    expect(rows[1]?.created_at).toEqual(second.changedAt);
    expect(JSON.parse(rows[8]?.metadata ?? '')).toMatchObject({ path: 'a', comment: 'fixed' });
  });

  it('that is refused or changes nothing leaves no trace', async () => {
    const { service, database, revision } = await services.open();
    await service.set('pm_intervals', { lightDuty: 5000 }, global, 'ann');
    await expectRefusal(service.set('pm_intervals', { lightDuty: 1 }, global, 'ann'), 'validation_failed');
    await expectRefusal(service.set('k', 1, global, 'ann', undefined, { ifVersion: 'abcd' }), 'conflict');
    await service.set('pm_intervals', { lightDuty: 5000 }, global, 'bob');
    expect(await revision()).toBe(1);
    expect(await auditLog(database)).toHaveLength(1);
  });

  it('names the actor of `as` with what is known of the request', async () => {
    const { service, database } = await services.open();
    const request = { ip: '192.0.2.7', userAgent: 'agent/1.0 (日本)', requestId: 'req-1', roles: ['admin'] };
    const acting = service.as({ id: 'ann', ...request });
    await acting.set('k', 1, global, 'bob');
    await acting.registerScope({ ...team, parent: org });
    await acting.registerScope({ ...team, parent: org, name: 'Named' }, { actor: 'carl' });
    await service.registerScope({ ...team, name: 'Alone' });
    await service.as('dora').registerScope({ ...team, name: 'Again' });
    const rows = (await auditLog(database)).map((row) => [row.user_id, row.ip, row.user_agent, row.request_id]);
    const known = [request.ip, request.userAgent, request.requestId];
    expect(rows).toEqual([
      ['bob', ...known],
      ['ann', ...known],
      ['carl', ...known],
      ['system', null, null, null],
      ['dora', null, null, null],
    ]);
    expect((await service.getHistory('k'))[0]?.changedBy).toBe('bob');
    for (const actor of [
      '',
      'x'.repeat(256),
      'a\u0000',
      { id: '' },
      {},
      null,
      { id: 'a', ip: '\u0000' },
      { id: 'a', userAgent: 5 },
      { id: 'a', requestId: '\ud800' },
    ])
      // prettier-ignore
      expect(() => service.as(actor as string)).toThrow(expect.objectContaining({ code: 'invalid_argument' }) as Error);
  });

  it('as a dry run tells what would happen and writes nothing', async () => {
    const { service, database, revision } = await services.open();
    await service.set('k', { a: 1, b: 1 }, global, 'ann');
    await service.set('k', { a: 2 }, org, 'ann');
    const before = [await revision(), (await auditLog(database)).length];
    const dry = { dryRun: true } as const;
    expect(await service.set('k', { b: 2, a: { $unset: true } }, org, 'bob', undefined, dry)).toMatchObject({
      ...{ dryRun: true, key: 'k', scope: 'org', scopeId: 'o', changed: true, impactLevel: 'low', wouldBreak: [] },
      ...{ requiresApproval: false, minimumApprovals: 0, gates: [], affectedUsers: 0, rollbackPriority: 'low' },
      diff: [
        { path: 'a', operation: 'modify', oldValue: 2, newValue: { $unset: true } },
        { path: 'b', operation: 'add', newValue: 2 },
      ],
      effectiveDiff: [
        { path: 'a', operation: 'delete', oldValue: 2 },
        { path: 'b', operation: 'modify', oldValue: 1, newValue: 2 },
      ],
    });
    expect(await service.delete('k', org, 'bob', undefined, dry)).toMatchObject({
      diff: [{ path: '$', operation: 'delete', oldValue: { a: 2 } }],
      effectiveDiff: [{ path: 'a', operation: 'modify', oldValue: 2, newValue: 1 }],
    });
    expect(await service.set('k', { a: 2 }, org, 'bob', undefined, dry)).toMatchObject({
      ...{ changed: false, diff: [], effectiveDiff: [], impactLevel: 'none' },
    });
    expect(await service.set('new', 0, team, 'bob', undefined, dry)).toMatchObject({
      diff: [{ path: '$', operation: 'add', newValue: 0 }],
    });
    await expectRefusal(service.delete('new', team, 'bob', undefined, dry), 'key_not_found');
    await expectRefusal(service.set('pm_intervals', { lightDuty: 1 }, org, 'bob', undefined, dry), 'validation_failed');
    await expectRefusal(service.set('k', 1, org, 'bob', undefined, { ...dry, ifVersion: null }), 'conflict');
    expect([await revision(), (await auditLog(database)).length]).toEqual(before);
    expect(await service.get('k', org)).toEqual({ a: 2, b: 1 });
  });

  it('on an expectation is refused when the value is another, and says which', async () => {
    const { service, revision } = await services.open();
    const first = await service.set('k', 1, global, 'ann', undefined, { ifVersion: null });
    await expectRefusal(service.set('k', 2, global, 'ann', undefined, { ifVersion: null }), 'conflict');
    const second = await service.set('k', 2, global, 'ann', undefined, { ifVersion: first.version });
    const refusal = await expectRefusal(
      service.set('k', 3, global, 'bob', undefined, { ifVersion: first.version }),
      'conflict',
    );
    expect(refusal.status).toBe(409);
    expect(refusal.message).toContain(`expected version ${first.version}, found ${second.version}`);
    expect(refusal.details).toMatchObject({
      currentVersion: second.version,
      currentValue: 2,
      revision: second.revision,
    });
    await expectRefusal(service.delete('k', global, 'bob', undefined, { ifVersion: first.version }), 'conflict');
    await expectRefusal(service.set('k', 3, global, 'bob', undefined, { ifVersion: 'HEAD~1' }), 'conflict');
    await expectRefusal(service.set('k', 3, global, 'bob', undefined, { ifVersion: 'HEAD~7' }), 'version_not_found');
    const change = { key: 'k', ...global, value: 3, ifVersion: first.version };
    await expectRefusal(service.commit([{ key: 'l', ...global, value: 1 }, change], 'bob'), 'conflict');
    expect(await revision()).toBe(2);
    await service.set('k', 3, global, 'bob', undefined, { ifVersion: 'HEAD' });
    await service.delete('k', global, 'bob', undefined, { ifVersion: (await service.getLayer('k'))?.version ?? '' });
    await service.set('k', 4, global, 'bob', undefined, { ifVersion: null });
    expect(await service.get('k')).toBe(4);
  });

  it('with an idempotency key is applied once and answers the same', async () => {
    const { service, database, revision } = await services.open();
    const options = { idempotencyKey: 'order-7' };
    const first = await service.set('k', 1, global, 'ann', 'c', options);
    await service.set('k', 2, global, 'ann');
    expect(await service.set('k', 1, global, 'ann', 'c', options)).toEqual(first);
    expect(await services.on(database).set('k', 1, global, 'ann', 'c', options)).toEqual(first);
    expect(await service.get('k')).toBe(2);
    for (const other of [
      () => service.set('k', 3, global, 'ann', 'c', options),
      () => service.set('k', 1, org, 'ann', 'c', options),
      () => service.set('k', 1, global, 'bob', 'c', options),
      () => service.delete('k', global, 'ann', 'c', options),
    ])
      await expectRefusal(other(), 'idempotency_conflict');
    expect(await revision()).toBe(2);
    const together = await Promise.all(
      Array.from({ length: 5 }, () => service.set('l', 1, global, 'ann', undefined, { idempotencyKey: 'x' })),
    );
    expect(new Set(together.map(({ version }) => version)).size).toBe(1);
    const commit = await service.commit([{ key: 'm', ...org, value: 1 }], 'ann', undefined, { idempotencyKey: 'y' });
    expect(await service.commit([{ key: 'm', ...org, value: 1 }], 'ann', undefined, { idempotencyKey: 'y' })).toEqual(
      commit,
    );
    for (const idempotencyKey of ['', 'x'.repeat(256), 'a\u0000', 5])
      await expectRefusal(
        service.set('k', 9, global, 'ann', undefined, { idempotencyKey: idempotencyKey as string }),
        'invalid_argument',
      );
  });

  it('of several changes is one commit: all or none, in the order given', async () => {
    const { service, revision } = await services.open();
    const old = await service.set('gone', 1, org, 'ann');
    const same = await service.set('same', 1, global, 'ann');
    const commit = await service.commit(
      [
        { key: 'k', ...team, value: { a: 1 } },
        { key: 'gone', ...org, delete: true },
        { key: 'same', ...global, value: 1 },
        { key: 'k', ...global, value: 0 },
      ],
      'bob',
      'together',
    );
    expect(await revision()).toBe(3);
    expect(commit).toMatchObject({ revision: 3, committedBy: 'bob', comment: 'together' });
    expect(commit.versions.map(({ key, scope, operation, value }) => [key, scope, operation, value])).toEqual([
      ['k', 'team', 'set', { a: 1 }],
      ['gone', 'org', 'delete', null],
      ['same', 'global', 'set', 1],
      ['k', 'global', 'set', 0],
    ]);
    expect(commit.versions[1]?.parent).toBe(old.version);
    expect(commit.versions[2]).toEqual(same);
    expect(new Set(commit.versions.map((version) => version.commit))).toEqual(new Set([commit.id, same.commit]));
    expect(await service.getHistory('k')).toHaveLength(2);

    const refused = [
      [{ key: 'x', ...org, value: 1 }, { key: 'pm_intervals', ...org, value: { lightDuty: 1 } }],
      [{ key: 'x', ...org, value: 1 }, { key: 'never', ...org, delete: true }],
      [{ key: 'x', ...org, value: 1 }, { key: 'api_keys', ...org, value: { $masked: true } }],
    ] as const; // prettier-ignore
    for (const changes of refused) await expect(service.commit(changes, 'bob')).rejects.toHaveProperty('code');
    expect(await revision()).toBe(3);
    expect(await service.get('x', org)).toBeNull();
  });

  it('of a list that makes no sense is refused', async () => {
    const { service, revision } = await services.open();
    const change = { key: 'k', ...global, value: 1 };
    const lists = [[], null, undefined, 'k', {}, [null], [5], [change, change], [change, { key: 'k', ...global, delete: true }], Array.from({ length: 5001 }, () => change)]; // prettier-ignore
    for (const list of lists) await expectRefusal(service.commit(list as (typeof change)[], 'ann'), 'invalid_argument');
    expect(await revision()).toBe(0);
  });

  it('needs a user and takes a comment of reasonable size', async () => {
    const { service, revision } = await services.open();
    for (const user of ['', undefined, null, 5, {}, 'x'.repeat(256), 'a\nb', 'a\u0000', '\ud800']) {
      await expectRefusal(service.set('k', 1, global, user as string), 'invalid_argument');
      await expectRefusal(service.as('ann').set('k', 1, global, user as string), 'invalid_argument');
      await expectRefusal(service.commit([{ key: 'k', ...global, value: 1 }], user as string), 'invalid_argument');
      await expectRefusal(service.lockConfig('k', global, undefined, user as string), 'invalid_argument');
    }
    for (const comment of ['x'.repeat(10_001), 'a\u0000', '\ud800', 5, {}])
      await expectRefusal(service.set('k', 1, global, 'ann', comment as string), 'invalid_argument');
    expect(await revision()).toBe(0);
    const comment = `${'x'.repeat(9_990)}\n日本 😀 ' "`;
    expect((await service.set('k', 1, global, 'ann', comment)).comment).toBe(comment);
    expect((await service.getHistory('k'))[0]?.comment).toBe(comment);
    expect((await service.set('k', 2, global, 'ann', '')).comment).toBeNull();
  });

  it('in one environment is not seen in another', async () => {
    const { service, database, revision } = await services.open();
    const staging = services.on(database, { environment: 'staging' });
    const first = await service.set('k', 1, global, 'ann', undefined, { idempotencyKey: 'same' });
    const second = await staging.set('k', 2, global, 'ann', undefined, { idempotencyKey: 'same', ifVersion: null });
    await service.registerScope({ ...team, parent: org });
    await service.registerSchema('k', { type: 'number' });
    await service.lockConfig('k', global, undefined, 'ann');
    await service.createTag('release', first.version);
    expect([await service.get('k'), await staging.get('k')]).toEqual([1, 2]);
    expect(await staging.getVersion('k', first.version)).toBeNull();
    expect(await staging.getHistory('k')).toEqual([second]);
    expect(await staging.listScopes()).toEqual([]);
    expect(await staging.getSchema('k')).toBeNull();
    expect(await staging.listLocks()).toEqual([]);
    expect(await staging.listTags()).toEqual([]);
    await expectRefusal(staging.createTag('release', first.version), 'version_not_found');
    await staging.set('k', 'text', org, 'ann');
    await staging.delete('k', global, 'ann');
    expect(await service.get('k', org)).toBe(1);
    expect(await staging.exportConfig(org)).toContain('"environment": "staging"');
    // One order of revisions for all.
    expect(await revision()).toBe(8);
  });
});
