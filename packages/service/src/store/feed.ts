/** Owns the SQL of the feed: what the commits after a place in it did, in one snapshot with how far the store has come. */
import { deepFreeze, readJson, shortVersion, type ConfigScope, type Cursor, type JsonValue } from '@strata/core';
import type { VersionOperation } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';
import type { CommitOperation } from './commits.ts';

/** What a layer was and is; undefined where it is absent. Only pages with values have it. */
export interface LayerValues {
  /** The full hash of the version, and of the one before it. */
  readonly hash: string;
  readonly parent: string | null;
  readonly version: string;
  readonly operation: VersionOperation;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** One layer that a commit changed. */
export interface ChangedLayer {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string;
  readonly values: LayerValues | undefined;
}

/** One commit, whole. */
export interface FeedRecord {
  readonly revision: number;
  readonly commit: string;
  readonly environment: string;
  readonly operation: CommitOperation;
  /** What a commit other than a change is about. */
  readonly about: { readonly key: string | null; readonly scope: ConfigScope | null; readonly scopeId: string };
  readonly actor: string;
  readonly comment: string | null;
  readonly at: Date;
  /** By key, scope and id; of other environments none are read. */
  readonly layers: readonly ChangedLayer[];
  /** About how many bytes its values have. */
  readonly bytes: number;
}

/** Commits in revision order, from right after a place in the feed. */
export interface FeedPage {
  /** The last commit of the store. */
  readonly tip: Cursor;
  /** The commit that the store has at the place; undefined where it holds none of that revision. */
  readonly base: string | undefined;
  readonly records: readonly FeedRecord[];
}

interface PageRow extends Row {
  readonly tip_revision: number;
  readonly tip: string | null;
  readonly base: string | null;
  readonly revision: number | null;
  readonly id: string;
  readonly environment: string;
  readonly operation: CommitOperation;
  readonly about_key: string | null;
  readonly about_scope: ConfigScope | null;
  readonly about_id: string | null;
  readonly actor: string;
  readonly comment: string | null;
  readonly committed_at: Date;
  readonly key: string | null;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly hash?: string;
  readonly parent?: string | null;
  readonly version_operation?: VersionOperation;
  readonly before?: string | null;
  readonly after?: string | null;
}

function pageQuery(columns: string, joins: string): string {
  return `SELECT k.revision AS tip_revision, (SELECT t.id FROM configuration_commits AS t WHERE t.revision = k.revision) AS tip,
    (SELECT b.id FROM configuration_commits AS b WHERE b.revision = $2::bigint) AS base,
    c.revision, c.id, c.environment, c.operation, c.key AS about_key, c.scope AS about_scope, c.scope_id AS about_id, c.actor,
    c.comment, c.committed_at, v.key, v.scope, v.scope_id${columns}
  FROM configuration_counter AS k
    LEFT JOIN configuration_commits AS c ON c.revision > $2::bigint AND c.revision <= $2::bigint + $3::bigint
    LEFT JOIN configuration_versions AS v ON v.revision = c.revision AND v.environment = $1${joins}
  ORDER BY c.revision, v.key, v.scope, v.scope_id`;
}

const lightQuery = pageQuery('', '');
const fullQuery = pageQuery(
  ', v.hash, v.parent, v.operation AS version_operation, p.value AS before, v.value AS after',
  ' LEFT JOIN configuration_versions AS p ON p.hash = v.parent',
);

/** Reads at most `limit` commits after a revision, each of them whole, with the values of the layers or without. */
export async function readFeedPage(
  sql: Sql,
  environment: string,
  after: number,
  limit: number,
  withValues: boolean,
): Promise<FeedPage> {
  const rows = await sql.query<PageRow>(
    withValues ? fullQuery : lightQuery,
    [environment, after, limit],
    withValues ? 'strata_feed_values' : 'strata_feed',
  );
  const first = rows[0];
  if (first === undefined) throw new Error('configuration_counter has lost its row; restore it from a backup');
  return {
    tip: { revision: first.tip_revision, commit: first.tip ?? undefined },
    base: first.base ?? undefined,
    records: toRecords(rows),
  };
}

function toRecords(rows: readonly PageRow[]): FeedRecord[] {
  const records: (FeedRecord & { layers: ChangedLayer[]; bytes: number })[] = [];
  for (const row of rows) {
    if (row.revision === null) continue;
    let record = records.at(-1);
    if (record?.revision !== row.revision) {
      record = toRecord(row, row.revision);
      records.push(record);
    }
    if (row.key === null) continue;
    record.layers.push({ key: row.key, scope: row.scope, scopeId: row.scope_id, values: toValues(row) });
    record.bytes += 200 + (row.before?.length ?? 0) + (row.after?.length ?? 0);
  }
  return records;
}

function toRecord(row: PageRow, revision: number): FeedRecord & { layers: ChangedLayer[]; bytes: number } {
  return {
    revision,
    commit: row.id,
    environment: row.environment,
    operation: row.operation,
    about: { key: row.about_key, scope: row.about_scope, scopeId: row.about_id ?? '' },
    actor: row.actor,
    comment: row.comment,
    at: row.committed_at,
    layers: [],
    bytes: 200,
  };
}

function toValues({
  hash,
  parent = null,
  version_operation: operation,
  before,
  after,
}: PageRow): LayerValues | undefined {
  if (hash === undefined || operation === undefined) return undefined;
  return { hash, parent, version: shortVersion(hash), operation, before: toValue(before), after: toValue(after) };
}

function toValue(text: string | null | undefined): JsonValue | undefined {
  return text === null || text === undefined ? undefined : deepFreeze(readJson(text));
}

/** Reads the last commit of the store. */
export async function readTip(sql: Sql): Promise<Cursor> {
  const rows = await sql.query<Row & { readonly revision: number; readonly id: string | null }>(
    `SELECT k.revision, c.id FROM configuration_counter AS k LEFT JOIN configuration_commits AS c ON c.revision = k.revision`,
    [],
    'strata_tip',
  );
  const row = rows[0];
  if (row === undefined) throw new Error('configuration_counter has lost its row; restore it from a backup');
  return { revision: row.revision, commit: row.id ?? undefined };
}
