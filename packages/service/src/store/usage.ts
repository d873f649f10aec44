/** Owns the SQL of usage counters: by minute for the last day, and by day for the last 400. */
import type { ConfigScope } from '@strata/core';
import type { QueryOptions, Row, Sql } from '../db/database.ts';

/** What was read how often by which service. */
export interface ReadCount {
  /** Empty for readers that have no name. */
  readonly service: string;
  /** Empty for keys that were too many to be told one by one. */
  readonly key: string;
  /** Empty for reads at several scopes, taken together. */
  readonly scope: ConfigScope | '';
  readonly scopeId: string;
  readonly reads: number;
}

/** The same for a day, for which scopes are taken together. */
export type DayCount = Pick<ReadCount, 'service' | 'key' | 'reads'>;

/** What a process tells. Each address of each service is to be given once. */
export interface ToldReads {
  readonly minutes: readonly ReadCount[];
  /** A row without a key tells that a service counts. Rows of keys that have no definition and no version are left out. */
  readonly days: readonly DayCount[];
  /** The keys that are defined in every store. */
  readonly builtIn: readonly string[];
}

/** The name under which Strata's own page and command line read. That people look at a key does not mean that it is in use. */
export const toolsService = 'strata';

/** Adds reads to the current minute and the current day (in UTC) of the database's clock. */
export async function addReads(
  sql: Sql,
  environment: string,
  { minutes, days, builtIn }: ToldReads,
  options?: QueryOptions,
): Promise<void> {
  // In one order everywhere, so that processes which add at once do not wait for each other in a circle.
  await sql.query(
    `WITH at AS MATERIALIZED (SELECT clock_timestamp() AS now), minutes AS (
      INSERT INTO configuration_usage AS u (environment, minute, service, key, scope, scope_id, reads)
      SELECT $1, date_trunc('minute', at.now), c.service, c.key, c.scope, c.scope_id, c.reads
      FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) AS c (service, key, scope, scope_id, reads), at
      ORDER BY c.service COLLATE "C", c.key COLLATE "C", c.scope COLLATE "C", c.scope_id COLLATE "C"
      ON CONFLICT (environment, minute, service, key, scope, scope_id) DO UPDATE SET reads = u.reads + excluded.reads
    )
    INSERT INTO configuration_usage_days AS d (environment, key, day, service, reads, first_at, last_at)
    SELECT $1, c.key, (at.now AT TIME ZONE 'UTC')::date, c.service, c.reads, at.now, at.now
    FROM unnest($7::text[], $8::text[], $9::bigint[]) AS c (service, key, reads), at
    WHERE c.key = '' OR c.key = ANY ($10::text[])
      OR EXISTS (SELECT FROM configuration_versions AS v WHERE v.environment = $1 AND v.key = c.key COLLATE "C")
      OR EXISTS (SELECT FROM configuration_schemas AS s WHERE s.environment = $1 AND s.key = c.key COLLATE "C")
    ORDER BY c.key COLLATE "C", c.service COLLATE "C"
    ON CONFLICT (environment, key, day, service) DO UPDATE
      SET reads = d.reads + excluded.reads, last_at = greatest(d.last_at, excluded.last_at)`,
    [
      environment,
      minutes.map(({ service }) => service),
      minutes.map(({ key }) => key),
      minutes.map(({ scope }) => scope),
      minutes.map(({ scopeId }) => scopeId),
      minutes.map(({ reads }) => reads),
      days.map(({ service }) => service),
      days.map(({ key }) => key),
      days.map(({ reads }) => reads),
      builtIn,
    ],
    'strata_add_reads',
    options,
  );
}

/** Removes the counters of minutes that are older than a day, and of days that are older than 400. */
export async function removeOldReads(sql: Sql, environment: string, options?: QueryOptions): Promise<void> {
  await sql.query(
    `WITH minutes AS (
      DELETE FROM configuration_usage WHERE environment = $1 AND minute < clock_timestamp() - interval '1 day'
    )
    DELETE FROM configuration_usage_days WHERE environment = $1 AND day < (clock_timestamp() AT TIME ZONE 'UTC')::date - 400`,
    [environment],
    'strata_remove_old_reads',
    options,
  );
}

