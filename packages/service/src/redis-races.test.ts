/** Owns the proof that processes which share values in Redis agree, and read their own writes, however their fills and writes race. */
import { isConfigurationError } from '@strata/core';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { startRedis, type RedisServer } from '../../../test/redis-server.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await (server as RedisServer | undefined)?.close();
});

const keys = ['a', 'b', 'c', 'd'];
const org = { scope: 'org', scopeId: 'o' } as const;
const users = Array.from({ length: 6 }, (_, n) => ({ scope: 'user', scopeId: `u${String(n)}` }) as const);
const rounds = 60;

describeDatabases(
  'three processes with one Redis',
  (engine) => {
    const services = serviceProcesses(engine);

    it('read what they wrote themselves, never go back, and agree after a quiet moment', async () => {
      const store = await services.open();
      const redis = server.client();
      // Hardly anything stays in memory, so that most reads are raced through Redis.
      const processes = [1, 1, 4].map((cacheMaxEntries) =>
        services.start(store, { redis, cacheMaxEntries, pollInterval: 100 }),
      );
      for (const user of users) await processes[0]?.registerScope({ ...user, parent: org });
      const wrong: string[] = [];
      const live = async (number: number): Promise<void> => {
        const service = processes[number];
        if (service === undefined) throw new Error('no such process');
        const told = new Map<string, number>();
        const read = async (key: string, at: (typeof users)[number] | typeof org): Promise<void> => {
          const name = `${key} ${at.scopeId}`;
          const value = (await service.get<{ n?: number } | null>(key, at))?.n ?? 0;
          if (value < (told.get(name) ?? 0)) {
            wrong.push(`process ${String(number)} read ${String(value)} of ${name} after ${String(told.get(name))}`);
          }
          told.set(name, Math.max(value, told.get(name) ?? 0));
        };
        for (let round = 0; round < rounds; round += 1) {
          const key = keys[(round * 7 + number) % keys.length] ?? 'a';
          if (round % 3 === 0) {
            // Raced writes of one key count on from what the last one left, so that values only grow.
            for (;;) {
              const layer = await service.getLayer(key, org);
              const n = ((layer?.value as { n?: number } | undefined)?.n ?? 0) + 1;
              const ifVersion = layer?.version ?? null;
              try {
                await service.set(key, { n }, org, 'ann', undefined, { ifVersion });
              } catch (error) {
                if (isConfigurationError(error, 'conflict')) continue;
                throw error;
              }
              const own = await service.get<{ n: number }>(key, users[round % users.length]);
              if (own.n < n)
                wrong.push(`process ${String(number)} wrote ${String(n)} to ${key} and read ${String(own.n)}`);
              break;
            }
          }
          await Promise.all(users.map(async (user) => read(keys[(round + number) % keys.length] ?? 'a', user)));
          await read(key, org);
        }
      };
      await Promise.all(processes.map(async (_, number) => live(number)));
      expect(wrong).toEqual([]);
      await vi.waitFor(
        async () => {
          for (const at of [org, ...users]) {
            const [first, ...others] = await Promise.all(processes.map(async (service) => service.getBatch(keys, at)));
            for (const other of others) expect(other).toEqual(first);
          }
        },
        { timeout: 5000 },
      );
      const hits = processes.reduce((sum, service) => sum + service.cacheStats().l2.hits, 0);
      expect(hits).toBeGreaterThan(100);
    });
  },
  'postgres',
);
