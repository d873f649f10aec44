/** Owns the SQL of configuration_versions: every version of every address. */
import {
  deepFreeze,
  isCollection,
  readJson,
  shortVersion,
  type Address,
  type ConfigScope,
  type ConfigVersion,
  type ImpactLevel,
  type ScopeRef,
  type VersionOperation,
} from '@strata/core';
import type { Row, Sql } from '../db/database.ts';
import { rangeOf } from './layers.ts';

/** A version as it is handed out, with its full hash. */
export interface StoredVersion extends ConfigVersion {
  readonly hash: string;
  readonly parentHash: string | null;
  /** Whether it left the address without a layer. */
  readonly deleted: boolean;
}

interface VersionRow extends Row {
  readonly hash: string;
  readonly commit_id: string;
  readonly revision: number;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly parent: string | null;
  readonly operation: VersionOperation;
  readonly value: string | null;
  readonly rollback_from: string | null;
  readonly impact_level: ImpactLevel;
  readonly expires_at: Date | null;
  readonly actor: string;
  readonly comment: string | null;
  readonly committed_at: Date;
  readonly tags: readonly string[] | null;
  readonly change_request_id: string | null;
}

const versionColumns = `v.hash, v.commit_id, v.revision, v.key, v.scope, v.scope_id, v.parent, v.operation, v.value, v.rollback_from,
  v.impact_level, v.expires_at, c.actor, c.comment, c.committed_at,
  (SELECT array_agg(t.tag ORDER BY t.revision, t.tag) FROM configuration_tags AS t WHERE t.version = v.hash) AS tags,
  (SELECT q.id FROM configuration_change_requests AS q WHERE q.commit_id = v.commit_id) AS change_request_id`;
const versionTables = 'configuration_versions AS v JOIN configuration_commits AS c ON c.id = v.commit_id';

function toVersion(row: VersionRow): StoredVersion {
  return {
    hash: row.hash,
    parentHash: row.parent,
    deleted: row.value === null,
    version: shortVersion(row.hash),
    key: row.key,
    scope: row.scope,
    scopeId: row.scope === 'global' ? null : row.scope_id,
    operation: row.operation,
    value: row.value === null ? null : deepFreeze(readJson(row.value)),
    changedBy: row.actor,
    changedAt: row.committed_at,
    comment: row.comment,
    impactLevel: row.impact_level,
    tags: row.tags ?? [],
    isRollback: row.rollback_from !== null,
    ...(row.rollback_from === null ? {} : { rollbackFromVersion: shortVersion(row.rollback_from) }),
    parent: row.parent === null ? null : shortVersion(row.parent),
    revision: row.revision,
    commit: row.commit_id,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.change_request_id === null ? {} : { changeRequestId: row.change_request_id }),
  };
}

/** What is kept inside and not handed out. */
export function toPublicVersion(version: StoredVersion): ConfigVersion {
  const { hash: _hash, parentHash: _parentHash, deleted: _deleted, ...shown } = version;
  return shown;
}

/** Reads versions by their full hashes, in any order. */
export async function readVersions(sql: Sql, hashes: readonly string[]): Promise<StoredVersion[]> {
  if (hashes.length === 0) return [];
  const rows = await sql.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionTables} WHERE v.hash = ANY ($1::text[])`,
    [[...hashes]],
    'strata_versions',
  );
  return rows.map(toVersion);
}

/** Which rows are of a key, or of the entries of a collection. @param place the number of the parameter that is the key. */
function ofKey(key: string, column: string, place: number): string {
  if (!isCollection(key)) return `${column} = $${String(place)}`;
  // Names of ours, which need no quoting; the parameter is there for the statement to take it.
  const [above, below] = rangeOf(key);
  return `${column} > '${above}' AND ${column} < '${below}' AND $${String(place)}::text IS NOT NULL`;
}

/** Reads the versions of a key whose hash begins with `prefix` (hex), newest first, from the `offset`th on, at most `limit`. */
export async function findVersions(
  sql: Sql,
  environment: string,
  key: string | undefined,
  scope: ScopeRef | undefined,
  prefix: string,
  limit: number,
  offset = 0,
): Promise<StoredVersion[]> {
  const rows = await sql.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionTables}
    WHERE v.hash >= $1 AND v.hash < $1 || 'g' AND v.environment = $2 AND ($3::text IS NULL OR (${ofKey(key ?? '', 'v.key', 3)}))
      AND ($4::text IS NULL OR (v.scope = $4 AND v.scope_id = $5)) ORDER BY v.revision DESC, v.hash LIMIT $6 OFFSET $7`,
    [prefix, environment, key ?? null, scope?.scope ?? null, scope?.scopeId ?? null, limit, offset],
  );
  return rows.map(toVersion);
}

/** Reads the versions of a key that bear a tag, newest first, from the `offset`th on, at most `limit`. */
export async function findTaggedVersions(
  sql: Sql,
  environment: string,
  key: string,
  scope: ScopeRef | undefined,
  tag: string,
  limit: number,
  offset = 0,
): Promise<StoredVersion[]> {
  const rows = await sql.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionTables} JOIN configuration_tags AS g ON g.version = v.hash
    WHERE g.environment = $1 AND g.tag = $2 AND ${ofKey(key, 'g.key', 3)} AND ($4::text IS NULL OR (g.scope = $4 AND g.scope_id = $5))
    ORDER BY v.revision DESC, v.hash LIMIT $6 OFFSET $7`,
    [environment, tag, key, scope?.scope ?? null, scope?.scopeId ?? null, limit, offset],
  );
  return rows.map(toVersion);
}

/** Reads the versions of one address, newest first: `offset` back from the newest of at most `until`, at most `limit`. */
export async function readAddressHistory(
  sql: Sql,
  environment: string,
  address: Address,
  {
    until,
    offset = 0,
    limit,
  }: { readonly until?: number | undefined; readonly offset?: number; readonly limit: number },
): Promise<StoredVersion[]> {
  const rows = await sql.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionTables}
    WHERE v.environment = $1 AND v.key = $2 AND v.scope = $3 AND v.scope_id = $4 AND v.revision <= $5::bigint
    ORDER BY v.revision DESC LIMIT $6 OFFSET $7`,
    [environment, address.key, address.scope, address.scopeId, until ?? Number.MAX_SAFE_INTEGER, limit, offset],
    'strata_address_history',
  );
  return rows.map(toVersion);
}