interface HotRow extends Row {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
}

/** Where what was read most often in the last day, by all services together: the most-read first. */
export async function readMostRead(
  sql: Sql,
  environment: string,
  limit: number,
): Promise<{ readonly key: string; readonly scope: ConfigScope; readonly scopeId: string }[]> {
  const rows = await sql.query<HotRow>(
    `SELECT u.key, u.scope, u.scope_id FROM configuration_usage AS u
    WHERE u.environment = $1 AND u.minute >= clock_timestamp() - interval '1 day' AND u.scope <> ''
    GROUP BY u.key, u.scope, u.scope_id ORDER BY sum(u.reads) DESC, u.key, u.scope, u.scope_id LIMIT $2::int`,
    [environment, limit],
    'strata_most_read',
  );
  return rows.map(({ key, scope, scope_id }) => ({ key, scope, scopeId: scope_id }));
}

/** How far counters can be relied on. */
export interface Counting {
  /** Since when reads have been counted, as far back as counters are kept; null where none ever were. */
  readonly since: Date | null;
  /** When reads were told last. */
  readonly until: Date | null;
  /** On how many of the days that were asked for any process counted. */
  readonly countedDays: number;
  /** How many reads of these days were of keys that were too many to be told one by one. */
  readonly uncounted: number;
}

interface CountingRow extends Row {
  readonly since: Date | null;
  readonly until: Date | null;
  readonly counted_days: number;
  readonly uncounted: number;
}

/** The first of so many days, the present one the last. */
const firstDay = `(clock_timestamp() AT TIME ZONE 'UTC')::date - $2::int`;

/** How far the counters of the last days can be relied on. */
export async function readCounting(sql: Sql, environment: string, days: number): Promise<Counting> {
  const [row] = await sql.query<CountingRow>(
    `SELECT min(first_at) AS since, max(last_at) AS until,
      count(DISTINCT day) FILTER (WHERE day > ${firstDay})::int AS counted_days,
      coalesce(sum(reads) FILTER (WHERE day > ${firstDay}), 0)::bigint AS uncounted
    FROM configuration_usage_days WHERE environment = $1 AND key = ''`,
    [environment, days],
    'strata_counting',
  );
  const { since = null, until = null, counted_days = 0, uncounted = 0 } = row ?? {};
  return { since, until, countedDays: counted_days, uncounted };
}

/** How often a service read a key. */
export interface KeyUsage {
  readonly key: string;
  /** Empty for readers that have no name. */
  readonly service: string;
  readonly reads: number;
  readonly firstReadAt: Date;
  readonly lastReadAt: Date;
}

interface UsageRow extends Row {
  readonly key: string;
  readonly service: string;
  readonly reads: number;
  readonly first_at: Date;
  readonly last_at: Date;
}

/**
 * Which services read which keys in the last days, and how often: the most-read first.
 * @param filter.keys only these.
 */
export async function readUsage(
  sql: Sql,
  environment: string,
  filter: {
    readonly days: number;
    readonly keys?: readonly string[] | undefined;
    readonly service?: string | undefined;
    readonly limit: number;
    readonly offset?: number;
  },
): Promise<KeyUsage[]> {
  const rows = await sql.query<UsageRow>(
    `SELECT key, service, sum(reads)::bigint AS reads, min(first_at) AS first_at, max(last_at) AS last_at
    FROM configuration_usage_days
    WHERE environment = $1 AND day > ${firstDay} AND key <> ''
      AND ($3::text[] IS NULL OR key = ANY ($3)) AND ($4::text IS NULL OR service = $4)
    GROUP BY key, service ORDER BY sum(reads) DESC, key, service LIMIT $5::int OFFSET $6::int`,
    [environment, filter.days, filter.keys ?? null, filter.service ?? null, filter.limit, filter.offset ?? 0],
    'strata_usage',
  );
  return rows.map(({ key, service, reads, first_at, last_at }) => ({
    key,
    service,
    reads,
    firstReadAt: first_at,
    lastReadAt: last_at,
  }));
}

