/** Owns the SQL of reading and writing the tables of a store as a whole, whatever columns they have. */
import type { Row, Sql, SqlParameter } from '../db/database.ts';

/** A table, as it is read and written: its columns in the order of their names. */
export interface WholeTable {
  readonly name: string;
  readonly columns: readonly string[];
}

/** A row: for each column its value as PostgreSQL writes it, `null` where there is none. */
export type TextRow = readonly (string | null)[];

/** What a statement on a whole table may take, in milliseconds. */
const patience = { timeoutMs: 600_000 };

/**
 * Tables that no backup holds, with the reason. Every other table of the schema is in each, without being named anywhere.
 */
export const notBackedUp: Readonly<Record<string, string>> = {
  configuration_migrations:
    'it tells of the database and not of what is stored; a backup names the migrations it was made at',
  configuration_store: 'a store that was restored is another one, so that no cache of the first one serves it',
  configuration_usage: 'counters of the last day, by which caches are warmed',
};

/** Makes PostgreSQL write values in one way for the rest of the transaction, whatever the session and the server have. */
export async function fixTextForms(sql: Sql): Promise<void> {
  await sql.query(
    `SELECT set_config('timezone', 'UTC', true), set_config('bytea_output', 'hex', true), set_config('intervalstyle', 'iso_8601', true),
      set_config('extra_float_digits', '1', true)`,
  );
}

interface ColumnRow extends Row {
  readonly table_name: string;
  readonly column_name: string;
}

/** The tables of a backup, those first that others refer to. */
export async function readTables(sql: Sql): Promise<readonly WholeTable[]> {
  const rows = await sql.query<ColumnRow>(
    `SELECT c.relname::text AS table_name, a.attname::text AS column_name FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname LIKE 'configuration\\_%'
      AND NOT c.relispartition
    ORDER BY c.relname::text COLLATE "C", a.attname::text COLLATE "C"`,
  );
  const tables = new Map<string, string[]>();
  for (const { table_name: name, column_name: column } of rows) {
    if (Object.hasOwn(notBackedUp, name)) continue;
    tables.set(name, [...(tables.get(name) ?? []), column]);
  }
  const references = await readReferences(sql);
  return inOrder(
    [...tables].map(([name, columns]) => ({ name, columns })),
    references,
  );
}

type References = ReadonlyMap<string, readonly string[]>;

async function readReferences(sql: Sql): Promise<References> {
  const rows = await sql.query<Row & { readonly child: string; readonly parent: string }>(
    `SELECT DISTINCT c.relname::text AS child, p.relname::text AS parent FROM pg_constraint AS k
    JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS p ON p.oid = k.confrelid
    WHERE k.contype = 'f' AND c.oid <> p.oid AND c.relnamespace = current_schema()::regnamespace`,
  );
  const references = new Map<string, string[]>();
  for (const { child, parent } of rows) references.set(child, [...(references.get(child) ?? []), parent]);
  return references;
}

function inOrder(tables: readonly WholeTable[], references: References): readonly WholeTable[] {
  const byName = new Map(tables.map((table) => [table.name, table]));
  const ordered = new Set<WholeTable>();
  const visit = (table: WholeTable, above: readonly string[]): void => {
    if (above.includes(table.name)) throw new Error(`the tables ${above.join(', ')} refer to each other in a circle`);
    for (const name of references.get(table.name) ?? []) {
      const parent = byName.get(name);
      if (parent !== undefined) visit(parent, [...above, table.name]);
    }
    ordered.add(table);
  };
  for (const table of tables) visit(table, []);
  return [...ordered];
}

/** How many rows are read at once, and about how many characters the next read may have. */
const mostRows = 2000;
const mostCharacters = 4_000_000;

/**
 * Reads the rows of a table in pages, in an order that two stores with the same rows share: by revision where it has one, so that what a
 * row refers to in its own table comes before it, then by its primary key. To be called in a transaction.
 */
export async function* readRows(sql: Sql, table: WholeTable): AsyncGenerator<readonly TextRow[], void, undefined> {
  const columns = table.columns.map((column) => `${quoted(column)}::text`).join(', ');
  const order = await orderOf(sql, table);
  await sql.query(
    `DECLARE strata_rows NO SCROLL CURSOR FOR SELECT ARRAY[${columns}] AS row FROM ${quoted(table.name)} ORDER BY ${order}`,
    [],
    undefined,
    patience,
  );
  for (let size = 100; ;) {
    const rows = await sql.query<Row & { readonly row: TextRow }>(
      `FETCH ${String(size)} FROM strata_rows`,
      [],
      undefined,
      patience,
    );
    if (rows.length > 0) yield rows.map(({ row }) => row);
    if (rows.length < size) break;
    const characters = rows.reduce((sum, { row }) => row.reduce((all, text) => all + (text?.length ?? 0), sum), 0);
    size = Math.max(1, Math.min(mostRows, Math.floor((size * mostCharacters) / Math.max(1, characters))));
  }
  await sql.query('CLOSE strata_rows');
}

