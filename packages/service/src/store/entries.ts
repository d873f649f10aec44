/** Owns the SQL of reading the layers of all entries of the collections, at every scope. */
import { collections } from '@strata/core';
import type { Sql } from '../db/database.ts';
import { progressColumns, toProgress, type Progress, type ProgressRow } from './counter.ts';
import { rangeOf } from './layers.ts';
import { headColumns, toHead, type Head, type HeadRow } from './settings.ts';

/** The heads of entries that changed after a revision, and how far the store had come. */
export interface EntryRead {
  readonly progress: Progress;
  /** The time of the database, in milliseconds since 1970. */
  readonly now: number;
  /** Those of deleted layers among them. */
  readonly heads: readonly Head[];
}

const inCollections = collections
  .map((collection) => {
    // Names of ours, which need no quoting.
    const [above, below] = rangeOf(collection);
    return `(s.key > '${above}' AND s.key < '${below}')`;
  })
  .join(' OR ');

/** Reads the heads of all entries that changed after a revision, in one snapshot with the counter. */
export async function readEntries(sql: Sql, environment: string, after: number): Promise<EntryRead> {
  const rows = await sql.query<HeadRow & ProgressRow & { readonly now: Date }>(
    `SELECT ${progressColumns}, clock_timestamp() AS now, h.* FROM configuration_counter AS c LEFT JOIN (
      SELECT ${headColumns} FROM configuration_settings AS s
      WHERE s.environment = $1 AND s.revision > $2::bigint AND (${inCollections})
    ) AS h ON true`,
    [environment, after],
    'strata_entries',
  );
  const [first] = rows;
  if (first === undefined) throw new Error('configuration_counter has lost its row; restore it from a backup');
  return {
    progress: toProgress(first),
    now: first.now.getTime(),
    heads: rows.filter(({ key }) => key !== null).map(toHead),
  };
}

/** Reads the layers that some entries have, at every scope. */
export async function readLayersOf(sql: Sql, environment: string, keys: readonly string[]): Promise<readonly Head[]> {
  const rows = await sql.query<HeadRow>(
    `SELECT ${headColumns} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.key = ANY ($2::text[]) AND s.value IS NOT NULL`,
    [environment, [...keys]],
  );
  return rows.map(toHead);
}
