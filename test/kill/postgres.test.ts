/** Owns the proof that a store on PostgreSQL survives the death of its writers and of the server at any moment. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../packages/service/src/db/migrate.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import type { Report } from './acknowledgement.ts';
import { check, type Finding } from './check.ts';
import { Cluster } from './cluster.ts';
import { WriterProcess } from './process.ts';
import { kills, killsPerStore, loopTimeout } from './tier.ts';

let directory: string;
let cluster: Cluster;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-kill-'));
  cluster = await Cluster.create(directory);
});

afterAll(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function withDatabase<T>(schema: string, work: (database: Database) => Promise<T>): Promise<T> {
  const pool = new pg.Pool(cluster.pool(schema));
  const database = postgresDatabase(pool, { timeoutMs: 60_000 });
  try {
    return await work(database);
  } finally {
    await database.close();
    await pool.end();
  }
}

/** The schema of a run, which several runs share. */
async function schemaFor(run: number): Promise<string> {
  const schema = `store_${String(Math.floor(run / killsPerStore))}`;
  if (run % killsPerStore > 0) return schema;
  await cluster.createSchema(schema);
  await withDatabase(schema, migrate);
  return schema;
}

async function checkWhenQuiet(schema: string, reports: readonly Report[]): Promise<Finding> {
  await cluster.quiet();
  return withDatabase(schema, (database) => check(database, reports));
}

describe('a store on PostgreSQL', () => {
  it(
    `has every acknowledged write and nothing by halves when its writers or its server are killed, ${String(kills)} times`,
    async () => {
      let acknowledged = 0;
      for (let run = 0; run < kills; run += 1) {
        const schema = await schemaFor(run);
        const store = { postgres: cluster.pool(schema) };
        const writer = new WriterProcess({ store, run, onRefusal: 'repeat' });
        await writer.goOn();
        if (run % 2 === 0) {
          await cluster.kill();
          await cluster.start();
          // What was under way is repeated with its idempotency key, and the writer goes on by itself.
          await writer.acknowledged(20);
        }
        await writer.kill();
        const finding = await checkWhenQuiet(schema, writer.reports);
        expect(finding.problems, `after kill ${String(run + 1)}`).toStrictEqual([]);
        expect(writer.reports.filter(({ is }) => is === 'refused')).toStrictEqual([]);
        acknowledged += finding.acknowledged;
      }
      process.stdout.write(`PostgreSQL: ${String(kills)} kills, ${String(acknowledged)} acknowledged, none lost\n`);
      expect(acknowledged).toBeGreaterThan(kills * 10);
    },
    loopTimeout,
  );
});
