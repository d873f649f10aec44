/** Owns the proof that readers of the feed miss nothing, whatever dies, stalls or gets lost between the writers and them. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { expectSound } from '../invariants.ts';
import { Cluster } from '../kill/cluster.ts';
import { inTier } from '../kill/tier.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { feedOf, LibraryReader } from './readers.ts';
import { ServerProcess } from './server-process.ts';
import { SocketReader, SseReader } from './stream-readers.ts';
import { judge } from './validator.ts';

const readersOfAKind = inTier({ quick: 3, ci: 7, soak: 34 });
const changes = inTier({ quick: 400, ci: 5000, soak: 50_000 });
const disconnects = inTier({ quick: 20, ci: 100, soak: 500 });
const timeout = inTier({ quick: 120_000, ci: 600_000, soak: 3_600_000 });

const schema = 'feed';
let directory: string;
let cluster: Cluster;
let proxy: TcpProxy;
const servers: ServerProcess[] = [];
const endings: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-feed-'));
  cluster = await Cluster.create(directory);
  await cluster.createSchema(schema);
  const service = open(cluster.pool(schema));
  await service.migrate();
  proxy = await startTcpProxy(cluster.address);
  const { host, port, user, password, database } = cluster.address;
  const url = `postgres://${user}:${password}@${host}:${String(port)}/${database}?options=-c%20search_path%3D${schema}`;
  servers.push(...(await Promise.all([ServerProcess.start(url), ServerProcess.start(url)])));
});

afterAll(async () => {
  for (const server of servers) await server.end();
  for (const end of endings.reverse()) await end();
  await proxy.close();
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
});

function open(config: pg.PoolConfig): ConfigurationManagementService {
  const pool = new pg.Pool(config);
  const service = createConfigurationService(pool);
  endings.push(async () => {
    await service.close();
    await pool.end();
  });
  return service;
}

const pick = <T>(list: readonly T[]): T => {
  const one = list[Math.floor(Math.random() * list.length)];
  if (one === undefined) throw new Error('there is nothing to pick from');
  return one;
};

/** Writes until it has made its number of commits, whatever happens in between. */
async function write(service: ConfigurationManagementService, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const idempotencyKey = randomUUID();
    const several = Array.from({ length: 1 + (n % 3) }, (_, index) => ({
      key: `k${String((n + index) % 20)}`,
      scope: n % 2 === 0 ? ('global' as const) : ('org' as const),
      ...(n % 2 === 0 ? {} : { scopeId: `o${String(n % 5)}` }),
      value: { n, id: idempotencyKey },
    }));
    for (;;) {
      try {
        await service.commit(several, 'ada', undefined, { idempotencyKey });
        break;
      } catch {
        await wait(20 + Math.random() * 50);
      }
    }
  }
}

describe('the feed in a storm', () => {
  it(
    `tells ${String(readersOfAKind * 3)} readers of ${String(changes)} commits through ${String(disconnects)} disconnects, all of them once and in order`,
    async () => {
      const library = [0, 1].map(() => open({ ...cluster.pool(schema), port: proxy.port }));
      const slow = (): Promise<void> => wait(Math.random() * 4);
      const anyServer = (): string => pick(servers).url;
      const names = Array.from({ length: readersOfAKind }, (_, n) => n);
      const libraryReaders = names.map(
        (n) => new LibraryReader(`library ${String(n)}`, pick(library), 0, n === 0 ? slow : undefined),
      );
      const streams = names.flatMap((n) => [
        new SseReader(`sse ${String(n)}`, 0, anyServer),
        new SocketReader(`socket ${String(n)}`, 0, anyServer),
      ]);
      const readers = [...libraryReaders, ...streams];
      for (const reader of readers) await reader.connect();

      const progress = { isWritten: false };
      const writers = [0, 1, 2].map(() => open(cluster.pool(schema)));
      const writing = Promise.all(writers.map((service) => write(service, Math.ceil(changes / 3)))).finally(() => {
        progress.isWritten = true;
      });

      const faults: Record<string, () => Promise<unknown>> = {
        'a stream is cut': async () => pick(streams).cut(),
        'a library reader comes back': async () => pick(libraryReaders).connect(),
        'a stream is slow': async () => pick(streams).pause(200),
        'all connections of a server are cut': async () => pick(servers).proxy.cut(),
        'streams are cut while they are slow': async () => {
          for (const stream of streams) if (stream instanceof SseReader) stream.pause(200);
          await wait(60);
          pick(servers).proxy.cut();
        },
        'the connections of the library are cut': async () => proxy.cut(),
        'what was notified is lost': () =>
          cluster
            .query(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'",
            )
            .catch(() => undefined),
        'a server stands still': async () => {
          const server = pick(servers);
          server.signal('SIGSTOP');
          await wait(300);
          server.signal('SIGCONT');
        },
        'a server is killed': async () => {
          const server = pick(servers);
          await server.kill();
          await server.start();
        },
        'the database is killed': async () => {
          await cluster.kill();
          await cluster.start();
        },
      };
      const rare = new Set(['a server is killed', 'the database is killed']);
      const done: string[] = [];
      const everyday = Object.keys(faults).filter((name) => !rare.has(name));
      while (!progress.isWritten || done.length < disconnects) {
        const name = done.length % 10 === 9 ? pick([...rare]) : pick(everyday);
        await faults[name]?.();
        done.push(name);
        await wait(inTier({ quick: 60, ci: 120, soak: 300 }) * Math.random());
      }
      await writing;

      const database = postgresDatabase(new pg.Pool(cluster.pool(schema)), { timeoutMs: 60_000 });
      const truth = await feedOf(database, 'default');
      const last = truth.at(-1)?.revision ?? 0;
      const end = performance.now() + 60_000;
      while (readers.some(({ revision }) => revision < last) && performance.now() < end) await wait(50);
      for (const reader of readers) reader.stop();

      expect(truth.length).toBeGreaterThanOrEqual(changes);
      expect(done.length).toBeGreaterThanOrEqual(disconnects);
      expect(judge(truth, readers)).toEqual([]);
      await expectSound(database);
    },
    timeout,
  );
});
