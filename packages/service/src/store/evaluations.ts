/** Owns the SQL of evaluation counters: which flag served which variant, by minute for the last day, and by day for the last 400. */
import type { QueryOptions, Row, Sql } from '../db/database.ts';

/** How often a flag served a variant to a service. */
export interface EvaluationCount {
  /** Empty for who has no name. */
  readonly service: string;
  readonly flag: string;
  readonly variant: string;
  readonly evaluations: number;
}

/** Adds evaluations to the current minute and the current day (in UTC) of the database's clock. Each is to be given once. */
export async function addEvaluations(
  sql: Sql,
  environment: string,
  counts: readonly EvaluationCount[],
  options?: QueryOptions,
): Promise<void> {
  // In one order everywhere, so that processes which add at once do not wait for each other in a circle.
  await sql.query(
    `WITH told AS MATERIALIZED (
      SELECT c.service, c.flag, c.variant, c.evaluations, at.now
      FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS c (service, flag, variant, evaluations),
        (SELECT clock_timestamp() AS now) AS at
    ), minutes AS (
      INSERT INTO configuration_evaluations AS e (environment, minute, flag, variant, service, evaluations)
      SELECT $1, date_trunc('minute', now), flag, variant, service, evaluations FROM told
      ORDER BY flag COLLATE "C", variant COLLATE "C", service COLLATE "C"
      ON CONFLICT (environment, minute, flag, variant, service) DO UPDATE SET evaluations = e.evaluations + excluded.evaluations
    )
    INSERT INTO configuration_evaluation_days AS d (environment, flag, day, variant, service, evaluations, first_at, last_at)
    SELECT $1, flag, (now AT TIME ZONE 'UTC')::date, variant, service, evaluations, now, now FROM told
    ORDER BY flag COLLATE "C", variant COLLATE "C", service COLLATE "C"
    ON CONFLICT (environment, flag, day, variant, service) DO UPDATE
      SET evaluations = d.evaluations + excluded.evaluations, last_at = greatest(d.last_at, excluded.last_at)`,
    [
      environment,
      counts.map(({ service }) => service),
      counts.map(({ flag }) => flag),
      counts.map(({ variant }) => variant),
      counts.map(({ evaluations }) => evaluations),
    ],
    'strata_add_evaluations',
    options,
  );
}

/** Removes the counters of minutes that are older than a day, and of days that are older than 400. */
export async function removeOldEvaluations(sql: Sql, environment: string, options?: QueryOptions): Promise<void> {
  await sql.query(
    `WITH minutes AS (
      DELETE FROM configuration_evaluations WHERE environment = $1 AND minute < clock_timestamp() - interval '1 day'
    )
    DELETE FROM configuration_evaluation_days WHERE environment = $1 AND day < (clock_timestamp() AT TIME ZONE 'UTC')::date - 400`,
    [environment],
    'strata_remove_old_evaluations',
    options,
  );
}

/** How often a flag served a variant to a service, and when. */
export interface FlagUsage extends EvaluationCount {
  readonly firstAt: Date;
  readonly lastAt: Date;
}

interface UsageRow extends Row {
  readonly flag: string;
  readonly variant: string;
  readonly service: string;
  readonly evaluations: number;
  readonly first_at: Date;
  readonly last_at: Date;
}

const firstDay = `(clock_timestamp() AT TIME ZONE 'UTC')::date - $2::int`;

/** Which variants flags served to which services in the last days: those that were served most first. */
export async function readFlagUsage(
  sql: Sql,
  environment: string,
  filter: {
    readonly days: number;
    readonly flag?: string | undefined;
    readonly service?: string | undefined;
    readonly limit: number;
    readonly offset?: number;
  },
): Promise<FlagUsage[]> {
  const rows = await sql.query<UsageRow>(
    `SELECT flag, variant, service, sum(evaluations)::bigint AS evaluations, min(first_at) AS first_at, max(last_at) AS last_at
    FROM configuration_evaluation_days
    WHERE environment = $1 AND day > ${firstDay} AND ($3::text IS NULL OR flag = $3) AND ($4::text IS NULL OR service = $4)
    GROUP BY flag, variant, service ORDER BY sum(evaluations) DESC, flag, variant, service LIMIT $5::int OFFSET $6::int`,
    [environment, filter.days, filter.flag ?? null, filter.service ?? null, filter.limit, filter.offset ?? 0],
    'strata_flag_usage',
  );
  return rows.map(({ first_at, last_at, ...row }) => ({ ...row, firstAt: first_at, lastAt: last_at }));
}

/** A flag that was not evaluated lately, or served one variant only. */
export interface QuietFlag {
  readonly flag: string;
  /** The only variant that it served in these days; null where it was not evaluated. */
  readonly variant: string | null;
  readonly evaluations: number;
  /** When it was evaluated last; null where that was never since evaluations are counted. */
  readonly lastAt: Date | null;
}

interface QuietRow extends Row {
  readonly key: string;
  readonly variant: string | null;
  readonly evaluations: number;
  readonly last_at: Date | null;
}

/**
 * The flags that are older than so many days and served at most one variant since, by name.
 * @param keys the keys of the flags to look at.
 * @param prefix what the keys of flags begin with.
 */
export async function readQuietFlags(
  sql: Sql,
  environment: string,
  days: number,
  keys: readonly string[],
  prefix: string,
): Promise<QuietFlag[]> {
  const rows = await sql.query<QuietRow>(
    `SELECT f.key, w.variant, w.evaluations, l.last_at FROM unnest($3::text[]) AS f (key)
    CROSS JOIN LATERAL (
      SELECT min(d.variant) AS variant, count(DISTINCT d.variant) AS variants, coalesce(sum(d.evaluations), 0)::bigint AS evaluations
      FROM configuration_evaluation_days AS d
      WHERE d.environment = $1 AND d.flag = substr(f.key, length($4::text) + 1) COLLATE "C" AND d.day > ${firstDay}
    ) AS w
    LEFT JOIN LATERAL (
      SELECT max(d.last_at) AS last_at FROM configuration_evaluation_days AS d
      WHERE d.environment = $1 AND d.flag = substr(f.key, length($4::text) + 1) COLLATE "C"
    ) AS l ON true
    WHERE w.variants <= 1 AND (
      SELECT c.committed_at FROM configuration_commits AS c WHERE c.revision = (
        SELECT min(v.revision) FROM configuration_versions AS v WHERE v.environment = $1 AND v.key = f.key COLLATE "C"
      )
    ) < clock_timestamp() - $2::int * interval '1 day'
    ORDER BY f.key COLLATE "C"`,
    [environment, days, keys, prefix],
    'strata_quiet_flags',
  );
  return rows.map(({ key, variant, evaluations, last_at }) => ({
    flag: key.slice(prefix.length),
    variant,
    evaluations,
    lastAt: last_at,
  }));
}