/** The names of the services that read keys in the last days, by key; Strata's own tools are none. */
export async function readServices(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  days: number,
): Promise<Map<string, readonly string[]>> {
  const rows = await sql.query<Row & { readonly key: string; readonly services: readonly string[] }>(
    `SELECT key, array_agg(DISTINCT service) AS services FROM configuration_usage_days
    WHERE environment = $1 AND day > ${firstDay} AND key = ANY ($3::text[]) AND service NOT IN ('', $4) GROUP BY key`,
    [environment, days, keys, toolsService],
    'strata_usage_services',
  );
  return new Map(rows.map(({ key, services }) => [key, services]));
}

/** A key that nobody has read lately. */
export interface UnusedKey {
  readonly key: string;
  /** Whether it has a definition; one without has layers. */
  readonly defined: boolean;
  /** When a service read it last; null where that was never since reads are counted. */
  readonly lastReadAt: Date | null;
}

interface UnusedRow extends Row {
  readonly key: string;
  readonly defined: boolean;
  readonly last_at: Date | null;
}

/**
 * The keys with definitions or layers that are older than so many days and were not read since, by key. Built-in definitions, flags and
 * segments are none of them. What Strata's own tools read does not count as read.
 */
export async function readUnusedKeys(
  sql: Sql,
  environment: string,
  days: number,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<UnusedKey[]> {
  const rows = await sql.query<UnusedRow>(
    `WITH known AS (
      SELECT key, bool_or(defined) AS defined FROM (
        SELECT key, true AS defined FROM configuration_schemas WHERE environment = $1 AND valid_to IS NULL
        UNION ALL SELECT DISTINCT key, false FROM configuration_settings WHERE environment = $1 AND value IS NOT NULL
      ) AS k WHERE key > $3 COLLATE "C" AND key !~ '^(feature_flags|flag_segments)/' GROUP BY key
    )
    SELECT k.key, k.defined, u.last_at FROM known AS k
    LEFT JOIN LATERAL (
      SELECT d.last_at FROM configuration_usage_days AS d
      WHERE d.environment = $1 AND d.key = k.key AND d.service <> $5 ORDER BY d.day DESC, d.last_at DESC LIMIT 1
    ) AS u ON true
    WHERE (u.last_at IS NULL OR u.last_at < clock_timestamp() - $2::int * interval '1 day') AND (
      SELECT min(c.committed_at) FROM configuration_commits AS c WHERE c.revision = least(
        (SELECT min(v.revision) FROM configuration_versions AS v WHERE v.environment = $1 AND v.key = k.key),
        (SELECT min(s.valid_from) FROM configuration_schemas AS s WHERE s.environment = $1 AND s.key = k.key)
      )
    ) < clock_timestamp() - $2::int * interval '1 day'
    ORDER BY k.key LIMIT $4::int`,
    [environment, days, after ?? '', limit, toolsService],
    'strata_unused_keys',
  );
  return rows.map(({ key, defined, last_at }) => ({ key, defined, lastReadAt: last_at }));
}

/** The scopes at which keys have layers. */
export async function readPlaces(
  sql: Sql,
  environment: string,
  keys: readonly string[],
): Promise<{ readonly key: string; readonly scope: ConfigScope; readonly scopeId: string }[]> {
  const rows = await sql.query<HotRow>(
    `SELECT key, scope, scope_id FROM configuration_settings
    WHERE environment = $1 AND key = ANY ($2::text[]) AND value IS NOT NULL`,
    [environment, keys],
  );
  return rows.map(({ key, scope, scope_id }) => ({ key, scope, scopeId: scope_id }));
}
