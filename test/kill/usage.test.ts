/** Owns the proof that a process that is killed loses at most what it counted since its last flush, and that processes add up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, inject, it } from 'vitest';
import type { Database } from '../../packages/service/src/db/database.ts';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';
import { describeDatabases } from '../databases.ts';
import { nodeEnvironment } from '../node-environment.ts';
import { quickPlace } from './quick-place.ts';
import type { ReaderOptions } from './reader.ts';
import { inTier } from './tier.ts';

/** A reader in a process of its own. */
interface Reader {
  /** Reads so often, and answers when it has. */
  read(times: number): Promise<void>;
  kill(): Promise<void>;
  /** Closes its service and ends. */
  end(): Promise<void>;
}

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function startReader(options: ReaderOptions): Promise<Reader> {
  const program = join(import.meta.dirname, 'reader.ts');
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', program, JSON.stringify(options)], {
    env: nodeEnvironment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  endings.push(kill);
  const hear = async (expected: string): Promise<void> => {
    expect((await lines.next()).value).toBe(expected);
  };
  await hear('open');
  return {
    async read(times) {
      child.stdin.write(`${String(times)}\n`);
      await hear(String(times));
    },
    kill,
    async end() {
      child.stdin.end();
      expect(await exited).toEqual([0, null]);
    },
  };
}

async function countedReads(database: Database, service: string): Promise<number> {
  const [row] = await database.query<{ reads: number }>(
    "SELECT coalesce(sum(reads), 0)::bigint AS reads FROM configuration_usage_days WHERE key = 'k' AND service = $1",
    [service],
  );
  return row?.reads ?? 0;
}

const rounds = inTier({ quick: 3, ci: 10, soak: 100 });

describeDatabases(
  'counters of processes that are killed',
  (engine) => {
    it(
      `lose at most one flush, ${String(rounds)} times, and add up`,
      { timeout: 60_000 + rounds * 20_000 },
      async () => {
        const { database, schema } = await engine.open();
        const store = { postgres: { ...inject('postgres'), options: `-c search_path=${schema}`, max: 2 } };
        const start = (serviceName: string): Promise<Reader> => startReader({ store, serviceName, usageInterval: 50 });
        for (let round = 0; round < rounds; round += 1) {
          const name = `killed-${String(round)}`;
          const [killed, other] = await Promise.all([start(name), start('other')]);
          await Promise.all([killed.read(700), other.read(300)]);
          await expect.poll(() => countedReads(database, name), { timeout: 30_000, interval: 20 }).toBe(700);
          await killed.read(50);
          await killed.kill();
          await other.end();
        }
        // The last 50 reads of each were told all, or not at all.
        for (let round = 0; round < rounds; round += 1) {
          expect([700, 750]).toContain(await countedReads(database, `killed-${String(round)}`));
        }
        expect(await countedReads(database, 'other')).toBe(rounds * 300);
      },
    );
  },
  'postgres',
);

it('an embedded store keeps the counters of its process that were flushed', { timeout: 120_000 }, async () => {
  const dataDir = await mkdtemp(join(quickPlace(), 'strata-test-usage-'));
  endings.push(() => rm(dataDir, { recursive: true, force: true }));
  const rarely = await startReader({ store: { dataDir }, serviceName: 'rarely', usageInterval: 3_600_000 });
  await rarely.read(10);
  await rarely.kill();
  const closing = await startReader({ store: { dataDir }, serviceName: 'closing', usageInterval: 3_600_000 });
  await closing.read(20);
  await closing.end();
  const database = await openEmbeddedDatabase({ dataDir });
  endings.push(() => database.close());
  // Nothing of the first was told before it was killed; all of the second when it closed.
  expect(await countedReads(database, 'rarely')).toBe(0);
  expect(await countedReads(database, 'closing')).toBe(20);
});
