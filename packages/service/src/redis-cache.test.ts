/** Owns the proof that values shared in Redis are right or not served, and that no call ever suffers from Redis. */
import { Redis as Redis5 } from 'ioredis-5';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { ScopeInput } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { startRedis, type RedisServer } from '../../../test/redis-server.ts';
import { rewind } from '../../../test/rewind.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { ServiceOptions } from './create.ts';
import type { Database } from './db/database.ts';
import type { RedisClient } from './redis-client.ts';
import type { SharedCacheStats } from './shared-values.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;
const often = { pollInterval: 20, listen: false };
const soon = { timeout: 10_000, interval: 10 };

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await (server as RedisServer | undefined)?.close();
});
beforeEach(async () => {
  redis = server.client();
  await redis.flushall();
});
afterEach(() => {
  redis.disconnect();
});

const names = async (): Promise<string[]> => (await redis.keys('*')).sort();
/** What stands under a name; empty where that is no text. */
const text = async (name: string): Promise<string> => (await redis.get(name).catch(() => '')) ?? '';
const l2 = (service: ConfigurationManagementService): SharedCacheStats => service.cacheStats().l2;

/** A database that counts the reads of values that go to it. */
function counted(inner: Database) {
  let reads = 0;
  const database = interceptDatabase(inner, ({ text }, run) => {
    if (text.includes('configuration_settings') && !text.includes('clock_timestamp')) reads += 1;
    return run();
  });
  return { database, reads: () => reads };
}

/** What each service has asked of Redis and stored there, so that tests need not guess when. */
const traffic = new WeakMap<ConfigurationManagementService, { asked: number; stored: number }>();

/** The options of a service that shares its values over a client. */
function sharing(client: RedisClient) {
  const counts = { asked: 0, stored: 0 };
  const watched: RedisClient = {
    get status() {
      return client.status ?? 'ready';
    },
    mget: async (...asked) => {
      counts.asked += 1;
      return client.mget(...asked);
    },
    set: async (...entry) => {
      await client.set(...entry);
      counts.stored += 1;
    },
    del: async (...deleted) => client.del(...deleted),
  };
  return { redis: watched, counts };
}

/** Waits until a process knows enough of the store to judge what others put into Redis: only then it asks. */
async function untilReady(service: ConfigurationManagementService): Promise<void> {
  const counts = traffic.get(service) ?? { asked: 0 };
  const before = counts.asked;
  await vi.waitFor(async () => {
    await service.get('probe', { scope: 'org', scopeId: String(Math.random()) });
    expect(counts.asked).toBeGreaterThan(before);
  }, soon);
}

/** Reads keys at a scope anew until they are in Redis: nobody waits for that otherwise. */
async function share(
  service: ConfigurationManagementService,
  keys: readonly string[],
  scope: ScopeInput,
): Promise<void> {
  const counts = traffic.get(service) ?? { stored: 0 };
  await vi.waitFor(async () => {
    const before = counts.stored;
    await service.invalidateCache();
    await service.getBatch(keys, scope);
    await vi.waitFor(() => expect(counts.stored).toBeGreaterThanOrEqual(before + keys.length), {
      timeout: 300,
      interval: 5,
    });
  }, soon);
}

