/** Owns the proof of locks: what a scope has locked, no path lets a scope below change. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;

describeDatabases('a lock', (engine) => {
  const services = servicesOn(engine);

  /** A service with user u in team t in org o. */
  async function openTree() {
    const opened = await services.open();
    await opened.service.registerScope({ ...team, parent: org });
    await opened.service.registerScope({ ...user, parent: team });
    return opened;
  }

  it('is refused nothing at its own scope and binds those below', async () => {
    const { service, revision } = await openTree();
    const head = await service.set('k', { a: 1 }, org, 'ann');
    const lock = await service.lockConfig('k', org, undefined, 'ann', 'as agreed');
    expect(lock).toMatchObject({
      ...{ key: 'k', ...org, path: '$', lockedBy: 'ann', comment: 'as agreed' },
      ...{ version: head.version, revision: await revision(), lockedAt: expect.any(Date) as Date },
    });
    expect(await service.listLocks()).toEqual([lock]);
    const before = await revision();
    for (const scope of [team, user]) {
      const refusal = await expectRefusal(service.set('k', { b: 1 }, scope, 'bob'), 'locked');
      expect(refusal.status).toBe(423);
      expect(refusal.details).toMatchObject({ lockScope: 'org o', version: head.version, lockedBy: 'ann' });
      expect(refusal.message).toContain(head.version);
    }
    expect(await revision()).toBe(before);
    await service.set('k', { a: 2 }, org, 'ann');
    await service.set('k', { a: 0 }, global, 'ann');
    await service.set('k', { b: 1 }, { scope: 'team', scopeId: 'elsewhere' }, 'bob');
    await service.set('other', { b: 1 }, team, 'bob');
    expect(await service.get('k', user)).toEqual({ a: 2 });
  });

  it('closes every path: set, $unset, null, rollback, restore, commit', async () => {
    const { service, revision } = await openTree();
    const earlier = await service.set('k', { a: 1 }, team, 'bob');
    const restorable = await revision();
    await service.createTag('before', earlier.version);
    await service.delete('k', team, 'bob');
    const free = await service.set('k', { free: 1 }, team, 'bob');
    await service.lockConfig('k', org, { path: 'a' }, 'ann');
    const before = await revision();
    const values = [{ a: 1 }, { a: { $unset: true } }, { $unset: true }, { a: null }, { a: { deep: 1 } }, null, 5, [], '']; // prettier-ignore
    for (const value of values) await expectRefusal(service.set('k', value, team, 'bob'), 'locked');
    await expectRefusal(service.set('k', { a: 1 }, team, 'bob', undefined, { dryRun: true }), 'locked');
    await expectRefusal(service.set('k', { a: 1 }, team, 'bob', undefined, { force: true }), 'locked');
    await expectRefusal(service.rollback('k', earlier.version, 'bob', 'back'), 'locked');
    await expectRefusal(service.restore({ revision: restorable }, team, 'bob'), 'locked');
    await expectRefusal(service.restore({ tag: 'before' }, team, 'bob'), 'locked');
    const changes = [
      { key: 'free', ...team, value: 1 },
      { key: 'k', ...user, value: { a: 1 } },
    ];
    await expectRefusal(service.commit(changes, 'bob'), 'locked');
    expect(await revision()).toBe(before);
    expect(await service.get('free', team)).toBeNull();
    expect(await service.getLayer('k', team)).toMatchObject({ version: free.version });
    await service.set('k', { free: 2 }, team, 'bob');
    await service.delete('k', team, 'bob');
  });

  it('at global binds all, one at a team only its users', async () => {
    const { service } = await openTree();
    await service.lockConfig('g', global, undefined, 'ann');
    await service.lockConfig('t', team, undefined, 'ann');
    for (const scope of [org, team, user]) await expectRefusal(service.set('g', 1, scope, 'bob'), 'locked');
    await service.set('t', 1, global, 'bob');
    await service.set('t', 1, org, 'bob');
    await service.set('t', 1, team, 'bob');
    await expectRefusal(service.set('t', 1, user, 'bob'), 'locked');
    await expectRefusal(service.lockConfig('u', user, undefined, 'ann'), 'invalid_scope');
  });

  it('on a part leaves the rest free, and counts where layers replace each other', async () => {
    const { service } = await openTree();
    await service.set('k', { a: { b: 1, c: 1 } }, org, 'ann');
    await service.lockConfig('k', org, { path: 'a.b' }, 'ann');
    await service.set('k', { a: { c: 2 } }, team, 'bob');
    await expectRefusal(service.set('k', { a: { b: 2 } }, team, 'bob'), 'locked');
    await expectRefusal(service.set('k', { a: 1 }, team, 'bob'), 'locked');
    await expectRefusal(service.set('k', { a: { $unset: true } }, team, 'bob'), 'locked');

    await service.registerSchema('whole', {}, { merge: 'replace' });
    await service.lockConfig('whole', org, { path: 'a.b' }, 'ann');
    await expectRefusal(service.set('whole', { unrelated: 1 }, team, 'bob'), 'locked');
  });

  it('takes names that are no identifiers', async () => {
    const { service } = await openTree();
    await service.lockConfig('k', org, { path: '["a.b"].hasOwnProperty' }, 'ann');
    expect((await service.listLocks())[0]?.path).toBe('["a.b"].hasOwnProperty');
    await expectRefusal(service.set('k', { 'a.b': { hasOwnProperty: 1 } }, team, 'bob'), 'locked');
    await service.set('k', { a: { b: { hasOwnProperty: 1 } } }, team, 'bob');
    await expectRefusal(service.lockConfig('k', org, { path: 'a..b' }, 'ann'), 'invalid_argument');
    await expectRefusal(service.lockConfig('k', org, { path: '' }, 'ann'), 'invalid_argument');
  });

  it('that stored layers break already is refused with their list', async () => {
    const { service, revision } = await openTree();
    await service.set('k', { a: 1 }, team, 'bob');
    await service.set('k', { a: { $unset: true } }, user, 'bob');
    await service.set('k', { a: 1 }, { scope: 'team', scopeId: 'elsewhere' }, 'bob');
    const before = await revision();
    const refusal = await expectRefusal(service.lockConfig('k', org, { path: 'a' }, 'ann'), 'lock_broken');
    expect(refusal.details['broken']).toEqual([
      { key: 'k', ...team },
      { key: 'k', ...user },
    ]);
    expect(refusal.message).toContain('team t, user u');
    expect(await revision()).toBe(before);
    expect(await service.listLocks()).toEqual([]);
    await service.lockConfig('k', org, { path: 'b' }, 'ann');
  });

  it('is taken away by unlock, and only once', async () => {
    const { service, revision } = await openTree();
    await service.lockConfig('k', org, { path: 'a' }, 'ann');
    await expectRefusal(service.lockConfig('k', org, { path: 'a' }, 'bob'), 'lock_exists');
    await expectRefusal(service.unlockConfig('k', org, undefined, 'bob'), 'lock_not_found');
    await expectRefusal(service.unlockConfig('k', team, { path: 'a' }, 'bob'), 'lock_not_found');
    const before = await revision();
    await service.unlockConfig('k', org, { path: 'a' }, 'bob', 'no longer');
    expect(await revision()).toBe(before + 1);
    expect(await service.listLocks()).toEqual([]);
    await expectRefusal(service.unlockConfig('k', org, { path: 'a' }, 'bob'), 'lock_not_found');
    await service.set('k', { a: 1 }, team, 'bob');
  });

  it('does not stop a write of what is there already, nor a removal', async () => {
    const { service, revision } = await openTree();
    const head = await service.set('k', { b: 1 }, team, 'bob');
    await service.lockConfig('k', org, { path: 'a' }, 'ann');
    const before = await revision();
    expect((await service.set('k', { b: 1 }, team, 'bob')).version).toBe(head.version);
    expect(await revision()).toBe(before);
    await service.delete('k', team, 'bob');
  });

  it('can be listed by key and by scope', async () => {
    const { service } = await openTree();
    await service.lockConfig('k', org, { path: 'a' }, 'ann');
    await service.lockConfig('k', team, { path: 'b' }, 'ann');
    await service.lockConfig('l', org, undefined, 'ann');
    const paths = async (filter: Parameters<typeof service.listLocks>[0]): Promise<string[]> =>
      (await service.listLocks(filter)).map(({ key, path }) => `${key} ${path}`);
    expect(await paths({})).toEqual(['k a', 'k b', 'l $']);
    expect(await paths({ key: 'k' })).toEqual(['k a', 'k b']);
    expect(await paths({ scope: org })).toEqual(['k a', 'l $']);
    expect(await paths({ key: 'l', scope: team })).toEqual([]);
  });

  it('holds when a schema makes layers replace each other', async () => {
    const { service } = await openTree();
    await service.set('k', { a: 1, b: 1 }, org, 'ann');
    await service.lockConfig('k', org, { path: 'a' }, 'ann');
    await service.set('k', { b: 2 }, team, 'bob');
    const schema = z.object({ a: z.number().optional(), b: z.number().optional() });
    await expectRefusal(service.registerSchema('k', schema, { merge: 'replace' }), 'locked');
    expect(await service.get('k', team)).toEqual({ a: 1, b: 2 });
    await service.registerSchema('k', schema);
  });
});
