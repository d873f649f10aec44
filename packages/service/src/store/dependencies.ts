/** Owns the SQL of configuration_dependencies: which key depends on which. */
import type { Dependency } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** A dependency, with who added it and since which revision it holds. */
export interface StoredDependency extends Dependency {
  readonly addedBy: string;
  readonly addedAt: Date;
  /** Why it is so. */
  readonly comment: string | null;
  readonly revision: number;
}

interface DependencyRow extends Row {
  readonly key: string;
  readonly depends_on: string;
  readonly added_by: string;
  readonly added_at: Date;
  readonly comment: string | null;
  readonly valid_from: number;
}

/** Reads all dependencies that hold, by key. */
export async function readDependencies(sql: Sql, environment: string): Promise<StoredDependency[]> {
  const rows = await sql.query<DependencyRow>(
    `SELECT key, depends_on, added_by, added_at, comment, valid_from FROM configuration_dependencies
    WHERE environment = $1 AND valid_to IS NULL ORDER BY key, depends_on`,
    [environment],
  );
  return rows.map((row) => ({
    key: row.key,
    dependsOn: row.depends_on,
    addedBy: row.added_by,
    addedAt: row.added_at,
    comment: row.comment,
    revision: row.valid_from,
  }));
}

/** Stores a dependency as of its revision. */
export async function storeDependency(sql: Sql, environment: string, stored: StoredDependency): Promise<void> {
  const { key, dependsOn, addedBy, addedAt, comment, revision } = stored;
  await sql.query(
    `INSERT INTO configuration_dependencies (environment, key, depends_on, added_by, added_at, comment, valid_from)
    VALUES ($1, $2, $3, $4, $5::timestamptz, $6, $7::bigint)`,
    [environment, key, dependsOn, addedBy, addedAt, comment, revision],
  );
}

/** Ends a dependency as of a revision. */
export async function endDependency(
  sql: Sql,
  environment: string,
  { key, dependsOn }: Dependency,
  revision: number,
): Promise<void> {
  await sql.query(
    `UPDATE configuration_dependencies SET valid_to = $4::bigint
    WHERE environment = $1 AND key = $2 AND depends_on = $3 AND valid_to IS NULL`,
    [environment, key, dependsOn, revision],
  );
}
