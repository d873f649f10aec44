/** Owns the proof of the way back: one address, and a whole scope. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

describeDatabases('a rollback', (engine) => {
  const services = servicesOn(engine);

  it('puts an earlier value back as a new version', async () => {
    const { service } = await services.open();
    const first = await service.set('k', { a: 1 }, global, 'ann');
    const second = await service.set('k', { a: 2 }, global, 'ann');
    const back = await service.rollback('k', first.version, 'bob', 'wrong');
    expect(back).toMatchObject({
      ...{ operation: 'rollback', isRollback: true, rollbackFromVersion: first.version, value: { a: 1 } },
      ...{ parent: second.version, changedBy: 'bob', comment: 'wrong' },
    });
    expect(back.version).not.toBe(first.version);
    expect(await service.get('k')).toEqual({ a: 1 });
    expect(await service.getHistory('k')).toHaveLength(3);
  });

  it('finds the scope of the version by itself', async () => {
    const { service } = await services.open();
    const atOrg = await service.set('k', 1, org, 'ann');
    await service.set('k', 2, org, 'ann');
    await service.set('k', 3, global, 'ann');
    expect(await service.rollback('k', atOrg.version, 'bob', 'x')).toMatchObject({ ...org, value: 1 });
    expect([await service.get('k', org), await service.get('k')]).toEqual([1, 3]);
    expect(await service.rollback('k', 'HEAD~1', 'bob', 'x', { scope: org })).toMatchObject({ ...org, value: 2 });
  });

  it('can be rolled back, go to a tombstone, and bring a deleted key back', async () => {
    const { service } = await services.open();
    const first = await service.set('k', 1, global, 'ann');
    const second = await service.set('k', 2, global, 'ann');
    const back = await service.rollback('k', first.version, 'bob', 'x');
    const forth = await service.rollback('k', second.version, 'bob', 'x');
    expect(forth).toMatchObject({ value: 2, rollbackFromVersion: second.version });
    const again = await service.rollback('k', back.version, 'bob', 'x');
    expect(again).toMatchObject({ value: 1, rollbackFromVersion: back.version });
    const deleted = await service.delete('k', global, 'ann');
    expect(await service.rollback('k', second.version, 'bob', 'x')).toMatchObject({ operation: 'rollback', value: 2 });
    const gone = await service.rollback('k', deleted.version, 'bob', 'x');
    expect(gone).toMatchObject({ operation: 'delete', isRollback: true, rollbackFromVersion: deleted.version });
    expect(await service.get('k')).toBeNull();
    expect((await service.rollback('k', deleted.version, 'bob', 'x')).version).toBe(gone.version);
  });

  it('to the current version changes nothing, not even its expiry', async () => {
    const { service, revision } = await services.open();
    const expiresAt = new Date(Date.now() + 3_600_000);
    const head = await service.set('k', 1, global, 'ann', undefined, { expiresAt });
    expect(await service.rollback('k', 'HEAD', 'bob', 'x')).toEqual(head);
    expect((await service.restore({ revision: 1 }, global, 'bob')).versions).toEqual([head]);
    expect(await revision()).toBe(1);
    await service.set('k', 2, global, 'ann');
    expect(await service.rollback('k', head.version, 'bob', 'x')).not.toHaveProperty('expiresAt');
  });

  it('by a tag, by a time, as a dry run and with an expectation', async () => {
    const { service, revision } = await services.open();
    const first = await service.set('k', 1, global, 'ann');
    await service.createTag('stable', first.version);
    await wait(5);
    const second = await service.set('k', 2, global, 'ann');
    const before = await revision();
    const dry = await service.rollback('k', 'stable', 'bob', 'x', { dryRun: true });
    expect(dry).toMatchObject({ dryRun: true, changed: true, diff: [{ path: '$', oldValue: 2, newValue: 1 }] });
    await expectRefusal(service.rollback('k', 'stable', 'bob', 'x', { ifVersion: first.version }), 'conflict');
    expect(await revision()).toBe(before);
    await service.rollback('k', 'stable', 'bob', 'x', { ifVersion: second.version });
    expect(await service.get('k')).toBe(1);
    await service.rollback('k', `@${second.changedAt.toISOString()}`, 'bob', 'x');
    expect(await service.get('k')).toBe(2);
  });

  it('is checked like any other write', async () => {
    const { service, revision } = await services.open();
    await service.set('k', { a: 'text' }, global, 'ann');
    await service.set('k', { a: 1 }, global, 'ann');
    await service.registerSchema('k', { type: 'object', properties: { a: { type: 'number' } } });
    const before = await revision();
    await expectRefusal(service.rollback('k', 'HEAD~1', 'bob', 'x'), 'validation_failed');
    expect(await revision()).toBe(before);
  });
});

describeDatabases('a restored scope', (engine) => {
  const services = servicesOn(engine);

  /** A scope whose keys were changed, added and removed after revision 3. */
  async function openChanged() {
    const opened = await services.open();
    const { service } = opened;
    await service.set('changed', 1, org, 'ann');
    await service.set('removed', 1, org, 'ann');
    const last = await service.set('same', 1, org, 'ann');
    await wait(5);
    await service.set('changed', 2, org, 'bob');
    await service.delete('removed', org, 'bob');
    await service.set('added', 2, org, 'bob');
    await service.set('changed', 'elsewhere', global, 'bob');
    return { ...opened, then: last.changedAt };
  }

  it.each(['a time', 'an ISO text', 'a revision'] as const)('is as it was at %s, by one commit', async (kind) => {
    const { service, revision, then } = await openChanged();
    const target = { 'a time': { at: then }, 'an ISO text': { at: then.toISOString() }, 'a revision': { revision: 3 } };
    const before = await revision();
    const commit = await service.restore(target[kind], org, 'carl', 'back to then');
    expect(await revision()).toBe(before + 1);
    expect(commit).toMatchObject({ revision: before + 1, committedBy: 'carl', comment: 'back to then' });
    const told = commit.versions.map(({ key, operation, value, isRollback }) => [key, operation, value, isRollback]);
    expect(told.sort()).toEqual([
      ['added', 'delete', null, false],
      ['changed', 'rollback', 1, true],
      ['removed', 'rollback', 1, true],
      ['same', 'set', 1, false],
    ]);
    expect(await service.getAll(org)).toEqual(
      new Map<string, unknown>([
        ['changed', 1],
        ['removed', 1],
        ['same', 1],
      ]),
    );
    expect(await service.get('changed')).toBe('elsewhere');
    // Once more: there is nothing left to do.
    await service.restore(target[kind], org, 'carl');
    expect(await revision()).toBe(before + 1);
  });

  it('at a time before everything is empty', async () => {
    const { service } = await openChanged();
    await service.restore({ at: '2001-01-01' }, org, 'carl');
    expect(await service.getAll(org)).toEqual(new Map([['changed', 'elsewhere']]));
  });

  it('by a tag concerns only the keys that bear it there', async () => {
    const { service, revision } = await openChanged();
    const head = await service.getVersion('changed', 'HEAD~1', { scope: org });
    await service.createTag('release', head?.version ?? '');
    const elsewhere = await service.getVersion('changed', 'HEAD', { scope: global });
    await service.createTag('release', elsewhere?.version ?? '');
    await service.set('changed', 'newer', global, 'bob');
    const before = await revision();
    const commit = await service.restore({ tag: 'release' }, org, 'carl');
    expect(commit.versions.map(({ key, value }) => [key, value])).toEqual([['changed', 1]]);
    expect(await revision()).toBe(before + 1);
    expect([await service.get('added', org), await service.get('changed')]).toEqual([2, 'newer']);
    await expectRefusal(service.restore({ tag: 'unknown' }, org, 'carl'), 'version_not_found');
  });

  it('is all or nothing', async () => {
    const { service, revision } = await openChanged();
    await service.registerSchema('removed', { type: 'string' });
    const before = await revision();
    await expectRefusal(service.restore({ revision: 3 }, org, 'carl'), 'validation_failed');
    expect(await revision()).toBe(before);
    expect(await service.get('changed', org)).toBe(2);
  });

  it('needs a target and a scope that make sense', async () => {
    const { service, revision } = await openChanged();
    const before = await revision();
    const targets = [{}, null, undefined, 5, 'HEAD', { at: null }, { at: 0 }, { at: '5' }, { at: 'yesterday' }, { at: new Date(Number.NaN) }, { at: new Date(8.64e15) }, { revision: 0 }, { revision: -1 }, { revision: 1.5 }, { revision: '3' }, { revision: before + 1 }, { at: '2001-01-01', revision: 1 }, { version: 'x' }]; // prettier-ignore
    for (const target of targets)
      await expectRefusal(service.restore(target as { revision: number }, org, 'carl'), 'invalid_argument');
    await expectRefusal(service.restore({ tag: 'abc' }, org, 'carl'), 'invalid_tag');
    await expectRefusal(service.restore({ revision: 3 }, undefined as never, 'carl'), 'invalid_scope');
    await expectRefusal(service.restore({ revision: 3 }, { scope: 'org', scopeId: 'empty' }, 'c'), 'version_not_found');
    expect(await revision()).toBe(before);
  });
});
