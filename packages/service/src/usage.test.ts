/** Owns the proof of usage counters: what is counted, for whom, how it is bounded, and what becomes of it when telling fails. */
import { ConfigurationError, type ScopeInput } from '@strata/core';
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { age } from '../../../test/old-counters.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Database, SqlParameter } from './db/database.ts';

const never = { pollInterval: 3_600_000, listen: false };
const global = { scope: 'global' } as const;
const org = (scopeId: string): ScopeInput => ({ scope: 'org', scopeId });

/** The counters of days, summed up. */
function dayRows(database: Database): Promise<unknown[]> {
  return database.query(
    'SELECT key, service, sum(reads)::bigint AS reads FROM configuration_usage_days GROUP BY 1, 2 ORDER BY 1, 2',
  );
}

/** The database as it would be at other times of its clock. */
function atTime(inner: Database, time: () => string): Database {
  return {
    ...inner,
    query: (text: string, parameters?: readonly SqlParameter[]) =>
      inner.query(
        text.includes('configuration_usage') ? text.replaceAll('clock_timestamp()', `timestamptz '${time()}'`) : text,
        parameters,
      ) as never,
  };
}

describeDatabases('usage counters', (engine) => {
  const services = servicesOn(engine);
  const rows = async (database: Database): Promise<unknown[]> =>
    database.query(
      'SELECT key, scope, scope_id, sum(reads)::bigint AS reads FROM configuration_usage GROUP BY 1, 2, 3 ORDER BY 1, 2, 3',
    );

  it('are off by default', async () => {
    const { service, database } = await services.open();
    await service.get('k');
    await service.close();
    expect(await rows(database)).toEqual([]);
  });

  it('count reads from memory and from the database, of entries that were dropped too, and add up over processes', async () => {
    const { database } = await services.open();
    for (let process = 0; process < 3; process += 1) {
      const service = services.on(database, { ...never, usage: true, cacheMaxEntries: 2 });
      for (let round = 0; round < 4; round += 1) {
        for (const key of ['a', 'b', 'c']) {
          await service.get(key);
          await service.get(key);
          service.peek(key);
        }
      }
      await service.close();
    }
    expect(await rows(database)).toEqual(
      ['a', 'b', 'c'].map((key) => ({ key, scope: 'global', scope_id: '', reads: 36 })),
    );
  });

  it('stay few rows however many scopes are read: the rest of a key is told together', async () => {
    const { database } = await services.open();
    const service = services.on(database, { ...never, usage: true });
    for (let n = 0; n < 300; n += 1) await service.get('k', { scope: 'user', scopeId: String(n) });
    for (let n = 0; n < 5; n += 1) await service.get('k', { scope: 'user', scopeId: '7' });
    await service.close();
    const counted = (await rows(database)) as { scope: string; scope_id: string; reads: number }[];
    expect(counted.length).toBe(201);
    expect(counted.reduce((sum, { reads }) => sum + reads, 0)).toBe(305);
    expect(counted.find(({ scope_id }) => scope_id === '7')?.reads).toBe(6);
    expect(counted.filter(({ scope }) => scope === '').map(({ reads }) => reads)).toEqual([100]);
  });

  it('are kept for a day', async () => {
    const { database } = await services.open();
    await database.query(
      `INSERT INTO configuration_usage SELECT 'default', date_trunc('minute', now()) - h * interval '1 hour', '', 'old' || h, 'global', '', 1
      FROM unnest(ARRAY[1, 23, 25, 100]) AS h`,
    );
    const service = services.on(database, { ...never, usage: true });
    await service.get('new');
    await service.close();
    expect(((await rows(database)) as { key: string }[]).map(({ key }) => key)).toEqual(['new', 'old1', 'old23']);
  });

  it('are told later when the database is away, and no call suffers', async () => {
    const { database: inner } = await services.open();
    let isAway = true;
    const database = interceptDatabase(inner, async ({ text }, run) => {
      if (!isAway || !text.includes('configuration_usage')) return run();
      throw new ConfigurationError('unavailable', { problem: 'cut', sent: false });
    });
    const warnings: unknown[] = [];
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const service = services.on(database, { ...never, usage: true, onWarning: (warning) => warnings.push(warning) });
      await service.get('k');
      vi.advanceTimersByTime(60_000);
      await service.get('k');
      vi.advanceTimersByTime(60_000);
      await vi.waitFor(async () => expect(await service.get('k')).toBeNull());
      isAway = false;
      await service.get('k');
      await service.close();
    } finally {
      vi.useRealTimers();
    }
    expect(await rows(inner)).toEqual([{ key: 'k', scope: 'global', scope_id: '', reads: 4 }]);
    expect(warnings).toEqual([]);
  });
});

