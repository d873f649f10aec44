/** Owns the SQL of the one row that says which store this is. */
import type { Row, Sql } from '../db/database.ts';

/** Which store this is, and what its processes share. */
export interface StoreIdentity {
  /** A UUID; a copy of the store has the same one. */
  readonly id: string;
  /** 32 random bytes in hex, with which its processes authenticate what they put into a shared cache. */
  readonly cacheSecret: string;
}

interface StoreRow extends Row {
  readonly id: string;
  readonly cache_secret: string;
}

/** Reads the identity of the store. */
export async function readStoreIdentity(sql: Sql): Promise<StoreIdentity> {
  const rows = await sql.query<StoreRow>('SELECT id, cache_secret FROM configuration_store', [], 'strata_store');
  const row = rows[0];
  if (row === undefined) throw new Error('configuration_store has lost its row; restore it from a backup');
  return { id: row.id, cacheSecret: row.cache_secret };
}