/** A place in the listing of a key's versions: after one row of it, or without a scope after no row of that revision yet. */
export type HistoryPlace =
  (Address & { readonly revision: number }) | { readonly revision: number; readonly scope?: undefined };

/**
 * Reads the versions of a key, or of all entries of a collection, after a place in their listing (absent: from its top), newest first, at
 * all scopes or at one.
 */
export async function readKeyHistory(
  sql: Sql,
  environment: string,
  key: string,
  scope: ScopeRef | undefined,
  after: HistoryPlace | undefined,
  limit: number,
): Promise<StoredVersion[]> {
  // One commit can change a key at several scopes, so a revision alone is no place between two rows.
  const [revision, afterKey, afterScope, afterId] =
    after?.scope === undefined
      ? [(after?.revision ?? Number.MAX_SAFE_INTEGER) - 1, '', '', '']
      : [after.revision, after.key, after.scope, after.scopeId];
  const kind = isCollection(key) ? `${key}_` : 'key_';
  const rows = await sql.query<VersionRow>(
    `SELECT ${versionColumns} FROM ${versionTables}
    WHERE v.environment = $1 AND ${ofKey(key, 'v.key', 2)} AND v.revision <= $3::bigint
      AND (v.revision < $3::bigint OR (v.key, v.scope, v.scope_id) > ($4, $5, $6))
      ${scope === undefined ? '' : 'AND v.scope = $8 AND v.scope_id = $9'}
    ORDER BY v.revision DESC, v.key, v.scope, v.scope_id LIMIT $7`,
    [
      environment,
      key,
      revision,
      afterKey,
      afterScope,
      afterId,
      limit,
      ...(scope === undefined ? [] : [scope.scope, scope.scopeId]),
    ],
    scope === undefined ? `strata_${kind}history` : `strata_${kind}scope_history`,
  );
  return rows.map(toVersion);
}

/** Reads the version that each of some addresses had at a revision; addresses without one are left out. */
export async function readVersionsAt(
  sql: Sql,
  environment: string,
  addresses: readonly Address[],
  revision: number,
): Promise<StoredVersion[]> {
  const rows = await sql.query<VersionRow>(
    `SELECT ${versionColumns} FROM unnest($2::text[], $3::text[], $4::text[]) AS a (key, scope, scope_id)
    CROSS JOIN LATERAL (
      SELECT * FROM configuration_versions AS w
      WHERE w.environment = $1 AND w.key = a.key AND w.scope = a.scope AND w.scope_id = a.scope_id AND w.revision <= $5::bigint
      ORDER BY w.revision DESC LIMIT 1
    ) AS v JOIN configuration_commits AS c ON c.id = v.commit_id`,
    [
      environment,
      addresses.map((address) => address.key),
      addresses.map((address) => address.scope),
      addresses.map((address) => address.scopeId),
      revision,
    ],
  );
  return rows.map(toVersion);
}

/** Reads the version that every key of a scope had at a revision, or that bears a tag. */
export async function readScopeAt(
  sql: Sql,
  environment: string,
  scope: ScopeRef,
  target: { readonly revision: number } | { readonly tag: string },
): Promise<StoredVersion[]> {
  const rows =
    'tag' in target
      ? await sql.query<VersionRow>(
          `SELECT ${versionColumns} FROM configuration_tags AS g JOIN configuration_versions AS v ON v.hash = g.version
          JOIN configuration_commits AS c ON c.id = v.commit_id
          WHERE g.environment = $1 AND g.scope = $2 AND g.scope_id = $3 AND g.tag = $4 ORDER BY v.key`,
          [environment, scope.scope, scope.scopeId, target.tag],
        )
      : await sql.query<VersionRow>(
          `SELECT ${versionColumns} FROM configuration_settings AS s CROSS JOIN LATERAL (
            SELECT * FROM configuration_versions AS w
            WHERE w.environment = $1 AND w.key = s.key AND w.scope = s.scope AND w.scope_id = s.scope_id AND w.revision <= $4::bigint
            ORDER BY w.revision DESC LIMIT 1
          ) AS v JOIN configuration_commits AS c ON c.id = v.commit_id
          WHERE s.environment = $1 AND s.scope = $2 AND s.scope_id = $3 ORDER BY v.key`,
          [environment, scope.scope, scope.scopeId, target.revision],
        );
  return rows.map(toVersion);
}

/** Whether a key ever had a version, at whichever scope. */
export async function hasVersions(sql: Sql, environment: string, key: string): Promise<boolean> {
  const rows = await sql.query<Row & { readonly is_there: boolean }>(
    'SELECT EXISTS (SELECT FROM configuration_settings WHERE environment = $1 AND key = $2) AS is_there',
    [environment, key],
  );
  return rows[0]?.is_there === true;
}
