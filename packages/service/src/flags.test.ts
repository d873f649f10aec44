import { describe, expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import { ConfigScope, type FlagContext } from './index.ts';

const global = { scope: ConfigScope.GLOBAL } as const;
const acme = { scope: ConfigScope.ORGANIZATION, scopeId: 'acme' } as const;
const north = { scope: ConfigScope.TEAM, scopeId: 'north' } as const;
const checkout = { name: 'checkout', enabled: true, rolloutPercentage: 100 };

describeDatabases('flags', (engine) => {
  const services = servicesOn(engine);
  const open = async (): Promise<ConfigurationManagementService> => (await services.open()).service;

  describe('are stored', () => {
    it('each as a key of its own, whichever way they are set', async () => {
      const service = await open();
      const version = await service.set('feature_flags', checkout, global, 'ann', 'New checkout');
      expect(version).toMatchObject({
        key: 'feature_flags/checkout',
        scope: 'global',
        value: checkout,
        operation: 'set',
      });
      await service.set('feature_flags/search', { enabled: false }, global, 'ann');
      const several = { beta: { enabled: true }, dark: { enabled: false, description: 'Dark mode' } };
      const last = await service.set('feature_flags', several, global, 'bob', 'Two at once');
      expect(last).toMatchObject({ key: 'feature_flags/dark', comment: 'Two at once' });
      const [one, other] = await service.getHistory('feature_flags', 2);
      expect([one?.commit, one?.key, other?.key]).toEqual([other?.commit, 'feature_flags/beta', 'feature_flags/dark']);
      expect(await service.get('feature_flags')).toEqual({
        beta: { name: 'beta', enabled: true },
        checkout,
        dark: { name: 'dark', enabled: false, description: 'Dark mode' },
        search: { name: 'search', enabled: false },
      });
      expect(await service.get('feature_flags/search')).toEqual({ name: 'search', enabled: false });
      const all = await service.getAll();
      expect([...all.keys()]).toEqual(['feature_flags']);
      expect(all.get('feature_flags')).toEqual(await service.get('feature_flags'));
      const batch = await service.getBatch(['feature_flags', 'branding']);
      expect(batch.get('feature_flags')).toEqual(all.get('feature_flags'));
      expect(batch.get('branding')).toBeNull();
    });

    it('so that two people who edit two of them never conflict, nor two who change two parts of one', async () => {
      const service = await open();
      await service.set('feature_flags', { checkout, search: { enabled: true } }, global, 'ann');
      await Promise.all([
        service.set('feature_flags', { ...checkout, description: 'A' }, global, 'ann'),
        service.set('feature_flags', { name: 'search', enabled: false }, global, 'bob'),
      ]);
      await Promise.all([
        service.setFlagRollout('checkout', 12.5, { actor: 'ann', comment: 'Slowly' }),
        service.toggleFlag('checkout', false, { actor: 'bob' }),
        service.toggleFlag('search', true),
      ]);
      expect(await service.get('feature_flags')).toEqual({
        checkout: { ...checkout, description: 'A', enabled: false, rolloutPercentage: 12.5 },
        search: { name: 'search', enabled: true },
      });
    });

    it('and nothing is, where nothing changes', async () => {
      const { service, revision } = await services.open();
      await service.set('feature_flags', checkout, global, 'ann');
      const before = await revision();
      await service.setFlagRollout('checkout', 100);
      await service.toggleFlag('checkout', true);
      expect(await revision()).toBe(before);
    });

    it('with history, diff, rollback and removal of all of them under one key', async () => {
      const service = await open();
      const first = await service.set('feature_flags', checkout, global, 'ann', 'first');
      const second = await service.setFlagRollout('checkout', 10, { actor: 'bob', comment: 'second' });
      expect(second).toMatchObject({ changedBy: 'bob', comment: 'second', value: { rolloutPercentage: 10 } });
      expect(await service.getDiff('feature_flags', first.version, second.version)).toEqual([
        { path: 'rolloutPercentage', operation: 'modify', oldValue: 100, newValue: 10 },
      ]);
      expect((await service.getVersion('feature_flags', first.version))?.comment).toBe('first');
      const back = await service.rollback('feature_flags', first.version, 'ann', 'Too slow');
      expect(back).toMatchObject({ key: 'feature_flags/checkout', isRollback: true, value: checkout });
      await service.set('feature_flags', { name: 'checkout', enabled: false }, acme, 'ann');
      await service.set('feature_flags', { name: 'local', enabled: true }, acme, 'ann');
      await service.delete('feature_flags', acme, 'ann', 'No exceptions');
      expect(await service.get('feature_flags', acme)).toEqual({ checkout });
      await expect(service.delete('feature_flags', acme, 'ann')).rejects.toMatchObject({ code: 'key_not_found' });
      const pages = await service.getHistory('feature_flags', 3);
      const rest = await service.getHistory('feature_flags', 50, { before: pages[2]?.version ?? '' });
      expect([...pages, ...rest]).toEqual(await service.getHistory('feature_flags'));
      expect(pages.length + rest.length).toBe(7);
    });

    it('and watched together', async () => {
      const service = await open();
      const told: string[] = [];
      const unwatch = await service.watchConfig('feature_flags', (changes) => {
        told.push(...changes.map(({ key }) => key));
      });
      await service.set('feature_flags', checkout, global, 'ann');
      await service.set('branding', { companyName: 'Acme' }, global, 'ann');
      const { revision } = await service.toggleFlag('checkout');
      await service.waitForRevision(revision);
      await expect.poll(() => told).toEqual(['feature_flags/checkout', 'feature_flags/checkout']);
      unwatch();
    });
  });

  describe('are refused', () => {
    it('with every problem and its path', async () => {
      const service = await open();
      const flag = {
        name: 'checkout',
        enabled: 'yes',
        rolloutPercentage: 101,
        colour: 'red',
        conditions: [
          { attribute: 'role', operator: 'like', value: 'x' },
          { attribute: 'role', operator: 'equals' },
          { attribute: 'role', operator: 'matches', value: '(a+)+(?=b)' },
        ],
        rules: [{ id: 'one' }, { id: 'one' }],
        variants: { on: true, off: false },
        split: [{ variant: 'on', weight: 50 }],
      };
      const refusal = service.set('feature_flags', flag, global, 'ann');
      await expect(refusal).rejects.toMatchObject({ code: 'validation_failed' });
      const { details } = (await refusal.catch((error: unknown) => error)) as {
        details: { errors: { path: string; message: string }[] };
      };
      expect(details.errors.map(({ path }) => path).sort()).toEqual(
        [
          'colour',
          'conditions[0].operator',
          'conditions[1].value',
          'conditions[2].value',
          'enabled',
          'rolloutPercentage',
          'rules[1].id',
          'split',
        ].sort(),
      );
      for (const { path, message } of details.errors) expect(message.startsWith(`${path} `)).toBe(true);
      expect(await service.get('feature_flags')).toBeNull();
    });

    it('with what it is not', async () => {
      const service = await open();
      for (const [key, value, message] of [
        ['feature_flags/checkout', { name: 'other', enabled: true }, 'name must be checkout'],
        ['feature_flags/a/b', { enabled: true }, 'name must'],
        ['feature_flags', { name: 'checkout' }, 'enabled is missing'],
        ['feature_flags/checkout', 7, 'the value must be an object'],
        ...[[], {}, 'checkout', null].map(
          (value) => ['feature_flags', value, 'takes one entry with its name'] as const,
        ),
      ] as const) {
        await expect(service.set(key, value, global, 'ann')).rejects.toThrow(message);
      }
    });

    it('for names that objects have', async () => {
      const service = await open();
      for (const name of ['constructor', '__proto__', 'prototype']) {
        await expect(service.set('feature_flags', { name, enabled: true }, global, 'ann')).rejects.toMatchObject({
          code: 'invalid_key',
        });
      }
      await service.set('feature_flags', { name: 'toString', enabled: true }, global, 'ann');
      expect(await service.evaluateFlag('toString', {})).toBe(true);
    });

    it('where a percentage is none', async () => {
      const service = await open();
      await service.set('feature_flags', checkout, global, 'ann');
      for (const percentage of [101, -1, 0.0001, Number.NaN, '50' as unknown as number]) {
        await expect(service.setFlagRollout('checkout', percentage)).rejects.toMatchObject({
          code: 'validation_failed',
        });
      }
    });

    it('where there is none', async () => {
      const service = await open();
      for (const call of [
        () => service.setFlagRollout('none', 5),
        () => service.toggleFlag('none'),
        () => service.archiveFlag('none'),
        () => service.getFlag('none'),
        () => service.getFlag('__proto__'),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'flag_not_found', status: 404 });
      }
    });
  });

  describe('refer to each other', () => {
    const needs = (name: string, ...flags: string[]) => ({
      name,
      enabled: true,
      prerequisites: flags.map((flag) => ({ flag })),
    });

    it('and to nothing that is missing', async () => {
      const service = await open();
      await expect(service.set('feature_flags', needs('checkout', 'cart'), global, 'ann')).rejects.toThrow(
        'prerequisites[0].flag must be the name of a flag, and there is no cart',
      );
      const rules = [{ id: 'beta', segment: 'testers' }];
      await expect(service.set('feature_flags', { ...checkout, rules }, global, 'ann')).rejects.toThrow(
        'rules[0].segment must be the name of a segment, and there is no testers',
      );
      await service.set(
        'feature_flags',
        { checkout: needs('checkout', 'cart'), cart: { enabled: true } },
        global,
        'ann',
      );
      await service.set('flag_segments', { name: 'testers', included: ['tess'] }, global, 'ann');
      await service.set('feature_flags', { name: 'early', enabled: true, rolloutPercentage: 0, rules }, global, 'ann');
      expect(await service.evaluateFlag('early', { userId: 'tess' })).toBe(true);
      expect(await service.evaluateFlag('early', { userId: 'joe' })).toBe(false);
      await service.set('flag_segments', { name: 'testers', included: ['joe'] }, global, 'ann');
      expect(await service.evaluateFlag('early', { userId: 'joe' })).toBe(true);
    });

    it('never in a circle', async () => {
      const service = await open();
      await service.set(
        'feature_flags',
        { a: { enabled: true }, b: needs('b', 'a'), c: needs('c', 'b') },
        global,
        'ann',
      );
      await expect(service.set('feature_flags', needs('a', 'c'), global, 'ann')).rejects.toThrow('a -> c -> b -> a');
      await expect(service.set('feature_flags', needs('a', 'a'), global, 'ann')).rejects.toThrow('a -> a');
      await service.set('feature_flags', needs('d'), acme, 'ann');
    });

    it('never in a circle that two make at once', async () => {
      const { service, database } = await services.open();
      const other = services.on(database);
      await service.set('feature_flags', { a: { enabled: true }, b: { enabled: true } }, global, 'ann');
      const outcomes = await Promise.allSettled([
        service.set('feature_flags', needs('a', 'b'), global, 'ann'),
        other.set('feature_flags', needs('b', 'a'), global, 'bob'),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('and what is needed stays, unless it is forced away', async () => {
      const service = await open();
      await service.set(
        'feature_flags',
        { cart: { enabled: true }, checkout: needs('checkout', 'cart') },
        global,
        'ann',
      );
      for (const take of [
        () => service.delete('feature_flags/cart', global, 'ann'),
        () => service.archiveFlag('cart'),
        () => service.set('feature_flags/cart', { $unset: true }, global, 'ann'),
      ]) {
        await expect(take()).rejects.toMatchObject({
          code: 'would_break',
          message: expect.stringContaining('feature_flags/checkout at global') as string,
        });
      }
      const preview = await service.archiveFlag('cart', { dryRun: true });
      expect(preview.wouldBreak).toMatchObject([{ key: 'feature_flags/checkout', scope: 'global' }]);
      expect(await service.evaluateFlag('checkout', { userId: 'u' })).toBe(true);
      await service.archiveFlag('cart', { force: true });
      expect(await service.evaluateFlag('checkout', { userId: 'u' })).toBe(false);
    });

    it('also where only a scope below says so', async () => {
      const service = await open();
      await service.set('feature_flags', { cart: { enabled: true }, checkout }, global, 'ann');
      await service.set('feature_flags', { name: 'checkout', prerequisites: [{ flag: 'cart' }] }, acme, 'ann');
      await expect(service.delete('feature_flags/cart', global, 'ann')).rejects.toThrow(
        'feature_flags/checkout at org acme',
      );
      await expect(service.set('feature_flags', needs('cart', 'checkout'), global, 'ann')).rejects.toMatchObject({
        code: 'would_break',
      });
    });
  });

  describe('once archived', () => {
    it('are off, out of the lists, and their name is taken for good', async () => {
      const service = await open();
      const first = await service.set('feature_flags', checkout, global, 'ann');
      await service.set('feature_flags', { name: 'checkout', rolloutPercentage: 50 }, acme, 'ann');
      await service.archiveFlag('checkout', { actor: 'ann', comment: 'Done' });
      expect(await service.evaluateFlagDetail('checkout', { organizationId: 'acme' }, true)).toMatchObject({
        on: false,
        reason: 'DISABLED',
      });
      expect(await service.listFlags()).toEqual([]);
      expect((await service.evaluateAll({})).size).toBe(0);
      expect(await service.listFlags({ archived: true })).toMatchObject([{ name: 'checkout', archived: true }]);
      for (const reuse of [
        () => service.set('feature_flags', { name: 'checkout', enabled: true }, global, 'bob'),
        () => service.set('feature_flags', { name: 'checkout', enabled: true }, acme, 'bob'),
        () => service.setFlagRollout('checkout', 5),
        () => service.toggleFlag('checkout', true, { scope: acme }),
        () => service.rollback('feature_flags', first.version, 'bob', 'Again'),
        () => service.restore({ revision: first.revision }, global, 'bob'),
        () => service.revert(2, 'bob', 'Again'),
        () => service.delete('feature_flags/checkout', global, 'bob'),
        () =>
          service.requestChange({
            key: 'feature_flags',
            proposedValue: checkout,
            ...global,
            requestedBy: 'bob',
            justification: 'Again',
          }),
      ]) {
        await expect(reuse()).rejects.toMatchObject({ code: 'flag_archived' });
      }
    });

    it('or removed, come back as what they were or not at all', async () => {
      const service = await open();
      const first = await service.set('feature_flags', checkout, global, 'ann');
      await service.delete('feature_flags/checkout', global, 'ann');
      await expect(service.set('feature_flags', checkout, global, 'bob')).rejects.toMatchObject({
        code: 'flag_name_used',
      });
      await service.rollback('feature_flags', first.version, 'bob', 'By mistake');
      expect(await service.evaluateFlag('checkout', { userId: 'u' })).toBe(true);
      await service.set('feature_flags', { name: 'checkout', enabled: false }, acme, 'ann');
      await service.delete('feature_flags/checkout', acme, 'ann');
      await service.set('feature_flags', { name: 'checkout', enabled: false }, acme, 'ann');
    });

    it('are archived where they begin', async () => {
      const service = await open();
      await service.set('feature_flags', checkout, global, 'ann');
      await expect(service.archiveFlag('checkout', { scope: acme })).rejects.toThrow('archived must be left out here');
      await service.set('feature_flags', { name: 'local', enabled: true }, acme, 'ann');
      await service.archiveFlag('local', { scope: acme });
      expect(await service.evaluateFlag('local', { organizationId: 'acme' })).toBe(false);
    });
  });

  describe('inherit', () => {
    const at = (context: FlagContext) => ({ userId: 'u1', ...context });

    it('and any scope overrides any part', async () => {
      const service = await open();
      await service.registerScope({ ...north, parent: acme });
      await service.registerScope({ scope: 'user', scopeId: 'nora', parent: north });
      await service.set(
        'feature_flags',
        { ...checkout, enabled: false, variants: { on: 'blue', off: 'grey' } },
        global,
        'ann',
      );
      await service.set('feature_flags', { name: 'checkout', enabled: true, rolloutPercentage: 0 }, acme, 'ann');
      await service.set('feature_flags/checkout', { rolloutPercentage: 100, variants: { on: 'red' } }, north, 'ann');
      await service.set('feature_flags/checkout', { enabled: false }, { scope: 'user', scopeId: 'nick' }, 'ann');
      await service.set('feature_flags', { name: 'local', enabled: true }, acme, 'ann');
      const value = async (context: FlagContext) => (await service.evaluateFlagDetail('checkout', context)).value;
      expect(await value(at({}))).toBe('grey');
      expect(await value(at({ organizationId: 'acme' }))).toBe('grey');
      expect(await value(at({ organizationId: 'acme', teamId: 'north' }))).toBe('red');
      expect(await value({ userId: 'nora' })).toBe('red');
      expect(await value({ targetingKey: 'nora' })).toBe('red');
      expect(await value({ teamId: 'north' })).toBe('red');
      expect(await value({ userId: 'nick', organizationId: 'acme', teamId: 'north' })).toBe('grey');
      expect(await service.evaluateFlag('local', { organizationId: 'acme' })).toBe(true);
      expect(await service.evaluateFlagDetail('local', {}, true)).toMatchObject({
        value: true,
        errorCode: 'FLAG_NOT_FOUND',
      });
      expect(await service.evaluateFlag('checkout', {}, false, { scope: north })).toBe(true);
      const flags = await service.listFlags({ scope: { ...north } });
      expect(flags.map(({ name, scope, scopeId }) => [name, scope, scopeId])).toEqual([
        ['checkout', 'team', 'north'],
        ['local', 'org', 'acme'],
      ]);
      expect(await service.getFlag('checkout', north)).toMatchObject({ enabled: true, rolloutPercentage: 100 });
    });

    it('through a scope tree that changes', async () => {
      const { service, database } = await services.open();
      const other = services.on(database);
      await service.set('feature_flags', { ...checkout, enabled: false }, global, 'ann');
      await service.set('feature_flags/checkout', { enabled: true }, north, 'ann');
      const isOn = (of: ConfigurationManagementService) => of.evaluateFlag('checkout', { userId: 'nora' });
      expect([await isOn(service), await isOn(other)]).toEqual([false, false]);
      const { revision } = await service.registerScope({ scope: 'user', scopeId: 'nora', parent: north });
      expect(await isOn(service)).toBe(true);
      await other.waitForRevision(revision);
      expect(await isOn(other)).toBe(true);
    });

    it('through what they refer to as well', async () => {
      const service = await open();
      await service.set('flag_segments', { name: 'testers', included: ['u1'] }, global, 'ann');
      await service.set(
        'feature_flags',
        {
          cart: { enabled: true },
          checkout: { enabled: true, prerequisites: [{ flag: 'cart' }] },
          early: { enabled: true, rolloutPercentage: 0, rules: [{ id: 't', segment: 'testers' }] },
        },
        global,
        'ann',
      );
      await service.toggleFlag('cart', false, { scope: acme });
      await service.set('flag_segments/testers', { included: ['u2'] }, acme, 'ann');
      const all = async (context: FlagContext) =>
        [...(await service.evaluateAll(context))].map(([name, { on }]) => `${name} ${String(on)}`);
      expect(await all({ userId: 'u1' })).toEqual(['cart true', 'checkout true', 'early true']);
      expect(await all({ userId: 'u1', organizationId: 'acme' })).toEqual([
        'cart false',
        'checkout false',
        'early false',
      ]);
      expect(await all({ userId: 'u2', organizationId: 'acme' })).toEqual([
        'cart false',
        'checkout false',
        'early true',
      ]);
    });

    it('and a lock keeps the scopes below from it', async () => {
      const service = await open();
      await service.set('feature_flags', checkout, global, 'ann');
      await service.lockConfig('feature_flags/checkout', global, { path: 'enabled' }, 'ann');
      await expect(service.toggleFlag('checkout', false, { scope: acme })).rejects.toMatchObject({ code: 'locked' });
      await service.setFlagRollout('checkout', 10, { scope: acme });
    });
  });
});
