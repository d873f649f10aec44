/** Owns the proof that memory never serves what is known to be old, and what others wrote only for a moment. */
import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Database } from './db/database.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;

/** A poll that never comes within a test: what is seen then, is seen by other means. */
const never = { pollInterval: 3_600_000 };
const often = { pollInterval: 50 };
/** Waits until another process's write is seen. */
const seen = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 5000, interval: 10 });

/** A database whose reads of values can be counted, and held up after the store has answered them. */
function holdable(database: Database) {
  const held: (() => void)[] = [];
  let isHolding = false;
  let reads = 0;
  const slow: Database = {
    ...database,
    async query(text, parameters, name, options) {
      // What has expired is looked for in the background.
      const isRead = text.includes('configuration_settings') && !text.includes('clock_timestamp');
      if (isRead) reads += 1;
      const holds = isHolding && isRead;
      const rows = await database.query(text, parameters, name, options);
      if (holds) await new Promise<void>((resolve) => held.push(resolve));
      return rows as never;
    },
  };
  return {
    slow,
    /** The reads so far. */
    count: () => reads,
    /** Holds up the reads that begin while `work` runs. */
    during: async (work: () => void): Promise<void> => {
      isHolding = true;
      work();
      await vi.waitFor(() => {
        expect(held.length).toBeGreaterThan(0);
      });
      isHolding = false;
    },
    release: () => held.splice(0).forEach((resolve) => resolve()),
  };
}

describeDatabases('two services on one database', (engine) => {
  const services = servicesOn(engine);

  it('see each other’s writes, deletes, scopes and schemas soon, and their own at once', async () => {
    const { service: a, database } = await services.open(often);
    const b = services.on(database, often);
    const expectSoon = async (key: string, scope: typeof org | typeof team, value: unknown): Promise<void> => {
      expect(await a.get(key, scope)).toEqual(value);
      await seen(async () => {
        expect(await b.get(key, scope)).toEqual(value);
      });
    };
    await a.set('k', { a: 1 }, org, 'ann');
    await expectSoon('k', org, { a: 1 });
    expect(await b.get('k', team)).toBeNull();
    await a.registerScope({ ...team, parent: org });
    await expectSoon('k', team, { a: 1 });
    await a.set('k', { b: 2 }, global, 'ann');
    await expectSoon('k', team, { b: 2, a: 1 });
    await a.registerSchema('k', z.looseObject({ c: z.number().default(3) }));
    await expectSoon('k', team, { b: 2, a: 1, c: 3 });
    await a.commit([{ key: 'k', ...org, delete: true }], 'ann');
    await expectSoon('k', team, { b: 2, c: 3 });
    await a.rollback('k', 'HEAD~1', 'ann', 'x', { scope: org });
    await expectSoon('k', team, { b: 2, a: 1, c: 3 });
    await a.registerScope(team);
    await expectSoon('k', team, { b: 2, c: 3 });
    await a.delete('k', global, 'ann');
    await seen(async () => {
      expect(await b.get('k', team)).toBeNull();
    });
    await b.set('k', { b: 1 }, global, 'bob');
    expect(await b.get('k', team)).toEqual({ b: 1, c: 3 });
  });

  it('decide on what the other has just written', async () => {
    const { service: a, database } = await services.open(never);
    const b = services.on(database, never);
    await a.set('k', 1, org, 'ann');
    await b.set('k', 2, org, 'bob');
    expect((await a.set('k', 1, org, 'ann')).revision).toBe(3);
    await b.lockConfig('l', global, undefined, 'bob');
    await expectRefusal(a.set('l', 1, org, 'ann'), 'locked');
    await b.unlockConfig('l', global, undefined, 'bob');
    expect((await a.set('l', 1, org, 'ann')).revision).toBe(6);
    await b.delete('k', org, 'bob');
    await expectRefusal(a.delete('k', org, 'ann'), 'key_not_found');
    await a.set('k', 1, org, 'ann', undefined, { ifVersion: null });
    await expectRefusal(b.set('k', 2, org, 'bob', undefined, { ifVersion: null }), 'conflict');
    await b.registerSchema('k', { type: 'number' });
    await expectRefusal(a.set('k', 'text', org, 'ann'), 'validation_failed');
  });

  it('serve their own writes at once, whatever else is in memory', async () => {
    const { service } = await services.open(never);
    await service.registerScope({ ...team, parent: org });
    for (let round = 0; round < 20; round += 1) {
      const scope = [global, org, team][round % 3] ?? global;
      await service.set('k', { [scope.scope]: round }, scope, 'ann');
      for (const at of [global, org, team]) {
        const value = await service.get<Record<string, number>>('k', at);
        if (at.scope === 'team' || at.scope === scope.scope) expect(value[scope.scope]).toBe(round);
      }
    }
  });
});

