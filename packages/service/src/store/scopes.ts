/** Owns the SQL of the scope registry: configuration_scopes and configuration_scope_parents. */
import type { ConfigScope, ScopeLink, ScopeRef } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';
import { toLinks } from './settings.ts';

/** A registered scope with its links. */
export interface StoredScope extends ScopeRef {
  readonly name: string | null;
  readonly revision: number;
  readonly links: readonly ScopeLink[];
}

interface ScopeRow extends Row {
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly name: string | null;
  readonly revision: number;
  readonly links: string | null;
}

const scopeColumns = `r.scope, r.scope_id, r.name, r.revision, (
  SELECT json_agg(json_build_array(p.scope, p.scope_id, p.parent_scope, p.parent_id, p.is_primary) ORDER BY p.position)
  FROM configuration_scope_parents AS p
  WHERE p.environment = r.environment AND p.scope = r.scope AND p.scope_id = r.scope_id AND p.valid_to IS NULL
)::text AS links`;

function toScope(row: ScopeRow): StoredScope {
  return { scope: row.scope, scopeId: row.scope_id, name: row.name, revision: row.revision, links: toLinks(row.links) };
}

/** Reads registered scopes, those that are not registered left out. */
export async function readScopes(sql: Sql, environment: string, scopes: readonly ScopeRef[]): Promise<StoredScope[]> {
  const rows = await sql.query<ScopeRow>(
    `SELECT ${scopeColumns} FROM configuration_scopes AS r
    JOIN unnest($2::text[], $3::text[]) AS a (scope, scope_id) ON r.scope = a.scope AND r.scope_id = a.scope_id
    WHERE r.environment = $1 AND r.removed_revision IS NULL`,
    [environment, scopes.map((scope) => scope.scope), scopes.map((scope) => scope.scopeId)],
  );
  return rows.map(toScope);
}

/** Lists registered scopes from org to user, by id. */
export async function listScopes(
  sql: Sql,
  environment: string,
  filter: {
    readonly scope?: ConfigScope | undefined;
    readonly parent?: ScopeRef | undefined;
    readonly after?: ScopeRef | undefined;
    readonly limit: number;
  },
): Promise<StoredScope[]> {
  const rows = await sql.query<ScopeRow>(
    `SELECT ${scopeColumns} FROM configuration_scopes AS r
    WHERE r.environment = $1 AND r.removed_revision IS NULL AND ($2::text IS NULL OR r.scope = $2)
      AND ($3::text IS NULL OR EXISTS (
        SELECT FROM configuration_scope_parents AS p
        WHERE p.environment = $1 AND p.parent_scope = $3 AND p.parent_id = $4 AND p.scope = r.scope
          AND p.scope_id = r.scope_id AND p.valid_to IS NULL))
      AND (r.scope, r.scope_id) > ($5, $6)
    ORDER BY r.scope, r.scope_id LIMIT $7`,
    [
      environment,
      filter.scope ?? null,
      filter.parent?.scope ?? null,
      filter.parent?.scopeId ?? null,
      filter.after?.scope ?? '',
      filter.after?.scopeId ?? '',
      filter.limit,
    ],
  );
  return rows.map(toScope);
}

/** Reads the links of some scopes and of the teams they could inherit from, as they were at a revision (absent: now). */
export async function readLinks(
  sql: Sql,
  environment: string,
  scopes: readonly ScopeRef[],
  revision?: number,
): Promise<ScopeLink[]> {
  const rows = await sql.query<Row & { readonly links: string | null }>(
    `WITH valid AS (
      SELECT p.* FROM configuration_scope_parents AS p
      WHERE p.environment = $1 AND CASE WHEN $4::bigint IS NULL THEN p.valid_to IS NULL
        ELSE p.valid_from <= $4 AND (p.valid_to IS NULL OR p.valid_to > $4) END
    ), own AS (
      SELECT v.* FROM valid AS v
      JOIN unnest($2::text[], $3::text[]) AS a (scope, scope_id) ON v.scope = a.scope AND v.scope_id = a.scope_id
    ), links AS (
      SELECT * FROM own UNION SELECT v.* FROM valid AS v
      WHERE v.scope = 'team' AND v.scope_id IN (SELECT parent_id FROM own WHERE parent_scope = 'team')
    )
    SELECT json_agg(json_build_array(l.scope, l.scope_id, l.parent_scope, l.parent_id, l.is_primary)
      ORDER BY l.scope, l.scope_id, l.position)::text AS links FROM links AS l`,
    [environment, scopes.map((scope) => scope.scope), scopes.map((scope) => scope.scopeId), revision ?? null],
  );
  return toLinks(rows[0]?.links ?? null);
}

