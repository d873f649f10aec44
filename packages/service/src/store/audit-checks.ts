/** Owns the SQL by which the audit log is compared with what it is about: versions, current values and commits. */
import type { ConfigScope, VersionOperation } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

const patience = { timeoutMs: 60_000 };

/** A version with all that its hash is taken over. */
export interface HashedVersion {
  readonly hash: string;
  readonly revision: number;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string;
  readonly parent: string | null;
  readonly operation: VersionOperation;
  /** JSON text; null for a delete. */
  readonly value: string | null;
  readonly actor: string | null;
  readonly comment: string | null;
  readonly commit: string;
  /** The version of its address before it, as the table has it. */
  readonly before: string | null;
}

interface VersionRow extends Row {
  readonly hash: string;
  readonly revision: number;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly parent: string | null;
  readonly operation: VersionOperation;
  readonly value: string | null;
  readonly actor: string | null;
  readonly comment: string | null;
  readonly commit_id: string;
  readonly before: string | null;
}

/** Versions after one of them, by revision and address. */
export async function readHashedVersions(
  sql: Sql,
  environment: string,
  after: Pick<HashedVersion, 'revision' | 'hash'>,
  limit: number,
): Promise<HashedVersion[]> {
  const rows = await sql.query<VersionRow>(
    `SELECT v.hash, v.revision, v.key, v.scope, v.scope_id, v.parent, v.operation, v.value, c.actor, c.comment, v.commit_id, (
      SELECT w.hash FROM configuration_versions AS w WHERE w.environment = v.environment AND w.key = v.key AND w.scope = v.scope
        AND w.scope_id = v.scope_id AND w.revision < v.revision ORDER BY w.revision DESC LIMIT 1) AS before
    FROM configuration_versions AS v LEFT JOIN configuration_commits AS c ON c.id = v.commit_id AND c.revision = v.revision
    WHERE v.environment = $1 AND (v.revision, v.hash) > ($2, $3) ORDER BY v.revision, v.hash LIMIT $4::int`,
    [environment, after.revision, after.hash, limit],
    'strata_hashed_versions',
    patience,
  );
  return rows.map(({ scope_id, commit_id, ...row }) => ({ ...row, scopeId: scope_id, commit: commit_id }));
}

/** An address whose current value is not that of its newest version. */
export interface WrongHead {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string;
  readonly version: string | null;
}

/** Addresses whose current value is not that of their newest version, or that have only one of the two. */
export async function readWrongHeads(sql: Sql, environment: string, limit: number): Promise<WrongHead[]> {
  const rows = await sql.query<
    Row & { readonly key: string; readonly scope: ConfigScope; readonly scope_id: string; readonly hash: string | null }
  >(
    `SELECT key, scope, scope_id, v.hash FROM (
      SELECT DISTINCT ON (key, scope, scope_id) key, scope, scope_id, hash, revision, value::text AS value, expires_at
      FROM configuration_versions WHERE environment = $1 ORDER BY key, scope, scope_id, revision DESC
    ) AS v FULL JOIN (
      SELECT key, scope, scope_id, version, revision, value::text AS value, expires_at FROM configuration_settings WHERE environment = $1
    ) AS s USING (key, scope, scope_id)
    WHERE (v.hash, v.revision, v.value, v.expires_at) IS DISTINCT FROM (s.version, s.revision, s.value, s.expires_at)
    ORDER BY 1, 2, 3 LIMIT $2::int`,
    [environment, limit],
    undefined,
    patience,
  );
  return rows.map(({ scope_id, hash, ...row }) => ({ ...row, scopeId: scope_id, version: hash }));
}

/** A commit, or a version of one, that no row of the log is about. */
export interface Unrecorded {
  readonly revision: number;
  readonly operation: string;
  readonly key: string | null;
  readonly version: string | null;
}

/** Versions and commits after a revision that no row of the log is about, or only one of another time or actor. */
export async function readUnrecorded(
  sql: Sql,
  environment: string,
  after: number,
  limit: number,
): Promise<Unrecorded[]> {
  return sql.query<Row & Unrecorded>(
    `SELECT c.revision, coalesce(v.operation, c.operation) AS operation, coalesce(v.key, c.key) AS key, v.hash AS version
    FROM configuration_commits AS c LEFT JOIN configuration_versions AS v ON v.revision = c.revision AND v.commit_id = c.id
    LEFT JOIN configuration_audit_log AS l ON l.environment = c.environment AND l.revision = c.revision
      AND l.user_id = c.actor AND l.created_at = c.committed_at AND l.metadata ->> 'commit' = c.id::text
      AND (v.hash IS NULL OR l.config_key = v.key AND l.scope = v.scope AND l.scope_id = v.scope_id
        AND l.metadata ->> 'version' = left(v.hash, 16))
    WHERE c.environment = $1 AND c.revision > $2 AND l.id IS NULL ORDER BY 1, 4 LIMIT $3::int`,
    [environment, after, limit],
    undefined,
    patience,
  );
}
