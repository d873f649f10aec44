/** Owns making a store older than it is, for tests of what nobody has read for days. */
import type { Database } from '../packages/service/src/db/database.ts';

/** Moves all commits and all usage counters of days so many days back. */
export async function age(database: Database, days: number): Promise<void> {
  const back = `interval '${String(days)} days'`;
  for (const table of ['configuration_usage_days', 'configuration_evaluation_days']) {
    await database.query(
      `UPDATE ${table} SET day = day - ${String(days)}, first_at = first_at - ${back}, last_at = last_at - ${back}`,
    );
  }
  // Commits are append-only, for tests too.
  await database.transaction(async (sql) => {
    await sql.script('ALTER TABLE configuration_commits DISABLE TRIGGER configuration_commits_append_only');
    await sql.query(`UPDATE configuration_commits SET committed_at = committed_at - ${back}`);
    await sql.script('ALTER TABLE configuration_commits ENABLE TRIGGER configuration_commits_append_only');
  });
}