/** Reads the scopes that inherit from one directly, at most `limit`. */
export async function readChildren(
  sql: Sql,
  environment: string,
  parent: ScopeRef,
  limit: number,
): Promise<ScopeRef[]> {
  const rows = await sql.query<Row & { readonly scope: ConfigScope; readonly scope_id: string }>(
    `SELECT p.scope, p.scope_id FROM configuration_scope_parents AS p
    WHERE p.environment = $1 AND p.parent_scope = $2 AND p.parent_id = $3 AND p.valid_to IS NULL
    ORDER BY p.scope, p.scope_id LIMIT $4`,
    [environment, parent.scope, parent.scopeId, limit],
  );
  return rows.map((row) => ({ scope: row.scope, scopeId: row.scope_id }));
}

/** Whether a scope has, or ever had, a parent besides global. */
export async function hadParents(sql: Sql, environment: string, { scope, scopeId }: ScopeRef): Promise<boolean> {
  const rows = await sql.query<Row & { readonly had_parents: boolean }>(
    `SELECT EXISTS (SELECT FROM configuration_scope_parents
      WHERE environment = $1 AND scope = $2 AND scope_id = $3) AS had_parents`,
    [environment, scope, scopeId],
  );
  return rows[0]?.had_parents === true;
}

/** A scope as a commit leaves it. */
export interface ScopeState extends ScopeRef {
  readonly name: string | null | undefined;
  readonly parents: readonly (ScopeRef & { readonly primary: boolean })[];
}

/** Stores a scope and its links as of a revision; parents that are not registered are registered without links. */
export async function storeScope(sql: Sql, environment: string, scope: ScopeState, revision: number): Promise<void> {
  await upsertScopes(sql, environment, scope.parents, revision);
  await sql.query(
    `INSERT INTO configuration_scopes AS r (environment, scope, scope_id, name, revision) VALUES ($1, $2, $3, $4, $5::bigint)
    ON CONFLICT (environment, scope, scope_id) DO UPDATE SET name = excluded.name, revision = excluded.revision, removed_revision = NULL`,
    [environment, scope.scope, scope.scopeId, scope.name ?? null, revision],
  );
  await endLinks(sql, environment, scope, revision);
  await sql.query(
    `INSERT INTO configuration_scope_parents (environment, scope, scope_id, parent_scope, parent_id, is_primary, position, valid_from)
    SELECT $1, $2, $3, a.scope, a.scope_id, a.is_primary, a.position, $7::bigint
    FROM unnest($4::text[], $5::text[], $6::boolean[]) WITH ORDINALITY AS a (scope, scope_id, is_primary, position)`,
    [
      environment,
      scope.scope,
      scope.scopeId,
      scope.parents.map((parent) => parent.scope),
      scope.parents.map((parent) => parent.scopeId),
      scope.parents.map((parent) => parent.primary),
      revision,
    ],
  );
}

async function upsertScopes(
  sql: Sql,
  environment: string,
  scopes: readonly ScopeRef[],
  revision: number,
): Promise<void> {
  await sql.query(
    `INSERT INTO configuration_scopes AS r (environment, scope, scope_id, revision)
    SELECT $1, a.scope, a.scope_id, $4::bigint FROM unnest($2::text[], $3::text[]) AS a (scope, scope_id)
    ON CONFLICT (environment, scope, scope_id) DO UPDATE SET revision = excluded.revision, removed_revision = NULL
      WHERE r.removed_revision IS NOT NULL`,
    [environment, scopes.map((scope) => scope.scope), scopes.map((scope) => scope.scopeId), revision],
  );
}

async function endLinks(sql: Sql, environment: string, scope: ScopeRef, revision: number): Promise<void> {
  await sql.query(
    `UPDATE configuration_scope_parents SET valid_to = $4::bigint
    WHERE environment = $1 AND scope = $2 AND scope_id = $3 AND valid_to IS NULL`,
    [environment, scope.scope, scope.scopeId, revision],
  );
}

/** Takes a scope out of the registry as of a revision. */
export async function removeScope(sql: Sql, environment: string, scope: ScopeRef, revision: number): Promise<void> {
  await endLinks(sql, environment, scope, revision);
  await sql.query(
    `UPDATE configuration_scopes SET removed_revision = $4::bigint, revision = $4::bigint
    WHERE environment = $1 AND scope = $2 AND scope_id = $3`,
    [environment, scope.scope, scope.scopeId, revision],
  );
}
