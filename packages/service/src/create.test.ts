/** Owns the proof of a service's beginning and end. */
import { createHook } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { codeOf, expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import { createConfigurationService, type ServiceOptions } from './create.ts';
import type { Database } from './db/database.ts';
import { openEmbeddedDatabase } from './db/embedded.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

/** One call of every method that works on the store. */
const calls: Readonly<Record<string, (service: ConfigurationManagementService) => Promise<unknown>>> = {
  get: (service) => service.get('k'),
  getBatch: (service) => service.getBatch(['k']),
  getAll: (service) => service.getAll(),
  set: (service) => service.set('k', 1, global, 'ann'),
  delete: (service) => service.delete('k', global, 'ann'),
  commit: (service) => service.commit([{ key: 'k', ...global, value: 1 }], 'ann'),
  getVersion: (service) => service.getVersion('k', 'HEAD'),
  getHistory: (service) => service.getHistory('k'),
  getDiff: (service) => service.getDiff('k', 'HEAD', 'HEAD'),
  rollback: (service) => service.rollback('k', 'HEAD', 'ann', 'x'),
  revert: (service) => service.revert(1, 'ann', 'x'),
  restore: (service) => service.restore({ revision: 1 }, org, 'ann'),
  blame: (service) => service.blame('k'),
  explain: (service) => service.explain('k'),
  createTag: (service) => service.createTag('release', '0123456789ab'),
  listTags: (service) => service.listTags(),
  validateConfig: (service) => service.validateConfig('k', 1),
  registerSchema: (service) => service.registerSchema('k', {}),
  getSchema: (service) => service.getSchema('k'),
  listSchemas: (service) => service.listSchemas(),
  registerScope: (service) => service.registerScope(org),
  removeScope: (service) => service.removeScope(org),
  listScopes: (service) => service.listScopes(),
  getScopeChain: (service) => service.getScopeChain(org),
  lockConfig: (service) => service.lockConfig('k', org, undefined, 'ann'),
  unlockConfig: (service) => service.unlockConfig('k', org, undefined, 'ann'),
  listLocks: (service) => service.listLocks(),
  getLayer: (service) => service.getLayer('k'),
  exportConfig: (service) => service.exportConfig(org),
};

describeDatabases('a service', (engine) => {
  const services = servicesOn(engine);

  it('touches nothing until it is asked', async () => {
    const { database } = await services.open();
    let queries = 0;
    const counted: Database = {
      ...database,
      query: (text, parameters, name, options) => {
        queries += 1;
        return database.query(text, parameters, name, options);
      },
    };
    const service = services.on(counted, { pollInterval: 5 });
    service.as('ann');
    service.peek('k');
    await wait(30);
    expect(queries).toBe(0);
    await service.get('k');
    expect(queries).toBeGreaterThan(0);
  });

  it('says of an empty database that it is not migrated, and works once it is', async () => {
    const { database } = await engine.open({ migrated: false });
    const service = services.on(database, { pollInterval: 5 });
    for (const call of Object.values(calls)) expect(await expectRefusal(call(service), 'not_migrated')).toHaveProperty('status', 503); // prettier-ignore
    const { applied, current } = await service.migrate();
    expect(applied).toEqual(current);
    expect(applied.length).toBeGreaterThan(0);
    expect(await service.migrate()).toEqual({ applied: [], current });
    await service.set('k', 1, global, 'ann');
    expect(await service.get('k')).toBe(1);
  });

  it('that is closed refuses every call, waits for the writes under way, and asks nothing more', async () => {
    const { database } = await services.open();
    let queries = 0;
    const counted: Database = {
      ...database,
      query: (text, parameters, name, options) => {
        queries += 1;
        return database.query(text, parameters, name, options);
      },
    };
    const service = services.on(counted, { pollInterval: 5 });
    await service.set('k', 1, global, 'ann');
    await service.get('k');
    expect(service.peek('k')).toBe(1);
    const writes = Array.from({ length: 450 }, (_, index) => service.set(`k${String(index)}`, 1, global, 'ann'));
    await service.close();
    const atClose = queries;
    expect((await Promise.all(writes)).length).toBe(450);
    for (const [name, call] of Object.entries({
      ...calls,
      invalidateCache: (closed: ConfigurationManagementService) => closed.invalidateCache(),
      migrate: (closed: ConfigurationManagementService) => closed.migrate(),
    }))
      expect([name, await call(service).then(String, (error: unknown) => (error as { code?: string }).code)]).toEqual([
        name,
        'closed',
      ]);
    await expectRefusal(service.as('ann').get('k'), 'closed');
    expect(service.peek('k')).toBeUndefined();
    await wait(50);
    expect(queries).toBe(atClose);
    await service.close();
    expect(await services.on(database).get('k449')).toBe(1);
  });

  it('that is closed has made all the writes that look downwards, which go one by one', async () => {
    const { database } = await services.open();
    const service = services.on(database);
    await service.registerSchema('k', { type: 'object', minProperties: 1 });
    const writes = Array.from({ length: 8 }, (_, index) =>
      service.set('k', { a: index }, { scope: 'org', scopeId: `o${String(index)}` }, 'ann'),
    );
    await service.close();
    expect(await Promise.all(writes)).toHaveLength(8);
  });

  it('on a pool leaves it to the caller, as it was', async () => {
    const { pool } = await engine.open();
    if (pool === undefined) return;
    const listeners = pool.eventNames().map((name) => [name, pool.listenerCount(name)]);
    const service = createConfigurationService(pool);
    await service.set('k', 1, global, 'ann');
    expect(await service.get('k')).toBe(1);
    await service.close();
    expect(pool.eventNames().map((name) => [name, pool.listenerCount(name)])).toEqual(listeners);
    expect(pool.totalCount - pool.idleCount + pool.waitingCount).toBe(0);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await expectRefusal(service.get('k'), 'closed');
  });
});

describe('making a service', () => {
  it('refuses options that do not exist or make no sense, at once', async () => {
    const database = await openEmbeddedDatabase();
    const wrong = [{ cacheTTL: 1 }, { cacheTtl: 0 }, { cacheTtl: -1 }, { cacheTtl: Number.NaN }, { cacheTtl: '300' }, { cacheMaxEntries: 0.5 }, { cacheMaxEntries: 1.5 }, { cacheMaxEntries: Number.POSITIVE_INFINITY }, { pollInterval: 0 }, { pollInterval: 2 ** 31 }, { environment: '' }, { environment: 'a\nb' }]; // prettier-ignore
    for (const options of wrong)
      expect(codeOf(() => createConfigurationService(database, options as ServiceOptions))).toBe('invalid_argument');
    for (const nothing of [undefined, null, 'postgres://localhost', {}])
      expect(codeOf(() => createConfigurationService(nothing as never))).toBe('invalid_argument');
    await database.close();
  });

  it('leaves no timer behind once it is closed', async () => {
    const database = await openEmbeddedDatabase();
    const timers = new Set<number>();
    const hook = createHook({
      init: (id, type) => {
        // The test runner has timers of its own.
        if (type === 'Timeout' && new Error().stack?.includes('/service/src/feed.') === true) timers.add(id);
      },
      destroy: (id) => timers.delete(id),
    }).enable();
    const service = createConfigurationService(database, { pollInterval: 20 });
    await service.migrate();
    await service.set('k', 1, global, 'ann');
    expect(timers.size).toBeGreaterThan(0);
    await service.close();
    await database.close();
    for (let turns = 0; turns < 100 && timers.size > 0; turns += 1)
      await new Promise((resolve) => setImmediate(resolve));
    hook.disable();
    expect(timers.size).toBe(0);
  });
});