describeDatabases('what is counted', (engine) => {
  const services = servicesOn(engine);

  it('is every read that is answered, once, for the service that reads', async () => {
    const { database } = await services.open();
    const service = services.on(database, { ...never, serviceName: 'billing' });
    await service.set('k', 1, global, 'ann');
    await service.set('refused', 1, org('o'), 'ann');
    await Promise.all([service.get('k'), service.get('k'), service.get('k')]);
    await service.getBatch(['k', 'none']);
    await service.getAll();
    await service.read('k', undefined, { minRevision: 1 });
    const web = service.as({ id: 'ann', service: 'web' });
    await web.get('k');
    expect(web.peek('k')).toBe(1);
    await web.getBatch(['k']);
    await web.getAll();
    // Neither of these reads the effective value for an application.
    await service.preloadHotConfigs();
    await service.explain('k');
    await service.close();
    expect(await dayRows(database)).toEqual([
      { key: '', service: 'billing', reads: 0 },
      { key: 'k', service: 'billing', reads: 6 },
      { key: 'k', service: 'web', reads: 4 },
    ]);
  });

  it('is counted without a cache too', async () => {
    const { database } = await services.open();
    const service = services.on(database, { ...never, usage: true, cacheEnabled: false });
    await service.set('k', 1, global, 'ann');
    await Promise.all([service.get('k'), service.get('k')]);
    await service.getBatch(['k']);
    await service.close();
    expect(await dayRows(database)).toEqual([
      { key: '', service: '', reads: 0 },
      { key: 'k', service: '', reads: 3 },
    ]);
  });

  it('is nothing that was refused', async () => {
    const { database } = await services.open();
    const service = services.on(database, {
      ...never,
      usage: true,
      authorize: (actor, action) => actor.id !== 'eve' || action !== 'read',
    });
    await service.set('k', 1, global, 'ann');
    await service.get('k');
    const eve = service.as('eve');
    await expectRefusal(eve.get('k'), 'not_permitted');
    expect(eve.peek('k')).toBeUndefined();
    await expectRefusal(eve.getBatch(['k']), 'not_permitted');
    const { hits } = service.cacheStats();
    expect(hits).toBe(0);
    await service.close();
    expect(await dayRows(database)).toEqual([
      { key: '', service: '', reads: 0 },
      { key: 'k', service: '', reads: 1 },
    ]);
  });

  it('falls into the minute and the day of the database at which it is told', async () => {
    const { database: inner } = await services.open();
    let time = '2026-03-01 23:58:59.9+00';
    const service = services.on(
      atTime(inner, () => time),
      { ...never, usage: true, usageInterval: 20 },
    );
    await service.set('k', 1, global, 'ann');
    const told = async (reads: number): Promise<void> => {
      await vi.waitFor(async () => {
        const rows = await inner.query<{ reads: number }>(
          "SELECT coalesce(sum(reads), 0)::bigint AS reads FROM configuration_usage_days WHERE key = 'k'",
        );
        expect(rows).toEqual([{ reads }]);
      });
    };
    await service.get('k');
    await told(1);
    time = '2026-03-01 23:59:00+00';
    await service.get('k');
    await told(2);
    time = '2026-03-02 00:00:00+00';
    await service.get('k');
    await service.close();
    await told(3);
    const minutes = await inner.query<{ minute: Date; reads: number }>(
      "SELECT minute, reads FROM configuration_usage WHERE key = 'k' ORDER BY minute",
    );
    expect(minutes.map(({ minute, reads }) => [minute.toISOString().slice(0, 16), reads])).toEqual([
      ['2026-03-01T23:58', 1],
      ['2026-03-01T23:59', 1],
      ['2026-03-02T00:00', 1],
    ]);
    expect(
      await inner.query(
        "SELECT day::text, reads, first_at < last_at AS several FROM configuration_usage_days WHERE key = 'k' ORDER BY day",
      ),
    ).toEqual([
      { day: '2026-03-01', reads: 2, several: true },
      { day: '2026-03-02', reads: 1, several: false },
    ]);
  });

  it('is kept by day for 400 days, and for keys that there are', async () => {
    const { database } = await services.open();
    await database.query(
      `INSERT INTO configuration_usage_days SELECT 'default', 'k', (now() AT TIME ZONE 'UTC')::date - d, '', 1, now(), now()
      FROM unnest(ARRAY[399, 400, 401]) AS d`,
    );
    const service = services.on(database, { ...never, usage: true });
    await service.get('none');
    await service.get('branding');
    await service.close();
    expect(await dayRows(database)).toEqual([
      { key: '', service: '', reads: 0 },
      { key: 'branding', service: '', reads: 1 },
      { key: 'k', service: '', reads: 2 },
    ]);
  });

  it('is kept when telling fails, whatever the reason', async () => {
    const { database: inner } = await services.open();
    let failure: Error | undefined = new Error('no such table');
    const database = interceptDatabase(inner, async ({ text }, run) => {
      if (failure !== undefined && text.includes('configuration_usage')) throw failure;
      return run();
    });
    const warnings: unknown[] = [];
    const service = services.on(database, {
      ...never,
      usage: true,
      usageInterval: 10,
      onWarning: (warning) => warnings.push(warning),
    });
    await service.set('k', 1, global, 'ann');
    await service.get('k');
    await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(1));
    expect(warnings[0]).toBe(failure);
    await service.get('k');
    failure = undefined;
    await service.close();
    expect(await dayRows(inner)).toEqual([
      { key: '', service: '', reads: 0 },
      { key: 'k', service: '', reads: 2 },
    ]);
  });

  it('is bounded when a million keys are asked for, and says how much is left out', async () => {
    const { database } = await services.open();
    const service = services.on(database, { ...never, usage: true, cacheMaxEntries: 100 });
    await service.set('k', 1, global, 'ann');
    const asked = Array.from({ length: 12_000 }, (_, n) => `none/${String(n)}`);
    for (let start = 0; start < asked.length; start += 1000) await service.getBatch(asked.slice(start, start + 1000));
    await service.get('k');
    await service.close();
    expect(await dayRows(database)).toEqual([
      { key: '', service: '', reads: 2001 },
      { key: 'k', service: '', reads: 1 },
    ]);
    const [minutes] = await database.query<{ rows: number; reads: number }>(
      'SELECT count(*)::int AS rows, sum(reads)::bigint AS reads FROM configuration_usage',
    );
    expect(minutes).toEqual({ rows: 501, reads: 12_001 });
  });
});

