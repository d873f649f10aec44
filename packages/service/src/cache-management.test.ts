/** Owns the proof of what operators ask of the caches: to forget, to fill, to count, and to keep their bounds. */
import { Redis } from 'ioredis';
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { errorOf } from '../../../test/expectations.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { servicesOn } from '../../../test/services.ts';
import { createConfigurationService, type ServiceOptions } from './create.ts';
import type { Database } from './db/database.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;
const never = { pollInterval: 3_600_000, listen: false };

/** A database that counts the queries for values, and can hold them up after they were answered. */
function watched(inner: Database) {
  let reads = 0;
  let gate: Promise<void> | undefined;
  const database = interceptDatabase(inner, async ({ text }, run) => {
    const isRead = text.includes('configuration_settings') && !text.includes('clock_timestamp');
    if (isRead) reads += 1;
    const rows = await run();
    if (isRead) await gate;
    return rows;
  });
  const hold = (): (() => void) => {
    let open = (): void => undefined;
    gate = new Promise((resolve) => (open = resolve));
    return () => {
      gate = undefined;
      open();
    };
  };
  return { database, reads: () => reads, hold };
}

describeDatabases('invalidateCache', (engine) => {
  const services = servicesOn(engine);

  async function filled() {
    const { database: inner } = await services.open();
    const { database, reads, hold } = watched(inner);
    const service = services.on(database, never);
    for (const key of ['branding', 'pm_intervals', 'pm_other']) await service.set(key, {}, global, 'ann');
    const readAll = async (): Promise<number> => {
      const before = reads();
      for (const key of ['branding', 'pm_intervals', 'pm_other']) {
        await service.get(key);
        await service.get(key, user);
      }
      return reads() - before;
    };
    expect(await readAll()).toBe(6);
    expect(await readAll()).toBe(0);
    return { service, readAll, hold, inner };
  }

  it.each([
    ['all', undefined, 6],
    ['all, by a glob', '*', 6],
    ['one key', 'branding', 2],
    ['keys by a glob', 'pm_*', 4],
    ['keys by a glob of single characters', 'brand?ng', 2],
    ['nothing, by a key that is not there', 'brand', 0],
  ])('makes the next read of %s go to the database', async (_, pattern, expected) => {
    const { service, readAll } = await filled();
    await service.invalidateCache(pattern);
    expect(await readAll()).toBe(expected);
    expect(await readAll()).toBe(0);
  });

  it('counts for reads that were under way, and for those who joined them', async () => {
    const { service, hold, inner } = await filled();
    await service.invalidateCache();
    const release = hold();
    const early = [service.get<unknown>('branding'), service.getBatch(['branding', 'pm_other'])] as const;
    // Somebody writes past the service, and tells it.
    await inner.query(`UPDATE configuration_settings SET value = '{"edited":true}' WHERE key = 'branding'`);
    await service.invalidateCache('branding');
    const late = service.get('branding');
    release();
    expect(await late).toEqual({ edited: true });
    await Promise.all(early);
    expect(service.peek('branding')).toEqual({ edited: true });
  });
});

describeDatabases('preloadHotConfigs', (engine) => {
  const services = servicesOn(engine);

  it('loads what was read most by all processes and the built-in keys, so that reading them takes no query', async () => {
    const { database: inner } = await services.open();
    const reader = services.on(inner, { ...never, serviceName: 'billing' });
    await reader.set('hot', 1, global, 'ann');
    await reader.set('cold', 1, org, 'ann');
    for (let n = 0; n < 5; n += 1) {
      await reader.get('hot', user);
      await reader.getBatch(['hot', 'branding'], org);
    }
    await reader.close();
    expect(
      await inner.query(
        'SELECT service, key, scope, scope_id, reads FROM configuration_usage ORDER BY key, scope, scope_id',
      ),
    ).toEqual([
      { service: 'billing', key: 'branding', scope: 'org', scope_id: 'o', reads: 5 },
      { service: 'billing', key: 'hot', scope: 'org', scope_id: 'o', reads: 5 },
      { service: 'billing', key: 'hot', scope: 'user', scope_id: 'u', reads: 5 },
    ]);
    const { database, reads } = watched(inner);
    const service = services.on(database, { ...never, usage: true });
    const loaded = await service.preloadHotConfigs();
    expect(loaded).toBeGreaterThan(3);
    expect(service.cacheStats().entries).toBe(loaded);
    const before = reads();
    await service.get('hot', user);
    await service.getBatch(['hot', 'branding'], org);
    await service.get('branding');
    await service.get('system_settings');
    expect(reads()).toBe(before);
    expect(service.peek('cold', org)).toBeUndefined();
    // No secret is loaded because somebody might want it.
    expect(service.peek('api_keys')).toBeUndefined();
    expect(await service.preloadHotConfigs()).toBe(0);
    expect(reads()).toBe(before);
  });

  it('does not count as reading', async () => {
    const { database: inner } = await services.open();
    const service = services.on(inner, { ...never, usage: true });
    expect(await service.preloadHotConfigs()).toBeGreaterThan(0);
    await service.get('branding');
    await service.close();
    expect(await inner.query('SELECT key, scope, reads FROM configuration_usage')).toEqual([
      { key: 'branding', scope: 'global', reads: 1 },
    ]);
  });

  it('loads nothing where nothing is kept', async () => {
    const { service } = await services.open({ cacheEnabled: false });
    expect(await service.preloadHotConfigs()).toBe(0);
  });
});

