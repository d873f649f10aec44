/** Owns the SQL of configuration_settings: the current layer of each address. */
import {
  type ConfigurationError,
  deepFreeze,
  readJson,
  type Address,
  type ConfigScope,
  type JsonValue,
  type Path,
  type ScopeLink,
  type ScopeRef,
} from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** The current version of an address; `value` is undefined after a delete. */
export interface Head extends Address {
  /** The full hash of the current version. */
  readonly hash: string;
  readonly revision: number;
  readonly value: JsonValue | undefined;
  /** Where secrets are in the value, once they are opened; absent where there are none. */
  readonly secrets?: readonly Path[];
  /** Why the secrets in it could not be opened. */
  readonly fault?: ConfigurationError<'secret_damaged'>;
  /** When the layer removes itself. */
  readonly expiresAt: Date | undefined;
}

/** A row of `headColumns`. */
export interface HeadRow extends Row {
  readonly key: string | null;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly version: string;
  readonly revision: number;
  readonly value: string | null;
  readonly expires_at: Date | null;
}

/** The columns of the setting `s` that `toHead` reads. */
export const headColumns = 's.key, s.scope, s.scope_id, s.version, s.revision, s.value, s.expires_at';

export function toHead(row: HeadRow): Head {
  return {
    key: row.key ?? '',
    scope: row.scope,
    scopeId: row.scope_id,
    hash: row.version,
    revision: row.revision,
    value: row.value === null ? undefined : deepFreeze(readJson(row.value)),
    expiresAt: row.expires_at ?? undefined,
  };
}

type LinkRow = readonly [ConfigScope, string, ConfigScope, string, boolean];

/** Reads links that were selected as one JSON text, a list for each: `[scope, id, parent scope, parent id, primary]`. */
export function toLinks(text: string | null): ScopeLink[] {
  const rows = text === null ? [] : (JSON.parse(text) as LinkRow[]);
  return rows.map(([scope, scopeId, parentScope, parentId, primary]) => ({
    child: { scope, scopeId },
    parent: { scope: parentScope, scopeId: parentId },
    primary,
  }));
}

/** Reads one page of a key's stored layers (deleted ones left out) by scope and id, after `after`. */
export async function readLayersOfKey(
  sql: Sql,
  environment: string,
  key: string,
  after: Pick<Head, 'scope' | 'scopeId'> | undefined,
  limit: number,
): Promise<Head[]> {
  const rows = await sql.query<HeadRow>(
    `SELECT ${headColumns} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.key = $2 AND s.value IS NOT NULL AND (s.scope, s.scope_id) > ($3, $4)
    ORDER BY s.scope, s.scope_id LIMIT $5`,
    [environment, key, after?.scope ?? '', after?.scopeId ?? '', limit],
  );
  return rows.map(toHead);
}

/** Reads the stored layers of one scope, by key; deleted ones only if asked for. */
export async function readLayersOfScope(
  sql: Sql,
  environment: string,
  scope: ConfigScope,
  scopeId: string,
): Promise<Head[]> {
  const rows = await sql.query<HeadRow>(
    `SELECT ${headColumns} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.scope = $2 AND s.scope_id = $3 AND s.value IS NOT NULL ORDER BY s.key`,
    [environment, scope, scopeId],
  );
  return rows.map(toHead);
}

/** The addresses whose layers were to remove themselves by now, the longest due first, with their current versions. */
export async function readExpired(sql: Sql, environment: string, limit: number): Promise<Head[]> {
  const rows = await sql.query<HeadRow>(
    `SELECT ${headColumns} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.expires_at <= clock_timestamp() ORDER BY s.expires_at LIMIT $2`,
    [environment, limit],
    'strata_expired',
  );
  return rows.map(toHead);
}

/** Reads the current layers of some addresses; those without one are left out. */
export async function readSettings(sql: Sql, environment: string, addresses: readonly Address[]): Promise<Head[]> {
  const rows = await sql.query<HeadRow>(
    `SELECT ${headColumns} FROM unnest($2::text[], $3::text[], $4::text[]) AS a (key, scope, scope_id)
    JOIN configuration_settings AS s
      ON s.environment = $1 AND s.key = a.key AND s.scope = a.scope AND s.scope_id = a.scope_id
    WHERE s.value IS NOT NULL`,
    [
      environment,
      addresses.map((address) => address.key),
      addresses.map((address) => address.scope),
      addresses.map((address) => address.scopeId),
    ],
  );
  return rows.map(toHead);
}

/** Reads one page of the stored layers of a scope and of those that inherit from it directly, of some keys, after `after`. */
export async function readLayersUnder(
  sql: Sql,
  environment: string,
  scope: ScopeRef,
  keys: readonly string[],
  after: Address | undefined,
  limit: number,
): Promise<Head[]> {
  const rows = await sql.query<HeadRow>(
    `SELECT ${headColumns} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.key = ANY ($4::text[]) AND s.value IS NOT NULL
      AND ((s.scope = $2 AND s.scope_id = $3) OR EXISTS (
        SELECT FROM configuration_scope_parents AS p
        WHERE p.environment = $1 AND p.parent_scope = $2 AND p.parent_id = $3 AND p.scope = s.scope
          AND p.scope_id = s.scope_id AND p.valid_to IS NULL))
      AND (s.key, s.scope, s.scope_id) > ($5, $6, $7)
    ORDER BY s.key, s.scope, s.scope_id LIMIT $8`,
    [
      environment,
      scope.scope,
      scope.scopeId,
      [...keys],
      after?.key ?? '',
      after?.scope ?? '',
      after?.scopeId ?? '',
      limit,
    ],
  );
  return rows.map(toHead);
}
