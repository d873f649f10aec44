/** Owns the SQL of the seals of audit rows, of the rows that wait for theirs, and of checkpoints. */
import type { AuditCheckpoint, AuditRow } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';

/** Pages of the whole log take longer than what somebody waits for. */
const patience = { timeoutMs: 60_000 };

/** A row of the log with what authenticates it. */
export interface StoredAuditRow extends AuditRow {
  readonly macKey: string | null;
  readonly macNonce: string | null;
  readonly mac: string | null;
}

/** A seal. */
export interface AuditSeal {
  readonly number: number;
  readonly auditId: number;
  readonly chain: string;
  readonly keyId: string;
  readonly mac: string;
}

/** The columns of a row of the log named `l`. */
const rowColumns = `l.id, l.environment, l.revision, l.operation, l.config_key, l.scope, l.scope_id, l.user_id, l.success, l.metadata,
  l.ip, l.user_agent, l.request_id, (extract(epoch FROM l.created_at) * 1000000)::bigint AS time, l.mac_key, l.mac_nonce, l.mac`;

interface LogRow extends Row {
  readonly id: number | null;
  readonly environment: string;
  readonly revision: number | null;
  readonly operation: string;
  readonly config_key: string | null;
  readonly scope: string | null;
  readonly scope_id: string | null;
  readonly user_id: string;
  readonly success: boolean;
  readonly metadata: string;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly time: number;
  readonly mac_key: string | null;
  readonly mac_nonce: string | null;
  readonly mac: string | null;
}

function toRow(row: LogRow): StoredAuditRow | undefined {
  if (row.id === null) return undefined;
  return {
    id: row.id,
    environment: row.environment,
    revision: row.revision,
    operation: row.operation,
    key: row.config_key,
    scope: row.scope,
    scopeId: row.scope_id,
    userId: row.user_id,
    success: row.success,
    metadata: row.metadata,
    ip: row.ip,
    userAgent: row.user_agent,
    requestId: row.request_id,
    time: row.time,
    macKey: row.mac_key,
    macNonce: row.mac_nonce,
    mac: row.mac,
  };
}

/** Makes this transaction the only one that numbers rows of an environment; answers whether it is. @param waits for the one that is. */
export async function takeSealing(sql: Sql, environment: string, waits: boolean): Promise<boolean> {
  const lock = waits ? 'pg_advisory_xact_lock' : 'pg_try_advisory_xact_lock';
  const rows = await sql.query<Row & { readonly taken: boolean | string }>(
    `SELECT ${lock}(hashtextextended('strata audit ' || s.id::text || ' ' || $1::text, 0)) AS taken FROM configuration_store AS s`,
    [environment],
    undefined,
    patience,
  );
  return waits || rows[0]?.taken === true;
}

const sealColumns = 's.number, s.audit_id, s.chain, s.key_id, s.mac AS seal_mac';

interface SealRow extends Row {
  readonly number: number;
  readonly audit_id: number;
  readonly chain: string;
  readonly key_id: string;
  readonly seal_mac: string;
}

function toSeal(row: SealRow): AuditSeal {
  return { number: row.number, auditId: row.audit_id, chain: row.chain, keyId: row.key_id, mac: row.seal_mac };
}

/** The last seal of an environment. */
export async function readLastSeal(sql: Sql, environment: string): Promise<AuditSeal | undefined> {
  const rows = await sql.query<SealRow>(
    `SELECT ${sealColumns} FROM configuration_audit_seals AS s WHERE s.environment = $1 ORDER BY s.number DESC LIMIT 1`,
    [environment],
  );
  return rows.map(toSeal)[0];
}

/** Something that waits for its seal. */
export interface WaitingRow {
  readonly auditId: number;
  /** Absent where it is gone from the log. */
  readonly row: StoredAuditRow | undefined;
  /** Whether it has its seal already: somebody put it among those that wait again. */
  readonly isSealed: boolean;
}

/**
 * What waits for its seal and has a higher id. The page is chosen before anything is looked up for it, one by one: however many seals there are,
 * and whatever the database believes of their number, none but those of the page are looked at.
 */
export async function readUnsealed(sql: Sql, environment: string, after: number, limit: number): Promise<WaitingRow[]> {
  const rows = await sql.query<LogRow & { readonly audit_id: number; readonly seal: number | null }>(
    `SELECT q.audit_id, (SELECT s.number FROM configuration_audit_seals AS s WHERE s.audit_id = q.audit_id) AS seal, ${rowColumns}
    FROM (
      SELECT w.audit_id FROM configuration_audit_unsealed AS w
      WHERE w.environment = $1 AND w.refused IS NULL AND w.audit_id > $2::bigint ORDER BY w.audit_id LIMIT $3::int
    ) AS q LEFT JOIN configuration_audit_log AS l ON l.id = q.audit_id AND l.environment = $1
    ORDER BY q.audit_id`,
    [environment, after, limit],
  );
  return rows.map((row) => ({ auditId: row.audit_id, row: toRow(row), isSealed: row.seal !== null }));
}

