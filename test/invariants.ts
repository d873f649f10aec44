/** Owns what must hold in every store at any time, however writers raced and whatever failed: to be checked at the end of tests. */
import { expect } from 'vitest';
import type { JsonValue } from '../packages/core/src/json.ts';
import { sealedPaths } from '../packages/core/src/secret.ts';
import type { Sql } from '../packages/service/src/db/database.ts';
import { digestOf, hashVersion } from '../packages/service/src/digest.ts';
import type { VersionContent } from '../packages/core/src/version.ts';

/** What must never be, by what is wrong with each row that the query finds. */
const violations: Readonly<Record<string, string>> = {
  'a revision out of line: they are 1, 2, 3 …': `
    SELECT revision, place FROM (SELECT revision, row_number() OVER (ORDER BY revision) AS place FROM configuration_commits) AS c
    WHERE revision <> place`,
  'a counter that does not tell what the commits tell': `
    SELECT * FROM (SELECT count(*) AS rows, min(revision) AS revision, min(decision_revision) AS decision, min(rules_revision) AS rules,
      min(committed_at) AS at FROM configuration_counter) AS c,
      (SELECT coalesce(max(revision), 0) AS real_revision,
        coalesce(max(revision) FILTER (WHERE operation NOT IN ('change', 'tag')), 0) AS real_decision,
        coalesce(max(revision) FILTER (WHERE operation IN ('schema', 'lock', 'unlock')), 0) AS real_rules,
        coalesce(max(committed_at), 'epoch') AS real_at FROM configuration_commits) AS r
    WHERE (rows, revision, decision, rules, at) IS DISTINCT FROM (1, real_revision, real_decision, real_rules, real_at)`,
  'a commit that is older than the one before it': `
    SELECT revision FROM (SELECT revision, committed_at, lag(committed_at) OVER (ORDER BY revision) AS before FROM configuration_commits) AS c
    WHERE committed_at < before`,
  'a version that does not agree with its commit': `
    SELECT v.hash FROM configuration_versions AS v LEFT JOIN configuration_commits AS c ON c.id = v.commit_id
    WHERE (v.revision, v.environment, 'change') IS DISTINCT FROM (c.revision, c.environment, c.operation)`,
  'a change without a version, or another commit with one': `
    SELECT c.revision, c.operation FROM configuration_commits AS c
    WHERE (c.operation = 'change') <> EXISTS (SELECT FROM configuration_versions AS v WHERE v.commit_id = c.id)`,
  'a version that does not follow the one before it at its address': `
    SELECT hash, parent, before FROM (SELECT hash, parent, lag(hash) OVER (
      PARTITION BY environment, key, scope, scope_id ORDER BY revision) AS before FROM configuration_versions) AS v
    WHERE parent IS DISTINCT FROM before`,
  'a head that is not the last version of its address': `
    SELECT s.version AS head, v.hash AS last FROM configuration_settings AS s FULL JOIN (
      SELECT DISTINCT ON (environment, key, scope, scope_id) * FROM configuration_versions
      ORDER BY environment, key, scope, scope_id, revision DESC
    ) AS v ON (v.environment, v.key, v.scope, v.scope_id) = (s.environment, s.key, s.scope, s.scope_id)
    WHERE (s.version, s.revision, s.value::text, s.expires_at) IS DISTINCT FROM (v.hash, v.revision, v.value::text, v.expires_at)`,
  'a commit without exactly the audit rows that belong to it': `
    SELECT w.revision, w.operation, w.rows, a.rows AS found FROM (
      SELECT v.environment, v.revision, CASE WHEN v.rollback_from IS NULL THEN v.operation ELSE 'rollback' END AS operation, v.key,
        v.scope, v.scope_id, c.actor, c.committed_at, 1 AS rows
      FROM configuration_versions AS v JOIN configuration_commits AS c ON c.id = v.commit_id
      UNION ALL
      SELECT environment, revision, operation, key, scope, scope_id, actor, committed_at, 1 FROM configuration_commits
      WHERE operation <> 'change'
    ) AS w FULL JOIN (
      SELECT environment, revision, operation, config_key, scope, scope_id, user_id, created_at, count(*) AS rows
      FROM configuration_audit_log WHERE success AND revision IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    ) AS a ON (w.environment, w.revision, w.operation, w.actor, w.committed_at) = (a.environment, a.revision, a.operation, a.user_id, a.created_at)
      AND (w.key, w.scope, w.scope_id) IS NOT DISTINCT FROM (a.config_key, a.scope, a.scope_id)
    WHERE w.rows IS DISTINCT FROM a.rows`,
  'a row of the registries that no commit of its kind has made or ended': `
    SELECT r.* FROM (
      SELECT 'schema' AS kind, environment, valid_from AS revision FROM configuration_schemas
      UNION ALL SELECT 'schema', environment, valid_to FROM configuration_schemas
      UNION ALL SELECT 'lock', environment, valid_from FROM configuration_locks
      UNION ALL SELECT 'unlock', environment, valid_to FROM configuration_locks
      UNION ALL SELECT 'tag', environment, revision FROM configuration_tags
      UNION ALL SELECT 'scope', environment, valid_from FROM configuration_scope_parents
      UNION ALL SELECT 'scope', environment, revision FROM configuration_scopes WHERE removed_revision IS NULL
      UNION ALL SELECT 'scope-removal', environment, removed_revision FROM configuration_scopes
    ) AS r
    WHERE r.revision IS NOT NULL AND NOT EXISTS (SELECT FROM configuration_commits AS c
      WHERE (c.revision, c.environment, c.operation) = (r.revision, r.environment, r.kind))`,
  'a commit that left nothing in the registry it is about': `
    SELECT c.revision, c.operation FROM configuration_commits AS c WHERE NOT CASE c.operation
      WHEN 'schema' THEN EXISTS (SELECT FROM configuration_schemas AS r WHERE r.environment = c.environment AND r.valid_from = c.revision)
      WHEN 'lock' THEN EXISTS (SELECT FROM configuration_locks AS r WHERE r.environment = c.environment AND r.valid_from = c.revision)
      WHEN 'unlock' THEN EXISTS (SELECT FROM configuration_locks AS r WHERE r.environment = c.environment AND r.valid_to = c.revision)
      WHEN 'tag' THEN EXISTS (SELECT FROM configuration_tags AS r WHERE r.environment = c.environment AND r.revision = c.revision)
      WHEN 'scope' THEN EXISTS (SELECT FROM configuration_scopes AS r WHERE (r.environment, r.scope, r.scope_id) = (c.environment, c.scope, c.scope_id)
        AND r.revision >= c.revision)
      ELSE true END`,
  'links of one scope that do not have exactly one primary parent': `
    SELECT environment, scope, scope_id FROM configuration_scope_parents WHERE valid_to IS NULL
    GROUP BY environment, scope, scope_id HAVING count(*) FILTER (WHERE is_primary) <> 1`,
};