async function orderOf(sql: Sql, { name, columns }: WholeTable): Promise<string> {
  const rows = await sql.query<Row & { readonly column_name: string }>(
    `SELECT a.attname::text AS column_name FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = $1::text::regclass AND i.indisprimary ORDER BY k.place`,
    [quoted(name)],
  );
  const key = rows.map(({ column_name: column }) => quoted(column));
  const first = ['revision', 'valid_from'].find((column) => columns.includes(column));
  return [...(first === undefined ? [] : [quoted(first)]), ...(key.length === 0 ? columns.map(quoted) : key)].join(
    ', ',
  );
}

/** Names are those of our own tables, and quoted all the same. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Writes rows into tables. */
export class RowWriter {
  readonly #sql: Sql;
  readonly #table: WholeTable;
  readonly #statement: string;

  private constructor(sql: Sql, table: WholeTable, types: ReadonlyMap<string, string>) {
    this.#sql = sql;
    this.#table = table;
    const columns = table.columns.map(quoted).join(', ');
    const arrays = table.columns.map((_, index) => `$${String(index + 1)}::text[]`).join(', ');
    const names = table.columns.map((_, index) => `c${String(index)}`);
    const casts = table.columns.map((column, index) => `u.c${String(index)}::${types.get(column) ?? 'text'}`);
    this.#statement = `INSERT INTO ${quoted(table.name)} (${columns}) OVERRIDING SYSTEM VALUE
      SELECT ${casts.join(', ')} FROM unnest(${arrays}) WITH ORDINALITY AS u (${names.join(', ')}, place) ORDER BY u.place`;
  }

  /** Prepares to write into a table. @returns undefined where there is no such table, or not all of the columns. */
  static async to(sql: Sql, table: WholeTable): Promise<RowWriter | undefined> {
    const rows = await sql.query<Row & { readonly column_name: string; readonly type: string }>(
      `SELECT a.attname::text AS column_name, format_type(a.atttypid, a.atttypmod) AS type FROM pg_attribute AS a
      WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''`,
      [quoted(table.name)],
    );
    const types = new Map(rows.map((row) => [row.column_name, row.type]));
    return table.columns.every((column) => types.has(column)) ? new RowWriter(sql, table, types) : undefined;
  }

  /** Writes some rows, in their order. */
  async write(rows: readonly TextRow[]): Promise<void> {
    const columns = this.#table.columns.map((_, index): SqlParameter => rows.map((row) => row[index] ?? null));
    await this.#sql.query(this.#statement, columns, undefined, patience);
  }
}

/** Takes away what a store holds before its first commit. @throws the database's error 23001 where that is append-only, so not nothing. */
export async function clearTable(sql: Sql, { name }: WholeTable): Promise<void> {
  const rows = await sql.query(`SELECT FROM ${quoted(name)} LIMIT 1`);
  if (rows.length > 0) await sql.query(`DELETE FROM ${quoted(name)}`);
}

/**
 * Turns the triggers of a table off or on again, for the rest of the transaction: rows that are put back are as they were, and not stamped anew.
 * Constraints hold all the same.
 */
export async function switchTriggers(sql: Sql, { name }: WholeTable, to: 'DISABLE' | 'ENABLE'): Promise<void> {
  await sql.query(`ALTER TABLE IF EXISTS ${quoted(name)} ${to} TRIGGER USER`);
}

/** Lets the counters of a table's identities go on after the rows that were written. */
export async function continueIdentities(sql: Sql, { name }: WholeTable): Promise<void> {
  const rows = await sql.query<Row & { readonly column_name: string }>(
    `SELECT a.attname::text AS column_name FROM pg_attribute AS a
    WHERE a.attrelid = $1::text::regclass AND a.attidentity <> '' AND NOT a.attisdropped`,
    [quoted(name)],
  );
  for (const { column_name: column } of rows) {
    await sql.query(
      `SELECT setval(pg_get_serial_sequence($1::text, $2::text), greatest(max(${quoted(column)}), 1), max(${quoted(column)}) IS NOT NULL)
      FROM ${quoted(name)}`,
      [quoted(name), column],
    );
  }
}