describeDatabases('getUsage and listUnusedKeys', (engine) => {
  const services = servicesOn(engine);

  async function readBy(database: Database, serviceName: string, ...keys: string[]): Promise<void> {
    const service = services.on(database, { ...never, serviceName });
    for (const key of keys) await service.get(key);
    await service.close();
  }

  it('tell who reads what, and what nobody reads, with how far that can be relied on', async () => {
    const { service, database } = await services.open(never);
    expect(await service.getUsage()).toEqual({
      days: 30,
      since: null,
      until: null,
      countedDays: 0,
      uncounted: 0,
      usage: [],
    });
    for (const key of ['a', 'b', 'c', 'd']) await service.set(key, 1, global, 'ann');
    // Where nothing was counted nothing is known.
    expect(await service.listUnusedKeys({ days: 1 })).toMatchObject({ keys: [], next: null });
    await service.registerSchema('defined', { type: 'number' });
    await readBy(database, 'billing', 'a', 'b', 'b');
    await age(database, 20);
    await service.set('young', 1, global, 'ann');
    await readBy(database, 'web', 'b');
    await readBy(database, 'strata', 'a', 'c');
    const usage = await service.getUsage();
    expect(usage).toMatchObject({ days: 30, countedDays: 2, uncounted: 0 });
    expect(usage.usage.map(({ key, service: name, reads }) => [key, name, reads])).toEqual([
      ['b', 'billing', 2],
      ['a', 'billing', 1],
      ['a', 'strata', 1],
      ['b', 'web', 1],
      ['c', 'strata', 1],
    ]);
    expect((await service.getUsage({ key: 'b', service: 'web' })).usage).toHaveLength(1);
    expect((await service.getUsage({ days: 10, service: 'billing' })).usage).toEqual([]);
    expect((await service.getUsage({ limit: 2 })).usage).toEqual(usage.usage.slice(0, 2));
    const unused = await service.listUnusedKeys({ days: 10 });
    expect(unused.since?.getTime()).toBe(usage.since?.getTime());
    expect(unused).toMatchObject({ days: 10, countedDays: 1, next: null });
    expect(unused.keys).toEqual([
      { key: 'a', defined: false, lastReadAt: usage.usage[1]?.lastReadAt },
      { key: 'c', defined: false, lastReadAt: null },
      { key: 'd', defined: false, lastReadAt: null },
      { key: 'defined', defined: true, lastReadAt: null },
    ]);
    const page = await service.listUnusedKeys({ days: 10, limit: 3 });
    expect([page.keys, page.next]).toEqual([unused.keys.slice(0, 3), 'd']);
    expect((await service.listUnusedKeys({ days: 10, limit: 3, after: 'd' })).keys).toEqual(unused.keys.slice(3));
    expect((await service.listUnusedKeys({ days: 21 })).keys).toEqual([]);
  });

  it('show only keys that the actor may read at global and may see anything of', async () => {
    const { service: root, database } = await services.open(never);
    await root.set('shared', 1, global, 'ann');
    await root.set('private', 1, global, 'ann');
    await root.set('theirs', 1, org('zebra'), 'ann');
    await readBy(database, 'web', 'shared', 'private', 'theirs');
    await age(database, 20);
    const bind = (user: string, scope: ScopeInput, keys: string, effect: 'allow' | 'deny' = 'allow') =>
      root.bindRole({ subject: { user }, role: 'viewer', ...scope, keys, effect }, 'root');
    await root.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
    await bind('gina', global, '*');
    await bind('gina', org('zebra'), '*', 'deny');
    await bind('gina', global, 'private', 'deny');
    await bind('otto', org('zebra'), '*');
    const gina = root.as('gina');
    expect((await gina.getUsage()).usage.map(({ key }) => key)).toEqual(['shared']);
    expect((await gina.listUnusedKeys({ days: 10 })).keys.map(({ key }) => key)).toEqual(['shared']);
    await expectRefusal(gina.getUsage({ key: 'private' }), 'not_permitted');
    expect((await root.listUnusedKeys({ days: 10 })).keys).toHaveLength(3);
    const otto = root.as('otto');
    await expectRefusal(otto.getUsage(), 'not_permitted');
    await expectRefusal(otto.getUsage({ key: 'theirs' }), 'not_permitted');
    await expectRefusal(otto.listUnusedKeys(), 'not_permitted');
  });

  it('refuse what makes no sense', async () => {
    const { service } = await services.open();
    const wrong = [{ days: 0 }, { days: 401 }, { days: 1.5 }, { limit: 0 }, { limit: 1001 }, { days: '7' as never }];
    for (const filter of wrong) {
      await expectRefusal(service.getUsage(filter), 'invalid_argument');
      await expectRefusal(service.listUnusedKeys(filter), 'invalid_argument');
    }
  });
});
