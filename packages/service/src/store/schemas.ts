/** Owns the SQL of configuration_schemas: the definitions of keys. */
import { deepFreeze, readJson, type Definition } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** A stored definition. */
export interface StoredSchema {
  readonly key: string;
  readonly definition: Definition;
  /** SHA-256 (hex) of the definition's canonical JSON. */
  readonly digest: string;
  readonly revision: number;
}

interface SchemaRow extends Row {
  readonly key: string;
  readonly definition: string;
  readonly digest: string;
  readonly valid_from: number;
}

/** Reads all definitions as they are now, or as they were at a revision. */
export async function readSchemas(sql: Sql, environment: string, revision?: number): Promise<StoredSchema[]> {
  const rows = await sql.query<SchemaRow>(
    `SELECT key, definition, digest, valid_from FROM configuration_schemas
    WHERE environment = $1 AND CASE WHEN $2::bigint IS NULL THEN valid_to IS NULL
      ELSE valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) END ORDER BY key`,
    [environment, revision ?? null],
  );
  return rows.map((row) => ({
    key: row.key,
    definition: deepFreeze(readJson(row.definition) as Definition),
    digest: row.digest,
    revision: row.valid_from,
  }));
}

/** Stores the definition of a key as of a revision. */
export async function storeSchema(
  sql: Sql,
  environment: string,
  schema: StoredSchema & { readonly createdBy: string },
): Promise<void> {
  await sql.query(
    `UPDATE configuration_schemas SET valid_to = $3::bigint WHERE environment = $1 AND key = $2 AND valid_to IS NULL`,
    [environment, schema.key, schema.revision],
  );
  await sql.query(
    `INSERT INTO configuration_schemas (environment, key, definition, digest, created_by, valid_from)
    VALUES ($1, $2, $3::json, $4, $5, $6::bigint)`,
    [environment, schema.key, JSON.stringify(schema.definition), schema.digest, schema.createdBy, schema.revision],
  );
}
