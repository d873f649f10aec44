/** Owns the SQL of configuration_data_keys: the wrapped data keys. */
import type { Row, Sql } from '../db/database.ts';

/** A data key as it is stored. */
export interface StoredDataKey {
  readonly id: string;
  readonly purpose: string;
  readonly wrapped: string;
  readonly kekId: string;
  readonly uses: number;
  readonly isCurrent: boolean;
}

interface DataKeyRow extends Row {
  readonly id: string;
  readonly purpose: string;
  readonly wrapped: string;
  readonly kek_id: string;
  readonly uses: number;
  readonly is_current: boolean;
}

const columns = 'id, purpose, wrapped, kek_id, uses, is_current';

function toDataKey(row: DataKeyRow): StoredDataKey {
  const { id, purpose, wrapped, kek_id: kekId, uses, is_current: isCurrent } = row;
  return { id, purpose, wrapped, kekId, uses, isCurrent };
}

/** Reads one data key. */
export async function readDataKey(sql: Sql, id: string): Promise<StoredDataKey | undefined> {
  const rows = await sql.query<DataKeyRow>(`SELECT ${columns} FROM configuration_data_keys WHERE id = $1`, [id]);
  return rows[0] === undefined ? undefined : toDataKey(rows[0]);
}

/** Reserves uses of the current data key of a purpose; undefined where there is none. */
export async function reserveUses(sql: Sql, purpose: string, uses: number): Promise<StoredDataKey | undefined> {
  const rows = await sql.query<DataKeyRow>(
    `UPDATE configuration_data_keys SET uses = uses + $2::int WHERE purpose = $1 AND is_current RETURNING ${columns}`,
    [purpose, uses],
    'strata_data_key_uses',
  );
  return rows[0] === undefined ? undefined : toDataKey(rows[0]);
}

/** Stores a data key as the current one of its purpose in the place of `replaces`; changes nothing where another one is current. */
export async function storeDataKey(
  sql: Sql,
  key: Pick<StoredDataKey, 'id' | 'purpose' | 'wrapped' | 'kekId'>,
  replaces: string | undefined,
): Promise<void> {
  if (replaces !== undefined) {
    await sql.query('UPDATE configuration_data_keys SET is_current = false WHERE id = $1', [replaces]);
  }
  await sql.query(
    `INSERT INTO configuration_data_keys (id, purpose, wrapped, kek_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (purpose) WHERE is_current DO NOTHING`,
    [key.id, key.purpose, key.wrapped, key.kekId],
  );
}

/** One data key of each wrapping key. */
export async function readOneOfEachKek(sql: Sql): Promise<StoredDataKey[]> {
  const rows = await sql.query<DataKeyRow>(
    `SELECT DISTINCT ON (kek_id) ${columns} FROM configuration_data_keys ORDER BY kek_id, id`,
  );
  return rows.map(toDataKey);
}

/** How many data keys there are of a purpose under a wrapping key. */
export interface DataKeyCount {
  readonly purpose: string;
  readonly kekId: string;
  readonly count: number;
  readonly uses: number;
  /** The id of the current one, where it is among them. */
  readonly current: string | null;
}

/** Counts the data keys by purpose and wrapping key. */
export async function countDataKeys(sql: Sql): Promise<DataKeyCount[]> {
  const rows = await sql.query<Row & Omit<DataKeyCount, 'kekId'> & { readonly kek_id: string }>(
    `SELECT purpose, kek_id, count(*) AS count, sum(uses)::bigint AS uses, max(id) FILTER (WHERE is_current) AS current
    FROM configuration_data_keys GROUP BY purpose, kek_id ORDER BY purpose, kek_id`,
  );
  return rows.map(({ purpose, kek_id: kekId, count, uses, current }) => ({ purpose, kekId, count, uses, current }));
}

/** Reads data keys that another key than `kekId` wrapped, by id, after `after`. */
export async function readOtherwiseWrapped(
  sql: Sql,
  kekId: string,
  after: string,
  limit: number,
): Promise<StoredDataKey[]> {
  const rows = await sql.query<DataKeyRow>(
    `SELECT ${columns} FROM configuration_data_keys WHERE kek_id <> $1 AND id > $2 ORDER BY id LIMIT $3`,
    [kekId, after, limit],
  );
  return rows.map(toDataKey);
}

/** Replaces how data keys are wrapped, each only where it is still wrapped as it was read; answers how many were. */
export async function rewrapDataKeys(
  sql: Sql,
  keys: readonly { readonly id: string; readonly from: string; readonly kekId: string; readonly wrapped: string }[],
): Promise<number> {
  const rows = await sql.query(
    `UPDATE configuration_data_keys AS d SET wrapped = n.wrapped, kek_id = n.kek_id, wrapped_at = clock_timestamp()
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS n (id, was, kek_id, wrapped)
    WHERE d.id = n.id AND d.kek_id = n.was RETURNING d.id`,
    [keys.map(({ id }) => id), keys.map(({ from }) => from), keys.map(({ kekId }) => kekId), keys.map(({ wrapped }) => wrapped)], // prettier-ignore
  );
  return rows.length;
}
