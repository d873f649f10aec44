/** Owns the comparison of a store with what was acknowledged to its writers. */
import type { Database, Row } from '../../packages/service/src/db/database.ts';
import { isAcknowledgement, type AcknowledgedVersion, type Report } from './acknowledgement.ts';
import { findInconsistencies } from './consistency.ts';
import { counters, together } from './workload.ts';

/** What a look at a store came to. */
export interface Finding {
  readonly acknowledged: number;
  /** Everything that is not as it must be; empty when all is well. */
  readonly problems: readonly string[];
}

interface StoredRow extends Row {
  readonly version: string;
  readonly key: string;
  readonly scope: string;
  readonly scope_id: string;
  readonly revision: number;
  readonly operation: string;
  readonly value: string | null;
}

/** Looks for everything that was acknowledged, and for anything that is half there. */
export async function check(database: Database, reports: readonly Report[]): Promise<Finding> {
  const acknowledgements = reports.filter(isAcknowledgement);
  const problems = [
    ...(await lostVersions(database, acknowledgements)),
    ...(await lostDecisions(database, acknowledgements)),
    ...(await brokenRules(database)),
    ...(await findInconsistencies(database)),
  ];
  return { acknowledged: acknowledgements.length, problems };
}

async function lostVersions(database: Database, reports: readonly Report[]): Promise<string[]> {
  const versions = reports.flatMap((report) => (report.is === 'versions' ? report.versions : []));
  const since = Math.min(...versions.map(({ revision }) => revision), Number.MAX_SAFE_INTEGER);
  const rows = await database.query<StoredRow>(
    `SELECT left(hash, 16) AS version, key, scope, scope_id, revision, operation, value::text AS value
     FROM configuration_versions WHERE revision >= $1::bigint`,
    [since],
  );
  const stored = new Map(rows.map((row) => [row.version, row]));
  return versions
    .filter((version) => !isStored(version, stored.get(version.version)))
    .map((version) => `lost ${JSON.stringify(version)}`);
}

function isStored(version: AcknowledgedVersion, row: StoredRow | undefined): boolean {
  if (row === undefined) return false;
  const value = version.operation === 'delete' ? null : (JSON.parse(row.value ?? 'null') as unknown);
  return (
    row.key === version.key &&
    row.scope === version.scope &&
    row.scope_id === (version.scopeId ?? '') &&
    row.revision === version.revision &&
    row.operation === version.operation &&
    (version.value === undefined || JSON.stringify(value) === JSON.stringify(version.value))
  );
}

async function lostDecisions(database: Database, reports: readonly Report[]): Promise<string[]> {
  const tags = await database.query<Row & { tag: string; version: string; revision: number }>(
    'SELECT tag, left(version, 16) AS version, revision FROM configuration_tags',
  );
  const locks = await database.query<Row & { key: string; valid_from: number; valid_to: number | null }>(
    'SELECT key, valid_from, valid_to FROM configuration_locks',
  );
  const tagOf = new Map(tags.map((tag) => [tag.tag, tag]));
  const lockOf = new Map(locks.map((lock) => [`${lock.key} ${String(lock.valid_from)}`, lock]));
  const isKept = (report: Report): boolean => {
    if (report.is === 'tag') {
      const tag = tagOf.get(report.tag);
      return tag?.version === report.version && tag.revision === report.revision;
    }
    if (report.is === 'lock') return lockOf.has(`${report.key} ${String(report.revision)}`);
    if (report.is !== 'unlock') return true;
    return typeof lockOf.get(`${report.key} ${String(report.lockRevision)}`)?.valid_to === 'number';
  };
  return reports.filter((report) => !isKept(report)).map((report) => `lost ${JSON.stringify(report)}`);
}

/** The rules that the writers keep among their own values. */
async function brokenRules(database: Database): Promise<string[]> {
  const miscounted = await database.query<Row & { key: string }>(
    `SELECT DISTINCT key FROM (
       SELECT key, (value ->> 'count')::int AS count, row_number() OVER (PARTITION BY key ORDER BY revision) AS place
       FROM configuration_versions WHERE key = ANY($1::text[])
     ) AS v WHERE count <> place`,
    [counters],
  );
  const apart = await database.query<Row & { revision: number }>(
    `SELECT revision FROM configuration_versions WHERE key = ANY($1::text[])
     GROUP BY revision HAVING count(*) <> $2::int OR count(DISTINCT value::text) <> 1`,
    [together, together.length],
  );
  return [
    ...miscounted.map(({ key }) => `an increment of ${key} was lost or applied twice`),
    ...apart.map(({ revision }) => `the commit ${String(revision)} is half there`),
  ];
}
