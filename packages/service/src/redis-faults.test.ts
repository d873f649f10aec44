/** Owns the proof that no call suffers from Redis, whatever becomes of it, and that it is used again when it is back. */
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { startRedis, type RedisServer } from '../../../test/redis-server.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import { startTcpProxy, type TcpProxy } from '../../../test/tcp-proxy.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;
const users = Array.from({ length: 40 }, (_, n) => ({ scope: 'user', scopeId: `u${String(n)}` }) as const);
const often = { pollInterval: 20, listen: false };
const soon = { timeout: 15_000, interval: 10 };

let server: RedisServer;
let proxy: TcpProxy;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  proxy = await startTcpProxy({ host: '127.0.0.1', port: server.port });
});
afterAll(async () => {
  await (proxy as TcpProxy | undefined)?.close();
  await (server as RedisServer | undefined)?.close();
});
beforeEach(async () => {
  redis = server.client({ port: proxy.port });
  await vi.waitFor(async () => redis.flushall(), soon);
});
afterEach(() => {
  redis.disconnect();
});

const rejections: unknown[] = [];
const note = (error: unknown): void => void rejections.push(error);
beforeAll(() => process.on('unhandledRejection', note));
afterAll(() => process.off('unhandledRejection', note));
afterEach(() => {
  expect(rejections.splice(0)).toEqual([]);
});

/** Two rounds of cold reads of all users; the second finds what the first left in Redis. Answers how long each read took. */
async function readAll(service: ConfigurationManagementService, expected: unknown): Promise<number[]> {
  const times: number[] = [];
  await service.invalidateCache('unrelated');
  for (const scope of users) {
    const began = performance.now();
    expect(await service.get('k', scope)).toEqual(expected);
    times.push(performance.now() - began);
  }
  return times;
}

describeDatabases('a cache in Redis that fails', (engine) => {
  const services = serviceProcesses(engine);

  /** A store, and fresh processes on it that use Redis. */
  async function opened() {
    const store = await services.open();
    const writer = services.start(store, often);
    await writer.set('k', { a: 1 }, global, 'ann');
    const start = (options: { redis?: Redis; cacheTtl?: number } = {}): ConfigurationManagementService =>
      services.start(store, { ...often, redis, cacheMaxEntries: 1, ...options });
    return { store, writer, start };
  }

  /** Reads until something was found in Redis. */
  async function untilUsed(service: ConfigurationManagementService): Promise<void> {
    const { hits } = service.cacheStats().l2;
    await vi.waitFor(async () => {
      await readAll(service, { a: 1 });
      expect(service.cacheStats().l2.hits).toBeGreaterThan(hits);
    }, soon);
  }

  const passAgain = (): void => {
    proxy.setMode('pass');
    proxy.cut();
  };
  const faults: readonly (readonly [name: string, begin: () => unknown, end: () => unknown])[] = [
    ['is killed and comes back empty', () => server.kill(), () => server.start()],
    ['hangs', () => server.pause(), () => server.resume()],
    ['loses what is sent to it', () => proxy.setMode('drop'), passAgain],
    ['answers too slowly', () => proxy.setDelay(40), () => proxy.setDelay(0)],
    ['refuses connections', () => proxy.refuse(), () => proxy.accept()],
    ['is emptied', async () => redis.flushall(), () => undefined],
    [
      'takes no more writes',
      async () => redis.config('SET', 'maxmemory', '1'),
      async () => redis.config('SET', 'maxmemory', '0'),
    ],
  ];
  it.each(faults)(
    'costs next to nothing and no error when it %s, and is used again afterwards',
    async (name, begin, end) => {
      const { start } = await opened();
      const service = start();
      await untilUsed(service);
      await begin();
      const openings = service.cacheStats().l2.openings;
      const began = performance.now();
      const times: number[] = [];
      while (performance.now() - began < 1000) times.push(...(await readAll(service, { a: 1 })));
      // What an opening costs, and nothing besides: slow answers three times, none at all once.
      const lost = service.cacheStats().l2.openings - openings;
      const slow = times.filter((ms) => ms > 300).length;
      expect(slow, `${name}: ${times.map(Math.round).join()}`).toBe(0);
      expect(lost).toBeLessThan(15);
      await end();
      await untilUsed(service);
      expect(service.cacheStats().l2.state).toBe('closed');
    },
  );

  it('opens once for all that wait, and each of them goes on', async () => {
    const { start } = await opened();
    const service = start();
    await untilUsed(service);
    server.pause();
    try {
      const values = await Promise.all(users.map(async (scope) => service.get<unknown>('k', scope)));
      expect(new Set(values.map((value) => JSON.stringify(value)))).toEqual(new Set(['{"a":1}']));
      const { openings, errors } = service.cacheStats().l2;
      expect([openings, errors]).toEqual([1, 1]);
    } finally {
      server.resume();
    }
  });

  it('makes no read wait for a client that keeps commands until it is connected', async () => {
    const { start } = await opened();
    const nowhere = await startTcpProxy({ host: '127.0.0.1', port: server.port });
    await nowhere.refuse();
    const client = server.client({ port: nowhere.port, enableOfflineQueue: true });
    const service = start({ redis: client });
    for (let round = 0; round < 20; round += 1) {
      for (const ms of await readAll(service, { a: 1 })) expect(ms).toBeLessThan(1000);
      await wait(5);
    }
    await service.close();
    client.disconnect();
    await nowhere.close();
  });

  it('keeps few commands on their way when nothing answers', async () => {
    const { start } = await opened();
    const service = start();
    await untilUsed(service);
    let under = 0;
    let most = 0;
    const counting = <T>(command: () => Promise<T>): Promise<T> => {
      under += 1;
      most = Math.max(most, under);
      return command().finally(() => (under -= 1));
    };
    const stuck = {
      mget: (...names: string[]) => counting(async () => redis.mget(...names)),
      set: () => counting(() => new Promise(() => undefined)),
      del: () => counting(() => new Promise<number>(() => undefined)),
    };
    const stuffed = services.start((await opened()).store, { ...often, redis: stuck, cacheMaxEntries: 1 });
    await vi.waitFor(async () => {
      await readAll(stuffed, { a: 1 });
      expect(stuffed.cacheStats().l2.dropped).toBeGreaterThan(0);
    }, soon);
    expect(most).toBeLessThanOrEqual(129);
  });
});
