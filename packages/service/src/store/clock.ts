/** Owns the database's clock, which is the one of every expiry. */
import type { Row, Sql } from '../db/database.ts';

/** The database's time. */
export async function readNow(sql: Sql): Promise<Date> {
  const rows = await sql.query<Row & { readonly now: Date }>('SELECT clock_timestamp() AS now');
  const [row] = rows;
  if (row === undefined) throw new Error('the database told no time');
  return row.now;
}
