/** Owns the SQL of configuration_tags. */
import type { Address, ConfigScope } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** A tag on a version, by its full hash. */
export interface StoredTag extends Address {
  readonly tag: string;
  readonly hash: string;
  readonly description: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly revision: number;
}

interface TagRow extends Row {
  readonly tag: string;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly version: string;
  readonly description: string | null;
  readonly created_by: string;
  readonly created_at: Date;
  readonly revision: number;
}

/** Reads tags, newest first. */
export async function readTags(
  sql: Sql,
  environment: string,
  filter: {
    readonly tag?: string | undefined;
    readonly key?: string | undefined;
    readonly scope?: ConfigScope | undefined;
    readonly scopeId?: string | undefined;
  },
): Promise<StoredTag[]> {
  const rows = await sql.query<TagRow>(
    `SELECT tag, key, scope, scope_id, version, description, created_by, created_at, revision FROM configuration_tags
    WHERE environment = $1 AND ($2::text IS NULL OR tag = $2) AND ($3::text IS NULL OR key = $3)
      AND ($4::text IS NULL OR (scope = $4 AND scope_id = $5)) ORDER BY revision DESC, tag, key, scope, scope_id`,
    [environment, filter.tag ?? null, filter.key ?? null, filter.scope ?? null, filter.scopeId ?? null],
  );
  return rows.map((row) => ({
    tag: row.tag,
    key: row.key,
    scope: row.scope,
    scopeId: row.scope_id,
    hash: row.version,
    description: row.description,
    createdBy: row.created_by,
    createdAt: row.created_at,
    revision: row.revision,
  }));
}

/** Stores a tag. */
export async function storeTag(sql: Sql, environment: string, tag: StoredTag): Promise<void> {
  await sql.query(
    `INSERT INTO configuration_tags (environment, tag, key, scope, scope_id, version, description, created_by, created_at, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::timestamptz, $10::bigint)`,
    [
      environment,
      tag.tag,
      tag.key,
      tag.scope,
      tag.scopeId,
      tag.hash,
      tag.description,
      tag.createdBy,
      tag.createdAt,
      tag.revision,
    ],
  );
}
