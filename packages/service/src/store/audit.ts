/** Owns the SQL of rows of configuration_audit_log that belong to no commit: decisions on requests, and refusals. */
import type { ScopeRef } from '@strata/core';
import type { Actor } from '../actor.ts';
import type { Sql } from '../db/database.ts';

/** Something that somebody did, or was refused. */
export interface AuditEntry {
  readonly operation: string;
  readonly about?: (ScopeRef & { readonly key?: string | null | undefined }) | undefined;
  readonly actor: Actor;
  readonly success: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Stores entries, at the database's time. */
export async function storeAudit(sql: Sql, environment: string, entries: readonly AuditEntry[]): Promise<void> {
  const column = <T>(toField: (entry: AuditEntry) => T): T[] => entries.map(toField);
  await sql.query(
    `INSERT INTO configuration_audit_log (environment, operation, config_key, scope, scope_id, user_id, success, metadata, ip, user_agent,
      request_id, created_at)
    SELECT $1, a.operation, a.key, a.scope, a.scope_id, a.user_id, a.success, a.metadata::jsonb, a.ip, a.user_agent, a.request_id,
      clock_timestamp()
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[], $9::text[], $10::text[],
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
    ],
  );
}
