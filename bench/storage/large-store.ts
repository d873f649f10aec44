/** Owns the data that cold reads and histories are measured on: a million overrides with a million versions in their own commits. */
import type { ConfigurationManagementService } from '@strata/service';
import type pg from 'pg';

/** 20 keys, each with a layer at global, 100 orgs, 1,000 teams and 50,000 users: 1,022,020 layers, versions and commits. */
export const shape = { keys: 20, orgs: 100, teamsPerOrg: 10, usersPerTeam: 50 } as const;
const teams = shape.orgs * shape.teamsPerOrg;
/** The number of users; user `n` belongs to team `n mod 1,000`, team `n` to org `n mod 100`. */
export const users = teams * shape.usersPerTeam;

/** The name of a key, from 0. */
export const keyName = (number: number): string => `bench/setting-${String(number).padStart(2, '0')}`;
/** The id of a user, from 0. */
export const userId = (number: number): string => `user-${String(number).padStart(6, '0')}`;

/** Fills a migrated, empty store as if it had been written layer by layer. */
export async function fillLargeStore(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (const statement of fillStatements) await client.query(statement);
    await client.query('COMMIT');
    await client.query('VACUUM (ANALYZE, FREEZE)');
    await client.query('CHECKPOINT');
  } finally {
    client.release();
  }
}

const scopeRows = `
  SELECT 0 AS level, 'global' AS scope, '' AS scope_id
  UNION ALL SELECT 1, 'org', 'org-' || lpad(n::text, 3, '0') FROM generate_series(0, ${String(shape.orgs - 1)}) AS n
  UNION ALL SELECT 2, 'team', 'team-' || lpad(n::text, 4, '0') FROM generate_series(0, ${String(teams - 1)}) AS n
  UNION ALL SELECT 3, 'user', 'user-' || lpad(n::text, 6, '0') FROM generate_series(0, ${String(users - 1)}) AS n`;

const fillStatements: readonly string[] = [
  `CREATE TEMPORARY TABLE bench_layers ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY random()) AS revision, 'bench/setting-' || lpad(k::text, 2, '0') AS key, scope, scope_id,
      json_build_object('level', level, 'limits', json_build_object('perMinute', k * 100 + level, 'burst', level),
        'label', 'written at ' || scope || ' ' || scope_id, scope, true)::text::json AS value
    FROM (${scopeRows}) AS s, generate_series(0, ${String(shape.keys - 1)}) AS k`,
  `INSERT INTO configuration_commits (id, revision, environment, operation, actor, idempotency_key, request_digest, committed_at)
    SELECT md5(revision::text)::uuid, revision, 'default', 'change', 'bench', md5(revision::text), md5(revision::text),
      timestamptz '2026-01-01' + revision * interval '1 second' FROM bench_layers ORDER BY revision`,
  `INSERT INTO configuration_versions (hash, commit_id, revision, environment, key, scope, scope_id, operation, value, impact_level)
    SELECT encode(sha256(revision::text::bytea), 'hex'), md5(revision::text)::uuid, revision, 'default', key, scope, scope_id, 'set',
      value, 'low' FROM bench_layers ORDER BY revision`,
  `INSERT INTO configuration_settings (environment, key, scope, scope_id, version, revision, value)
    SELECT 'default', key, scope, scope_id, encode(sha256(revision::text::bytea), 'hex'), revision, value
    FROM bench_layers ORDER BY revision`,
  `INSERT INTO configuration_scopes (environment, scope, scope_id, revision)
    SELECT 'default', scope, scope_id, 1 FROM (${scopeRows}) AS s WHERE level > 0`,
  `INSERT INTO configuration_scope_parents (environment, scope, scope_id, parent_scope, parent_id, is_primary, position, valid_from)
    SELECT 'default', 'team', 'team-' || lpad(n::text, 4, '0'), 'org', 'org-' || lpad((n % ${String(shape.orgs)})::text, 3, '0'), true, 0, 1
    FROM generate_series(0, ${String(teams - 1)}) AS n`,
  `INSERT INTO configuration_scope_parents (environment, scope, scope_id, parent_scope, parent_id, is_primary, position, valid_from)
    SELECT 'default', 'user', 'user-' || lpad(n::text, 6, '0'), 'team', 'team-' || lpad((n % ${String(teams)})::text, 4, '0'), true, 0, 1
    FROM generate_series(0, ${String(users - 1)}) AS n`,
  `UPDATE configuration_counter SET revision = (SELECT max(revision) FROM bench_layers), decision_revision = 1,
    committed_at = timestamptz '2026-02-01'`,
];

/** Makes sure that a read sees four layers merged, so that a fast answer is not a wrong one. */
export async function checkLargeStore(service: ConfigurationManagementService): Promise<void> {
  const user = users - 1;
  const value = await service.get<Record<string, unknown>>(keyName(3), { scope: 'user', scopeId: userId(user) });
  const wanted = ['global', 'org', 'team', 'user'].every((scope) => value[scope] === true) && value['level'] === 3;
  if (!wanted) throw new Error(`the layers of ${userId(user)} do not add up: ${JSON.stringify(value)}`);
}
