/** Owns the SQL of reading heads together with the links of their scopes: what a chain is chosen by, in one snapshot. */
import type { Address, ConfigScope, ScopeLink } from '@strata/core';
import type { QueryOptions, Sql } from '../db/database.ts';
import { progressColumns, toProgress, type Progress, type ProgressRow } from './counter.ts';
import { headColumns, toHead, type Head, type HeadRow } from './settings.ts';

/** Heads with the links that say which of them count, read in one snapshot. */
export interface HeadRead extends Progress {
  readonly links: readonly ScopeLink[];
  readonly heads: readonly Head[];
}

/** A row of a link with a head at its parent, of a link alone, of a head alone, or of the counter alone. */
export interface LinkedHeadRow extends HeadRow, ProgressRow {
  readonly child_scope: ConfigScope | null;
  readonly child_id: string;
  readonly parent_scope: ConfigScope;
  readonly parent_id: string;
  readonly is_primary: boolean;
  readonly position: number | null;
}

/** In place of `linkColumns` where there is no link. */
export const noLink = `NULL::text AS child_scope, NULL::text AS child_id, NULL::text AS parent_scope, NULL::text AS parent_id,
  NULL::boolean AS is_primary, NULL::int AS position`;

/** The columns of the link `p`. */
export const linkColumns = 'p.scope, p.scope_id, p.parent_scope, p.parent_id, p.is_primary, p.position';

/** Reads rows of the counter, links and heads; each link and each head once, links in the order in which they were registered. */
export function toHeadRead(rows: readonly LinkedHeadRow[]): HeadRead {
  return { ...progressOf(rows), links: linksOf(rows), heads: headsOf(rows) };
}

/** The counter as every row has it. */
export function progressOf(rows: readonly ProgressRow[]): Progress {
  const first = rows[0];
  if (first === undefined) throw new Error('configuration_counter has lost its row; restore it from a backup');
  return toProgress(first);
}

function linksOf(rows: readonly LinkedHeadRow[]): ScopeLink[] {
  const links = new Map<string, ScopeLink>();
  for (const row of [...rows].sort((a, b) => (a.position ?? 0) - (b.position ?? 0))) {
    if (row.child_scope === null) continue;
    const child = { scope: row.child_scope, scopeId: row.child_id };
    const parent = { scope: row.parent_scope, scopeId: row.parent_id };
    links.set([child.scope, child.scopeId, parent.scope, parent.scopeId].join('\0'), {
      child,
      parent,
      primary: row.is_primary,
    });
  }
  return [...links.values()];
}

function headsOf(rows: readonly LinkedHeadRow[]): Head[] {
  const heads = new Map<string, Head>();
  for (const row of rows) {
    const name = [row.key, row.scope, row.scope_id].join('\0');
    if (row.key !== null && !heads.has(name)) heads.set(name, toHead(row));
  }
  return [...heads.values()];
}

const several = 'unnest($2::text[], $3::text[], $4::text[]) AS a (key, scope, scope_id)';
// One address is not a list of one: for that PostgreSQL would plan anew in every call, which takes longer than the look-ups.
const one = '(SELECT $2::text AS key, $3::text AS scope, $4::text AS scope_id) AS a';

/**
 * The query for the addresses `asked`: their own heads, those of their keys at global, and where they have parents, those there
 * with the links. At global and at an org no chain needs the registry, so neither does the query.
 */
function headsQuery(asked: string, registry: boolean): string {
  const headsAbove = (links: string): string =>
    `SELECT ${linkColumns}, ${headColumns} FROM ${asked} JOIN ${links} LEFT JOIN configuration_settings AS s
    ON s.environment = $1 AND s.key = a.key AND s.scope = p.parent_scope AND s.scope_id = p.parent_id`;
  const parts = [
    `SELECT ${noLink}, ${headColumns} FROM ${asked} JOIN configuration_settings AS s
    ON s.environment = $1 AND s.key = a.key AND s.scope = a.scope AND s.scope_id = a.scope_id`,
    `SELECT ${noLink}, ${headColumns} FROM ${asked} JOIN configuration_settings AS s
    ON s.environment = $1 AND s.key = a.key AND s.scope = 'global' AND s.scope_id = ''`,
    ...(registry ? [headsAbove(ownLinks), headsAbove(teamLinks)] : []),
  ];
  return `SELECT ${progressColumns}, l.* FROM configuration_counter AS c LEFT JOIN (${parts.join(' UNION ALL ')}) AS l ON true`;
}

const ownLinks = `configuration_scope_parents AS p
  ON p.environment = $1 AND p.scope = a.scope AND p.scope_id = a.scope_id AND p.valid_to IS NULL`;

const teamLinks = `configuration_scope_parents AS o
    ON o.environment = $1 AND o.scope = a.scope AND o.scope_id = a.scope_id AND o.parent_scope = 'team' AND o.valid_to IS NULL
  JOIN configuration_scope_parents AS p
    ON p.environment = $1 AND p.scope = 'team' AND p.scope_id = o.parent_id AND p.valid_to IS NULL`;

const queries = {
  one: headsQuery(one, false),
  several: headsQuery(several, false),
  one_registry: headsQuery(one, true),
  several_registry: headsQuery(several, true),
} as const;

/** Reads, for a batch of writes, the head of each address and of its key at every scope above, deleted ones too. */
export async function readHeads(
  sql: Sql,
  environment: string,
  addresses: readonly Address[],
  options?: QueryOptions,
): Promise<HeadRead> {
  const [first] = addresses;
  const parameters =
    first !== undefined && addresses.length === 1
      ? [environment, first.key, first.scope, first.scopeId]
      : [
          environment,
          addresses.map(({ key }) => key),
          addresses.map(({ scope }) => scope),
          addresses.map(({ scopeId }) => scopeId),
        ];
  const registry = addresses.some(({ scope }) => scope === 'team' || scope === 'user') ? '_registry' : '';
  const kind = `${addresses.length === 1 ? 'one' : 'several'}${registry}` as const;
  return toHeadRead(await sql.query<LinkedHeadRow>(queries[kind], parameters, `strata_heads_${kind}`, options));
}
