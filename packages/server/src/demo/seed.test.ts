import type { ConfigurationManagementService } from '@strata/service';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { servicesOn } from '../../../../test/services.ts';
import { isEmptyStore, seedDemo } from './seed.ts';

const cleo = { scope: 'user', scopeId: 'cleo' } as const;
const quillback = { scope: 'org', scopeId: 'quillback-haulage' } as const;

/** A service whose process ends after some writes. */
function cutAfter(service: ConfigurationManagementService, writes: number): ConfigurationManagementService {
  let left = writes;
  const counted = new Set(['registerScope', 'registerSchema', 'commit', 'rollback', 'lockConfig', 'createTag']);
  return new Proxy(service, {
    get(target, name, receiver) {
      if (counted.has(String(name)) && (left -= 1) < 0) throw new Error('cut');
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}

describeDatabases('the fleet demo', (engine) => {
  const services = servicesOn(engine);

  it('fills an empty store and says with what', async () => {
    const { service } = await services.open();
    expect(await isEmptyStore(service)).toBe(true);
    const summary = await seedDemo(service);
    expect(summary).toEqual({ seeded: true, organizations: 3, teams: 7, users: 11, keys: 8, commits: 17 });
    expect(await isEmptyStore(service)).toBe(false);
    const count = async (scope: 'org' | 'team' | 'user') => (await service.listScopes({ scope })).length;
    expect([await count('org'), await count('team'), await count('user')]).toEqual([3, 7, 11]);
    expect((await service.getAll(cleo)).size).toBe(8);
  });

  it('shows a user leaves from all four levels, each with its author', async () => {
    const { service } = await services.open();
    await seedDemo(service);
    const { value, leaves } = await service.explain('email_notifications', cleo);
    expect(value).toEqual({
      maintenanceDue: true,
      inspectionDue: true,
      documentExpiring: true,
      workOrderAssigned: false,
      dailyDigest: true,
    });
    expect(leaves.map(({ path, scope, scopeId, changedBy }) => [path, scope, scopeId, changedBy])).toEqual([
      ['maintenanceDue', 'global', null, 'ada'],
      ['inspectionDue', 'global', null, 'ada'],
      ['documentExpiring', 'org', 'quillback-haulage', 'ben'],
      ['workOrderAssigned', 'team', 'quillback-mountain', 'ben'],
      ['dailyDigest', 'user', 'cleo', 'cleo'],
    ]);
  });

  it('has defaults, a lock, a removed property, a list that is replaced, and users with two parents', async () => {
    const { service } = await services.open();
    await seedDemo(service);
    expect((await service.explain('route_planning', cleo)).leaves).toMatchObject([
      { path: 'optimizeFor', value: 'distance', scope: 'user' },
      { path: 'maxDrivingHours', value: 9, scope: 'global', lock: { lockedBy: 'ada' } },
      { path: 'avoid', value: ['ferries', 'unpaved'], scope: 'team' },
      { path: 'tolls.allowed', value: true, scope: 'global' },
      { path: 'tolls.maxPerDay', value: 120, scope: 'org' },
      { path: 'breakMinutes', value: 45, scope: 'schema' },
    ]);
    expect(await service.get('route_planning', { scope: 'user', scopeId: 'fay' })).not.toHaveProperty('tolls');
    expect(await service.get('inspection_checklist', { scope: 'user', scopeId: 'joy' })).toEqual({
      beforeTrip: ['battery', 'brakes', 'lights', 'parcel straps'],
    });
    const orgOf = async (organizationId?: string) =>
      (await service.getScopeChain({ scope: 'user', scopeId: 'gus', organizationId }))[1];
    expect(await orgOf()).toMatchObject({ scopeId: 'puddle-lane-buses' });
    expect(await orgOf('marmalade-couriers')).toMatchObject({ scopeId: 'marmalade-couriers' });
    await expect(
      service.set('branding', { primaryColor: '#000000' }, { scope: 'user', scopeId: 'ivo' }, 'ivo'),
    ).rejects.toMatchObject({ code: 'locked' });
  });

  it('has a bad change with its rollback, a deleted layer, and releases over several keys', async () => {
    const { service } = await services.open();
    await seedDemo(service);
    const history = await service.getHistory('pm_intervals', 10, { scope: quillback });
    expect(history.map(({ operation, changedBy, value }) => [operation, changedBy, value])).toEqual([
      ['rollback', 'dev', { heavyDuty: 30_000 }],
      ['set', 'ben', { heavyDuty: 60_000 }],
      ['set', 'ben', { heavyDuty: 30_000 }],
    ]);
    expect(history.map(({ tags }) => tags)).toEqual([['release-2026.2'], [], []]);
    const night = { scope: 'team', scopeId: 'marmalade-night' } as const;
    expect((await service.getHistory('email_notifications', 10, { scope: night }))[0]).toMatchObject({
      operation: 'delete',
      changedBy: 'eli',
    });
    for (const tag of ['release-2026.1', 'release-2026.2']) expect(await service.listTags({ tag })).toHaveLength(4);
  });

  it('changes nothing the second time, whatever was done to it in between', async () => {
    const { service, revision } = await services.open();
    const first = await seedDemo(service);
    const seeded = await revision();
    expect(await seedDemo(service)).toEqual({ ...first, seeded: false });
    expect(await revision()).toBe(seeded);

    await service.set('pm_intervals', { heavyDuty: 40_000 }, quillback, 'zoe', 'Mine');
    await service.unlockConfig(
      'branding',
      { scope: 'org', scopeId: 'puddle-lane-buses' },
      { path: 'primaryColor' },
      'zoe',
    );
    await service.registerScope({ ...cleo, parent: quillback });
    const worked = await revision();
    expect(await seedDemo(service)).toMatchObject({ seeded: false });
    expect(await revision()).toBe(worked);
  });

  it('goes on where it was interrupted, and ends with the same content', async () => {
    const whole = await services.open();
    await seedDemo(whole.service);
    const told = async ({ service }: typeof whole) =>
      (await service.getHistory('pm_intervals', 100)).map(({ changedBy, comment, value }) => [
        changedBy,
        comment,
        value,
      ]);

    for (const writes of [3, 23, 27, 29, 47]) {
      const cut = await services.open();
      await expect(seedDemo(cutAfter(cut.service, writes))).rejects.toThrow('cut');
      expect(await cut.revision()).toBe(writes);
      expect(await seedDemo(cut.service)).toMatchObject({ seeded: true });
      expect(await told(cut)).toEqual(await told(whole));
      expect(await cut.revision()).toBe(await whole.revision());
    }
  });

  it.each<[string, (service: ConfigurationManagementService) => Promise<unknown>, string]>([
    [
      'a value of its keys, also one of another organization',
      (service) => service.set('pm_intervals', { lightDuty: 6000 }, { scope: 'org', scopeId: 'acme' }, 'zoe'),
      'pm_intervals at org acme',
    ],
    [
      'a value that was deleted again',
      async (service) => {
        await service.set('branding', { tagline: 'Mine' }, { scope: 'global' }, 'zoe');
        await service.delete('branding', { scope: 'global' }, 'zoe');
      },
      'branding at global',
    ],
    [
      'a definition of one of its keys',
      (service) => service.registerSchema('route_planning', { type: 'object' }),
      'a definition of route_planning',
    ],
    [
      'another definition of a built-in key',
      (service) => service.registerSchema('branding', { type: 'object' }),
      'a definition of branding',
    ],
    [
      'one of its scopes',
      (service) => service.registerScope({ scope: 'user', scopeId: 'ada', parent: { scope: 'org', scopeId: 'acme' } }),
      'user ada',
    ],
    [
      'a lock on one of its keys',
      (service) => service.lockConfig('pm_intervals', { scope: 'global' }, undefined, 'zoe'),
      'a lock on pm_intervals at global',
    ],
  ])('is refused by a store that holds %s, and writes nothing', async (_, prepare, obstacle) => {
    const { service, revision } = await services.open();
    await prepare(service);
    const before = await revision();
    await expect(seedDemo(service)).rejects.toMatchObject({
      code: 'demo_refused',
      message: `The fleet demo was not added, since this store already holds ${obstacle}. Add it to another store, for example with --data-dir.`,
    });
    expect(await revision()).toBe(before);
  });

  it('is refused when someone changed its layers while it was interrupted', async () => {
    const { service } = await services.open();
    await expect(seedDemo(cutAfter(service, 30))).rejects.toThrow('cut');
    await service.set('branding', { tagline: 'Mine' }, quillback, 'zoe');
    await expect(seedDemo(service)).rejects.toMatchObject({
      code: 'demo_refused',
      details: { obstacles: 'branding at org quillback-haulage' },
    });
  });

  it('lies beside values of other keys and other scopes', async () => {
    const { service } = await services.open();
    await service.registerScope({ scope: 'user', scopeId: 'zoe' });
    await service.set('theme', 'dark', { scope: 'user', scopeId: 'zoe' }, 'zoe');
    expect(await seedDemo(service)).toMatchObject({ seeded: true });
    expect(await service.get('theme', { scope: 'user', scopeId: 'zoe' })).toBe('dark');
  });
});
