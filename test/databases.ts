/** Owns the databases of tests: every store test runs on PGlite and on a real PostgreSQL, each test in a schema of its own. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { afterEach, describe, inject } from 'vitest';
import type { Database } from '../packages/service/src/db/database.ts';
import { readMigrations } from '../packages/service/src/db/migrate.ts';
import { pgliteDatabase } from '../packages/service/src/db/pglite.ts';
import { postgresDatabase } from '../packages/service/src/db/postgres.ts';

/** A database of one test. */
export interface TestDatabase {
  /** In a schema of its own, alone on the search path. */
  readonly database: Database;
  readonly schema: string;
  /** The pool under it, on PostgreSQL; it has at most ten clients. */
  readonly pool?: pg.Pool;
}

/** How a test wants its database. */
export interface OpenOptions {
  /** Whether the migrations are applied. Default true. */
  readonly migrated?: boolean;
}

/** One of the two databases that the service runs on. */
export interface Engine {
  readonly name: 'embedded' | 'postgres';
  /** Opens a database for the running test; after the test it is closed, checked for leaks and dropped. */
  open(options?: OpenOptions): Promise<TestDatabase>;
}

interface Opened extends TestDatabase {
  /** Ends it; rejects when the test left something behind. */
  readonly end: () => Promise<void>;
}

const engines = [
  ['embedded', openEmbedded],
  ['postgres', openPostgres],
] as const;

/** Whether this run is about another version of PostgreSQL: then the embedded engine, which is the same as ever, has nothing to prove. */
const isAboutPostgres = process.env['STRATA_POSTGRES'] !== undefined;

/** Runs `tests` once for each engine, or for the only one named. */
export function describeDatabases(name: string, tests: (engine: Engine) => void, only?: Engine['name']): void {
  const isWanted = (engine: Engine['name']): boolean =>
    (only === undefined || engine === only) && (engine === 'postgres' || !isAboutPostgres);
  const wanted = engines.filter(([engine]) => isWanted(engine));
  describe.each(wanted)(`${name} (%s)`, (engineName, openSchema) => {
    const opened: Opened[] = [];
    afterEach(async () => {
      const results = await Promise.allSettled(opened.splice(0).map(({ end }) => end()));
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
    });
    tests({
      name: engineName,
      async open({ migrated = true } = {}) {
        const database = await openSchema(`test_${randomUUID().replaceAll('-', '')}`);
        opened.push(database);
        if (migrated) await applyMigrations(database.database);
        return database;
      },
    });
  });
}

/** A pool to the cluster of this run whose sessions have `schema` alone on their search path. The caller ends it. */
export function postgresPool(schema: string, config: pg.PoolConfig = {}): pg.Pool {
  return new pg.Pool({ ...inject('postgres'), options: `-c search_path=${schema}`, ...config });
}

/** Makes an empty schema in the cluster of this run; answers what drops it. */
export async function createSchema(schema: string): Promise<() => Promise<void>> {
  await administrate(`CREATE SCHEMA ${schema}`);
  return () => administrate(`DROP SCHEMA ${schema} CASCADE`);
}

async function applyMigrations(database: Database): Promise<void> {
  for (const { body } of await readMigrations()) await database.transaction((sql) => sql.script(body));
}

async function administrate(statement: string): Promise<void> {
  const client = new pg.Client(inject('postgres'));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function openPostgres(schema: string): Promise<Opened> {
  const drop = await createSchema(schema);
  const pool = postgresPool(schema);
  const database = postgresDatabase(pool);
  const end = async (): Promise<void> => {
    await database.close();
    const leaks = await leaksOf(pool);
    // A client that is not given back would keep `end` waiting for ever.
    if (leaks.length === 0) await pool.end();
    await drop();
    if (leaks.length > 0) throw new Error(`the test left behind: ${leaks.join(', ')}`);
  };
  return { database, schema, pool, end };
}

/** What is in use although the test is over; calls that were still under way get a second to end. */
async function leaksOf(pool: pg.Pool): Promise<string[]> {
  const busy = (): number => pool.totalCount - pool.idleCount + pool.waitingCount;
  for (let tries = 0; tries < 100 && busy() > 0; tries += 1) await wait(10);
  const listeners = pool.listenerCount('error');
  return [
    ...(busy() > 0 ? [`${String(busy())} clients of the pool in use`] : []),
    ...(listeners > 0 ? [`${String(listeners)} error listeners on the pool`] : []),
  ];
}

/** Instances that wait for the next test: starting one takes half a second. */
const idleInstances: PGlite[] = [];

async function openEmbedded(schema: string): Promise<Opened> {
  const pglite = idleInstances.pop() ?? (await startPGlite());
  await pglite.exec(`CREATE SCHEMA ${schema}; SET search_path TO ${schema}`);
  const database = pgliteDatabase(pglite);
  const end = async (): Promise<void> => {
    await database.close();
    await pglite.exec(`RESET ALL; DROP SCHEMA ${schema} CASCADE`);
    idleInstances.push(pglite);
  };
  return { database, schema, end };
}

const cache = new URL('../node_modules/.cache/strata-test/', import.meta.url).pathname;

/** Starts from a copy of a fresh instance, which is kept between runs: making one anew takes seconds. */
async function startPGlite(): Promise<PGlite> {
  const template = join(cache, 'pglite-0.5.14.tar');
  if (!existsSync(template)) await makeTemplate(template);
  return PGlite.create({ loadDataDir: new Blob([await readFile(template)]) });
}

async function makeTemplate(template: string): Promise<void> {
  const pglite = await PGlite.create();
  const dump = await pglite.dumpDataDir('none');
  await pglite.close();
  await mkdir(cache, { recursive: true });
  const unfinished = `${template}.${randomUUID()}`;
  await writeFile(unfinished, new Uint8Array(await dump.arrayBuffer()));
  await rename(unfinished, template);
}
