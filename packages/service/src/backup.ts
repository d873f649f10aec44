/** Owns the backup of a whole store: every table, of one snapshot, as a sealed file. */
import { createHash } from 'node:crypto';
import type { Actor } from './actor.ts';
import { recordAlone } from './audit/record.ts';
import { requireOperator } from './backup-access.ts';
import { writeBackupFile } from './backup-file.ts';
import { begin, type Context } from './context.ts';
import type { Sql } from './db/database.ts';
import { readLedger } from './db/migrate.ts';
import { readProgress } from './store/counter.ts';
import { fixTextForms, readRows, readTables, type WholeTable } from './store/whole-store.ts';
import { parsePassphrase } from './passphrase.ts';

/** How a backup is made. */
export interface BackupOptions {
  /** Encrypts the file; without it whoever has the file reads it, secrets aside, which are ciphertext in it. */
  readonly passphrase?: string;
  /** Told how far it has come, after each part. */
  readonly onProgress?: (progress: BackupProgress) => void;
}

/** How far a backup or its restoring has come. */
export interface BackupProgress {
  readonly table: string;
  /** How many rows so far, of all tables. */
  readonly rows: number;
}

/** The first line of a backup's content. */
export interface Manifest {
  readonly revision: number;
  /** The migrations of the store, by name, with the checksums of their files. */
  readonly migrations: readonly { readonly name: string; readonly checksum: string | null }[];
  readonly tables: readonly WholeTable[];
}

/** The last line of a backup's content. */
export interface Trailer {
  readonly end: true;
  readonly rows: number;
  /** SHA-256 (hex) over the lines before it. */
  readonly digest: string;
}

/**
 * Backs the whole store up: all environments, with history, tags, scopes, requests, roles, keys and the audit log, as they are at one moment,
 * while writers go on (an embedded database lets them wait). Secrets leave as the ciphertext they are.
 * @throws ConfigurationError `not_permitted`, `invalid_argument`.
 */
export async function* backup(
  context: Context,
  actor: Actor,
  options: BackupOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  begin(context);
  const passphrase = parsePassphrase(options.passphrase);
  await requireOperator(context, actor, 'export');
  const metadata = { encrypted: passphrase !== undefined };
  await recordAlone(context, [{ operation: 'backup', actor, success: true, metadata }]);
  yield* writeBackupFile(snapshotOf(context, options.onProgress), passphrase);
}

/** The lines of a store, read in one snapshot. The transaction ends with whoever takes them, also when that one stops early. */
async function* snapshotOf(
  { db }: Context,
  onProgress: BackupOptions['onProgress'],
): AsyncGenerator<string, void, undefined> {
  const handover = new Handover<string>();
  const reading = db.transaction(async (sql) => {
    await sql.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await fixTextForms(sql);
    for await (const part of contentOf(sql, onProgress, await manifestOf(sql))) {
      if (!(await handover.give(part))) return;
    }
  });
  reading.then(
    () => handover.end(),
    (error: unknown) => handover.fail(error),
  );
  try {
    yield* handover.parts();
  } finally {
    handover.stop();
    await reading.catch(() => undefined);
  }
}

/** Hands parts from one who makes them to one who takes them, one at a time. */
class Handover<Part> {
  #waiting: { readonly part: Part; readonly taken: (goesOn: boolean) => void } | undefined;
  #isDone = false;
  #isStopped = false;
  #error: { readonly reason: unknown } | undefined;
  #wake: () => void = () => undefined;

  /** Resolves once the part is taken; false where nobody takes any more. */
  give(part: Part): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    return new Promise((taken) => {
      this.#waiting = { part, taken };
      this.#wake();
    });
  }

  end(): void {
    this.#isDone = true;
    this.#wake();
  }

  fail(reason: unknown): void {
    this.#error = { reason };
    this.end();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting?.taken(false);
    this.#waiting = undefined;
  }

  async *parts(): AsyncGenerator<Part, void, undefined> {
    for (;;) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting !== undefined) {
        yield waiting.part;
        waiting.taken(true);
      } else if (this.#isDone) {
        if (this.#error !== undefined) throw this.#error.reason;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** What a store holds, to be read in one snapshot. */
async function manifestOf(sql: Sql): Promise<Manifest> {
  const { revision } = await readProgress(sql);
  const migrations = [...(await readLedger(sql)).values()].map(({ name, checksum }) => ({ name, checksum }));
  return { revision, migrations, tables: await readTables(sql) };
}

/** The lines of a store: the manifest, for each table its name and its rows, and at last by itself what they come to. */
export async function* contentOf(
  sql: Sql,
  onProgress: BackupOptions['onProgress'],
  manifest: Manifest,
): AsyncGenerator<string, void, undefined> {
  const hash = createHash('sha256');
  const hashed = (text: string): string => {
    hash.update(text);
    return text;
  };
  yield hashed(`${JSON.stringify(manifest)}\n`);
  let rows = 0;
  for (const table of manifest.tables) {
    yield hashed(`${JSON.stringify({ table: table.name })}\n`);
    for await (const page of readRows(sql, table)) {
      let text = '';
      for (const row of page) text += `${JSON.stringify(row)}\n`;
      yield hashed(text);
      rows += page.length;
      onProgress?.({ table: table.name, rows });
    }
  }
  yield `${JSON.stringify({ end: true, rows, digest: hash.digest('hex') } satisfies Trailer)}\n`;
}
