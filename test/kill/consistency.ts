/** Owns what must hold of every store at every moment, whatever happened to it: nothing is half there. */
import type { Database, Row, Sql } from '../../packages/service/src/db/database.ts';

interface Count extends Row {
  readonly problem: string;
  readonly found: number;
}

/** Each counts what is wrong. */
const checks: Readonly<Record<string, string>> = {
  'revisions with a gap': `
    SELECT abs(count(*) - (SELECT revision FROM configuration_counter)) + abs(count(*) - coalesce(max(revision), 0))
    FROM configuration_commits`,
  'commits of values without a version': `
    SELECT count(*) FROM configuration_commits AS c
    WHERE operation = 'change' AND NOT EXISTS (SELECT FROM configuration_versions WHERE commit_id = c.id)`,
  'versions that are not of their commit': `
    SELECT count(*) FROM configuration_versions AS v LEFT JOIN configuration_commits AS c ON c.id = v.commit_id
    WHERE (c.revision, c.environment, c.operation) IS DISTINCT FROM (v.revision, v.environment, 'change')`,
  'versions whose parent is not the one before': `
    SELECT count(*) FROM (
      SELECT parent, lag(hash) OVER (PARTITION BY environment, key, scope, scope_id ORDER BY revision) AS before
      FROM configuration_versions
    ) AS v WHERE parent IS DISTINCT FROM before`,
  'heads that are not the last version': `
    SELECT count(*) FROM (
      SELECT DISTINCT ON (environment, key, scope, scope_id) * FROM configuration_versions
      ORDER BY environment, key, scope, scope_id, revision DESC
    ) AS v FULL JOIN configuration_settings AS s USING (environment, key, scope, scope_id)
    WHERE (s.version, s.revision, s.value::text, s.expires_at)
      IS DISTINCT FROM (v.hash, v.revision, v.value::text, v.expires_at)`,
  'versions without their one audit row': `
    SELECT count(*) FROM configuration_versions AS v WHERE 1 <> (
      SELECT count(*) FROM configuration_audit_log AS a
      WHERE (a.revision, a.environment, a.config_key, a.scope, a.scope_id, a.metadata ->> 'version')
        = (v.revision, v.environment, v.key, v.scope, v.scope_id, left(v.hash, 16)) AND a.success
    )`,
  'audit rows of writes too many or too few': `
    SELECT abs((SELECT count(*) FROM configuration_audit_log WHERE success)
      - (SELECT count(*) FROM configuration_versions)
      - (SELECT count(*) FROM configuration_commits WHERE operation <> 'change'))`,
  'commits before the one before': `
    SELECT count(*) FROM (
      SELECT committed_at < lag(committed_at) OVER (ORDER BY revision) AS early FROM configuration_commits
    ) AS c WHERE early`,
  'tags that are not of their commit': `
    SELECT count(*) FROM configuration_tags AS t FULL JOIN (
      SELECT * FROM configuration_commits WHERE operation = 'tag'
    ) AS c USING (environment, revision, key, scope, scope_id) WHERE t.tag IS NULL OR c.id IS NULL`,
  'locks that are not of their commit': `
    SELECT count(*) FROM configuration_locks AS l FULL JOIN (
      SELECT * FROM configuration_commits WHERE operation = 'lock'
    ) AS c ON (c.environment, c.revision, c.key) = (l.environment, l.valid_from, l.key)
    WHERE l.key IS NULL OR c.id IS NULL`,
  'locks whose end is not of a commit': `
    SELECT count(*) FROM (SELECT * FROM configuration_locks WHERE valid_to IS NOT NULL) AS l FULL JOIN (
      SELECT * FROM configuration_commits WHERE operation = 'unlock'
    ) AS c ON (c.environment, c.revision, c.key) = (l.environment, l.valid_to, l.key)
    WHERE l.key IS NULL OR c.id IS NULL`,
};

const query = Object.entries(checks)
  .map(([problem, count]) => `SELECT '${problem}' AS problem, (${count})::int AS found`)
  .join('\nUNION ALL\n');

/** What is wrong in a store, in words; empty when nothing is. Asks the tables alone and the indexes alone, since each can be damaged. */
export async function findInconsistencies(database: Database): Promise<string[]> {
  const ways = {
    'by the tables': ['enable_indexscan', 'enable_indexonlyscan', 'enable_bitmapscan'],
    'by the indexes': ['enable_seqscan', 'enable_sort'],
  };
  const found: string[] = [];
  for (const [way, off] of Object.entries(ways)) {
    const counts = await database.transaction((sql) => countWith(sql, off));
    found.push(...counts.filter(({ found }) => found > 0).map((one) => `${String(one.found)} ${one.problem}, ${way}`));
  }
  return found;
}

async function countWith(sql: Sql, off: readonly string[]): Promise<Count[]> {
  for (const setting of off) await sql.query(`SET LOCAL ${setting} = off`);
  return sql.query<Count>(query, [], undefined, { timeoutMs: 60_000 });
}