describeDatabases('a cache in Redis', (engine) => {
  const services = servicesOn(engine);

  /** A process that shares its values, by default over the client of the test. */
  function process(database: Database, { redis: client = redis, ...options }: ServiceOptions = {}) {
    const { redis: watched, counts } = sharing(client);
    const service = services.on(database, { ...often, ...options, redis: watched });
    traffic.set(service, counts);
    return service;
  }

  /** A process that has filled Redis with `k` at every scope of a chain, the store, and how to start others. */
  async function filled() {
    const { database } = await services.open({ pollInterval: 3_600_000, listen: false });
    const start = (options: ServiceOptions = {}): ConfigurationManagementService => process(database, options);
    const writer = start();
    await writer.registerScope({ ...user, parent: team });
    await writer.registerScope({ ...team, parent: org });
    for (const [index, scope] of [global, org, team, user].entries()) {
      await writer.set('k', { [scope.scope]: index, last: scope.scope }, scope, 'ann');
    }
    await share(writer, ['k'], user);
    return { database, writer, start };
  }
  const value = { global: 0, org: 1, team: 2, user: 3, last: 'user' };

  it.each([
    ['ioredis 6', (): Redis => server.client()],
    ['ioredis 5.4', () => new Redis5({ host: '127.0.0.1', port: server.port })],
    ['a client that connects when it is asked', (): Redis => server.client({ lazyConnect: true })],
    ['a client with a prefix', (): Redis => server.client({ keyPrefix: 'ours:' })],
  ])('serves to a new process what another one read before it was started (%s)', async (_, connect) => {
    const { database, writer } = await filled();
    const client = connect();
    const filler = process(database, { redis: client });
    await filler.get('k', user);
    await share(filler, ['k', 'absent'], user);
    for (let n = 0; n < 5; n += 1) await writer.set('other', n, global, 'ann');
    const { database: other, reads } = counted(database);
    const service = process(other, { redis: client });
    await untilReady(service);
    const before = reads();
    expect(await service.get('k', user)).toEqual(value);
    expect(await service.getBatch(['k', 'absent'], user)).toEqual(
      new Map([
        ['k', value],
        ['absent', null],
      ]),
    );
    expect(reads()).toBe(before);
    expect(Object.isFrozen(await service.get('k', user))).toBe(true);
    expect(l2(service).hits).toBe(2);
    await Promise.all([filler.close(), service.close()]);
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });

  it('asks for a batch once', async () => {
    const { start } = await filled();
    const service = start();
    await untilReady(service);
    await redis.config('RESETSTAT');
    await service.getBatch(['k', 'a', 'b', 'c', 'd'], user);
    expect(await redis.info('commandstats')).toMatch(/cmdstat_mget:calls=1,/);
  });

  it('never serves what a commit has changed: of this process at once, of others with the feed', async () => {
    const { writer, start } = await filled();
    const service = start();
    await untilReady(service);
    const steps: readonly (readonly [change: () => Promise<unknown>, expected: unknown])[] = [
      [() => writer.set('k', { last: 'new' }, user, 'ann'), { ...value, user: undefined, last: 'new' }],
      [() => writer.set('k', { org: 9 }, org, 'ann'), { global: 0, org: 9, team: 2, last: 'new' }],
      [() => writer.delete('k', team, 'ann'), { global: 0, org: 9, last: 'new' }],
      [() => writer.registerScope({ ...user, parent: { scope: 'org', scopeId: 'p' } }), { global: 0, last: 'new' }],
      [
        () => writer.registerSchema('k', z.looseObject({ size: z.number().default(7) })),
        { global: 0, last: 'new', size: 7 },
      ],
      [
        () =>
          writer.commit(
            [
              { key: 'k', ...user, delete: true },
              { key: 'k', ...global, delete: true },
            ],
            'ann',
          ),
        null,
      ],
    ];
    for (const [change, expected] of steps) {
      await writer.get('k', user);
      await change();
      expect(await writer.get('k', user)).toEqual(expected);
      await vi.waitFor(async () => expect(await service.get('k', user)).toEqual(expected), soon);
      await service.invalidateCache();
      expect(await service.get('k', user)).toEqual(expected);
    }
  });

  it('serves nothing of a history that the store has lost, to old processes and new ones', async () => {
    const { database, writer, start } = await filled();
    await writer.set('k', 'kept', user, 'ann');
    const { revision } = await writer.set('other', 1, global, 'ann');
    await writer.set('k', 'lost', user, 'ann');
    await share(writer, ['k'], user);
    const lost = await Promise.all((await names()).map(async (name) => [name, await text(name)] as const));
    await rewind(database, revision);
    await vi.waitFor(async () => {
      expect(await writer.get('k', user)).toBe('kept');
    }, soon);
    // The same revision again, with another commit.
    await writer.set('other', 2, global, 'ann');
    for (const [name, old] of lost) await redis.set(name, old);
    const fresh = start();
    await untilReady(fresh);
    for (const service of [writer, fresh]) {
      await service.invalidateCache('unrelated');
      expect(await service.get('k', user)).toBe('kept');
      expect(await service.get('k', user)).toBe('kept');
    }
    expect(l2(fresh).rejected.foreign).toBeGreaterThan(0);
  });

  it('keeps stores and environments apart, and keys and ids of any characters', async () => {
    const { database } = await services.open();
    const { database: otherStore } = await services.open();
    const places = [process(database), process(database, { environment: 'staging' }), process(otherStore)];
    const scopes = ['a', 'a:b', '1:a', 'a/b', '*', '{x}', ' ', 'é😀'].flatMap((scopeId) => [
      { scope: 'org' as const, scopeId },
      { scope: 'team' as const, scopeId },
    ]);
    const keys = ['a', 'a:b', 'a/b', 'b'];
    const expected = (place: number, key: string, at: (typeof scopes)[number]): string =>
      `${String(place)} ${key} ${at.scope} ${at.scopeId}`;
    for (const [place, service] of places.entries()) {
      await service.commit(
        scopes.flatMap((at) => keys.map((key) => ({ key, ...at, value: expected(place, key, at) }))),
        'ann',
      );
      await untilReady(service);
    }
    for (let round = 0; round < 2; round += 1) {
      for (const service of places) for (const at of scopes) await service.getBatch(keys, at);
      await vi.waitFor(
        async () => expect((await names()).length).toBeGreaterThanOrEqual(places.length * scopes.length * keys.length),
        soon,
      );
    }
    const fresh = [process(database), process(database, { environment: 'staging' }), process(otherStore)];
    for (const [place, service] of fresh.entries()) {
      await untilReady(service);
      for (const at of scopes)
        for (const key of keys) expect(await service.get(key, at)).toBe(expected(place, key, at));
      expect(l2(service).hits).toBe(scopes.length * keys.length);
    }
  });

  it('detects what was forged, cut, swapped, replayed or put there by others, takes it out and reads on', async () => {
    const { writer, start } = await filled();
    const keys = ['k', 'k2', 'k3', 'k4'];
    for (const key of keys.slice(1)) await writer.set(key, { own: key }, user, 'ann');
    await writer.set('k', { ...value, changed: false }, user, 'ann');
    const expected = new Map(await writer.getBatch(keys, user));
    const service = start();
    await untilReady(service);
    const poisons: readonly ((name: string, entry: string, others: readonly string[]) => Promise<unknown>)[] = [
      (name) => redis.set(name, 'garbage'),
      (name) => redis.set(name, ''),
      (name) => redis.set(name, 'x'.repeat(100_000)),
      (name) => redis.set(name, Buffer.from([0xff, 0xfe, 0, 1])),
      (name, entry) => redis.set(name, entry.slice(0, -1)),
      (name, entry) => redis.set(name, entry.replace(/.$/, ' $&')),
      (name, entry) => redis.set(name, `${entry.slice(0, 43)}[9999,"",0,"",0,[],[],"evil"]`),
      (name, entry) => redis.set(name, entry.replace('"own"', '"owm"').replace('global', 'globul')),
      async (name, _, others) => redis.set(name, await text(others.find((other) => other !== name) ?? '')),
      async (name) => {
        await redis.del(name);
        await redis.rpush(name, 'a', 'list');
      },
    ];
    for (const poison of poisons) {
      await share(writer, keys, user);
      const held = await names();
      for (const name of held) await poison(name, await text(name), held);
      const fresh = start();
      await untilReady(fresh);
      expect(await fresh.getBatch(keys, user)).toEqual(expected);
      expect(l2(fresh).errors).toBe(0);
      await fresh.close();
    }
    // An old entry of the very same name, from before a change.
    await share(writer, ['k'], user);
    const old = await Promise.all((await names()).map(async (name) => [name, await text(name)] as const));
    await writer.set('k', { changed: true }, user, 'ann');
    for (const [name, entry] of old) await redis.set(name, entry);
    await vi.waitFor(async () => expect(await service.get('k', user)).toMatchObject({ changed: true }), soon);
    const replayed = start();
    await untilReady(replayed);
    for (const [name, entry] of old) await redis.set(name, entry);
    expect(await replayed.get('k', user)).toMatchObject({ changed: true });
    expect(l2(replayed).rejected.stale).toBe(1);
  });

  it('counts what it rejects by reason, and has it replaced or deleted', async () => {
    const { writer, start } = await filled();
    const [name = ''] = await names();
    const forged = 'x'.repeat(60);
    const service = start();
    await untilReady(service);
    await redis.set(name, forged);
    expect(await service.get('k', user)).toEqual(value);
    expect(l2(service).rejected).toEqual({ ...l2(writer).rejected, forged: 1 });
    await vi.waitFor(async () => expect(await text(name)).not.toBe(forged), soon);
  });

  it('lets a value live no longer than its time, in Redis and in every memory that takes it from there', async () => {
    const { start } = await filled();
    const [name] = await names();
    expect(await redis.pttl(name ?? '')).toBeGreaterThan(250_000);
    const held = await redis.get(name ?? '');
    const strict = start({ cacheTtl: 2 });
    await untilReady(strict);
    await vi.waitFor(async () => {
      // Whoever strips the time from an entry does not make it live longer.
      for (const each of await names()) await redis.set(each, held ?? '');
      await strict.get('k', user);
      expect(l2(strict).rejected.expired).toBeGreaterThan(0);
    }, soon);
  });

  it('holds nothing of sensitive keys', async () => {
    const { writer } = await filled();
    await writer.registerSchema('secret', {
      type: 'object',
      properties: { token: { type: 'string', 'x-sensitive': true } },
    });
    const before = await names();
    await writer.getBatch(['api_keys', 'secret', 'plain'], global);
    await writer.get('api_keys', user);
    await vi.waitFor(async () => expect((await names()).length).toBe(before.length + 1), soon);
    await writer.get('plain', user);
    await vi.waitFor(async () => expect((await names()).length).toBe(before.length + 2), soon);
  });

  it('is not used where the cache is turned off', async () => {
    const { database } = await services.open();
    await redis.config('RESETSTAT');
    const service = services.on(database, { redis, cacheEnabled: false });
    await service.set('k', 1, global, 'ann');
    expect(await service.get('k')).toBe(1);
    await service.invalidateCache();
    expect(l2(service).state).toBe('off');
    expect(await redis.info('commandstats')).not.toMatch(/cmdstat_(mget|set|del)/);
  });
});
