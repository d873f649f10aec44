/** Owns what happens to a store from outside: it is put back to an earlier state, or loses its oldest commits. */
import type { Database } from '../packages/service/src/db/database.ts';

/** Puts a store back to what it was at a revision, as restoring a backup does. */
export async function rewind(database: Database, revision: number): Promise<void> {
  const to = String(revision);
  const histories = ['configuration_scope_parents', 'configuration_schemas', 'configuration_locks'];
  await withoutTriggers(database, [
    `DELETE FROM configuration_settings`,
    ...['configuration_tags', 'configuration_audit_log', 'configuration_versions', 'configuration_commits'].map(
      (table) => `DELETE FROM ${table} WHERE revision > ${to}`,
    ),
    ...histories.flatMap((table) => [
      `DELETE FROM ${table} WHERE valid_from > ${to}`,
      `UPDATE ${table} SET valid_to = NULL WHERE valid_to > ${to}`,
    ]),
    `DELETE FROM configuration_scopes WHERE revision > ${to}`,
    `INSERT INTO configuration_settings (environment, key, scope, scope_id, version, revision, value, expires_at)
      SELECT DISTINCT ON (environment, key, scope, scope_id) environment, key, scope, scope_id, hash, revision, value, expires_at
      FROM configuration_versions ORDER BY environment, key, scope, scope_id, revision DESC`,
    `UPDATE configuration_counter SET revision = ${to}, decision_revision = least(decision_revision, ${to}),
      rules_revision = least(rules_revision, ${to})`,
  ]);
}

/** Takes away all commits up to a revision, with their versions. */
export async function compact(database: Database, revision: number): Promise<void> {
  const to = String(revision);
  await withoutTriggers(database, [
    `UPDATE configuration_versions SET parent = NULL WHERE parent IN (SELECT hash FROM configuration_versions WHERE revision <= ${to})`,
    `DELETE FROM configuration_versions WHERE revision <= ${to}`,
    `DELETE FROM configuration_commits WHERE revision <= ${to}`,
  ]);
}

/** Neither triggers nor foreign keys hold here: it is done to the store, and not by it. */
async function withoutTriggers(database: Database, statements: readonly string[]): Promise<void> {
  await database.transaction((sql) =>
    sql.script(['SET LOCAL session_replication_role = replica', ...statements].join(';\n')),
  );
}
