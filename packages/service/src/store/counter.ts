/** Owns the SQL of the one-row counter. */
import type { Sql } from '../db/database.ts';

/** How far the store has come, read in one snapshot with whatever else the query reads. */
export interface Progress {
  /** The revision of the last commit. */
  readonly revision: number;
  /** The last commit that changed a scope, a schema, a lock, a policy, a role or a binding. */
  readonly decisionRevision: number;
  /** The last commit that changed a schema, a lock, a policy, a role or a binding. */
  readonly rulesRevision: number;
}

/** The columns of the counter `c` that `toProgress` reads. */
export const progressColumns = 'c.revision AS at_revision, c.decision_revision, c.rules_revision';

export interface ProgressRow {
  readonly at_revision: number;
  readonly decision_revision: number;
  readonly rules_revision: number;
}

export function toProgress(row: ProgressRow): Progress {
  return {
    revision: row.at_revision,
    decisionRevision: row.decision_revision,
    rulesRevision: row.rules_revision,
  };
}

/** Reads the counter. */
export async function readProgress(sql: Sql): Promise<Progress> {
  const rows = await sql.query<Record<string, unknown> & ProgressRow>(
    `SELECT ${progressColumns} FROM configuration_counter AS c`,
    [],
    'strata_progress',
  );
  const row = rows[0];
  if (row === undefined) throw new Error('configuration_counter has lost its row; restore it from a backup');
  return toProgress(row);
}

/**
 * Waits for the turn to change what writers decide on; the turn ends with the transaction of `sql`, and at the latest five seconds after its
 * process has stopped. Only such commits wait for it: writers of values go on.
 */
export async function takeTurn(sql: Sql): Promise<void> {
  await sql.query(
    `SELECT set_config('idle_in_transaction_session_timeout', '5s', true), set_config('lock_timeout', '1500ms', true),
      pg_advisory_xact_lock('configuration_counter'::regclass::oid::int, 1)`,
  );
}

/** Waits until no write step is under way, and keeps others from starting until the transaction of `sql` ends. */
export async function lockCounter(sql: Sql): Promise<void> {
  await sql.query('SELECT FROM configuration_counter FOR UPDATE');
}
