/** Owns the SQL of usage counters: how often each service read a key at a scope within a minute of the last day. */
import type { ConfigScope } from '@strata/core';
import type { QueryOptions, Row, Sql } from '../db/database.ts';

/** What was read how often. */
export interface ReadCount {
  readonly key: string;
  /** Empty for reads at several scopes, taken together. */
  readonly scope: ConfigScope | '';
  readonly scopeId: string;
  readonly reads: number;
}

/** Adds reads to the current minute of the database's clock. Each address is to be given once. */
export async function addReads(
  sql: Sql,
  environment: string,
  service: string,
  counts: readonly ReadCount[],
  options?: QueryOptions,
): Promise<void> {
  // In one order everywhere, so that processes which add at once do not wait for each other in a circle.
  await sql.query(
    `INSERT INTO configuration_usage AS u (environment, minute, service, key, scope, scope_id, reads)
    SELECT $1, date_trunc('minute', clock_timestamp()), $2, c.key, c.scope, c.scope_id, c.reads
    FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) AS c (key, scope, scope_id, reads)
    ORDER BY c.key COLLATE "C", c.scope COLLATE "C", c.scope_id COLLATE "C"
    ON CONFLICT (environment, minute, service, key, scope, scope_id) DO UPDATE SET reads = u.reads + excluded.reads`,
    [
      environment,
      service,
      counts.map(({ key }) => key),
      counts.map(({ scope }) => scope),
      counts.map(({ scopeId }) => scopeId),
      counts.map(({ reads }) => reads),
    ],
    'strata_add_reads',
    options,
  );
}

/** Removes the counters of minutes that are older than a day. */
export async function removeOldReads(sql: Sql, environment: string, options?: QueryOptions): Promise<void> {
  await sql.query(
    `DELETE FROM configuration_usage WHERE environment = $1 AND minute < clock_timestamp() - interval '1 day'`,
    [environment],
    'strata_remove_old_reads',
    options,
  );
}

interface HotRow extends Row {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly reads: number;
}

/** What was read most often in the last day, by all services together: the most-read first. */
export async function readMostRead(sql: Sql, environment: string, limit: number): Promise<ReadCount[]> {
  const rows = await sql.query<HotRow>(
    `SELECT u.key, u.scope, u.scope_id, sum(u.reads)::bigint AS reads FROM configuration_usage AS u
    WHERE u.environment = $1 AND u.minute >= clock_timestamp() - interval '1 day' AND u.scope <> ''
    GROUP BY u.key, u.scope, u.scope_id ORDER BY sum(u.reads) DESC, u.key, u.scope, u.scope_id LIMIT $2::int`,
    [environment, limit],
    'strata_most_read',
  );
  return rows.map(({ key, scope, scope_id, reads }) => ({ key, scope, scopeId: scope_id, reads }));
}
