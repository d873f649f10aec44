/** Owns the SQL of reading the layers that an effective value is made of, in one query for a whole chain of scopes. */
import {
  readJson,
  type Address,
  type ConfigScope,
  type JsonValue,
  type ScopeLink,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { Row, Sql, SqlParameter } from '../db/database.ts';
import { progressColumns, toProgress, type Progress, type ProgressRow } from './counter.ts';
import { headColumns, toHead, type Head, type HeadRow } from './settings.ts';

/** A layer as far as a merge needs it. */
export interface Layer extends Address {
  readonly value: JsonValue;
}

/** The layers along a chain. */
export interface ChainRead extends Progress {
  readonly layers: readonly Layer[];
}

/** Layers with the links that say which of them count, read in one snapshot. */
export interface LayerRead extends Progress {
  readonly links: readonly ScopeLink[];
  readonly heads: readonly Head[];
}

interface ChainRow extends Row, ProgressRow {
  readonly scope: ConfigScope | null;
  /** Absent where one key is asked for. */
  readonly key?: string;
  readonly value: string;
}

interface LayerRow extends HeadRow, ProgressRow {
  readonly child_scope: ConfigScope | null;
  readonly child_id: string;
  readonly parent_scope: ConfigScope;
  readonly parent_id: string;
  readonly is_primary: boolean;
  readonly position: number;
}

/** Which keys a query reads: one, several or all, each with a statement of its own. */
interface KeyFilter {
  readonly kind: 'one' | 'many' | 'all';
  readonly sql: string;
  readonly parameters: readonly SqlParameter[];
}

/** @param place the number of the parameter after those of the scopes. */
function keyFilter(keys: readonly string[] | undefined, place: number): KeyFilter {
  if (keys === undefined) return { kind: 'all', sql: '', parameters: [] };
  const [only] = keys;
  return keys.length === 1 && only !== undefined
    ? { kind: 'one', sql: ` AND s.key = $${String(place)}`, parameters: [only] }
    : { kind: 'many', sql: ` AND s.key = ANY ($${String(place)}::text[])`, parameters: [keys] };
}

/**
 * Reads the layers of `keys` (absent: of all keys) along a chain that is known. One index look-up for each scope: any way to write
 * it as a join makes the planner take longer ones.
 */
export async function readChain(
  sql: Sql,
  environment: string,
  keys: readonly string[] | undefined,
  chain: readonly ScopeRef[],
): Promise<ChainRead> {
  const below = chain.filter(({ scope }) => scope !== 'global');
  const filter = keyFilter(keys, below.length + 2);
  const column = filter.kind === 'one' ? '' : ' s.key,';
  const lookUp = (scope: ConfigScope, id: string): string =>
    `SELECT '${scope}'::text AS scope,${column} s.value FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.scope = '${scope}' AND s.scope_id = ${id}${filter.sql} AND s.value IS NOT NULL`;
  const rows = await sql.query<ChainRow>(
    `SELECT ${progressColumns}, l.* FROM configuration_counter AS c LEFT JOIN (
    ${[lookUp('global', "''"), ...below.map(({ scope }, index) => lookUp(scope, `$${String(index + 2)}`))].join(' UNION ALL ')}
    ) AS l ON true`,
    [environment, ...below.map(({ scopeId }) => scopeId), ...filter.parameters],
    `strata_chain_${below.map(({ scope }) => scope).join('_')}_${filter.kind}`,
  );
  return { ...progressOf(rows), layers: rows.flatMap((row) => toLayer(row, chain, keys?.[0] ?? '')) };
}

function toLayer(row: ChainRow, chain: readonly ScopeRef[], only: string): readonly Layer[] {
  const at = chain.find(({ scope }) => scope === row.scope);
  if (at === undefined) return [];
  const value = readJson(row.value);
  return [{ key: row.key ?? only, scope: at.scope, scopeId: at.scopeId, value }];
}

const noLink = `NULL::text AS child_scope, NULL::text AS child_id, NULL::text AS parent_scope, NULL::text AS parent_id,
  NULL::boolean AS is_primary, NULL::int AS position`;
const linkColumns = 'p.scope, p.scope_id, p.parent_scope, p.parent_id, p.is_primary, p.position';

/**
 * The parts of the query for a scope whose chain is not known: the layers of scopes that are, and the links of the scope and of the
 * teams it could inherit from, each with the layers of the parent.
 */
function candidateParts(request: ScopeRequest, filter: string): string[] {
  const layersAt = (scope: ConfigScope, id: string): string =>
    `SELECT ${noLink}, ${headColumns} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.scope = '${scope}' AND s.scope_id = ${id}${filter} AND s.value IS NOT NULL`;
  const layersAbove = (links: string): string =>
    `SELECT ${linkColumns}, ${headColumns} FROM ${links}
    LEFT JOIN configuration_settings AS s ON s.environment = $1 AND s.scope = p.parent_scope AND s.scope_id = p.parent_id${filter}
      AND s.value IS NOT NULL
    WHERE p.environment = $1 AND p.valid_to IS NULL`;
  const links = 'configuration_scope_parents AS p';
  const teamLinks = `configuration_scope_parents AS o JOIN ${links}
    ON o.environment = $1 AND o.scope = 'user' AND o.scope_id = $2 AND o.parent_scope = 'team' AND o.valid_to IS NULL
      AND p.scope = 'team' AND p.scope_id = o.parent_id`;
  const global = layersAt('global', "''");
  if (request.scope === 'global') return [global];
  // At an org the chain needs no registry, so neither does the query.
  if (request.scope === 'org') return [global, layersAt('org', '$2')];
  return [
    global,
    layersAt(request.scope, '$2'),
    layersAt('org', '$3'),
    `${layersAbove(links)} AND p.scope = '${request.scope}' AND p.scope_id = $2`,
    ...(request.scope === 'user'
      ? [
          layersAt('team', '$4'),
          `${layersAbove(links)} AND p.scope = 'team' AND p.scope_id = $4`,
          layersAbove(teamLinks),
        ]
      : []),
  ];
}

function scopeParameters({ scope, scopeId, organizationId, teamId }: ScopeRequest): (string | null)[] {
  if (scope === 'global') return [];
  if (scope === 'org') return [scopeId];
  return scope === 'team' ? [scopeId, organizationId ?? null] : [scopeId, organizationId ?? null, teamId ?? null];
}

/** Reads the layers of `keys` (absent: of all keys) on every scope that `request` could inherit from. */
export async function readLayers(
  sql: Sql,
  environment: string,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<LayerRead> {
  const parameters = scopeParameters(request);
  const filter = keyFilter(keys, parameters.length + 2);
  const rows = await sql.query<LayerRow>(
    `SELECT ${progressColumns}, l.* FROM configuration_counter AS c LEFT JOIN (
    ${candidateParts(request, filter.sql).join(' UNION ALL ')}
    ) AS l ON true`,
    [environment, ...parameters, ...filter.parameters],
    `strata_layers_${request.scope}_${filter.kind}`,
  );
  return { ...progressOf(rows), links: linksOf(rows), heads: headsOf(rows) };
}

function progressOf(rows: readonly ProgressRow[]): Progress {
  const first = rows[0];
  if (first === undefined) throw new Error('configuration_counter has lost its row; restore it from a backup');
  return toProgress(first);
}

/** Each link once, in the order in which they were registered. */
function linksOf(rows: readonly LayerRow[]): ScopeLink[] {
  const links = new Map<string, ScopeLink>();
  for (const row of [...rows].sort((a, b) => a.position - b.position)) {
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

/** Each layer once: a scope can be a candidate for several reasons. */
function headsOf(rows: readonly LayerRow[]): Head[] {
  const heads = new Map<string, Head>();
  for (const row of rows) {
    const name = [row.key, row.scope, row.scope_id].join('\0');
    if (row.key !== null && !heads.has(name)) heads.set(name, toHead(row));
  }
  return [...heads.values()];
}
