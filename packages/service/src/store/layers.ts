/** Owns the SQL of reading the layers that an effective value is made of, in one query for a whole chain of scopes. */
import {
  readJson,
  type Address,
  type Collection,
  type ConfigScope,
  type JsonValue,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { Row, Sql, SqlParameter } from '../db/database.ts';
import { progressColumns, type Progress, type ProgressRow } from './counter.ts';
import { linkColumns, noLink, progressOf, toHeadRead, type HeadRead, type LinkedHeadRow } from './heads.ts';
import { headColumns } from './settings.ts';

/** A layer as far as a merge needs it. */
export interface Layer extends Address {
  readonly value: JsonValue;
  /** The full hash of its version, where that was read. */
  readonly version?: string;
}

/** Which commit bears the revision of a read, where that was asked for. */
interface AtCommit {
  /** Undefined where it was not asked for, or the store holds none of that revision. */
  readonly commit: string | undefined;
}

/** The layers along a chain. */
export interface ChainRead extends Progress, AtCommit {
  readonly layers: readonly Layer[];
}

/** The counter, and the commit of its revision where that was asked for. */
interface CommitRow extends ProgressRow {
  readonly at_commit?: string | null;
}

/** The layers of one key, by scope. */
type OneKeyRow = Row & CommitRow & Readonly<Partial<Record<ConfigScope | `${ConfigScope}_version`, string | null>>>;

/** One layer; only the counter where there is none. */
interface ChainRow extends Row, CommitRow {
  readonly version?: string;
  readonly scope: ConfigScope | null;
  readonly key: string;
  readonly value: string;
}

/** Which keys are read: some, the entries of a collection, or all. */
export type KeySelection = readonly string[] | { readonly within: Collection } | undefined;

/** Which keys a statement reads: one, several, those from one text up to another, or all. */
type KeyKind = 'one' | 'many' | 'range' | 'all';

function kindOf(keys: KeySelection): KeyKind {
  if (keys === undefined) return 'all';
  return 'within' in keys ? 'range' : keys.length === 1 ? 'one' : 'many';
}

/** @param place the number of the parameter that names the keys. */
function keyFilter(kind: KeyKind, place: number): string {
  if (kind === 'all') return '';
  if (kind === 'range') return ` AND s.key > $${String(place)} AND s.key < $${String(place + 1)}`;
  return kind === 'one' ? ` AND s.key = $${String(place)}` : ` AND s.key = ANY ($${String(place)}::text[])`;
}

function keyParameters(keys: KeySelection): readonly SqlParameter[] {
  if (keys === undefined) return [];
  if ('within' in keys) return rangeOf(keys.within);
  const [only] = keys;
  return [keys.length === 1 && only !== undefined ? only : keys];
}

/** The texts between which the keys of a collection's entries lie, in the order of their bytes. */
export function rangeOf(collection: Collection): readonly [above: string, below: string] {
  // The character after a slash is a zero.
  return [`${collection}/`, `${collection}0`];
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

// Only who asks for it pays for the look-up.
function countedColumns(withCommit: boolean): string {
  if (!withCommit) return progressColumns;
  return `${progressColumns}, (SELECT t.id FROM configuration_commits AS t WHERE t.revision = c.revision) AS at_commit`;
}

const commitOf = (rows: readonly CommitRow[]): AtCommit => ({ commit: rows[0]?.at_commit ?? undefined });

/**
 * Reads the layers of `keys` (absent: of all keys) along a chain that is known.
 * @param withVersions whether their versions are read too, without which no secret in them can be opened.
 */
export async function readChain(
  sql: Sql,
  environment: string,
  keys: KeySelection,
  chain: readonly ScopeRef[],
  withCommit = false,
  withVersions = false,
): Promise<ChainRead> {
  const kind = kindOf(keys);
  const parameters: SqlParameter[] = [environment];
  const counted = countedColumns(withCommit);
  let name = `strata_chain_${kind}${withCommit ? '_commit' : ''}${withVersions ? '_versions' : ''}`;
  for (const { scope, scopeId } of chain) {
    if (scope === 'global') continue;
    name += `_${scope}`;
    parameters.push(scopeId);
  }
  if (kind === 'one') {
    const { text } = statementFor(name, () => oneKeyQuery(chain, counted, withVersions));
    const rows = await sql.query<OneKeyRow>(text, [...parameters, ...keyParameters(keys)], name);
    return { ...progressOf(rows), ...commitOf(rows), layers: layersOfOneKey(rows[0], chain, onlyKey(keys)) };
  }
  const { text } = statementFor(name, () => chainQuery(chain, kind, counted, withVersions));
  const rows = await sql.query<ChainRow>(text, [...parameters, ...keyParameters(keys)], name);
  return { ...progressOf(rows), ...commitOf(rows), layers: rows.flatMap((row) => toLayer(row, chain)) };
}

/** The id of each scope of a chain in a query: global needs no parameter. */
function idsIn(chain: readonly ScopeRef[]): readonly (readonly [scope: ConfigScope, id: string])[] {
  let place = 1;
  return chain.map(({ scope }) => [scope, scope === 'global' ? "''" : `$${String((place += 1))}`]);
}

// One row with a column for each scope: what is most often read has the least to carry.
function oneKeyQuery(chain: readonly ScopeRef[], counted: string, withVersions: boolean): string {
  const column = (name: string, scope: ConfigScope, id: string, as: string): string =>
    `(SELECT s.${name} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.scope = '${scope}' AND s.scope_id = ${id} AND s.key = $${String(chain.length + 1)}) AS "${as}"`;
  const columns = idsIn(chain).flatMap(([scope, id]) => [
    column('value', scope, id, scope),
    ...(withVersions ? [column('version', scope, id, `${scope}_version`)] : []),
  ]);
  return `SELECT ${counted}, ${columns.join(', ')} FROM configuration_counter AS c`;
}

function onlyKey(keys: KeySelection): string {
  return (keys === undefined || 'within' in keys ? undefined : keys[0]) ?? '';
}

function layersOfOneKey(row: OneKeyRow | undefined, chain: readonly ScopeRef[], key: string): readonly Layer[] {
  return chain.flatMap(({ scope, scopeId }) => {
    const text = row?.[scope] ?? null;
    if (text === null) return [];
    const version = row?.[`${scope}_version`] ?? undefined;
    return [{ key, scope, scopeId, value: readJson(text), ...(version === undefined ? {} : { version }) }];
  });
}

// One index look-up for each scope: written as a join, the planner takes longer ways.
function chainQuery(chain: readonly ScopeRef[], kind: KeyKind, counted: string, withVersions: boolean): string {
  const version = withVersions ? ', s.version' : '';
  const filter = keyFilter(kind, chain.length + 1);
  const lookUps = idsIn(chain).map(
    ([scope, id]) => `SELECT '${scope}'::text AS scope, s.key, s.value${version} FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.scope = '${scope}' AND s.scope_id = ${id}${filter} AND s.value IS NOT NULL`,
  );
  return `SELECT ${counted}, l.* FROM configuration_counter AS c LEFT JOIN (${lookUps.join(' UNION ALL ')}) AS l ON true`;
}

function toLayer({ scope, key, value, version }: ChainRow, chain: readonly ScopeRef[]): readonly Layer[] {
  const at = chain.find((one) => one.scope === scope);
  if (at === undefined) return [];
  const layer = { key, scope: at.scope, scopeId: at.scopeId, value: readJson(value) };
  return [version === undefined ? layer : { ...layer, version }];
}

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
  keys: KeySelection,
  request: ScopeRequest,
  withCommit = false,
): Promise<HeadRead & AtCommit> {
  const parameters = scopeParameters(request);
  const kind = kindOf(keys);
  const explicit = [request.organizationId === undefined ? '' : '_org', request.teamId === undefined ? '' : '_team'];
  const { name, text } = statementFor(
    `strata_layers_${kind}_${request.scope}${explicit.join('')}${withCommit ? '_commit' : ''}`,
    () => {
      const parts = candidateParts(request, keyFilter(kind, parameters.length + 2));
      return `SELECT ${countedColumns(withCommit)}, l.* FROM configuration_counter AS c LEFT JOIN (${parts.join(' UNION ALL ')}) AS l ON true`;
    },
  );
  const rows = await sql.query<LinkedHeadRow & CommitRow>(
    text,
    [environment, ...parameters, ...keyParameters(keys)],
    name,
  );
  return { ...toHeadRead(rows), ...commitOf(rows) };
}
