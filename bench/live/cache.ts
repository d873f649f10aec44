/** Owns the benchmark of values that another process put into Redis: a read that finds them there beside a bare GET. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';
import { Redis } from 'ioredis';
import { compare, inParallel, type Contender } from '../harness.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const keyCount = 2000;
const value = {
  limits: { daily: 5000, weekly: 20_000 },
  mode: 'standard',
  tags: ['a', 'b', 'c'],
  note: 'x'.repeat(80),
};
const keyName = (number: number): string => `bench/setting-${String(number % keyCount)}`;

const port = await freePort();
const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', tmpdir()], {
  stdio: 'ignore',
});
const connect = (): Redis => new Redis({ host: '127.0.0.1', port });
const clients = [connect(), connect()] as const;
const database = await openEmbeddedDatabase();
/** Memory holds one value only, so that every read goes to Redis. */
const service = createConfigurationService(database, { redis: clients[0], cacheMaxEntries: 1, pollInterval: 100 });
try {
  const found = await fill(service);
  await clients[1].set('bare', JSON.stringify(value));

  let asked = 0;
  const one = (name: string, parallel: number, read: () => Promise<unknown>): Contender => ({
    name,
    run: (operations) => inParallel(operations, parallel, read),
  });
  const shared = (): Promise<unknown> => service.get(keyName((asked += 1)));
  const bare = (): Promise<unknown> => clients[1].get('bare');
  const parsed = async (): Promise<unknown> => JSON.parse((await clients[1].get('bare')) ?? 'null');
  const comparisons = [];
  for (const parallel of [1, 20]) {
    comparisons.push(
      await compare(
        parallel === 1 ? 'One reader' : `${String(parallel)} readers of one process`,
        [
          one('`get` of what is in Redis', parallel, shared),
          one('bare GET', parallel, bare),
          one('bare GET and `JSON.parse`', parallel, parsed),
        ],
        [],
      ),
    );
  }
  const { hits, misses } = service.cacheStats().l2;
  if (misses - found.misses > (hits - found.hits) / 20) throw new Error('most reads were to be found in Redis');
  publish({
    name: 'live/cache',
    about: `${String(keyCount)} values of ${String(JSON.stringify(value).length)} characters, read in turn by a service whose memory holds one of them; each read asks Redis, checks the seal and what has changed since, and hands out a frozen value. The bare client reads one text over a connection with the same settings, to the same Redis.`,
    comparisons,
    versions: {
      ioredis: packageVersion('ioredis'),
      Redis: /redis_version:(\S+)/.exec(await clients[1].info())?.[1] ?? '',
    },
  });
} finally {
  await service.close();
  await database.close();
  for (const client of clients) client.disconnect();
  server.kill('SIGKILL');
}

/** Stores the values and reads them until all are in Redis and found there; answers what was counted by then. */
async function fill(target: ConfigurationManagementService): Promise<{ hits: number; misses: number }> {
  const changes = Array.from({ length: keyCount }, (_, number) => ({
    key: keyName(number),
    scope: 'global' as const,
    value,
  }));
  for (let at = 0; at < keyCount; at += 100) await target.commit(changes.slice(at, at + 100), 'bench');
  for (;;) {
    const { hits } = target.cacheStats().l2;
    for (const { key } of changes) await target.get(key);
    const now = target.cacheStats().l2;
    if (now.hits - hits === keyCount) return now;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
