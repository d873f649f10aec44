/** Owns the embedded database: PGlite in memory or in a directory that belongs to one process. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import type { Database } from './database.ts';
import { lockDirectory } from './directory-lock.ts';
import { migrate } from './migrate.ts';

/** Where the embedded database keeps its data, and how safely. */
export interface EmbeddedOptions {
  /** The directory, made when missing. Absent: in memory, gone after `close`. */
  readonly dataDir?: string;
  /** Commits return before they are on disk: faster, and a power failure may damage the whole store. Default false. */
  readonly relaxed?: boolean;
}

/** A database inside this process; `close` ends it. */
export interface EmbeddedDatabase extends Database {
  readonly kind: 'embedded';
  /** The directory of its data; `null` in memory. */
  readonly dataDir: string | null;
}

/** What runs: an instance, with what tells and ends it. */
interface Instance {
  readonly pglite: PGlite;
  readonly failure?: () => Error | undefined;
  readonly release?: () => void;
}

/**
 * Opens an embedded PostgreSQL with the tables of Strata. The first start in a directory takes seconds, later ones less than one.
 * @throws `database_in_use` when a process, this one included, has the directory open.
 */
export async function openEmbeddedDatabase(options: EmbeddedOptions = {}): Promise<EmbeddedDatabase> {
  const dataDir = options.dataDir === undefined ? null : resolve(options.dataDir);
  const instance = dataDir === null ? await startInMemory() : await startLocked(dataDir, options.relaxed === true);
  try {
    const database = await adapt(instance, dataDir);
    await migrate(database);
    return database;
  } catch (error) {
    await end(instance);
    throw error;
  }
}

async function startInMemory(): Promise<Instance> {
  const { PGlite, startParams } = await loadPGlite();
  return { pglite: await PGlite.create({ startParams }) };
}

/** PGlite is loaded only by those who open one. */
async function loadPGlite(): Promise<{ PGlite: typeof PGlite; startParams: string[] }> {
  const { PGlite } = await import('@electric-sql/pglite');
  // Its default of 128 MB would hold once more what the system's cache holds of the files.
  return { PGlite, startParams: [...PGlite.defaultStartParams, '-c', 'shared_buffers=8MB'] };
}

async function startLocked(dataDir: string, relaxed: boolean): Promise<Instance> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(dataDir);
  try {
    return { ...(await startIn(dataDir, relaxed)), release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Starts the store of a directory, or makes it; one that was left half made, so never opened, is made anew. */
async function startIn(dataDir: string, relaxed: boolean): Promise<Instance> {
  const files = join(dataDir, 'database');
  const unfinished = join(dataDir, 'unfinished');
  if (existsSync(unfinished)) rmSync(files, { recursive: true, force: true });
  if (existsSync(files)) return startFiles(files, relaxed);
  const { syncPath, syncTree } = await import('./durable-files.ts');
  writeFileSync(unfinished, '');
  syncPath(dataDir);
  const instance = await startFiles(files, relaxed);
  if (!relaxed) syncTree(files);
  rmSync(unfinished);
  syncPath(dataDir);
  syncPath(dirname(dataDir));
  return instance;
}

async function startFiles(files: string, relaxed: boolean): Promise<Instance> {
  const { PGlite, startParams } = await loadPGlite();
  if (relaxed) return { pglite: await PGlite.create({ dataDir: files, startParams }) };
  const { DurableFiles, durableStartParams } = await import('./durable-files.ts');
  const fs = new DurableFiles(files);
  return {
    pglite: await PGlite.create({ fs, startParams: durableStartParams(startParams) }),
    failure: () => fs.failure(),
  };
}

async function adapt(instance: Instance, dataDir: string | null): Promise<EmbeddedDatabase> {
  const { pgliteDatabase } = await import('./pglite.ts');
  const { failure } = instance;
  const database = pgliteDatabase(instance.pglite, failure === undefined ? {} : { failure });
  let ended: Promise<void> | undefined;
  return {
    ...database,
    kind: 'embedded',
    dataDir,
    async close() {
      await database.close();
      ended ??= end(instance);
      await ended;
    },
  };
}

async function end({ pglite, release }: Instance): Promise<void> {
  try {
    await pglite.close();
  } finally {
    release?.();
  }
}
