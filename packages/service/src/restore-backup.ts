/** Owns the restoring of a backup into an empty store: all of it or nothing, and proven to be what was backed up. */
import { createHash } from 'node:crypto';
import { ConfigurationError } from '@strata/core';
import type { Actor } from './actor.ts';
import { contentOf, type BackupProgress, type Manifest, type Trailer } from './backup.ts';
import { requireOperator } from './backup-access.ts';
import { readBackupFile } from './backup-file.ts';
import { begin, type Context } from './context.ts';
import type { Sql } from './db/database.ts';
import { readMigrations } from './db/migrate.ts';
import { parsePassphrase } from './passphrase.ts';
import { lockCounter, readProgress, takeTurn } from './store/counter.ts';
import {
  clearTable,
  continueIdentities,
  fixTextForms,
  readTables,
  RowWriter,
  switchTriggers,
  type TextRow,
  type WholeTable,
} from './store/whole-store.ts';

/** How a backup is restored. */
export interface RestoreBackupOptions {
  /** The one with which it was made. */
  readonly passphrase?: string;
  /** Told how far it has come, after each part. */
  readonly onProgress?: (progress: BackupProgress) => void;
}

/** What was restored. */
export interface RestoredBackup {
  /** The revision of the last commit in it. */
  readonly revision: number;
  readonly rows: number;
  /** SHA-256 (hex) over what is stored now, which is that of what was backed up. */
  readonly digest: string;
}

/**
 * Restores a backup into a store that is empty: migrated, without a commit and without an audit row. Everything is as it was, and the store
 * is another one than the first: watchers go on where it has their place, and are told `reset` where it does not.
 * @throws ConfigurationError `store_not_empty`, `backup_unreadable`, `passphrase_wrong`, `not_permitted`; nothing is stored then.
 */
export async function restoreBackup(
  context: Context,
  actor: Actor,
  file: AsyncIterable<Uint8Array>,
  options: RestoreBackupOptions,
): Promise<RestoredBackup> {
  begin(context);
  const passphrase = parsePassphrase(options.passphrase);
  await requireOperator(context, actor, 'import');
  const parts = readBackupFile(file, passphrase);
  try {
    const restored = await context.lane.run(() =>
      context.db.transaction(async (sql) => restoreIn(context, sql, parts, options.onProgress)),
    );
    forget(context, restored.revision);
    return restored;
  } finally {
    // Those that were looked at in the transaction may be gone with it.
    context.dataKeys.forget();
    context.audit.keys.forget();
  }
}

/** Makes this process forget what it knows of the store as it was, and look at it anew. */
function forget({ access, cache, chains, feed, flags, memory, ruleBook, shared }: Context, revision: number): void {
  memory.clear();
  ruleBook.reset();
  access.reset(revision);
  const forgotten = cache?.forget(() => true) ?? [];
  shared?.forget(() => true, forgotten);
  cache?.reset(revision);
  chains.reset();
  flags.reset();
  feed.committed();
}

async function restoreIn(
  context: Context,
  sql: Sql,
  parts: AsyncIterable<string>,
  onProgress: RestoreBackupOptions['onProgress'],
): Promise<RestoredBackup> {
  // What comes over a network may let the transaction wait for longer than writers may.
  await takeTurn(sql);
  await sql.query("SELECT set_config('idle_in_transaction_session_timeout', '0', true)");
  await fixTextForms(sql);
  await lockCounter(sql);
  await refuseUsed(sql);
  const reader = new ContentReader(parts);
  const manifest = await reader.manifest();
  const later = await laterMigrations(manifest);
  for (const table of [...(await readTables(sql))].reverse()) await clear(sql, table);
  let rows = 0;
  for (const table of manifest.tables) await switchTriggers(sql, table, 'DISABLE');
  for (const table of manifest.tables) {
    const writer = await RowWriter.to(sql, table);
    if (writer === undefined) refuse(`the table ${table.name} here has not all columns that it had there`);
    await reader.table(table);
    for (let page = await reader.rows(table); page.length > 0; page = await reader.rows(table)) {
      await write(writer, table, page);
      rows += page.length;
      onProgress?.({ table: table.name, rows });
    }
    await continueIdentities(sql, table);
  }
  const { digest } = await reader.end(rows);
  await refuseDifferent(sql, manifest, digest);
  // A store whose secrets nobody can read, and whose audit log nobody can prove, is better not made.
  context.dataKeys.forget();
  await context.dataKeys.verify(sql);
  for (const table of manifest.tables) await switchTriggers(sql, table, 'ENABLE');
  // Written to be applied again: they bring what an older store held to the form of this version.
  for (const { body } of later) await sql.script(body);
  return { revision: manifest.revision, rows, digest };
}

async function refuseUsed(sql: Sql): Promise<void> {
  const { revision } = await readProgress(sql);
  if (revision > 0)
    throw new ConfigurationError('store_not_empty', { problem: `it has come to revision ${String(revision)}` });
}