/** Stores seals, and takes their rows from those that wait. */
export async function storeSeals(sql: Sql, environment: string, seals: readonly AuditSeal[]): Promise<void> {
  await sql.query(
    `INSERT INTO configuration_audit_seals (environment, number, audit_id, chain, key_id, mac)
    SELECT $1, n.number, n.audit_id, n.chain, n.key_id, n.mac
    FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) AS n (number, audit_id, chain, key_id, mac)`,
    [
      environment,
      seals.map(({ number }) => number),
      seals.map(({ auditId }) => auditId),
      seals.map(({ chain }) => chain),
      seals.map(({ keyId }) => keyId),
      seals.map(({ mac }) => mac),
    ],
    'strata_seal',
  );
  await sql.query(
    'DELETE FROM configuration_audit_unsealed WHERE environment = $1 AND audit_id = ANY ($2::bigint[])',
    [environment, seals.map(({ auditId }) => auditId)],
    'strata_sealed',
  );
}

/** Notes why rows get no seal, so that they are not looked at again. */
export async function refuseSeals(
  sql: Sql,
  environment: string,
  refused: readonly { readonly auditId: number; readonly why: string }[],
): Promise<void> {
  await sql.query(
    `UPDATE configuration_audit_unsealed AS q SET refused = r.why
    FROM unnest($2::bigint[], $3::text[]) AS r (audit_id, why) WHERE q.environment = $1 AND q.audit_id = r.audit_id`,
    [environment, refused.map(({ auditId }) => auditId), refused.map(({ why }) => why)],
  );
}

/** Seals after a number, in order, each with its row. */
export async function readSealed(
  sql: Sql,
  environment: string,
  after: number,
  limit: number,
): Promise<{ readonly seal: AuditSeal; readonly row: StoredAuditRow | undefined }[]> {
  const rows = await sql.query<LogRow & SealRow>(
    `SELECT ${sealColumns}, ${rowColumns} FROM configuration_audit_seals AS s
    LEFT JOIN configuration_audit_log AS l ON l.id = s.audit_id
    WHERE s.environment = $1 AND s.number > $2 ORDER BY s.number LIMIT $3::int`,
    [environment, after, limit],
    'strata_sealed_rows',
    patience,
  );
  return rows.map((row) => ({ seal: toSeal(row), row: toRow(row) }));
}

/** A row without a seal, with what is known of why. */
export interface UnsealedRow {
  readonly auditId: number;
  /** Absent where the row is gone. */
  readonly row: StoredAuditRow | undefined;
  /** Whether the sealer knows of it. */
  readonly isWaiting: boolean;
}

/** Rows without a seal after an id, and those that wait for one and are gone. */
export async function readWithoutSeal(
  sql: Sql,
  environment: string,
  after: number,
  limit: number,
): Promise<UnsealedRow[]> {
  const rows = await sql.query<LogRow & { readonly audit_id: number; readonly is_waiting: boolean }>(
    `SELECT coalesce(l.id, q.audit_id) AS audit_id, q.audit_id IS NOT NULL AS is_waiting, ${rowColumns} FROM (
      SELECT l.* FROM configuration_audit_log AS l
      WHERE l.environment = $1 AND l.id > $2 AND NOT EXISTS (SELECT FROM configuration_audit_seals AS s WHERE s.audit_id = l.id)
      ORDER BY l.id LIMIT $3::int
    ) AS l FULL JOIN (
      SELECT q.audit_id FROM configuration_audit_unsealed AS q
      WHERE q.environment = $1 AND q.audit_id > $2
        AND NOT EXISTS (SELECT FROM configuration_audit_seals AS s WHERE s.audit_id = q.audit_id)
      ORDER BY q.audit_id LIMIT $3::int
    ) AS q ON q.audit_id = l.id ORDER BY 1 LIMIT $3::int`,
    [environment, after, limit],
    'strata_without_seal',
    patience,
  );
  return rows.map((row) => ({ auditId: row.audit_id, row: toRow(row), isWaiting: row.is_waiting }));
}

