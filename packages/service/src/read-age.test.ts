import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Database } from './db/database.ts';
import { unavailable } from './db/database-fault.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'acme' } as const;
/** Nothing is seen by itself within a test. */
const alone = { pollInterval: 3_600_000, listen: false } as const;
const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 10_000, interval: 10 });

/** A database that can be away, and whose reads of values are counted. */
function losable(database: Database) {
  let isAway = false;
  let reads = 0;
  const lost = interceptDatabase(database, async ({ text }, run) => {
    if (text.includes('configuration_settings') && !text.includes('clock_timestamp')) reads += 1;
    if (isAway) throw unavailable(new Error('gone'), false);
    return run();
  });
  return { lost, reads: () => reads, leave: () => (isAway = true), comeBack: () => (isAway = false) };
}

describeDatabases('waiting for a revision', (engine) => {
  const services = servicesOn(engine);

  it.each([true, false])('ends once this process has followed up to it (cache: %s)', async (cacheEnabled) => {
    const { service: a, database } = await services.open(alone);
    const b = services.on(database, { ...alone, cacheEnabled });
    await a.set('k', 1, global, 'ann');
    expect(await b.get('k')).toBe(1);
    const { revision } = await a.set('k', 2, global, 'ann');
    await b.waitForRevision(revision);
    expect(await b.get('k')).toBe(2);
    await b.waitForRevision(1);
  });

  it('is the first thing that a process may do', async () => {
    const { service: a, database } = await services.open(alone);
    const { revision } = await a.set('k', 1, global, 'ann');
    await services.on(database, alone).waitForRevision(revision, { timeoutMs: 1000 });
  });

  it('ends when a commit that does not exist yet is made', async () => {
    const { service: a, database } = await services.open();
    const b = services.on(database, { pollInterval: 20, listen: false, cacheEnabled: false });
    const waiting = b.waitForRevision(2);
    await a.set('k', 1, global, 'ann');
    let isOver = false;
    void waiting.then(() => (isOver = true));
    await b.waitForRevision(1);
    expect(isOver).toBe(false);
    await a.set('k', 2, global, 'ann');
    await waiting;
  });

  it('is given up after its time, with how far this process has come', async () => {
    const { service } = await services.open();
    await service.set('k', 1, global, 'ann');
    const error = await expectRefusal(service.waitForRevision(5, { timeoutMs: 150 }), 'revision_not_reached');
    expect(error.details).toMatchObject({ revision: 5, reached: 1 });
  });

  it('ends with its signal, and with the service', async () => {
    const { service } = await services.open();
    await service.set('k', 1, global, 'ann');
    const reason = new Error('enough');
    const abort = new AbortController();
    const aborted = service.waitForRevision(9, { signal: abort.signal });
    abort.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await expect(service.waitForRevision(9, { signal: abort.signal })).rejects.toBe(reason);
    const closed = expectRefusal(service.waitForRevision(9), 'closed');
    await service.close();
    await closed;
  });

  it('takes no other numbers', async () => {
    const { service } = await services.open();
    for (const revision of [-1, 0.5, Number.NaN, Infinity, '1', null]) {
      await expectRefusal(service.waitForRevision(revision as number), 'invalid_argument');
      await expectRefusal(service.get('k', global, { minRevision: revision as number }), 'invalid_argument');
    }
    for (const timeoutMs of [-1, Number.NaN, '1'])
      await expectRefusal(service.waitForRevision(1, { timeoutMs: timeoutMs as number }), 'invalid_argument');
  });
});