/** What is wrong with the store that `sql` sees, in words; empty when nothing is. */
export async function findViolations(sql: Sql): Promise<string[]> {
  const found: string[] = [];
  for (const [problem, query] of Object.entries(violations)) {
    const rows = await sql.query(`SELECT * FROM (${query}) AS violation LIMIT 3`);
    if (rows.length > 0) found.push(`${problem}: ${JSON.stringify(rows)}`);
  }
  return [...found, ...(await wrongHashes(sql))];
}

/** Expects the store that `sql` sees to be sound. */
export async function expectSound(sql: Sql): Promise<void> {
  expect(await findViolations(sql)).toEqual([]);
}

interface HashedRow extends Readonly<Record<string, unknown>> {
  readonly hash: string;
  readonly parent: string | null;
  readonly environment: string;
  readonly key: string;
  readonly scope: VersionContent['address']['scope'];
  readonly scope_id: string;
  readonly operation: VersionContent['operation'];
  readonly value: string | null;
  readonly actor: string;
  readonly comment: string | null;
  readonly commit_id: string;
}

async function wrongHashes(sql: Sql): Promise<string[]> {
  const rows = await sql.query<HashedRow>(
    `SELECT v.hash, v.parent, v.environment, v.key, v.scope, v.scope_id, v.operation, v.value, c.actor, c.comment, v.commit_id
    FROM configuration_versions AS v JOIN configuration_commits AS c ON c.id = v.commit_id`,
  );
  return rows.flatMap((row) => {
    const { hash, parent, environment, key, scope, scope_id, operation, value, actor, comment, commit_id } = row;
    const content = { parent, environment, address: { key, scope, scopeId: scope_id }, operation, actor, comment };
    const stored = value === null ? undefined : (JSON.parse(value) as JsonValue);
    // The hash of a version with secrets is taken with a key that is not in the database.
    if (stored !== undefined && sealedPaths(stored).length > 0) return [];
    const valueDigest = stored === undefined ? null : digestOf(stored);
    return hashVersion({ ...content, valueDigest, commit: commit_id }) === hash
      ? []
      : [`a version with a wrong hash: ${hash}`];
  });
}
