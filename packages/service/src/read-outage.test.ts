import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isConfigurationError } from '@strata/core';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { describeDatabases, postgresPool } from '../../../test/databases.ts';
import { Cluster } from '../../../test/kill/cluster.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import { startTcpProxy, type TcpProxy } from '../../../test/tcp-proxy.ts';
import type { ConfigurationManagementService as Service } from './configuration-management-service.ts';
import { createConfigurationService } from './create.ts';
import { migrate } from './db/migrate.ts';
import { postgresDatabase } from './db/postgres.ts';

const global = { scope: 'global' } as const;
const keys = Array.from({ length: 20 }, (_, n) => `key-${String(n)}`);
/** How long a write may take that cannot be made, in milliseconds. */
const writePatience = 3000;
/** How soon after the database is back everything has to be as before, in milliseconds. */
const recoveryPatience = 5000;

/** Puts values in place, and into the memory of a service; one of them it overwrites, and another it overwrites and reads again. */
async function prepare(service: Service): Promise<void> {
  await service.commit(
    [...keys, 'overwritten', 'overwritten-read'].map((key) => ({ key, ...global, value: 'old' })),
    'ann',
  );
  for (const key of [...keys, 'overwritten', 'overwritten-read']) expect(await service.get(key)).toBe('old');
  for (const key of ['overwritten', 'overwritten-read']) await service.set(key, 'own', global, 'ann');
  expect(await service.get('overwritten-read')).toBe('own');
}

/** Reads and writes without a pause while the database is away. */
async function liveThrough(service: Service, ms: number): Promise<void> {
  const end = performance.now() + ms;
  const found = { reads: 0, refusedWrites: 0, slowest: 0, wrong: [] as unknown[] };
  const reader = async (first: number): Promise<void> => {
    for (let n = first; performance.now() < end; n += 1) {
      const key = keys[n % keys.length] ?? '';
      const value: unknown = await service.get(key).catch(String);
      const own: unknown = await service.get('overwritten-read').catch(String);
      const unread: unknown = await service
        .get('overwritten')
        .catch((error: unknown) => (isConfigurationError(error) ? error.code : error));
      if (value !== 'old' || own !== 'own' || unread !== 'unavailable') found.wrong.push([key, value, own, unread]);
      found.reads += 1;
      await wait(2);
    }
  };
  const writer = async (name: string): Promise<void> => {
    while (performance.now() < end) {
      const began = performance.now();
      const code: unknown = await service.set(name, began, global, 'ann').then(
        () => 'stored',
        (error: unknown) => (isConfigurationError(error) ? error.code : error),
      );
      found.slowest = Math.max(found.slowest, performance.now() - began);
      if (code === 'unavailable' || code === 'outcome_unknown') found.refusedWrites += 1;
      else found.wrong.push([name, code]);
      await wait(50);
    }
  };
  await Promise.all([reader(0), reader(7), reader(13), writer('written-1'), writer('written-2')]);
  expect(found.wrong).toEqual([]);
  expect(found.reads).toBeGreaterThan(100);
  expect(found.refusedWrites).toBeGreaterThan(1);
  expect(found.slowest).toBeLessThan(writePatience);
  const read = await service.read('key-0');
  expect(read).toMatchObject({ value: 'old', stale: true });
  expect(read.age).toBeGreaterThan(ms / 2);
}

/** Expects that nothing is left of an outage, soon after it. */
async function recover(service: Service, began: number): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await service.read('key-0')).toMatchObject({ value: 'new', stale: false });
      expect(await service.get('overwritten')).toBe('own');
      await service.set('back', performance.now(), global, 'ann');
    },
    { timeout: recoveryPatience, interval: 20 },
  );
  expect(performance.now() - began).toBeLessThan(recoveryPatience + 500);
}

describeDatabases(
  'a service whose way to the database is lost',
  (engine) => {
    const endings: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const end of endings.splice(0).reverse()) await end();
    });
    const services = serviceProcesses(engine);

    it.each([
      ['refused', (proxy: TcpProxy) => proxy.refuse(), (proxy: TcpProxy) => proxy.accept()],
      ['stalled', async (proxy: TcpProxy) => proxy.setMode('stall'), async (proxy: TcpProxy) => proxy.setMode('pass')],
      ['dropped', async (proxy: TcpProxy) => proxy.setMode('drop'), async (proxy: TcpProxy) => proxy.setMode('pass')],
    ])('goes on reading from memory while it is %s, and as before when it is back', async (_, lose, giveBack) => {
      const store = await services.open();
      const proxy = await startTcpProxy(inject('postgres'));
      const pool = postgresPool(store.schema, { host: '127.0.0.1', port: proxy.port });
      const database = postgresDatabase(pool);
      endings.push(
        () => proxy.close(),
        () => pool.end(),
        () => database.close(),
      );
      const service = services.startOn(database, { cacheTtl: 1 });
      const other = services.start(store);
      await prepare(service);
      await lose(proxy);
      await liveThrough(service, 5000);
      await other.set('key-0', 'new', global, 'bob');
      const began = performance.now();
      await giveBack(proxy);
      await recover(service, began);
    });
  },
  'postgres',
);

describe('a service whose PostgreSQL is stopped', () => {
  let directory: string;
  let cluster: Cluster;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'strata-test-outage-'));
    cluster = await Cluster.create(directory);
    await cluster.createSchema('store');
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('goes on reading from memory, and as before when it runs again', async () => {
    const pools = [new pg.Pool(cluster.pool('store')), new pg.Pool(cluster.pool('store'))] as const;
    const database = postgresDatabase(pools[0]);
    await migrate(database);
    const service = createConfigurationService(database, { cacheTtl: 1 });
    const other = createConfigurationService(pools[1]);
    try {
      await prepare(service);
      await cluster.stop();
      await liveThrough(service, 4000);
      const starting = cluster.start();
      await starting;
      const began = performance.now();
      await other.set('key-0', 'new', global, 'bob');
      await recover(service, began);
    } finally {
      await service.close();
      await other.close();
      await database.close();
      for (const pool of pools) await pool.end();
    }
  }, 60_000);
});