describeDatabases('a read with minRevision', (engine) => {
  const services = servicesOn(engine);

  it.each([true, false])('sees what another process wrote, whatever is in memory (cache: %s)', async (cacheEnabled) => {
    const { service: a, database } = await services.open(alone);
    const b = services.on(database, { ...alone, cacheEnabled });
    await a.commit(
      ['k', 'l', 'm', 'n'].map((key) => ({ key, ...global, value: 0 })),
      'ann',
    );
    await b.getBatch(['k', 'l', 'm', 'n']);
    let minRevision = 0;
    for (let round = 1; round < 20; round += 1) {
      for (const key of ['k', 'l', 'm', 'n']) ({ revision: minRevision } = await a.set(key, round, global, 'ann'));
      const options = { minRevision };
      expect([...(await b.getBatch(['k', 'l'], global, options)).values()]).toEqual([round, round]);
      expect(await b.get('m', undefined, options)).toBe(round);
      expect(await b.read('n', org, options)).toMatchObject({ value: round, stale: false });
      expect((await b.getAll(org, options)).get('k')).toBe(round);
    }
  });

  it('is served from memory where that was read at the revision, or followed up to it', async () => {
    const { service: a, database } = await services.open(alone);
    const { lost, reads } = losable(database);
    const b = services.on(lost, alone);
    const { revision } = await a.set('k', 1, global, 'ann');
    await b.get('k');
    const before = reads();
    expect(await b.get('k', global, { minRevision: revision })).toBe(1);
    const { revision: later } = await a.set('other', 1, global, 'ann');
    expect(reads()).toBe(before);
    expect(await b.read('k', global, { minRevision: later })).toMatchObject({ value: 1, revision: later });
    expect(reads()).toBe(before + 1);
    const { revision: latest } = await a.set('other', 2, global, 'ann');
    await b.waitForRevision(latest);
    expect(await b.read('k', global, { minRevision: latest })).toMatchObject({ value: 1, revision: latest });
    expect(reads()).toBe(before + 1);
  });

  it('of the future waits for it, and is refused when it does not come; 1,000 of them take a few queries', async () => {
    const { service: a, database } = await services.open();
    const { lost, reads } = losable(database);
    const b = services.on(lost, { pollInterval: 20, listen: false });
    await a.set('k', 1, global, 'ann');
    for (const read of [
      () => b.get('k', global, { minRevision: 3, timeoutMs: 150 }),
      () => b.getBatch(['k'], global, { minRevision: 3, timeoutMs: 150 }),
      () => b.getAll(global, { minRevision: 3, timeoutMs: 150 }),
    ]) {
      const error = await expectRefusal(read(), 'revision_not_reached');
      expect(error.details).toMatchObject({ revision: 3 });
    }
    const before = reads();
    const waiting = Promise.all(Array.from({ length: 1000 }, () => b.get('k', global, { minRevision: 3 })));
    await a.set('k', 2, global, 'ann');
    await a.set('k', 3, global, 'ann');
    expect(new Set(await waiting)).toEqual(new Set([3]));
    expect(reads() - before).toBeLessThan(10);
  });
});

describeDatabases('the age of a read', (engine) => {
  const services = servicesOn(engine);

  it('is that of the read itself, then the time since the feed last knew everything', async () => {
    const { service: a, database } = await services.open(alone);
    const b = services.on(database, alone);
    const { revision } = await a.set('k', 1, global, 'ann');
    const began = performance.now();
    const first = await b.read('k');
    expect(first).toMatchObject({ value: 1, revision, stale: false });
    expect(first.age).toBeLessThanOrEqual(performance.now() - began);
    await wait(60);
    const second = await b.read('k');
    expect(second.age).toBeGreaterThanOrEqual(60);
    expect(second.age).toBeLessThanOrEqual(performance.now() - began);
    const looked = performance.now();
    await b.waitForRevision((await a.set('other', 1, global, 'ann')).revision);
    expect((await b.read('k')).age).toBeLessThanOrEqual(performance.now() - looked);
  });

  it('of several is that of the oldest, and their revision that of the newest', async () => {
    const { service: a, database } = await services.open(alone);
    const b = services.on(database, alone);
    await a.set('k', 1, global, 'ann');
    await b.get('k');
    const { revision } = await a.set('l', 2, global, 'ann');
    await wait(30);
    const both = await b.readBatch(['k', 'l', 'none']);
    expect(both).toMatchObject({
      values: new Map([
        ['k', 1],
        ['l', 2],
        ['none', null],
      ]),
      revision,
      stale: false,
    });
    expect(both.age).toBeGreaterThanOrEqual(30);
    expect(await b.readAll()).toMatchObject({
      values: new Map([
        ['k', 1],
        ['l', 2],
      ]),
      revision,
      stale: false,
    });
    expect(await b.readBatch([])).toMatchObject({ values: new Map(), stale: false });
  });

  it('bears no relation to a store that was there before', async () => {
    const { service, database } = await services.open(alone);
    await service.set('k', 1, global, 'ann');
    expect((await service.read('k')).revision).toBe(1);
    await service.close();
    await expectRefusal(service.read('k'), 'closed');
    const other = services.on(database, { ...alone, cacheEnabled: false });
    expect(await other.read('k')).toMatchObject({ value: 1, revision: 1, stale: false });
  });
});