async function clear(sql: Sql, table: WholeTable): Promise<void> {
  try {
    await clearTable(sql, table);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '23001')) throw error;
    throw new ConfigurationError(
      'store_not_empty',
      { problem: `there is something in ${table.name}` },
      { cause: error },
    );
  }
}

async function write(writer: RowWriter, table: WholeTable, rows: readonly TextRow[]): Promise<void> {
  try {
    await writer.write(rows);
  } catch (error) {
    // Classes 22 and 23: data that the tables refuse.
    const isRefused =
      error instanceof Error && 'code' in error && typeof error.code === 'string' && /^2[23]/.test(error.code);
    if (!isRefused) throw error;
    refuse(`a row of ${table.name} is none that this version stores: ${error.message}`, error);
  }
}

/** The migrations that this version has and the backup's store had not. @throws ConfigurationError for a backup of a newer version. */
async function laterMigrations({ migrations }: Manifest): Promise<readonly { readonly body: string }[]> {
  const known = await readMigrations();
  for (const { name, checksum } of migrations) {
    const own = known.find((one) => one.name === name);
    if (own === undefined)
      refuse(`it was made with the migration ${name}, which this version of Strata does not have; use a newer one`);
    if (checksum !== null && checksum !== own.checksum) {
      refuse(`it was made with another migration ${name} than this version of Strata has`);
    }
  }
  const had = new Set(migrations.map(({ name }) => name));
  return known.filter(({ name }) => !had.has(name));
}

/** Reads back what was stored. */
async function refuseDifferent(sql: Sql, manifest: Manifest, digest: string): Promise<void> {
  const hash = createHash('sha256');
  const lines = linesOfStore(sql, manifest);
  for await (const text of lines) hash.update(text);
  if (hash.digest('hex') !== digest) refuse('what was stored is not what was backed up');
}

async function* linesOfStore(sql: Sql, manifest: Manifest): AsyncGenerator<string, void, undefined> {
  let last: string | undefined;
  for await (const text of contentOf(sql, undefined, manifest)) {
    if (last !== undefined) yield last;
    last = text;
  }
}

function refuse(problem: string, cause?: unknown): never {
  throw new ConfigurationError('backup_unreadable', { position: 'its content', problem }, { cause });
}

/** How many rows, and about how many characters, are written at once. */
const mostRows = 1000;
const mostCharacters = 4_000_000;

/** Reads the lines of a backup in the order in which they have to come. */
class ContentReader {
  readonly #lines: AsyncIterator<string>;
  readonly #hash = createHash('sha256');
  /** A line that was read and belongs to what comes next. */
  #ahead: string | undefined;

  constructor(parts: AsyncIterable<string>) {
    this.#lines = linesOf(parts);
  }

  async #next(): Promise<string> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (ahead !== undefined) return ahead;
    const next = await this.#lines.next();
    return next.done === true ? refuse('it ends too early') : next.value;
  }

  #parse(line: string): unknown {
    try {
      return JSON.parse(line) as unknown;
    } catch (error) {
      return refuse('a line of it cannot be read', error);
    }
  }

  async manifest(): Promise<Manifest> {
    const line = await this.#next();
    this.#hash.update(`${line}\n`);
    const manifest = this.#parse(line) as Partial<Manifest>;
    const { revision, migrations, tables } = manifest;
    if (typeof revision !== 'number' || !Array.isArray(migrations) || !Array.isArray(tables))
      refuse('it does not say what is in it');
    return manifest as Manifest;
  }

  /** Goes on to a table. */
  async table({ name }: WholeTable): Promise<void> {
    const line = await this.#next();
    if ((this.#parse(line) as { readonly table?: unknown }).table !== name) refuse(`the table ${name} is missing`);
    this.#hash.update(`${line}\n`);
  }

  /** The next rows of a table; none where it ends. */
  async rows({ name, columns }: WholeTable): Promise<readonly TextRow[]> {
    const rows: TextRow[] = [];
    for (let characters = 0; rows.length < mostRows && characters < mostCharacters;) {
      const line = await this.#next();
      if (!line.startsWith('[')) {
        this.#ahead = line;
        break;
      }
      const row = this.#parse(line) as TextRow;
      if (row.length !== columns.length) refuse(`a row of ${name} has ${String(row.length)} columns`);
      this.#hash.update(`${line}\n`);
      characters += line.length;
      rows.push(row);
    }
    return rows;
  }

  /** @param rows how many there were. */
  async end(rows: number): Promise<Trailer> {
    const trailer = this.#parse(await this.#next()) as Partial<Trailer>;
    if (trailer.end !== true || trailer.rows !== rows) refuse('it ends too early');
    if (trailer.digest !== this.#hash.digest('hex')) refuse('its digest is not that of what is in it');
    // To the very end: what comes after it, or is missing of its last frame, is found only by reading on.
    if ((await this.#lines.next()).done !== true) refuse('there is more after its end');
    return trailer as Trailer;
  }
}

async function* linesOf(parts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let begun = '';
  for await (const part of parts) {
    const lines = (begun + part).split('\n');
    begun = lines.pop() ?? '';
    yield* lines;
  }
  if (begun !== '') yield begun;
}
