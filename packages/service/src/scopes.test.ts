/** Owns the proof of the scope registry: who inherits from whom, and what keeps that right. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { ScopeContext } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const org = (scopeId: string) => ({ scope: 'org', scopeId }) as const;
const team = (scopeId: string) => ({ scope: 'team', scopeId }) as const;
const user = (scopeId: string) => ({ scope: 'user', scopeId }) as const;
const global = { scope: 'global' } as const;

/** The chain of a scope in short: `global/acme/core/ann`. */
async function chainOf(service: ConfigurationManagementService, scope: ScopeContext): Promise<string> {
  return (await service.getScopeChain(scope)).map(({ scopeId }) => scopeId ?? 'global').join('/');
}

describeDatabases('the scope registry', (engine) => {
  const services = servicesOn(engine);

  it('lets an unregistered scope inherit from global directly', async () => {
    const { service } = await services.open();
    await service.set('k', { from: 'global' }, global, 'ann');
    for (const scope of [org('x'), team('x'), user('x')]) {
      expect(await service.get('k', scope)).toEqual({ from: 'global' });
      expect(await chainOf(service, scope)).toBe('global/x');
    }
    expect(await service.listScopes()).toEqual([]);
  });

  it('registers parents that are not registered along with their child', async () => {
    const { service, revision } = await services.open();
    const registered = await service.registerScope({ ...user('ann'), parent: team('core'), name: 'Ann' });
    expect(registered).toEqual({
      ...user('ann'),
      name: 'Ann',
      parents: [{ ...team('core'), primary: true }],
      revision: 1,
    });
    expect(await revision()).toBe(1);
    expect(await service.listScopes()).toEqual([{ ...team('core'), name: null, parents: [], revision: 1 }, registered]);
  });

  it('keeps the links of a parent that is registered already', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team('core'), parent: org('acme'), name: 'Core' });
    await service.registerScope({ ...user('ann'), parent: team('core') });
    expect(await chainOf(service, user('ann'))).toBe('global/acme/core/ann');
    expect((await service.listScopes({ scope: 'team' }))[0]?.name).toBe('Core');
  });

  it('replaces what was registered, and changes every value at once', async () => {
    const { service } = await services.open();
    await service.set('k', 1, org('a'), 'ann');
    await service.set('k', 2, org('b'), 'ann');
    await service.registerScope({ ...team('t'), parent: org('a') });
    await service.registerScope({ ...user('u'), parent: team('t') });
    expect([await service.get('k', team('t')), await service.get('k', user('u'))]).toEqual([1, 1]);
    await service.registerScope({ ...team('t'), parent: org('b') });
    expect([await service.get('k', team('t')), await service.get('k', user('u'))]).toEqual([2, 2]);
    await service.registerScope(team('t'));
    expect([await service.get('k', team('t')), await service.get('k', user('u'))]).toEqual([null, null]);
  });

  it('does nothing when the same is registered again', async () => {
    const { service, revision } = await services.open();
    const first = await service.registerScope({ ...user('u'), parent: [team('t'), org('o')], primary: org('o') });
    expect(await service.registerScope({ ...user('u'), parent: [team('t'), org('o')], primary: org('o') })).toEqual(
      first,
    );
    expect(await revision()).toBe(1);
    await service.registerScope({ ...user('u'), parent: [team('t'), org('o')] });
    expect(await revision()).toBe(2);
  });

  it('inherits from the primary parent, which is the first one unless another is named', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team('t1'), parent: org('a') });
    await service.registerScope({ ...team('t2'), parent: org('b') });
    await service.registerScope({ ...user('u'), parent: [team('t1'), team('t2')] });
    expect(await chainOf(service, user('u'))).toBe('global/a/t1/u');
    await service.registerScope({ ...user('u'), parent: [team('t1'), team('t2')], primary: team('t2') });
    expect(await chainOf(service, user('u'))).toBe('global/b/t2/u');
    expect((await service.listScopes({ scope: 'user' }))[0]?.parents).toEqual([
      { ...team('t1'), primary: false },
      { ...team('t2'), primary: true },
    ]);
    await service.registerScope({ ...user('u'), parent: [team('t1'), org('c')], primary: org('c') });
    expect(await chainOf(service, user('u'))).toBe('global/c/u');
    await service.registerScope({ ...user('u'), parent: [team('lone'), org('c')] });
    expect(await chainOf(service, user('u'))).toBe('global/c/lone/u');
  });

  it('takes explicit parents over registered ones', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team('t1'), parent: org('a') });
    await service.registerScope({ ...team('t2'), parent: org('b') });
    await service.registerScope({ ...user('u'), parent: [team('t1'), team('t2')] });
    for (const [key, scope] of [
      ['a', org('a')],
      ['b', org('b')],
      ['t1', team('t1')],
      ['t2', team('t2')],
    ] as const)
      await service.set('k', { [key]: 1 }, scope, 'ann');
    await service.set('k', { u: 1 }, user('u'), 'ann');
    const read = async (scope: ScopeContext): Promise<string> =>
      Object.keys(await service.get<object>('k', scope)).join('/');
    expect(await read(user('u'))).toBe('a/t1/u');
    expect(await read({ ...user('u'), teamId: 't2' })).toBe('b/t2/u');
    expect(await read({ ...user('u'), organizationId: 'b' })).toBe('b/t2/u');
    expect(await read({ ...user('u'), organizationId: 'other' })).toBe('u');
    expect(await read({ ...user('u'), organizationId: 'b', teamId: 't1' })).toBe('b/t1/u');
    expect(await read({ ...team('t1'), organizationId: 'b' })).toBe('b/t1');
    // Kept apart in the cache.
    expect(await read(user('u'))).toBe('a/t1/u');
    expect(await read({ ...user('u'), teamId: 't2' })).toBe('b/t2/u');
  });

  it('keeps equal ids of different scopes apart', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team('same'), parent: org('same') });
    await service.registerScope({ ...user('same'), parent: team('same') });
    await service.set('k', { org: 1 }, org('same'), 'ann');
    await service.set('k', { team: 1 }, team('same'), 'ann');
    await service.set('k', { user: 1 }, user('same'), 'ann');
    expect(await service.get('k', org('same'))).toEqual({ org: 1 });
    expect(await service.get('k', team('same'))).toEqual({ org: 1, team: 1 });
    expect(await service.get('k', user('same'))).toEqual({ org: 1, team: 1, user: 1 });
  });

  it('takes any text as an id', async () => {
    const { service } = await services.open();
    const ids = ['a:b', 'a/b', 'a%2Fb', 'a%', 'a b', 'a日本', "a'; DROP TABLE x --", 'a{"b"}', 'a\\', 'a"', 'a*', 'a'.repeat(255)]; // prettier-ignore
    for (const id of ids) {
      await service.registerScope({ ...team(id), parent: org(id) });
      await service.set('k', { org: id }, org(id), id);
      const version = await service.set('k', { team: 1 }, team(id), 'ann');
      expect(version.scopeId).toBe(id);
      expect(await service.get('k', team(`b${id.slice(1)}`))).toBeNull();
    }
    for (const id of ids) {
      expect(await service.get('k', team(id))).toEqual({ org: id, team: 1 });
      expect(await service.getHistory('k', 5, { scope: org(id) })).toMatchObject([{ changedBy: id, scopeId: id }]);
    }
  });

  it('refuses cycles and parents of the wrong kind', async () => {
    const { service, revision } = await services.open();
    await expectRefusal(service.registerScope({ ...team('t'), parent: team('t') }), 'scope_cycle');
    await expectRefusal(service.registerScope({ ...user('u'), parent: [team('t'), user('u')] }), 'scope_cycle');
    const wrong = [
      { ...org('o'), parent: team('t') },
      { ...org('o'), parent: org('p') },
      { ...team('t'), parent: team('s') },
      { ...team('t'), parent: user('u') },
      { ...team('t'), parent: global },
      { ...user('u'), parent: user('v') },
      { ...user('u'), parent: [team('t'), global] },
      { ...team('t'), parent: [org('a'), org('b')] },
    ];
    for (const registration of wrong) await expectRefusal(service.registerScope(registration), 'invalid_parent');
    await expectRefusal(
      service.registerScope({ ...user('u'), parent: team('t'), primary: org('o') }),
      'invalid_argument',
    );
    await expectRefusal(service.registerScope({ scope: 'global', scopeId: '' }), 'invalid_scope');
    await expectRefusal(service.registerScope({ ...team('t'), name: 'x'.repeat(256) }), 'invalid_argument');
    expect(await revision()).toBe(0);
    expect(await service.listScopes()).toEqual([]);
  });

  it('lets an org name global as its parent', async () => {
    const { service } = await services.open();
    expect((await service.registerScope({ ...org('o'), parent: global })).parents).toEqual([]);
  });

  it('removes a scope that nothing hangs on, and lists what does', async () => {
    const { service, revision } = await services.open();
    await service.registerScope({ ...team('t'), parent: org('o') });
    await service.set('k', 1, team('t'), 'ann');
    await service.lockConfig('locked', team('t'), undefined, 'ann');
    expect((await expectRefusal(service.removeScope(org('o')), 'scope_in_use')).message).toContain('team t');
    expect((await expectRefusal(service.removeScope(team('t')), 'scope_in_use')).details['usedBy']).toEqual([
      'a lock on locked',
    ]);
    await service.unlockConfig('locked', team('t'), undefined, 'ann');
    expect((await expectRefusal(service.removeScope(team('t')), 'scope_in_use')).details['usedBy']).toEqual([
      'a value of k',
    ]);
    await service.delete('k', team('t'), 'ann');
    const before = await revision();
    await service.removeScope(team('t'));
    await service.removeScope(org('o'));
    expect(await revision()).toBe(before + 2);
    expect(await service.listScopes()).toEqual([]);
    expect(await chainOf(service, team('t'))).toBe('global/t');
    await expectRefusal(service.removeScope(team('t')), 'scope_not_found');
    await service.registerScope({ ...team('t'), parent: org('p') });
    expect(await chainOf(service, team('t'))).toBe('global/p/t');
  });

  it('lists scopes by kind, by parent and page by page', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...team('t1'), parent: org('o') });
    await service.registerScope({ ...team('t2'), parent: org('o') });
    await service.registerScope({ ...user('u'), parent: [team('t1'), org('o')] });
    const ids = async (filter: Parameters<typeof service.listScopes>[0]): Promise<string> =>
      (await service.listScopes(filter)).map(({ scopeId }) => scopeId).join(',');
    expect(await ids({})).toBe('o,t1,t2,u');
    expect(await ids({ scope: 'team' })).toBe('t1,t2');
    expect(await ids({ parent: org('o') })).toBe('t1,t2,u');
    expect(await ids({ parent: team('t1') })).toBe('u');
    expect(await ids({ limit: 2 })).toBe('o,t1');
    expect(await ids({ limit: 2, after: team('t1') })).toBe('t2,u');
    await expectRefusal(service.listScopes({ limit: 0 }), 'invalid_argument');
    await expectRefusal(service.listScopes({ scope: 'city' as 'org' }), 'invalid_scope');
  });

  it('refuses a move under a lock that stored layers break', async () => {
    const { service, revision } = await services.open();
    await service.set('k', { a: 1 }, org('strict'), 'ann');
    await service.lockConfig('k', org('strict'), { path: 'a' }, 'ann');
    await service.set('k', { a: 2 }, team('t'), 'bob');
    await service.registerScope({ ...user('u'), parent: team('t') });
    const before = await revision();
    const refusal = await expectRefusal(service.registerScope({ ...team('t'), parent: org('strict') }), 'locked');
    expect(refusal.details).toMatchObject({ lockScope: 'org strict', path: 'a', layer: 'team t' });
    expect(await revision()).toBe(before);
    await service.set('k', { b: 2 }, team('t'), 'bob');
    await service.set('k', { a: 3 }, user('u'), 'bob');
    // A layer further down breaks it as well.
    await expectRefusal(service.registerScope({ ...team('t'), parent: org('strict') }), 'locked');
    await service.delete('k', user('u'), 'bob');
    await service.registerScope({ ...team('t'), parent: org('strict') });
    expect(await service.get('k', user('u'))).toEqual({ a: 1, b: 2 });
  });

  it('refuses a move that makes a stored layer invalid', async () => {
    const { service, revision } = await services.open();
    await service.registerSchema('k', z.object({ low: z.number(), high: z.number() }));
    await service.set('k', { low: 1, high: 2 }, org('a'), 'ann');
    await service.registerScope({ ...team('t'), parent: org('a') });
    await service.set('k', { high: 3 }, team('t'), 'ann');
    const before = await revision();
    const refusal = await expectRefusal(service.registerScope({ ...team('t'), parent: org('b') }), 'would_break');
    expect(refusal.message).toContain('k at team t (low is required)');
    expect(await revision()).toBe(before);
    await service.set('k', { low: 1, high: 2 }, org('b'), 'ann');
    await service.registerScope({ ...team('t'), parent: org('b') });
  });
});
