import { setTimeout as wait } from 'node:timers/promises';
import { isConfigurationError } from '@strata/core';
import type pg from 'pg';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { describeDatabases, postgresPool, type TestDatabase } from '../../../test/databases.ts';
import { interceptDatabase, type Interception } from '../../../test/intercepted-database.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import { startTcpProxy, type TcpProxy } from '../../../test/tcp-proxy.ts';
import type { ConfigurationManagementService as Service } from './configuration-management-service.ts';
import type { Database } from './db/database.ts';
import { unavailable } from './db/database-fault.ts';
import { postgresDatabase } from './db/postgres.ts';

const global = { scope: 'global' } as const;
/** How long a write may take that cannot be made, in milliseconds: two seconds, and what a busy machine adds. */
const patience = 2600;

/** What became of a call, and how long that took. */
async function outcomeOf(call: Promise<unknown>): Promise<{ readonly code: string; readonly ms: number }> {
  const start = performance.now();
  const code = await call.then(
    () => 'stored',
    (error: unknown) => (isConfigurationError(error) ? error.code : String(error)),
  );
  return { code, ms: performance.now() - start };
}

interface Proxied {
  readonly proxy: TcpProxy;
  readonly pool: pg.Pool;
  readonly database: Database;
}

describeDatabases(
  'writes over a bad connection',
  (engine) => {
    const endings: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const end of endings.splice(0).reverse()) await end();
    });
    const services = serviceProcesses(engine);

    async function openProxied(store: TestDatabase, config: pg.PoolConfig = {}): Promise<Proxied> {
      const proxy = await startTcpProxy(inject('postgres'));
      const pool = postgresPool(store.schema, { host: '127.0.0.1', port: proxy.port, ...config });
      const database = postgresDatabase(pool);
      endings.push(
        () => proxy.close(),
        () => pool.end(),
        () => database.close(),
      );
      return { proxy, pool, database };
    }

    it('are applied once each, though 200 connections are cut before an answer', async () => {
      const store = await services.open();
      const found = { stored: 0, lost: 0 };
      const acknowledged = new Map<string, number>();
      const writer = async (name: string): Promise<void> => {
        const { proxy, database } = await openProxied(store, { max: 2 });
        // Long enough that a cut meets the statement on its way, at work, and its answer on the way back.
        proxy.setDelay(4);
        let isArmed = false;
        const cutting: Interception = async ({ isStep, text }, run) => {
          const answer = run();
          if (isStep && isArmed) {
            isArmed = false;
            setTimeout(() => proxy.cut(), Math.random() * 10);
          }
          const rows = await answer;
          if (text.includes('idempotency_key = ANY')) found[rows.length > 0 ? 'stored' : 'lost'] += 1;
          return rows;
        };
        const service = services.startOn(interceptDatabase(database, cutting), { pollInterval: 3_600_000 });
        for (let n = 0; n < 50; n += 1) {
          isArmed = true;
          const idempotencyKey = `${name}-${String(n)}`;
          const { revision } = await untilKnown(() =>
            service.set(`key-${String(n % 5)}`, idempotencyKey, global, name, undefined, { idempotencyKey }),
          );
          acknowledged.set(idempotencyKey, revision);
        }
      };
      await Promise.all(['w1', 'w2', 'w3', 'w4'].map(writer));
      const commits = await store.database.query<{ idempotency_key: string; revision: number }>(
        'SELECT idempotency_key, revision FROM configuration_commits ORDER BY revision',
      );
      expect(commits).toHaveLength(200);
      expect(new Map(commits.map(({ idempotency_key, revision }) => [idempotency_key, revision]))).toEqual(
        new Map([...acknowledged].sort(([, a], [, b]) => a - b)),
      );
      // Cuts of both kinds were met: of steps that were stored, and of steps that were not.
      expect(Math.min(found.stored, found.lost)).toBeGreaterThan(0);
    });

    it('answer what became of a write whose connection was cut for good, once it is repeated', async () => {
      const store = await services.open();
      const { proxy, database } = await openProxied(store);
      const service = services.startOn(
        interceptDatabase(database, async ({ isStep }, run) => {
          const rows = await run();
          if (!isStep) return rows;
          await proxy.refuse();
          throw unavailable(new Error('cut'), true);
        }),
      );
      const set = () => service.set('a', 1, global, 'ada', undefined, { idempotencyKey: 'call-1' });
      await expect(set()).rejects.toMatchObject({ code: 'outcome_unknown', details: { idempotencyKey: 'call-1' } });
      await proxy.accept();
      expect(await set()).toMatchObject({ revision: 1, value: 1 });
    });

    describe.each(['refused', 'swallowed', 'stalled'] as const)('while connections are %s', (way) => {
      const breakOff = async (proxy: TcpProxy): Promise<void> => {
        if (way === 'refused') await proxy.refuse();
        else proxy.setMode(way === 'swallowed' ? 'drop' : 'stall');
      };
      const restore = async (proxy: TcpProxy): Promise<void> => {
        if (way === 'refused') await proxy.accept();
        else proxy.setMode('pass');
      };

      it('fail in time, whoever waits; reads go on, and all works again afterwards', async () => {
        const store = await services.open();
        const { proxy, database } = await openProxied(store);
        const service = services.startOn(database);
        await service.set('warm', 1, global, 'ada');
        expect(await service.get('warm')).toBe(1);
        await breakOff(proxy);
        const calls: Promise<{ readonly code: string; readonly ms: number }>[] = [];
        for (let round = 0; round < 4; round += 1) {
          for (const call of writesOf(service, round)) calls.push(outcomeOf(call));
          expect(await service.get('warm')).toBe(1);
          await wait(300);
        }
        const outcomes = await Promise.all(calls);
        expect(await service.get('warm')).toBe(1);
        const codes = new Set(outcomes.map(({ code }) => code));
        expect([...codes].filter((code) => code !== 'unavailable' && code !== 'outcome_unknown')).toEqual([]);
        // No more than one step can be under way.
        expect(outcomes.filter(({ code }) => code === 'outcome_unknown').length).toBeLessThanOrEqual(10);
        expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(patience);
        await restore(proxy);
        await expect
          .poll(() => outcomeOf(service.set('warm', 2, global, 'ada')), { timeout: 5000 })
          .toMatchObject({
            code: 'stored',
          });
        expect(await service.get('warm')).toBe(2);
        for (const call of writesOf(service, 9)) expect((await outcomeOf(call)).code).toBe('stored');
      });
    });

    it('give up while another session keeps the counter, and are not stored afterwards', async () => {
      const store = await services.open();
      const service = services.start(store);
      const first = await service.set('a', 0, global, 'ada');
      const client = await store.pool?.connect();
      await client?.query('BEGIN; SELECT FROM configuration_counter FOR UPDATE');
      const outcomes = await Promise.all(writesOf(service, 1).map(outcomeOf));
      expect(new Set(outcomes.map(({ code }) => code))).toEqual(new Set(['unavailable']));
      expect(Math.max(...outcomes.map(({ ms }) => ms))).toBeLessThan(patience);
      await client?.query('COMMIT');
      client?.release();
      expect(await service.set('a', 1, global, 'ada')).toMatchObject({ revision: first.revision + 1 });
    });

    it('go on when a process stops in the middle of a registration', { timeout: 30_000 }, async () => {
      const store = await services.open();
      const { database } = await openProxied(store);
      let goOn: () => void = () => undefined;
      const stopped = new Promise<void>((resolve) => (goOn = resolve));
      let hasStopped = false;
      const hanging = services.startOn(
        interceptDatabase(database, async ({ isStep, isInTransaction }, run) => {
          const rows = await run();
          if (isStep && isInTransaction && !hasStopped) {
            hasStopped = true;
            await stopped;
          }
          return rows;
        }),
      );
      const service = services.start(store);
      const registered = hanging.registerScope({ scope: 'org', scopeId: 'o' });
      await expect.poll(() => hasStopped).toBe(true);
      expect((await outcomeOf(service.set('a', 1, global, 'ada'))).code).toBe('unavailable');
      const set = () => outcomeOf(service.set('a', 1, global, 'ada'));
      await expect.poll(set, { timeout: 8000 }).toMatchObject({ code: 'stored' });
      goOn();
      const { code } = await outcomeOf(registered);
      expect(await service.listScopes()).toHaveLength(code === 'stored' ? 1 : 0);
    });

    it('do not crash the process when idle connections end, and the next calls work', async () => {
      const store = await services.open();
      const service = services.start(store, { pollInterval: 3_600_000 });
      await Promise.all(Array.from({ length: 8 }, (_, n) => service.getLayer(`key-${String(n)}`)));
      for (let round = 0; round < 5; round += 1) {
        await store.database.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
          [store.schema],
        );
        expect(await service.set('a', round, global, 'ada')).toMatchObject({ value: round });
        await service.registerScope({ scope: 'org', scopeId: `o${String(round)}` });
        expect(await service.get('a')).toBe(round);
      }
    });
  },
  'postgres',
);

/** Writes of all kinds at once. */
function writesOf(service: Service, round: number): Promise<unknown>[] {
  const name = String(round);
  return [
    ...Array.from({ length: 10 }, (_, n) => service.set(`key-${String(n)}`, round, global, 'ada')),
    service.registerScope({ scope: 'user', scopeId: name, parent: { scope: 'org', scopeId: name } }),
    service.registerSchema(`schema-${name}`, { type: 'object' }),
    service.commit(
      [
        { key: 'one', ...global, value: round },
        { key: 'two', ...global, value: round },
      ],
      'ada',
    ),
    service.lockConfig(`lock-${name}`, global, {}, 'ada'),
  ];
}

/** Repeats a call until it is known what became of it. */
async function untilKnown<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isConfigurationError(error, 'outcome_unknown') && !isConfigurationError(error, 'unavailable')) throw error;
    }
  }
}
