/** Owns the SQL of configuration_audit_log: rows that belong to no commit (decisions on requests, refusals), and the look at all. */
import { isJsonObject, readJson, type ConfigScope, type JsonObject, type ScopeRef } from '@strata/core';
import type { Actor } from '../actor.ts';
import type { Row, Sql } from '../db/database.ts';

/** Something that somebody did, or was refused. */
export interface AuditEntry {
  readonly operation: string;
  readonly about?: (ScopeRef & { readonly key?: string | null | undefined }) | undefined;
  readonly actor: Actor;
  readonly success: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What is said of the reading of a secret. */
export interface RevealReason {
  readonly reason?: string;
}

/**
 * Stores entries, at the database's time.
 * @param stamp what they are authenticated with; empty for nothing.
 */
export async function storeAudit(
  sql: Sql,
  environment: string,
  entries: readonly AuditEntry[],
  stamp: string,
): Promise<void> {
  const column = <T>(toField: (entry: AuditEntry) => T): T[] => entries.map(toField);
  await sql.query(
    `INSERT INTO configuration_audit_log (environment, operation, config_key, scope, scope_id, user_id, success, metadata, ip, user_agent,
      request_id, created_at)
    SELECT t.environment, a.operation, a.key, a.scope, a.scope_id, a.user_id, a.success, a.metadata::jsonb, a.ip, a.user_agent, a.request_id,
      clock_timestamp()
    FROM (SELECT configuration_audit_with($1, $12) AS environment OFFSET 0) AS t,
      unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[], $9::text[], $10::text[],
      $11::text[]) AS a (operation, key, scope, scope_id, user_id, success, metadata, ip, user_agent, request_id)`,
    [
      environment,
      column(({ operation }) => operation),
      column(({ about }) => about?.key ?? null),
      column(({ about }) => about?.scope ?? null),
      column(({ about }) => about?.scopeId ?? null),
      column(({ actor }) => actor.id),
      column(({ success }) => success),
      column(({ metadata }) => JSON.stringify(metadata)),
      column(({ actor }) => actor.ip ?? null),
      column(({ actor }) => actor.userAgent ?? null),
      column(({ actor }) => actor.requestId ?? null),
      stamp,
    ],
  );
}

/** A row as it is listed. */
export interface LoggedRow {
  readonly id: number;
  readonly operation: string;
  readonly key: string | null;
  readonly scope: ConfigScope | null;
  readonly scopeId: string | null;
  readonly userId: string;
  readonly success: boolean;
  readonly metadata: JsonObject;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly createdAt: Date;
  readonly revision: number | null;
  readonly seal: number | null;
}

/** Which rows are listed; undefined for all. */
export interface LogFilter {
  readonly key?: string | undefined;
  readonly userId?: string | undefined;
  readonly operation?: string | undefined;
  readonly success?: boolean | undefined;
  readonly scope?: ScopeRef | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  /** Those of a lower id. */
  readonly before?: number | undefined;
  readonly limit: number;
}

interface LogRow extends Row {
  readonly id: number;
  readonly operation: string;
  readonly config_key: string | null;
  readonly scope: ConfigScope | null;
  readonly scope_id: string | null;
  readonly user_id: string;
  readonly success: boolean;
  readonly metadata: string;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly created_at: Date;
  readonly revision: number | null;
  readonly seal: number | null;
}

/** Reads rows, the newest first. */
export async function readAuditLog(sql: Sql, environment: string, filter: LogFilter): Promise<LoggedRow[]> {
  const conditions = ['l.environment = $1'];
  const parameters: (string | number | boolean | Date)[] = [environment];
  const where = (condition: string, value: string | number | boolean | Date | undefined): void => {
    if (value === undefined) return;
    parameters.push(value);
    conditions.push(condition.replace('?', `$${String(parameters.length)}`));
  };
  where('l.config_key = ?', filter.key);
  where('l.user_id = ?', filter.userId);
  where('l.operation = ?', filter.operation);
  where('l.success = ?::boolean', filter.success);
  where('l.scope = ?', filter.scope?.scope);
  where(`coalesce(l.scope_id, '') = ?`, filter.scope?.scopeId);
  where('l.created_at >= ?::timestamptz', filter.from);
  where('l.created_at < ?::timestamptz', filter.to);
  where('l.id < ?', filter.before);
  parameters.push(filter.limit);
  const rows = await sql.query<LogRow>(
    `SELECT l.id, l.operation, l.config_key, l.scope, l.scope_id, l.user_id, l.success, l.metadata, l.ip, l.user_agent, l.request_id,
      l.created_at, l.revision, (SELECT s.number FROM configuration_audit_seals AS s WHERE s.audit_id = l.id) AS seal
    FROM configuration_audit_log AS l WHERE ${conditions.join(' AND ')}
    ORDER BY l.id DESC LIMIT $${String(parameters.length)}::int`,
    parameters,
  );
  return rows.map(toLogged);
}

function toLogged(row: LogRow): LoggedRow {
  const metadata = readJson(row.metadata);
  return {
    id: row.id,
    operation: row.operation,
    key: row.config_key,
    scope: row.scope,
    scopeId: row.scope_id,
    userId: row.user_id,
    success: row.success,
    metadata: isJsonObject(metadata) ? metadata : {},
    ip: row.ip,
    userAgent: row.user_agent,
    requestId: row.request_id,
    createdAt: row.created_at,
    revision: row.revision,
    seal: row.seal,
  };
}

/**
 * Stores that somebody was shown a secret, unless there is such a row of this minute. Where another process stores one at the same time, the
 * database says so, and the row is there.
 * @param stamp as for `storeAudit`.
 * @returns how many seconds of the minute are left, by the database's clock.
 */
export async function storeReveal(sql: Sql, environment: string, entry: AuditEntry, stamp: string): Promise<number> {
  const { operation, about, actor, metadata } = entry;
  const rows = await sql.query<Row & { readonly left: number }>(
    `WITH at AS (SELECT clock_timestamp() AS now_at), stored AS (
      INSERT INTO configuration_audit_log (environment, operation, config_key, scope, scope_id, user_id, success, metadata, ip, user_agent,
        request_id, created_at)
      SELECT t.environment, $2, $3, $4, $5, $6, true, $7::jsonb, $8, $9, $10, at.now_at
      FROM at, (SELECT configuration_audit_with($1, $11) AS environment OFFSET 0) AS t WHERE NOT EXISTS (
        SELECT FROM configuration_audit_log AS l
        WHERE l.environment = $1 AND l.user_id = $6 AND l.config_key = $3 AND l.scope = $4 AND l.scope_id = $5
          AND date_trunc('minute', l.created_at AT TIME ZONE 'UTC') = date_trunc('minute', at.now_at AT TIME ZONE 'UTC')
          AND l.operation = 'reveal' AND l.success)
    ) SELECT (60 - extract(second FROM at.now_at))::float8 AS left FROM at`,
    [
      environment,
      operation,
      about?.key ?? null,
      about?.scope ?? null,
      about?.scopeId ?? null,
      actor.id,
      JSON.stringify(metadata),
      actor.ip ?? null,
      actor.userAgent ?? null,
      actor.requestId ?? null,
      stamp,
    ],
    'strata_reveal',
  );
  return rows[0]?.left ?? 0;
}