/** A checkpoint, as it is stored: what it states is in its statement. */
export interface StoredCheckpoint {
  readonly sequence: number;
  readonly kind: AuditCheckpoint['kind'];
  readonly number: number;
  readonly statement: string;
  readonly signature: string;
  readonly publicKey: string;
}

interface CheckpointRow extends Row, Omit<StoredCheckpoint, 'publicKey'> {
  readonly public_key: string;
}

/** Checkpoints of an environment, the newest first. @param filter.before those of a lower sequence. */
export async function readCheckpoints(
  sql: Sql,
  environment: string,
  filter: { readonly kind?: AuditCheckpoint['kind']; readonly before?: number | undefined; readonly limit: number },
): Promise<StoredCheckpoint[]> {
  const rows = await sql.query<CheckpointRow>(
    `SELECT c.sequence, c.kind, c.number, c.statement, c.signature, c.public_key FROM configuration_audit_checkpoints AS c
    WHERE c.environment = $1 AND ($2::text IS NULL OR c.kind = $2) AND ($3::bigint IS NULL OR c.sequence < $3)
    ORDER BY c.sequence DESC LIMIT $4::int`,
    [environment, filter.kind ?? null, filter.before ?? null, filter.limit],
  );
  return rows.map(toCheckpoint);
}

function toCheckpoint({ public_key: publicKey, ...row }: CheckpointRow): StoredCheckpoint {
  return { ...row, publicKey };
}

/** The checkpoints that speak of a range of seals, in the order in which they were signed. */
export async function readCheckpointsFrom(
  sql: Sql,
  environment: string,
  first: number,
  last: number,
): Promise<StoredCheckpoint[]> {
  const rows = await sql.query<CheckpointRow>(
    `SELECT c.sequence, c.kind, c.number, c.statement, c.signature, c.public_key FROM configuration_audit_checkpoints AS c
    WHERE c.environment = $1 AND c.number BETWEEN $2 AND $3 ORDER BY c.sequence`,
    [environment, first, last],
  );
  return rows.map(toCheckpoint);
}

/** Stores a checkpoint. */
export async function storeCheckpoint(sql: Sql, environment: string, checkpoint: StoredCheckpoint): Promise<void> {
  const { sequence, kind, number, statement, signature, publicKey } = checkpoint;
  await sql.query(
    `INSERT INTO configuration_audit_checkpoints (environment, sequence, kind, number, statement, signature, public_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [environment, sequence, kind, number, statement, signature, publicKey],
  );
}

/** The database's time. */
export async function readTime(sql: Sql): Promise<Date> {
  const [row] = await sql.query<Row & { readonly now_at: Date }>('SELECT clock_timestamp() AS now_at');
  if (row === undefined) throw new Error('the database answered no time');
  return row.now_at;
}

/** The last seal before that of the first row that is not older than a time, with the newest revision up to it; undefined where there is none. */
export async function readPrefix(
  sql: Sql,
  environment: string,
  time: Date,
): Promise<{ readonly through: number; readonly chain: string; readonly revision: number } | undefined> {
  const rows = await sql.query<Row & { readonly through: number; readonly chain: string; readonly revision: number }>(
    `SELECT s.number AS through, s.chain, coalesce((
      SELECT max(l.revision) FROM configuration_audit_seals AS p JOIN configuration_audit_log AS l ON l.id = p.audit_id
      WHERE p.environment = $1 AND p.number <= s.number), 0)::bigint AS revision
    FROM configuration_audit_seals AS s WHERE s.environment = $1 AND s.number < coalesce((
      SELECT min(p.number) FROM configuration_audit_seals AS p JOIN configuration_audit_log AS l ON l.id = p.audit_id
      WHERE p.environment = $1 AND l.created_at >= $2::timestamptz), 9223372036854775807)
    ORDER BY s.number DESC LIMIT 1`,
    [environment, time],
    undefined,
    patience,
  );
  return rows[0];
}

/** Removes the rows up to a seal, with their seals; answers how many. */
export async function removeSealed(sql: Sql, environment: string, through: number): Promise<number> {
  await sql.query(`SELECT set_config('strata.audit_prune', 'on', true)`);
  const rows = await sql.query<Row & { readonly removed: number }>(
    `WITH seals AS (
      DELETE FROM configuration_audit_seals WHERE environment = $1 AND number <= $2 RETURNING audit_id
    ), gone AS (
      DELETE FROM configuration_audit_log AS l USING seals AS s WHERE l.id = s.audit_id RETURNING l.id
    ) SELECT count(*) AS removed FROM gone`,
    [environment, through],
    undefined,
    patience,
  );
  await sql.query(`SELECT set_config('strata.audit_prune', '', true)`);
  return rows[0]?.removed ?? 0;
}