describeDatabases('memory', (engine) => {
  const services = servicesOn(engine);

  it('answers without a query what it holds, also that there is nothing', async () => {
    const { database } = await services.open();
    const { slow, count } = holdable(database);
    const service = services.on(slow, never);
    await service.set('k', 1, org, 'ann');
    const read = async (): Promise<unknown[]> => [
      await service.get<unknown>('k', org),
      await service.get<unknown>('missing', org),
      await service.get<unknown>('k', { ...team, organizationId: 'o' }),
      await service.getBatch(['k', 'missing'], org),
    ];
    const first: unknown[] = await read();
    const before = count();
    expect(await read()).toEqual(first);
    expect(count()).toBe(before);
    await service.set('unrelated', 1, org, 'ann');
    const after = count();
    expect(await read()).toEqual(first);
    expect(count()).toBe(after);
  });

  it('lets calls at once share one query', async () => {
    const { database } = await services.open();
    const { slow, count } = holdable(database);
    const service = services.on(slow, never);
    await service.set('k', 1, org, 'ann');
    const before = count();
    const values = await Promise.all(Array.from({ length: 50 }, () => service.get<number>('k', org)));
    expect(new Set(values)).toEqual(new Set([1]));
    expect(count() - before).toBe(1);
  });

  it('never serves the value of before a set to a get that began after it', async () => {
    const { database } = await services.open();
    const { slow, during, release } = holdable(database);
    const service = services.on(slow, never);
    await service.set('k', 'old', global, 'ann');
    const reads: Promise<unknown>[] = [];
    await during(() => reads.push(service.get('k'), service.getBatch(['k'])));
    await service.set('k', 'new', global, 'ann');
    // This one joins the read that began before.
    const joined = service.get('k');
    release();
    expect(await joined).toBe('new');
    await Promise.all(reads);
    expect([await service.get('k'), service.peek('k')]).toEqual(['new', 'new']);
  });

  it('does not keep what was read before another process wrote, however late it arrives', async () => {
    const { service: other, database } = await services.open(never);
    const { slow, during, release } = holdable(database);
    const service = services.on(slow, often);
    await other.set('k', 'old', global, 'ann');
    const reads: Promise<unknown>[] = [];
    // The first read of this process has its answer when another one writes and a later read overtakes it.
    await during(() => reads.push(service.get('k')));
    await other.set('k', 'new', global, 'ann');
    await service.get('l');
    release();
    await Promise.all(reads);
    await seen(async () => {
      expect(await service.get('k')).toBe('new');
    });
  });

  it('answers a failure to all who share the read, and keeps none of it', async () => {
    const { database } = await services.open();
    let isBroken = true;
    const breakable: Database = {
      ...database,
      query: (text, parameters, name, options) =>
        isBroken ? Promise.reject(new Error('cut')) : database.query(text, parameters, name, options),
    };
    const service = services.on(breakable, never);
    const results = await Promise.allSettled([service.get('k'), service.get('k'), service.getBatch(['k'])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    isBroken = false;
    expect(await service.get('k')).toBeNull();
  });

  it('forgets a value after its time, however right it seems', async () => {
    const { database } = await services.open();
    const service = services.on(database, { cacheTtl: 0.1, pollInterval: 3_600_000 });
    await service.set('k', 1, global, 'ann');
    await service.get('k');
    expect(service.peek('k')).toBe(1);
    await vi.waitFor(
      () => {
        expect(service.peek('k')).toBeUndefined();
      },
      { timeout: 5000 },
    );
    expect(await service.get('k')).toBe(1);
  });

  it('holds no more values than it may, and stays right with very few', async () => {
    const { service } = await services.open({ ...never, cacheMaxEntries: 1 });
    await service.registerScope({ ...team, parent: org });
    await service.registerScope({ scope: 'user', scopeId: 'u', parent: team });
    const scopes = [global, org, team, { scope: 'user', scopeId: 'u' }] as const;
    for (let round = 0; round < 30; round += 1) {
      await service.set(`k${String(round % 3)}`, round, scopes[round % 2] ?? global, 'ann');
      for (const scope of scopes) {
        const expected = round % 2 === 0 && scope.scope !== 'global' && round > 2 ? round - 3 : round;
        if (round % 2 === 1 && scope.scope === 'global') continue;
        expect(await service.get(`k${String(round % 3)}`, scope)).toBe(expected);
        expect(await service.getBatch(['k0', 'k1', 'k2'], scope)).toHaveProperty('size', 3);
      }
    }
    const kept = scopes.flatMap((scope) => ['k0', 'k1', 'k2'].filter((key) => service.peek(key, scope) !== undefined));
    expect(kept.length).toBeLessThanOrEqual(1);
  });

  it('can be turned off', async () => {
    const { service } = await services.open({ cacheEnabled: false });
    await service.set('k', 1, global, 'ann');
    expect(await service.get('k')).toBe(1);
    expect(service.peek('k')).toBeUndefined();
    expect(await service.get('k')).not.toBe(await service.getAll());
    await service.invalidateCache();
  });
});