describeDatabases('the memory of a process', (engine) => {
  const services = servicesOn(engine);

  it('keeps to its bound in bytes, and keeps what is read again and again', async () => {
    const { service } = await services.open({ ...never, cacheMaxBytes: 50_000 });
    const big = 'x'.repeat(5000);
    for (let n = 0; n < 30; n += 1) await service.set(`k${String(n)}`, big, global, 'ann');
    for (let n = 0; n < 30; n += 1) {
      expect(await service.get(`k${String(n)}`)).toBe(big);
      await service.get('k0');
      expect(service.cacheStats().bytes).toBeLessThanOrEqual(50_000);
    }
    const { entries, bytes, evictions } = service.cacheStats();
    expect(entries).toBeGreaterThanOrEqual(7);
    expect(entries).toBeLessThanOrEqual(9);
    expect(bytes).toBeGreaterThan(entries * 5000);
    expect(evictions).toBeGreaterThanOrEqual(20);
    expect(service.peek('k0')).toBe(big);
    await service.invalidateCache();
    expect(service.cacheStats()).toMatchObject({ entries: 0, bytes: 0 });
  });

  it('serves a value that is larger than all its room, and keeps the others', async () => {
    const { service } = await services.open({ ...never, cacheMaxBytes: 2000 });
    await service.set('small', 1, global, 'ann');
    await service.set('large', 'x'.repeat(10_000), global, 'ann');
    await service.get('small');
    expect(await Promise.all([service.get('large'), service.get('large')])).toEqual([
      'x'.repeat(10_000),
      'x'.repeat(10_000),
    ]);
    expect(service.peek('large')).toBeUndefined();
    expect(service.peek('small')).toBe(1);
  });

  it('counts hits and misses', async () => {
    const { service } = await services.open(never);
    await service.get('a');
    const { hits, misses } = service.cacheStats();
    for (let n = 0; n < 5; n += 1) await service.get('a');
    service.peek('b');
    await service.invalidateCache();
    const after = service.cacheStats();
    expect([after.hits - hits, after.misses - misses]).toEqual([5, 1]);
    expect(after.l2).toMatchObject({ state: 'off', hits: 0, misses: 0 });
  });

  it('notices a team that came into the org of a user’s read, although it was on no chain before', async () => {
    const { service: a, database } = await services.open({ pollInterval: 20, listen: false });
    const b = services.on(database, { pollInterval: 20, listen: false });
    await a.registerScope({ scope: 'team', scopeId: 't1', parent: { scope: 'org', scopeId: 'o1' } });
    await a.registerScope({ scope: 'team', scopeId: 't2', parent: { scope: 'org', scopeId: 'o2' } });
    await a.registerScope({
      ...user,
      parent: [
        { scope: 'team', scopeId: 't1' },
        { scope: 'team', scopeId: 't2' },
      ],
    });
    for (const scopeId of ['t1', 't2']) await a.set('k', scopeId, { scope: 'team', scopeId }, 'ann');
    const inO2 = { ...user, organizationId: 'o2' };
    expect([await a.get('k', inO2), await b.get('k', inO2)]).toEqual(['t2', 't2']);
    await a.registerScope({ scope: 'team', scopeId: 't1', parent: { scope: 'org', scopeId: 'o2' } });
    expect(await a.get('k', inO2)).toBe('t1');
    await vi.waitFor(async () => expect(await b.get('k', inO2)).toBe('t1'), { timeout: 5000 });
  });

  it('refuses options that make no sense', async () => {
    const { database } = await services.open();
    const cluster = Object.assign(new Redis({ lazyConnect: true }), { isCluster: true });
    const refused: readonly unknown[] = [
      { redis: 'redis://localhost' },
      { redis: {} },
      { redis: null },
      { redis: cluster },
      { cacheMaxBytes: 0 },
      { cacheMaxBytes: Number.NaN },
      { usage: 7 },
      { usage: 'billing' },
      { serviceName: '' },
      { serviceName: 7 },
      { usageInterval: 0 },
      { usageInterval: 2 ** 31 },
    ];
    for (const options of refused) {
      expect(errorOf(() => createConfigurationService(database, options as ServiceOptions))).toMatchObject({
        code: 'invalid_argument',
      });
    }
  });
});
