/** Owns the SQL of exports: the layers of scopes as they were at a revision, page by page. History is never rewritten, so pages fit together. */
import { deepFreeze, readJson, type Address, type ConfigScope, type JsonValue, type ScopeRef } from '@strata/core';
import type { Row, Sql, SqlParameter } from '../db/database.ts';

/** A layer as it was at a revision. */
export interface ExportedLayer extends Address {
  readonly hash: string;
  readonly revision: number;
  /** Undefined where the layer had been removed. */
  readonly value: JsonValue | undefined;
  readonly expiresAt: Date | undefined;
  readonly actor: string;
  readonly comment: string | null;
  readonly at: Date;
}

interface LayerRow extends Row {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly hash: string;
  readonly revision: number;
  readonly value: string | null;
  readonly expires_at: Date | null;
  readonly actor: string;
  readonly comment: string | null;
  readonly committed_at: Date;
}

function toLayer(row: LayerRow): ExportedLayer {
  return {
    key: row.key,
    scope: row.scope,
    scopeId: row.scope_id,
    hash: row.hash,
    revision: row.revision,
    value: row.value === null ? undefined : deepFreeze(readJson(row.value)),
    expiresAt: row.expires_at ?? undefined,
    actor: row.actor,
    comment: row.comment,
    at: row.committed_at,
  };
}

/** A page is read within this time, in milliseconds: it may have to pass over many layers that came later. */
const patience = { timeoutMs: 30_000 };

/**
 * Reads the layers that some scopes (undefined: all) had at a revision, removed ones too, by scope, id and key, after `after`, at most
 * `limit`. Fewer are the last ones.
 */
export async function readLayersAt(
  sql: Sql,
  environment: string,
  revision: number,
  scopes: readonly ScopeRef[] | undefined,
  after: Address | undefined,
  limit: number,
): Promise<ExportedLayer[]> {
  const parameters: SqlParameter[] = [
    environment,
    revision,
    after?.scope ?? '',
    after?.scopeId ?? '',
    after?.key ?? '',
    limit,
  ];
  const [only] = scopes ?? [];
  let filter = '';
  if (scopes?.length === 1 && only !== undefined) {
    filter = 'AND s.scope = $7 AND s.scope_id = $8';
    parameters.push(only.scope, only.scopeId);
  } else if (scopes !== undefined) {
    filter = 'AND (s.scope, s.scope_id) IN (SELECT * FROM unnest($7::text[], $8::text[]))';
    parameters.push(
      scopes.map(({ scope }) => scope),
      scopes.map(({ scopeId }) => scopeId),
    );
  }
  const rows = await sql.query<LayerRow>(
    `SELECT s.key, s.scope, s.scope_id, v.hash, v.revision, v.value, v.expires_at, c.actor, c.comment, c.committed_at
    FROM configuration_settings AS s
    CROSS JOIN LATERAL (
      SELECT w.hash, w.revision, w.value, w.expires_at, w.commit_id FROM configuration_versions AS w
      WHERE w.environment = s.environment AND w.key = s.key AND w.scope = s.scope AND w.scope_id = s.scope_id
        AND w.revision <= $2::bigint
      ORDER BY w.revision DESC LIMIT 1
    ) AS v JOIN configuration_commits AS c ON c.id = v.commit_id
    WHERE s.environment = $1 AND (s.scope, s.scope_id, s.key) > ($3, $4, $5) ${filter}
    ORDER BY s.scope, s.scope_id, s.key LIMIT $6`,
    parameters,
    undefined,
    patience,
  );
  return rows.map(toLayer);
}

/** The environments of a store, by name. */
export async function readEnvironments(sql: Sql): Promise<string[]> {
  const rows = await sql.query<Row & { readonly environment: string }>(
    'SELECT DISTINCT environment FROM configuration_commits ORDER BY environment',
    [],
    undefined,
    patience,
  );
  return rows.map(({ environment }) => environment);
}

/** Reads the scopes that inherited from one at a revision, over whichever of their parents, and itself; by scope and id. */
export async function readScopesBelow(
  sql: Sql,
  environment: string,
  top: ScopeRef,
  revision: number,
): Promise<ScopeRef[]> {
  const rows = await sql.query<Row & { readonly scope: ConfigScope; readonly scope_id: string }>(
    `WITH RECURSIVE below AS (
      SELECT $2::text COLLATE "C" AS scope, $3::text COLLATE "C" AS scope_id
      UNION
      SELECT p.scope, p.scope_id FROM below AS b JOIN configuration_scope_parents AS p
        ON p.environment = $1 AND p.parent_scope = b.scope AND p.parent_id = b.scope_id
          AND p.valid_from <= $4::bigint AND (p.valid_to IS NULL OR p.valid_to > $4::bigint)
    )
    SELECT scope, scope_id FROM below ORDER BY scope, scope_id`,
    [environment, top.scope, top.scopeId, revision],
    undefined,
    patience,
  );
  return rows.map((row) => ({ scope: row.scope, scopeId: row.scope_id }));
}

/** Reads global and every scope that had a value or was registered at a revision, by scope and id. */
export async function readEveryScope(sql: Sql, environment: string, revision: number): Promise<ScopeRef[]> {
  const rows = await sql.query<Row & { readonly scope: ConfigScope; readonly scope_id: string }>(
    `SELECT 'global'::text COLLATE "C" AS scope, ''::text COLLATE "C" AS scope_id
    UNION SELECT s.scope, s.scope_id FROM configuration_settings AS s WHERE s.environment = $1
    UNION SELECT r.scope, r.scope_id FROM configuration_scopes AS r
      WHERE r.environment = $1 AND (r.revision <= $2::bigint OR r.removed_revision > $2::bigint)
        AND (r.removed_revision IS NULL OR r.removed_revision > $2::bigint)
    UNION SELECT p.scope, p.scope_id FROM configuration_scope_parents AS p
      WHERE p.environment = $1 AND p.valid_from <= $2::bigint AND (p.valid_to IS NULL OR p.valid_to > $2::bigint)
    ORDER BY scope, scope_id`,
    [environment, revision],
    undefined,
    patience,
  );
  return rows.map((row) => ({ scope: row.scope, scopeId: row.scope_id }));
}
