/** Owns the SQL of configuration_key_definitions: what is said of keys besides their schemas. */
import type { KeyDefinition } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** What is said of a key, with who said it and since which revision it holds. */
export interface StoredKeyDefinition {
  readonly key: string;
  readonly definition: KeyDefinition;
  readonly definedBy: string;
  readonly definedAt: Date;
  readonly comment: string | null;
  readonly revision: number;
}

interface DefinitionRow extends Row {
  readonly key: string;
  readonly definition: string;
  readonly defined_by: string;
  readonly defined_at: Date;
  readonly comment: string | null;
  readonly valid_from: number;
}

/** Reads what was said of all keys at a revision, by key. */
export async function readKeyDefinitions(
  sql: Sql,
  environment: string,
  revision: number,
): Promise<StoredKeyDefinition[]> {
  const rows = await sql.query<DefinitionRow>(
    `SELECT key, definition::text AS definition, defined_by, defined_at, comment, valid_from FROM configuration_key_definitions
    WHERE environment = $1 AND valid_from <= $2::bigint AND (valid_to IS NULL OR valid_to > $2) ORDER BY key`,
    [environment, revision],
  );
  return rows.map((row) => ({
    key: row.key,
    definition: JSON.parse(row.definition) as KeyDefinition,
    definedBy: row.defined_by,
    definedAt: row.defined_at,
    comment: row.comment,
    revision: row.valid_from,
  }));
}

/** Stores what is said of a key as of its revision, in the place of what was said before. */
export async function storeKeyDefinition(sql: Sql, environment: string, stored: StoredKeyDefinition): Promise<void> {
  const { key, definition, definedBy, definedAt, comment, revision } = stored;
  await sql.query(
    `UPDATE configuration_key_definitions SET valid_to = $3::bigint WHERE environment = $1 AND key = $2 AND valid_to IS NULL`,
    [environment, key, revision],
  );
  await sql.query(
    `INSERT INTO configuration_key_definitions (environment, key, definition, defined_by, defined_at, comment, valid_from)
    VALUES ($1, $2, $3::json, $4, $5::timestamptz, $6, $7::bigint)`,
    [environment, key, JSON.stringify(definition), definedBy, definedAt, comment, revision],
  );
}
