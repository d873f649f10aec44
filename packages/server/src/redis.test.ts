import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startRedis, type RedisServer } from '../../../test/redis-server.ts';
import { openRedis } from './redis.ts';
import { openStore, type StoreOptions } from './store.ts';

let redis: RedisServer;
let directory: string;
beforeAll(async () => {
  redis = await startRedis();
  directory = await mkdtemp(join(tmpdir(), 'strata-redis-'));
});
afterAll(async () => {
  await (redis as RedisServer | undefined)?.close();
  await rm(directory, { recursive: true, force: true });
});

const urlOf = (port: number): string => `redis://127.0.0.1:${String(port)}`;

describe('a server with a Redis', () => {
  it('puts there what it reads, counts reads, and ends the connection with the store', async () => {
    const options: StoreOptions = { dataDir: join(directory, 'a'), redisUrl: urlOf(redis.port) };
    const store = await openStore(options, (error) => expect.fail(String(error)));
    const { service } = store;
    const client = redis.client();
    await service.migrate();
    await service.set('k', 1, { scope: 'global' }, 'ann');
    await vi.waitFor(async () => {
      await service.invalidateCache();
      expect(await service.get('k')).toBe(1);
      expect(await client.dbsize()).toBeGreaterThan(0);
    });
    await store.close();
    await vi.waitFor(async () => expect(await client.info('clients')).toMatch(/connected_clients:1\b/));
    const again = await openStore({ dataDir: join(directory, 'a') }, () => undefined);
    try {
      expect(await again.service.preloadHotConfigs()).toBeGreaterThan(0);
      expect(again.service.peek('k')).toBe(1);
    } finally {
      await again.close();
    }
  });

  it('works without it while it is away, and tells of that once', async () => {
    const errors: string[] = [];
    const dead = await startRedis();
    await dead.close();
    const store = await openStore({ dataDir: join(directory, 'b'), redisUrl: urlOf(dead.port) }, (error) =>
      errors.push(error.message),
    );
    const { service } = store;
    await service.migrate();
    await service.set('k', 1, { scope: 'global' }, 'ann');
    expect(await service.get('k')).toBe(1);
    await vi.waitFor(() => expect(errors.length).toBe(1));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(errors).toEqual([expect.stringMatching(/^Redis: connect ECONNREFUSED/)]);
    await store.close();
  });

  it.each(['localhost:6379', 'http://localhost', '/run/redis.sock', 'redis//:hunter2@cache', ''])(
    'refuses a URL that is none of Redis without telling it: %s',
    async (url) => {
      const error: unknown = await openRedis(url, () => undefined).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'invalid_argument' });
      expect(String(error)).not.toMatch(/hunter2|localhost/);
    },
  );
});
