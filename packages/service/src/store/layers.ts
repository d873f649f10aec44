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

/** Which keys a statement reads: one, several or all. */
type KeyKind = 'one' | 'many' | 'all';

const kindOf = (keys: readonly string[] | undefined): KeyKind =>
  keys === undefined ? 'all' : keys.length === 1 ? 'one' : 'many';

/** @param place the number of the parameter that names the keys. */
function keyFilter(kind: KeyKind, place: number): string {
  if (kind === 'all') return '';
  return kind === 'one' ? ` AND s.key = $${String(place)}` : ` AND s.key = ANY ($${String(place)}::text[])`;
}

function keyParameters(keys: readonly string[] | undefined): readonly SqlParameter[] {
  const only = keys?.[0];
  return keys === undefined ? [] : [keys.length === 1 && only !== undefined ? only : keys];
}

interface Statement {
  readonly name: string;
  readonly text: string;
}

// A text that is put together anew for each call costs a tenth of a read: it is compared with the prepared one, letter by letter.
const statements = new Map<string, Statement>();

function statementFor(name: string, text: () => string): Statement {
  let statement = statements.get(name);
  if (statement === undefined) {
    statement = { name, text: text() };
    statements.set(name, statement);
  }
  return statement;
}

/** Reads the layers of `keys` (absent: of all keys) along a chain that is known. */
export async function readChain(
  sql: Sql,
  environment: string,
  keys: readonly string[] | undefined,
  chain: readonly ScopeRef[],
): Promise<ChainRead> {
  const kind = kindOf(keys);
  const parameters: SqlParameter[] = [environment];
  let name = `strata_chain_${kind}`;
  for (const { scope, scopeId } of chain) {
    if (scope === 'global') continue;
    name += `_${scope}`;
    parameters.push(scopeId);
  }
  const { text } = statementFor(name, () => chainQuery(chain, kind));
  const rows = await sql.query<ChainRow>(text, [...parameters, ...keyParameters(keys)], name);
  return { ...progressOf(rows), layers: rows.flatMap((row) => toLayer(row, chain, keys?.[0] ?? '')) };
}

// One index look-up for each scope: written as a join, the planner takes longer ways.
function chainQuery(chain: readonly ScopeRef[], kind: KeyKind): string {
  const below = chain.filter(({ scope }) => scope !== 'global').map(({ scope }) => scope);
  const filter = keyFilter(kind, below.length + 2);
  const column = kind === 'one' ? '' : ' s.key,';
  const lookUp = (scope: ConfigScope, id: string): string =>
    `SELECT '${scope}'::text AS scope,${column} s.value FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.scope = '${scope}' AND s.scope_id = ${id}${filter} AND s.value IS NOT NULL`;
  const lookUps = [lookUp('global', "''"), ...below.map((scope, index) => lookUp(scope, `$${String(index + 2)}`))];
  return `SELECT ${progressColumns}, l.* FROM configuration_counter AS c LEFT JOIN (${lookUps.join(' UNION ALL ')}) AS l ON true`;
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
  const parts = [
    global,
    layersAt(request.scope, '$2'),
    `${layersAbove(links)} AND p.scope = '${request.scope}' AND p.scope_id = $2`,
  ];
  if (request.scope === 'user') parts.push(layersAbove(teamLinks));
  if (request.organizationId !== undefined) parts.push(layersAt('org', '$3'));
  if (request.teamId !== undefined) {
    const team = request.organizationId === undefined ? '$3' : '$4';
    parts.push(layersAt('team', team), `${layersAbove(links)} AND p.scope = 'team' AND p.scope_id = ${team}`);
  }
  return parts;
}

function scopeParameters({ scope, scopeId, organizationId, teamId }: ScopeRequest): string[] {
  if (scope === 'global') return [];
  return [scopeId, organizationId, teamId].filter((id) => id !== undefined);
}

/** Reads the layers of `keys` (absent: of all keys) on every scope that `request` could inherit from. */
export async function readLayers(
  sql: Sql,
  environment: string,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<LayerRead> {
  const parameters = scopeParameters(request);
  const kind = kindOf(keys);
  const explicit = [request.organizationId === undefined ? '' : '_org', request.teamId === undefined ? '' : '_team'];
  const { name, text } = statementFor(`strata_layers_${kind}_${request.scope}${explicit.join('')}`, () => {
    const parts = candidateParts(request, keyFilter(kind, parameters.length + 2));
    return `SELECT ${progressColumns}, l.* FROM configuration_counter AS c LEFT JOIN (${parts.join(' UNION ALL ')}) AS l ON true`;
  });
  const rows = await sql.query<LayerRow>(text, [environment, ...parameters, ...keyParameters(keys)], name);
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
