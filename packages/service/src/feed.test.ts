/** Owns the promises of the feed against what happens around it: stores that are put back, lost wake-ups, databases that go away. */
import { createHook } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import type { FeedEvent } from '@strata/core';
import pg from 'pg';
import { describe, expect, inject, it, vi } from 'vitest';
import { describeDatabases, postgresPool } from '../../../test/databases.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { compact, rewind } from '../../../test/rewind.ts';
import { servicesOn } from '../../../test/services.ts';
import { startTcpProxy } from '../../../test/tcp-proxy.ts';
import { createConfigurationService } from './create.ts';
import type { Database } from './db/database.ts';

const global = { scope: 'global' } as const;
const soon = { timeout: 8000, interval: 5 };
/** A poll that no test waits for. */
const never = 600_000;

describeDatabases('the feed of a store that changes under it', (engine) => {
  const services = servicesOn(engine);

  it('tells its readers that a store was put back, and serves nothing of what it held before', async () => {
    const { service, database } = await services.open({ pollInterval: 50 });
    const set = (n: number) => service.set('n', n, global, 'ada');
    for (const n of [1, 2, 3]) await set(n);
    const events: FeedEvent[] = [];
    const subscription = await service.subscribe({ keys: 'n' }, (event) => events.push(event));
    await service.registerSchema('n', { type: 'number', maximum: 10 });
    for (const n of [4, 5]) await set(n);
    await vi.waitFor(() => expect(events).toHaveLength(2), soon);
    expect(await service.get('n')).toBe(5);

    await rewind(database, 3);
    const other = services.on(database, { pollInterval: never });
    await vi.waitFor(async () => expect(await service.get('n')).toBe(3), soon);
    await vi.waitFor(() => expect(events.slice(2)).toMatchObject([{ type: 'reset', revision: 3 }]), soon);
    await other.set('n', 99, global, 'bob');
    await vi.waitFor(() => expect(events.slice(3)).toMatchObject([{ type: 'commit', revision: 4 }]), soon);
    expect(subscription.cursor).toBe(events[3]?.cursor);
    expect(await service.get('n')).toBe(99);
  });

  it('sees that the commit of a cursor is another one than before, although the store has come further', async () => {
    const { service, database } = await services.open({ pollInterval: 50 });
    for (const n of [1, 2, 3]) await service.set('n', n, global, 'ada');
    const events: FeedEvent[] = [];
    await service.subscribe({ fromRevision: 0 }, (event) => events.push(event));
    await vi.waitFor(() => expect(events).toHaveLength(3), soon);
    const cursor = events[2]?.cursor ?? '';
    await service.close();

    await rewind(database, 2);
    const later = services.on(database);
    for (const n of [30, 40]) await later.set('n', n, global, 'bob');
    const resumed: FeedEvent[] = [];
    await later.subscribe({ fromRevision: cursor }, (event) => resumed.push(event));
    await vi.waitFor(() => expect(resumed).toMatchObject([{ type: 'reset', revision: 4 }]), soon);
    await later.set('n', 50, global, 'bob');
    await vi.waitFor(() => expect(resumed.slice(1)).toMatchObject([{ type: 'commit', revision: 5 }]), soon);
    const beyond: FeedEvent[] = [];
    await later.subscribe({ fromRevision: 77 }, (event) => beyond.push(event));
    await vi.waitFor(() => expect(beyond).toMatchObject([{ type: 'reset', revision: 5 }]), soon);
  });

  it('tells of commits that are no longer kept instead of leaving them out', async () => {
    const { service, database } = await services.open();
    for (const n of [1, 2, 3, 4, 5]) await service.set('n', n, global, 'ada');
    await compact(database, 3);
    const old: FeedEvent[] = [];
    await service.subscribe({ fromRevision: 2 }, (event) => old.push(event));
    await vi.waitFor(() => expect(old).toMatchObject([{ type: 'compacted', revision: 5 }]), soon);
    const kept: FeedEvent[] = [];
    await service.subscribe({ fromRevision: 3 }, (event) => kept.push(event));
    await vi.waitFor(() => expect(kept).toMatchObject([{ revision: 4 }, { revision: 5 }]), soon);

    const resets: unknown[] = [];
    const warnings: unknown[] = [];
    const other = services.on(database, { onWarning: (warning) => warnings.push(warning) });
    await other.watchConfig('n', () => undefined, { fromRevision: 1, onReset: (reset) => resets.push(reset) });
    await other.watchConfig('n', () => undefined, { fromRevision: 1 });
    await vi.waitFor(() => expect([resets, warnings].map((list) => list.length)).toEqual([1, 1]), soon);
    expect(warnings[0]).toMatchObject({ code: 'changes_missed', details: { cursor: old[0]?.cursor } });
    const iterating = (async () => {
      for await (const change of other.changes('n', { fromRevision: 1 })) throw new Error(change.key);
    })();
    await expect(iterating).rejects.toMatchObject({ code: 'changes_missed' });
  });

  it('shows a scope the right values on both sides of a reset', async () => {
    const { service, database } = await services.open({ pollInterval: 50 });
    const org = { scope: 'org', scopeId: 'acme' } as const;
    const team = { scope: 'team', scopeId: 'north' } as const;
    await service.registerScope({ ...team, parent: org });
    await service.set('n', 1, org, 'ada');
    const seen: unknown[] = [];
    await service.subscribe({ scope: team }, (event) =>
      seen.push(
        event.type === 'commit' ? event.changes.map((change) => [change.oldValue, change.newValue]) : event.type,
      ),
    );
    await service.registerScope({ ...team, parent: { scope: 'org', scopeId: 'other' } });
    await vi.waitFor(() => expect(seen).toEqual([[[1, null]]]), soon);
    await rewind(database, 2);
    await vi.waitFor(() => expect(seen.slice(1)).toEqual(['reset']), soon);
    await service.set('n', 2, org, 'ada');
    await vi.waitFor(() => expect(seen.slice(2)).toEqual([[[1, 2]]]), soon);
  });

  it('goes on by itself after the database was away', async () => {
    const { database } = await services.open();
    let isAway = false;
    const flaky = interceptDatabase(database, ({ text }, run) =>
      isAway && text.includes('tip_revision') ? Promise.reject(new Error('away')) : run(),
    );
    const service = services.on(flaky, { pollInterval: 20 });
    const writer = services.on(database);
    const seen: unknown[] = [];
    await service.watchConfig('n', ([change]) => seen.push(change?.newValue));
    const behind = await service.subscribe({ fromRevision: 0, scope: global }, () => undefined);
    await writer.set('n', 1, global, 'ada');
    await vi.waitFor(() => expect(seen).toEqual([1]), soon);
    isAway = true;
    await writer.set('n', 2, global, 'ada');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(seen).toEqual([1]);
    isAway = false;
    await vi.waitFor(() => expect(seen).toEqual([1, 2]), soon);
    await vi.waitFor(() => expect(behind.cursor).toMatch(/^2:/), soon);
  });

  it('follows on without a cache, and leaves no timer behind when it is closed', async () => {
    const ours = /\/service\/src\/(feed|wake-up|subscription|watch)\.ts/;
    const timers = new Map<number, string>();
    const hook = createHook({
      init: (id, type) => {
        // The test runner and the pool have timers of their own.
        const stack = type === 'Timeout' ? (new Error().stack ?? '') : '';
        if (ours.test(stack) && !stack.includes('/pg-pool/')) timers.set(id, stack);
      },
      destroy: (id) => timers.delete(id),
    }).enable();
    const { service } = await services.open({ cacheEnabled: false, pollInterval: never });
    const seen: unknown[] = [];
    const controller = new AbortController();
    await service.watchConfig('n', ([change]) => seen.push(change?.newValue), { signal: controller.signal });
    await service.set('n', 1, global, 'ada');
    await vi.waitFor(() => expect(seen).toEqual([1]), soon);
    expect(timers.size).toBeGreaterThan(0);
    await service.close();
    for (let turns = 0; turns < 100 && timers.size > 0; turns += 1)
      await new Promise((resolve) => setImmediate(resolve));
    hook.disable();
    expect([...timers.values()]).toEqual([]);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

describeDatabases(
  'waking the processes of a store',
  (engine) => {
    const services = servicesOn(engine);

    /** Watches in a process that does not poll, and tells what it saw. */
    const watched = async (options: Parameters<typeof services.on>[1] & { readonly at?: Database } = {}) => {
      const { service, database, pool, schema } = await services.open();
      const { at = database, ...rest } = options;
      const reader = services.on(at, { pollInterval: never, ...rest });
      const seen: unknown[] = [];
      await reader.watchConfig('n', ([change]) => seen.push(change?.newValue));
      return { service, database, pool, schema, seen, reader };
    };
    const listeners = async (database: Database, like: string) =>
      database.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name LIKE $1`,
        [like],
      );

    it('tells the others at once, although they do not poll', async () => {
      const { service, seen } = await watched();
      for (const n of [1, 2, 3]) await service.set('n', n, global, 'ada');
      await vi.waitFor(() => expect(seen).toEqual([1, 2, 3]), soon);
    });

    it('tells of the last write before the writer closed', async () => {
      const { service, seen } = await watched();
      void service.set('n', 1, global, 'ada').catch(() => undefined);
      await service.close();
      await vi.waitFor(() => expect(seen).toEqual([1]), soon);
    });

    it('finds out by the poll where it does not listen, or has one connection only', async () => {
      const { service, schema } = await services.open();
      const quiet = services.on(await engineDatabase(schema, 10), { listen: false, pollInterval: 100 });
      const single = services.on(await engineDatabase(schema, 1), { pollInterval: 100 });
      for (const reader of [quiet, single]) {
        const seen: unknown[] = [];
        await reader.watchConfig('n', ([change]) => seen.push(change?.newValue));
        const { revision } = await service.set('n', Math.random(), global, 'ada');
        await vi.waitFor(() => expect(seen).toHaveLength(1), soon);
        expect(revision).toBeGreaterThan(0);
      }
      await Promise.all([quiet.close(), single.close()]);
    });

    it('listens again after its connection was lost, and has missed nothing', async () => {
      const { service, database, pool } = await services.open();
      const address = inject('postgres');
      const proxy = await startTcpProxy(address);
      const { schema } = await schemaOf(database);
      const proxied = new pg.Pool({ ...address, port: proxy.port, options: `-c search_path=${schema}` });
      const reader = createConfigurationService(proxied, { pollInterval: never });
      try {
        const seen: unknown[] = [];
        await reader.watchConfig('n', ([change]) => seen.push(change?.newValue));
        await service.set('n', 1, global, 'ada');
        await vi.waitFor(() => expect(seen).toEqual([1]), soon);
        proxy.cut();
        await service.set('n', 2, global, 'ada');
        await vi.waitFor(() => expect(seen).toEqual([1, 2]), soon);
        await proxy.refuse();
        await service.set('n', 3, global, 'ada');
        await new Promise((resolve) => setTimeout(resolve, 300));
        await proxy.accept();
        await vi.waitFor(() => expect(seen).toEqual([1, 2, 3]), { timeout: 15_000, interval: 10 });
        await service.set('n', 4, global, 'ada');
        await vi.waitFor(() => expect(seen).toEqual([1, 2, 3, 4]), soon);
      } finally {
        await reader.close();
        await proxied.end();
        await proxy.close();
      }
      expect(pool?.totalCount).toBeGreaterThan(0);
    });

    it('listens on a connection of its own where it is told the way, and takes none of the pool', async () => {
      const { database, schema } = await services.open();
      const address = inject('postgres');
      const name = `strata_${schema.slice(-8)}`;
      const url = `postgres://${address.user}:${address.password}@${address.host}:${String(address.port)}/${address.database}?application_name=${name}`;
      const pool = postgresPool(schema, { max: 1 });
      const reader = createConfigurationService(pool, { listen: url, pollInterval: never });
      const writer = services.on(database);
      const seen: unknown[] = [];
      await reader.watchConfig('n', ([change]) => seen.push(change?.newValue));
      await vi.waitFor(async () => expect(await listeners(database, name)).toHaveLength(1), soon);
      await writer.set('n', 1, global, 'ada');
      await vi.waitFor(() => expect(seen).toEqual([1]), soon);
      await reader.close();
      await vi.waitFor(async () => expect(await listeners(database, name)).toHaveLength(0), soon);
      await pool.end();
    });

    it('never notifies inside a write, and merges what it has to tell', async () => {
      const { database } = await services.open();
      const texts: string[] = [];
      const counted = interceptDatabase(database, ({ text, isInTransaction, isStep }, run) => {
        if (text.includes('pg_notify')) texts.push(isInTransaction ? 'inside' : 'notify');
        else if (isStep) texts.push('step');
        return run();
      });
      const service = services.on(counted);
      await Promise.all(Array.from({ length: 400 }, (_, n) => service.set(`n${String(n)}`, n, global, 'ada')));
      await service.close();
      const count = (what: string) => texts.filter((text) => text === what).length;
      expect(count('inside')).toBe(0);
      expect(count('notify')).toBeGreaterThan(0);
      expect(count('notify')).toBeLessThanOrEqual(count('step') + 1);
    });

    const engineDatabase = async (schema: string, max: number): Promise<Database> => {
      const { postgresDatabase } = await import('./db/postgres.ts');
      const pool = postgresPool(schema, { max });
      const database = postgresDatabase(pool);
      return {
        ...database,
        close: async () => {
          await database.close();
          await pool.end();
        },
      };
    };
    const schemaOf = async (database: Database): Promise<{ schema: string }> => {
      const [row] = await database.query<{ schema: string }>('SELECT current_schema() AS schema');
      if (row === undefined) throw new Error('there is no schema');
      return row;
    };
  },
  'postgres',
);

describe('a wake-up', () => {
  it('is no truth: the options that shape it are checked', () => {
    const pool = new pg.Pool(inject('postgres'));
    for (const listen of ['localhost', 'http://x', 7]) {
      expect(() => createConfigurationService(pool, { listen: listen as never })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      );
    }
    expect(() => createConfigurationService(pool, { onWarning: 1 as never })).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });
});
