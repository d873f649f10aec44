/** Owns the explanation of an effective value: which layer gives each leaf, since when, by whom, and what else was on offer. */
import { toLockRecord, type LockRecord } from './locks.ts';
import {
  defaultPaths,
  explainLayers,
  formatPath,
  isWithin,
  joinPaths,
  leavesOf,
  parseKey,
  parseScopeContext,
  resolveChain,
  sameScope,
  secretPaths,
  shortVersion,
  valueAt,
  type ConfigScope,
  type JsonValue,
  type Lock,
  type Path,
  type ScopeContext,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import { requireAlong, requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { attributeParts, type AttributedPart } from './blame.ts';
import { begin, type Context } from './context.ts';
import type { Rule, Rules } from './rules.ts';
import { openLayer } from './secrets/stored-secrets.ts';
import { maskMarks, type Opened } from './secrets/vault.ts';
import { revisionAt } from './store/commits.ts';
import { readLinks } from './store/scopes.ts';
import { readLayers } from './store/layers.ts';
import { readVersionsAt } from './store/versions.ts';
import { parseTime } from './time.ts';
import { filterPermitted } from './visibility.ts';

/** Where the value of one leaf comes from. */
export interface ExplainedLeaf {
  /** `a.b[0]`; `$` for the whole value. */
  readonly path: string;
  readonly value: JsonValue;
  /** The scope whose layer provides it; `schema` for a default of the schema. */
  readonly scope: ConfigScope | 'schema';
  readonly scopeId: string | null;
  /** The version that last changed this leaf; `null` for a default of the schema, and where the caller may not read that layer. */
  readonly version: string | null;
  readonly changedBy: string | null;
  readonly changedAt: Date | null;
  readonly comment: string | null;
  /** The lock that keeps scopes below from changing it. */
  readonly lock?: LockRecord;
  /** What each layer on the chain that the caller may read says about it, from global down. */
  readonly candidates: readonly LeafCandidate[];
}

/** What one layer says about a leaf: a value, or `{ $unset: true }`. */
export interface LeafCandidate {
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  readonly version: string;
  readonly value: JsonValue;
}

/** Why a value is what it is. */
export interface Explanation {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** The revision at which it was read. */
  readonly revision: number;
  /** The scopes it inherits along, from global down. */
  readonly chain: readonly { readonly scope: ConfigScope; readonly scopeId: string | null }[];
  readonly value: JsonValue;
  readonly leaves: readonly ExplainedLeaf[];
}

interface Layer {
  readonly value: JsonValue;
  readonly origin: { readonly at: ScopeRef; readonly version: string };
}

/** Everything that an effective value is made of, at one revision. */
interface State {
  readonly revision: number;
  readonly chain: readonly ScopeRef[];
  readonly layers: readonly Layer[];
  readonly rules: Rules;
}

/**
 * Explains an effective value, now or at a past time. What a layer that the actor may not read gives to the value is told, but neither
 * its version and author nor what else it says.
 * @throws ConfigurationError `not_permitted`, also where the scope inherited from scopes at that time that the actor may not read at.
 */
export async function explain(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  options: { readonly at?: Date | string },
): Promise<Explanation> {
  begin(context);
  const parsed = parseKey(key);
  const request = parseScopeContext(scope);
  await requirePermission(context, actor, 'read', { ...request, key: parsed });
  const state =
    options.at === undefined
      ? await stateNow(context, parsed, request)
      : await stateAt(context, parsed, request, await revisionAt(context.db, parseTime(options.at, 'at')));
  if (options.at !== undefined) await requireAlong(context, actor, { ...request, key: parsed }, state.chain);
  const told = await filterPermitted(context, actor, 'read', state.chain, (at) => ({ ...at, key: parsed }));
  const rule = state.rules.byKey.get(parsed);
  const merged = explainLayers(state.layers, rule?.definition.merge ?? 'deep');
  const value =
    merged.value === undefined || rule === undefined ? merged.value : rule.validator.withDefaults(merged.value);
  const locks = (state.rules.locks.get(parsed) ?? []).filter((lock) => state.chain.some((at) => sameScope(at, lock)));
  const isTold = ({ at }: Layer['origin']): boolean => told.includes(at);
  const shownLeaves = merged.leaves.filter(({ origin }) => isTold(origin));
  const authors = await authorsOf(context, parsed, state, shownLeaves);
  const leaves = merged.leaves.map((leaf) => explainLeaf(leaf, locks, authors, isTold));
  const defaults = merged.value === undefined || rule === undefined ? [] : defaultLeaves(rule, merged.value, value);
  return {
    key: parsed,
    scope: request.scope,
    scopeId: shownId(request),
    revision: state.revision,
    chain: state.chain.map((at) => ({ scope: at.scope, scopeId: shownId(at) })),
    value: maskMarks(value ?? null),
    leaves: [...leaves, ...defaults],
  };
}

function shownId({ scope, scopeId }: ScopeRef): string | null {
  return scope === 'global' ? null : scopeId;
}

async function stateNow(context: Context, key: string, request: ScopeRequest): Promise<State> {
  for (;;) {
    const read = await readLayers(context.db, context.environment, [key], request);
    const rules = await context.ruleBook.at(context.db, read);
    if (rules.revision !== read.rulesRevision) continue;
    const chain = resolveChain(request, read.links);
    const layers: Layer[] = [];
    for (const at of chain) {
      const head = read.heads.find((one) => sameScope(one, at));
      if (head?.value === undefined) continue;
      const opened = await context.vault.open(context.db, head.value, { ...head, version: head.hash });
      layers.push({ value: marked(context, rules, key, opened), origin: { at, version: shortVersion(head.hash) } });
    }
    return { revision: read.revision, chain, layers, rules };
  }
}

async function stateAt(context: Context, key: string, request: ScopeRequest, revision: number): Promise<State> {
  const { db, environment } = context;
  const asked: ScopeRef[] = [request];
  if (request.teamId !== undefined) asked.push({ scope: 'team', scopeId: request.teamId });
  const chain = resolveChain(request, await readLinks(db, environment, asked, revision));
  const addresses = chain.map(({ scope, scopeId }) => ({ key, scope, scopeId }));
  const versions = await readVersionsAt(db, environment, addresses, revision);
  const rules = await context.ruleBook.load(db, revision);
  const layers: Layer[] = [];
  for (const at of chain) {
    const version = versions.find((one) => sameScope({ scope: one.scope, scopeId: one.scopeId ?? '' }, at));
    const opened = version === undefined ? undefined : await openLayer(context, version);
    if (version === undefined || opened === undefined) continue;
    layers.push({ value: marked(context, rules, key, opened), origin: { at, version: version.version } });
  }
  return { revision, chain, layers, rules };
}

/** A layer with marks in the place of its secrets: a secret object is one leaf, whose parts are not told. */
function marked({ vault }: Context, rules: Rules, key: string, { value, secrets }: Opened): JsonValue {
  const defined = secretPaths(rules.byKey.get(key)?.definition, value);
  return vault.comparable({ value, secrets: joinPaths(value, defined, secrets) });
}

type Authors = ReadonlyMap<string, readonly AttributedPart[]>;
type MergedLeaf = ReturnType<typeof explainLayers<Layer['origin']>>['leaves'][number];

const scopeName = ({ scope, scopeId }: ScopeRef): string => JSON.stringify([scope, scopeId]);

async function authorsOf(context: Context, key: string, state: State, leaves: readonly MergedLeaf[]): Promise<Authors> {
  const authors = new Map<string, readonly AttributedPart[]>();
  for (const { origin } of leaves) {
    const name = scopeName(origin.at);
    if (authors.has(name)) continue;
    const paths = leaves.filter((leaf) => sameScope(leaf.origin.at, origin.at)).map((leaf) => leaf.path);
    authors.set(name, await attributeParts(context, { key, ...origin.at }, () => paths, state.revision));
  }
  return authors;
}

function explainLeaf(
  leaf: MergedLeaf,
  locks: readonly Lock[],
  authors: Authors,
  isTold: (origin: Layer['origin']) => boolean,
): ExplainedLeaf {
  const path = formatPath(leaf.path);
  const lock = locks.find((one) => isWithin(leaf.path, one.path));
  const author = authors.get(scopeName(leaf.origin.at))?.find((one) => formatPath(one.path) === path)?.version;
  return {
    path,
    value: maskMarks(leaf.value),
    scope: leaf.origin.at.scope,
    scopeId: shownId(leaf.origin.at),
    version: author?.version ?? (isTold(leaf.origin) ? leaf.origin.version : null),
    changedBy: author?.changedBy ?? null,
    changedAt: author?.changedAt ?? null,
    comment: author?.comment ?? null,
    ...(lock === undefined ? {} : { lock: toLockRecord(lock) }),
    candidates: leaf.candidates
      .filter(({ origin }) => isTold(origin))
      .map(({ origin, value }) => ({
        scope: origin.at.scope,
        scopeId: shownId(origin.at),
        version: origin.version,
        value: maskMarks(value),
      })),
  };
}

/** The leaves that only a default of the schema gives. */
function defaultLeaves(rule: Rule, merged: JsonValue, completed: JsonValue | undefined): ExplainedLeaf[] {
  const schema = rule.definition.jsonSchema;
  if (schema === undefined) return [];
  return defaultPaths(schema, merged).flatMap((path) =>
    leavesOf(valueAt(completed, path) ?? null).map((leaf) => defaultLeaf([...path, ...leaf.path], leaf.value)),
  );
}

function defaultLeaf(path: Path, value: JsonValue): ExplainedLeaf {
  return {
    path: formatPath(path),
    value,
    scope: 'schema',
    scopeId: null,
    version: null,
    changedBy: null,
    changedAt: null,
    comment: null,
    candidates: [],
  };
}
