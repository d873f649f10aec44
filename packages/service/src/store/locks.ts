/** Owns the SQL of configuration_locks. */
import {
  formatPath,
  parsePath,
  shortVersion,
  type Address,
  type ConfigScope,
  type Lock,
  type Path,
} from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

interface LockRow extends Row {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly path: string;
  readonly version: string | null;
  readonly locked_by: string;
  readonly locked_at: Date;
  readonly comment: string | null;
  readonly valid_from: number;
}

/** Reads all locks as they are now, or as they were at a revision. */
export async function readLocks(sql: Sql, environment: string, revision?: number): Promise<Lock[]> {
  const rows = await sql.query<LockRow>(
    `SELECT key, scope, scope_id, path, version, locked_by, locked_at, comment, valid_from FROM configuration_locks
    WHERE environment = $1 AND CASE WHEN $2::bigint IS NULL THEN valid_to IS NULL
      ELSE valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) END ORDER BY key, valid_from, path`,
    [environment, revision ?? null],
  );
  return rows.map((row) => ({
    key: row.key,
    scope: row.scope,
    scopeId: row.scope_id,
    path: parsePath(row.path),
    version: row.version === null ? null : shortVersion(row.version),
    revision: row.valid_from,
    lockedBy: row.locked_by,
    lockedAt: row.locked_at,
    comment: row.comment,
  }));
}

/** Stores a lock as of its revision; `hash` is the version that its scope has. */
export async function storeLock(
  sql: Sql,
  environment: string,
  lock: Omit<Lock, 'version'> & { readonly hash: string | null },
): Promise<void> {
  await sql.query(
    `INSERT INTO configuration_locks (environment, key, scope, scope_id, path, version, locked_by, locked_at, comment, valid_from)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz, $9, $10::bigint)`,
    [
      environment,
      lock.key,
      lock.scope,
      lock.scopeId,
      formatPath(lock.path),
      lock.hash,
      lock.lockedBy,
      lock.lockedAt,
      lock.comment,
      lock.revision,
    ],
  );
}

/** Ends a lock as of a revision. */
export async function endLock(
  sql: Sql,
  environment: string,
  address: Address,
  path: Path,
  revision: number,
): Promise<void> {
  await sql.query(
    `UPDATE configuration_locks SET valid_to = $6::bigint
    WHERE environment = $1 AND key = $2 AND scope = $3 AND scope_id = $4 AND path = $5 AND valid_to IS NULL`,
    [environment, address.key, address.scope, address.scopeId, formatPath(path), revision],
  );
}
