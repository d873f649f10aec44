/** Owns the embedded database: PGlite in memory or in a directory that belongs to one process. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import type { Database } from './database.ts';
import { unavailable } from './database-fault.ts';
import { lockDirectory } from './directory-lock.ts';
import { migrate } from './migrate.ts';
import type { PGliteDatabase } from './pglite.ts';

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
 * @throws `database_in_use` when a process, this one included, has the directory open; `unavailable` when the database does not
 * start, as on a full disk.
 */
export async function openEmbeddedDatabase(options: EmbeddedOptions = {}): Promise<EmbeddedDatabase> {
  const dataDir = options.dataDir === undefined ? null : resolve(options.dataDir);
  const { pgliteDatabase } = await import('./pglite.ts');
  const instance = dataDir === null ? await startInMemory() : await startLocked(dataDir, options.relaxed === true);
  const database = pgliteDatabase(instance.pglite, instance.failure === undefined ? {} : { failure: instance.failure });
  try {
    await migrate(database);
  } catch (error) {
    await end(instance, database);
    throw error;
  }
  return closable(instance, database, dataDir);
}

async function startInMemory(): Promise<Instance> {
  const { PGlite, startParams } = await loadPGlite();
  return { pglite: await PGlite.create({ startParams }) };
}

/** PGlite is loaded only by those who open one. */
async function loadPGlite(): Promise<{ PGlite: typeof PGlite; startParams: string[] }> {
  const { PGlite } = await import('@electric-sql/pglite');
  const settings = [
    // The default of 128 MB would hold once more what the system's cache holds of the files.
    'shared_buffers=8MB',
    // An instance that fails while it starts would leave the timer of this, which keeps the process alive.
    'log_startup_progress_interval=0',
  ];
  return { PGlite, startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])] };
}

async function startLocked(dataDir: string, relaxed: boolean): Promise<Instance> {
  const made = mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(dataDir);
  try {
    return { ...(await startIn(dataDir, relaxed, made)), release: () => lock.release() };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * Starts the store of a directory, or makes it; one that was left half made, so never opened, is made anew.
 * @param made the uppermost directory that was made for it.
 */
async function startIn(dataDir: string, relaxed: boolean, made: string = dataDir): Promise<Instance> {
  const files = join(dataDir, 'database');
  const unfinished = join(dataDir, 'unfinished');
  if (existsSync(unfinished)) rmSync(files, { recursive: true, force: true });
  if (existsSync(files)) {
    refuseDamaged(files);
    return startFiles(files, relaxed);
  }
  const { abandon, syncPath, syncTree } = await import('./durable-files.ts');
  writeFileSync(unfinished, '');
  syncPath(dataDir);
  const instance = await startFiles(files, relaxed);
  try {
    if (!relaxed) await syncTree(files);
    rmSync(unfinished);
    // The name of a directory that was made is in the one above it.
    for (const directory of pathsUpTo(dataDir, dirname(made))) syncPath(directory);
    return instance;
  } catch (error) {
    abandon(instance.pglite);
    throw error;
  }
}

/** PGlite would make a new store over what is left of the old one. */
function refuseDamaged(files: string): void {
  if (existsSync(join(files, 'PG_VERSION'))) return;
  const problem = `${files} is damaged, PG_VERSION is missing; restore it from a backup, or remove it to begin anew`;
  throw unavailable(new Error(problem), false);
}

function pathsUpTo(path: string, top: string): string[] {
  return path === top ? [path] : [path, ...pathsUpTo(dirname(path), top)];
}

async function startFiles(files: string, relaxed: boolean): Promise<Instance> {
  const { PGlite, startParams } = await loadPGlite();
  if (relaxed) return { pglite: await PGlite.create({ dataDir: files, startParams }) };
  const { DurableFiles, durableStartParams } = await import('./durable-files.ts');
  const fs = new DurableFiles(files);
  try {
    const pglite = await PGlite.create({ fs, startParams: durableStartParams(startParams) });
    return { pglite, failure: () => fs.failure() };
  } catch (error) {
    fs.abandon();
    throw unavailable(new Error(`the embedded database did not start: ${fs.reasonOf(error)}`, { cause: error }), false);
  }
}

function closable(instance: Instance, database: PGliteDatabase, dataDir: string | null): EmbeddedDatabase {
  let ended: Promise<void> | undefined;
  return {
    ...database,
    kind: 'embedded',
    dataDir,
    async close() {
      await database.close();
      ended ??= end(instance, database);
      await ended;
    },
  };
}

async function end({ pglite, release }: Instance, database: PGliteDatabase): Promise<void> {
  try {
    if (database.failure() === undefined) await pglite.close();
    else (await import('./durable-files.ts')).abandon(pglite);
  } finally {
    release?.();
  }
}
