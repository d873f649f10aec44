/** Owns the proof of the look at the audit log: by key, user, operation and time, in pages, and only what somebody may see. */
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { servicesOn } from '../../../../test/services.ts';
import { newKey } from '../secrets/key-ring.ts';
import { createConfigurationService } from '../create.ts';

const global = { scope: 'global' } as const;
const encryptionKey = newKey();
const org = { scope: 'org', scopeId: 'o' } as const;
const other = { scope: 'org', scopeId: 'p' } as const;
const soon = { timeout: 8000, interval: 20 };

describeDatabases('the audit log', (engine) => {
  const services = servicesOn(engine);

  it('tells who did what, the newest first, in pages', async () => {
    const { service } = await services.open({ encryptionKey });
    const actor = { id: 'ann', ip: '10.1.2.3', userAgent: 'test', requestId: 'r-1' };
    const { version, commit } = await service.as(actor).set('a', 1, org, 'ann', 'First');
    for (let n = 2; n <= 6; n += 1) await service.set('a', n, global, 'bob');
    await service.lockConfig('b', global, undefined, 'cid');
    await service.createAuditCheckpoint();
    const all = await service.getAuditLog();
    expect(all.map(({ id }) => id)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(all[6]).toEqual({
      ...{ id: 1, operation: 'set', key: 'a', scope: 'org', scopeId: 'o', userId: 'ann', success: true },
      metadata: { version, commit, comment: 'First', parent: null },
      ...{ ip: '10.1.2.3', userAgent: 'test', requestId: 'r-1', revision: 1, seal: 1 },
      createdAt: expect.any(Date) as Date,
    });
    expect(all[0]).toMatchObject({ operation: 'lock', key: 'b', scope: 'global', scopeId: null, seal: 7 });
    const first = await service.getAuditLog({ limit: 3 });
    const second = await service.getAuditLog({ limit: 4, before: first.at(-1)?.id ?? 0 });
    expect([...first, ...second]).toEqual(all);
    expect(await service.getAuditLog({ before: 1 })).toEqual([]);
  });

  it('is asked by key, user, operation, scope, outcome and time', async () => {
    const { service } = await services.open({ encryptionKey });
    await service.set('a', 1, global, 'ann');
    await service.set('b', 1, org, 'bob');
    await service.delete('b', org, 'ann');
    const ids = async (filter: Parameters<typeof service.getAuditLog>[0]) =>
      (await service.getAuditLog(filter)).map(({ id }) => id);
    expect(await ids({ key: 'b' })).toEqual([3, 2]);
    expect(await ids({ userId: 'ann' })).toEqual([3, 1]);
    expect(await ids({ operation: 'delete' })).toEqual([3]);
    expect(await ids({ scope: org, userId: 'bob' })).toEqual([2]);
    expect(await ids({ scope: global })).toEqual([1]);
    expect(await ids({ success: false })).toEqual([]);
    const [, middle] = await service.getAuditLog();
    const at = middle?.createdAt ?? new Date(0);
    expect(await ids({ from: at, operation: 'set', key: 'b' })).toEqual([2]);
    expect(await ids({ to: at })).not.toContain(3);
    expect(await ids({ from: '2100-01-01' })).toEqual([]);
    for (const filter of [{ limit: 0 }, { limit: 1001 }, { before: 0 }, { from: 'yesterday' }, { success: 'yes' }]) {
      await expectRefusal(service.getAuditLog(filter as never), 'invalid_argument');
    }
  });

  it('shows an actor only rows of keys and scopes for which he has the permission', async () => {
    const { service } = await services.open({ encryptionKey });
    await service.set('ui/a', 1, org, 'ann');
    await service.set('db/b', 1, org, 'ann');
    await service.set('ui/a', 1, other, 'ann');
    await service.set('ui/a', 1, global, 'ann');
    await service.setRole({ name: 'auditor', permissions: ['audit'] }, 'root');
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    await service.bindRole({ subject: { user: 'olga' }, role: 'auditor', ...org }, 'root');
    await service.bindRole({ subject: { user: 'una' }, role: 'auditor', ...global, keys: 'ui/*' }, 'root');
    await service.bindRole({ subject: { user: 'ed' }, role: 'editor', ...global }, 'root');
    const seen = async (user: string) => (await service.as(user).getAuditLog()).map(({ id }) => id);
    // The seventh gave her the role, at her org.
    expect(await seen('olga')).toEqual([7, 2, 1]);
    expect(await seen('una')).toEqual([4, 3, 1]);
    expect(await seen('root')).toHaveLength(9);
    await expectRefusal(service.as('ed').getAuditLog(), 'not_permitted');
    for (const user of ['olga', 'una', 'ed']) {
      const he = service.as(user);
      await expectRefusal(he.verifyAudit(), 'not_permitted');
      await expectRefusal(he.createAuditCheckpoint(), 'not_permitted');
      await expectRefusal(he.listAuditCheckpoints(), 'not_permitted');
      await expectRefusal(he.exportAudit().next(), 'not_permitted');
      await expectRefusal(service.pruneAudit({ before: new Date(0) }, user, 'x'), 'not_permitted');
    }
    await service.setRole({ name: 'auditor', permissions: ['audit', 'read'] }, 'root');
    await service.bindRole({ subject: { user: 'vera' }, role: 'auditor', ...global }, 'root');
    expect((await service.as('vera').verifyAudit()).ok).toBe(true);
    await expectRefusal(service.as('vera').exportAudit().next(), 'not_permitted');
    await expectRefusal(service.pruneAudit({ before: new Date(0) }, 'vera', 'x'), 'not_permitted');
  });

  it('names of a request with several changes only those that an actor may see', async () => {
    const { service } = await services.open({ encryptionKey });
    await service.setRole({ name: 'auditor', permissions: ['audit'] }, 'root');
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    await service.bindRole({ subject: { user: 'olga' }, role: 'auditor', ...org }, 'root');
    const changes = [
      { key: 'a', proposedValue: 1, ...org },
      { key: 'b', proposedValue: 1, ...other },
    ];
    await service.requestChange({ changes, requestedBy: 'root', justification: 'Both' });
    const keys = async (user: string) =>
      (await service.as(user).getAuditLog({ operation: 'request' })).map(({ metadata }) => metadata['keys']);
    expect(await keys('root')).toEqual([['a at org o', 'b at org p']]);
    expect(await keys('olga')).toEqual([['a at org o']]);
  });

  it('notes ordinary reads where that is asked for, together, with their number', async () => {
    const { database, service } = await services.open({ encryptionKey, audit: { reads: 'all' } });
    await service.set('a', 1, global, 'ann');
    const bob = service.as('bob');
    for (let n = 0; n < 3; n += 1) await bob.get('a', org);
    expect(bob.peek('a', org)).toBe(1);
    expect(bob.peek('a', other)).toBeUndefined();
    await bob.getBatch(['a', 'b'], org);
    await bob.getAll(org);
    await bob.getHistory('a', 5, { scope: org });
    await expectRefusal(bob.get('no such key'), 'invalid_key');
    await vi.waitFor(async () => expect((await service.getAuditLog({ operation: 'read' })).length).toBe(6), soon);
    const reads = await service.getAuditLog({ operation: 'read' });
    const told = reads.map(({ key, metadata, scopeId, success, userId }) => [metadata['call'], key, scopeId, userId, success, metadata['reads']]); // prettier-ignore
    expect(told.reverse()).toEqual([
      ['get', 'a', 'o', 'bob', true, 3],
      ['peek', 'a', 'o', 'bob', true, 1],
      ['getBatch', 'a', 'o', 'bob', true, 1],
      ['getBatch', 'b', 'o', 'bob', true, 1],
      ['getAll', null, 'o', 'bob', true, 1],
      ['getHistory', 'a', 'o', 'bob', true, 1],
    ]);
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    await expectRefusal(bob.get('a', org), 'not_permitted');
    await service.close();
    const later = services.on(database, { encryptionKey });
    const [refused] = await later.getAuditLog({ operation: 'read', success: false });
    expect(refused).toMatchObject({
      userId: 'bob',
      key: 'a',
      metadata: { call: 'get', code: 'not_permitted', reads: 1 },
    });
    await later.createAuditCheckpoint();
    expect((await later.verifyAudit()).ok).toBe(true);
  });

  it('is told what it does with the option', async () => {
    const { database } = await services.open({ encryptionKey });
    for (const audit of [null, 1, { reads: 'some' }, { seal: 1 }, { onCheckpoint: 'x' }, { sealed: true }]) {
      expect(() => createConfigurationService(database, { audit: audit as never })).toThrow('Invalid audit');
    }
  });
});