describeDatabases('while the database is away', (engine) => {
  const services = servicesOn(engine);

  it('reads go on from memory after their time has passed, marked as stale, and others are refused at once', async () => {
    const { service: a, database } = await services.open();
    const { lost, leave, comeBack } = losable(database);
    const b = services.on(lost, { pollInterval: 50, cacheTtl: 0.2, listen: false });
    const { revision } = await a.set('k', { n: 1 }, global, 'ann');
    await b.getBatch(['k', 'none']);
    leave();
    await until(async () => {
      expect(await b.read('k')).toMatchObject({ value: { n: 1 }, stale: true });
    });
    const { age } = await b.read('k');
    await wait(500);
    for (let n = 0; n < 1000; n += 1) expect(b.peek('k')).toEqual({ n: 1 });
    expect(await b.get('k')).toEqual({ n: 1 });
    expect(await b.get('k', global, { minRevision: revision })).toEqual({ n: 1 });
    expect(await b.readBatch(['k', 'none'])).toMatchObject({
      values: new Map([
        ['k', { n: 1 }],
        ['none', null],
      ]),
      stale: true,
    });
    const later = await b.read('k');
    expect(later).toMatchObject({ revision, stale: true });
    expect(later.age - age).toBeGreaterThan(450);
    const began = performance.now();
    for (const read of [
      () => b.get('other'),
      () => b.get('k', org),
      () => b.getBatch(['k', 'other']),
      () => b.getAll(),
      () => b.get('k', global, { minRevision: revision + 1 }),
    ])
      await expectRefusal(read(), 'unavailable');
    expect(performance.now() - began).toBeLessThan(500);
    comeBack();
    await a.set('k', { n: 2 }, global, 'ann');
    await until(async () => {
      expect(await b.read('k')).toMatchObject({ value: { n: 2 }, stale: false });
    });
    expect(await b.get('other')).toBeNull();
  });

  it('a read that is the first to find out is served from memory too', async () => {
    const { service: a, database } = await services.open();
    const { lost, leave } = losable(database);
    const b = services.on(lost, { ...alone, cacheTtl: 0.05, pollInterval: 50 });
    await a.set('k', 1, global, 'ann');
    await b.get('k');
    leave();
    for (let n = 0; n < 20; n += 1) {
      expect(await b.get('k')).toBe(1);
      await wait(10);
    }
  });

  it('nothing is served that this process or another has overwritten as far as it knows', async () => {
    const { service: a, database } = await services.open();
    const { lost, leave } = losable(database);
    const b = services.on(lost, { pollInterval: 50, listen: false });
    await a.registerScope({ scope: 'team', scopeId: 't', parent: org });
    const team = { scope: 'team', scopeId: 't' } as const;
    for (const key of ['own', 'foreign', 'schema', 'links']) {
      await a.set(key, 1, global, 'ann');
      await a.set(key, 2, org, 'ann');
      await b.get(key, team);
      await b.get(key);
    }
    await a.set('foreign', 3, org, 'ann');
    await a.registerSchema('schema', { type: 'number' });
    await b.waitForRevision((await a.registerSchema('schema', { type: 'number', minimum: 0 })).revision);
    await b.set('own', 3, global, 'bob');
    leave();
    for (const key of ['own', 'foreign', 'schema']) await expectRefusal(b.get(key, team), 'unavailable');
    expect(await b.get('links', team)).toBe(2);
    expect(await b.get('foreign')).toBe(1);
    expect(b.peek('own', team)).toBeUndefined();
    await expectRefusal(b.get('own'), 'unavailable');
  });

  it('1,000 reads that wait for it become a few queries when it is back', async () => {
    const { service: a, database } = await services.open();
    const { lost, reads, leave, comeBack } = losable(database);
    const b = services.on(lost, { pollInterval: 50, cacheTtl: 0.1, listen: false });
    const keys = Array.from({ length: 20 }, (_, n) => `k${String(n)}`);
    await a.commit(
      keys.map((key) => ({ key, ...global, value: 1 })),
      'ann',
    );
    await b.getBatch(keys);
    leave();
    await until(async () => {
      expect((await b.read('k0')).stale).toBe(true);
    });
    const before = reads();
    for (let n = 0; n < 1000; n += 1) await b.get(keys[n % 20] ?? '');
    expect(reads()).toBe(before);
    comeBack();
    await until(async () => {
      expect((await b.read('k0')).stale).toBe(false);
    });
    const back = reads();
    await Promise.all(Array.from({ length: 1000 }, (_, n) => b.get(keys[n % 20] ?? '')));
    expect(reads() - back).toBeLessThanOrEqual(40);
  });
});

describe('a value that memory does not keep', () => {
  describeDatabases('is read twice at most', (engine) => {
    const services = servicesOn(engine);

    it('for all that ask for it at once', async () => {
      const { service: a, database } = await services.open();
      const { lost, reads } = losable(database);
      const b = services.on(lost, { cacheMaxBytes: 500 });
      await a.set('k', 'x'.repeat(10_000), global, 'ann');
      await Promise.all(Array.from({ length: 1000 }, () => b.get('k')));
      expect(reads()).toBeLessThanOrEqual(2);
    });
  });
});
