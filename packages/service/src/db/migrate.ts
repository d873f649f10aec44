/** Owns bringing a database to the schema of this version: the files of `migrations/`, applied by this runner or by psql. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { ConfigurationError, isConfigurationError } from '@strata/core';
import type { Database, Sql } from './database.ts';
import { verifySchema } from './verify-schema.ts';

/** What `migrate` did. */
export interface MigrationResult {
  /** The names of the files applied by this call. */
  readonly applied: readonly string[];
  /** The names of all files that are in force. */
  readonly current: readonly string[];
}

/** One file of `migrations/`. Each is a transaction that waits for the others, changes nothing when repeated, and records itself. */
export interface Migration {
  /** The file's name without `.sql`. */
  readonly name: string;
  /** Its statements between `BEGIN` and `COMMIT`. */
  readonly body: string;
  /** The SHA-256 of the file, in hex. */
  readonly checksum: string;
}

/** A row of the ledger; the checksum is missing until a runner has verified the schema. */
type LedgerRow = Readonly<{ name: string; checksum: string | null; breaking: boolean }>;

/** The files of this version, by name. */
export async function readMigrations(): Promise<Migration[]> {
  // The same from `src` and from `dist`.
  const directory = new URL('../../migrations/', import.meta.url);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, directory), 'utf8');
      return {
        name: name.slice(0, -'.sql'.length),
        body: bodyOf(text),
        checksum: createHash('sha256').update(text).digest('hex'),
      };
    }),
  );
}

/**
 * Applies the migrations that are not in force and verifies those that psql applied. Safe from many processes at once, beside
 * psql, and again after a kill.
 * @throws `migration_changed`, `migration_too_new`, `migration_unverified` with `details.differences`.
 */
export async function migrate(database: Database): Promise<MigrationResult> {
  const migrations = await readMigrations();
  const applied: string[] = [];
  const before = await readLedger(database);
  refuseForeign(before, migrations);
  for (const migration of migrations.filter(({ name }) => !before.has(name))) {
    if (await apply(database, migration)) applied.push(migration.name);
  }
  await fillChecksums(database, migrations);
  return { applied, current: migrations.map(({ name }) => name) };
}

function bodyOf(text: string): string {
  const lines = text.split(/\r?\n/);
  const begin = lines.indexOf('BEGIN;');
  const commit = lines.lastIndexOf('COMMIT;');
  if (begin === -1 || commit <= begin)
    throw new TypeError('a migration is one transaction: BEGIN; … COMMIT; on lines of their own');
  return lines.slice(begin + 1, commit).join('\n');
}

/** Runs a migration; answers whether this run recorded it, and not another that was faster. */
async function apply(database: Database, { name, body }: Migration): Promise<boolean> {
  return database.transaction(async (sql) => {
    await sql.script(body);
    const rows = await sql.query(
      'SELECT FROM configuration_migrations WHERE name = $1::text AND xmin = pg_current_xact_id()::xid',
      [name],
    );
    return rows.length === 1;
  });
}

/** The migrations that are in force, by name; none where the database has no tables yet. */
export async function readLedger(database: Sql): Promise<Map<string, LedgerRow>> {
  try {
    const rows = await database.query<LedgerRow>(
      'SELECT name, checksum, breaking FROM configuration_migrations ORDER BY name',
    );
    return new Map(rows.map((row) => [row.name, row]));
  } catch (error) {
    if (isConfigurationError(error, 'not_migrated')) return new Map();
    throw error;
  }
}

/** Refuses a ledger that this version must not touch: files with other contents, or newer ones that break it. */
function refuseForeign(ledger: ReadonlyMap<string, LedgerRow>, migrations: readonly Migration[]): void {
  for (const { name, checksum } of migrations) {
    const recorded = ledger.get(name)?.checksum ?? checksum;
    if (recorded !== checksum) throw new ConfigurationError('migration_changed', { name, checksum, recorded });
  }
  for (const { name, breaking } of ledger.values()) {
    if (breaking && !migrations.some((migration) => migration.name === name)) {
      throw new ConfigurationError('migration_too_new', { name });
    }
  }
}

async function fillChecksums(database: Database, migrations: readonly Migration[]): Promise<void> {
  const ledger = await readLedger(database);
  refuseForeign(ledger, migrations);
  const unverified = migrations.filter(({ name }) => (ledger.get(name)?.checksum ?? null) === null);
  const [first] = unverified;
  if (first === undefined) return;
  // A newer version's files may have added to the tables.
  const isExact = ledger.size === migrations.length;
  const differences = await verifySchema(database, migrations, isExact);
  if (differences.length > 0) {
    throw new ConfigurationError('migration_unverified', {
      name: first.name,
      differences: differences.join('; '),
      list: differences,
    });
  }
  await database.query(
    `UPDATE configuration_migrations AS m SET checksum = u.checksum
    FROM unnest($1::text[], $2::text[]) AS u (name, checksum) WHERE m.name = u.name AND m.checksum IS NULL`,
    [unverified.map(({ name }) => name), unverified.map(({ checksum }) => checksum)],
  );
}
