/** Owns reading effective values from where processes share them, and from the database in one query. */
import {
  mergeLayers,
  parseScopeContext,
  resolveChain,
  sameScope,
  type ConfigScope,
  type JsonValue,
  type ScopeContext,
  type ScopeLink,
  type ScopeRequest,
  type ScopeRef,
} from '@strata/core';
import { begin, type Context, type Loaded } from './context.ts';
import type { Rule, Rules } from './rules.ts';
import { readChain, readLayers, type ChainRead, type Layer } from './store/layers.ts';
import type { Head } from './store/settings.ts';

/** The scopes that a read at a scope inherits along. */
export async function getScopeChain(
  context: Context,
  scope: ScopeContext | undefined,
): Promise<{ scope: ConfigScope; scopeId: string | null }[]> {
  begin(context);
  const request = parseScopeContext(scope);
  const { links } = await readLayers(context.db, context.environment, [], request);
  return resolveChain(request, links).map((at) => ({
    scope: at.scope,
    scopeId: at.scope === 'global' ? null : at.scopeId,
  }));
}

/** Takes what the processes of this store share, and reads the rest. */
export async function loadShared(context: Context, keys: readonly string[], request: ScopeRequest): Promise<Loaded> {
  const { shared, feed } = context;
  if (shared === undefined) return load(context, keys, request);
  const found = await shared.find(keys, request);
  const known = { values: found, revision: feed.revision ?? 0, since: feed.contact };
  const missing = keys.filter((key) => !found.has(key));
  if (missing.length === 0) return known;
  const { values, revision, since } = await load(context, missing, request);
  if (found.size === 0) return { values, revision, since };
  return {
    values: new Map([...found, ...values]),
    revision: Math.max(revision, known.revision),
    since: Math.min(since, known.since),
  };
}

/** Reads and keeps effective values until what was read is at least as new as what this process knows of. */
export async function load(
  context: Context,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<Loaded> {
  const { cache, shared } = context;
  for (;;) {
    const since = performance.now();
    const forgotten = cache?.forgotten;
    const mark = shared?.mark;
    const read = await readAlongChain(context, keys, request);
    context.feed.follow(read.revision);
    const rules = await context.ruleBook.at(context.db, read);
    if (rules.revision !== read.rulesRevision) continue;
    const values = effectiveValues(keys, read, rules);
    const { chain, beside, revision } = read;
    if (cache === undefined || keys === undefined) return { values, revision, since };
    // What was read before somebody asked to forget it is read again.
    if (cache.forgotten !== forgotten) continue;
    if (read.commit !== undefined) context.history?.saw(revision, read.commit);
    const kept = [...values].map(([key, value]) => cache.keep(key, request, value, revision, { key, chain, beside }));
    if (!kept.every(Boolean)) continue;
    if (mark !== undefined) shared?.offer({ ...read, values, request, rules }, mark);
    return { values, revision, since };
  }
}

interface AlongChain extends ChainRead {
  readonly chain: readonly ScopeRef[];
  /** Teams beside the chain whose parents decided which team is on it. */
  readonly beside: readonly ScopeRef[];
}

/** Reads the layers along the chain of a scope: a remembered one if it still holds in what was read, else one looked up with them. */
async function readAlongChain(
  { db, environment, chains, shared }: Context,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<AlongChain> {
  const known = chains.find(request);
  if (known !== undefined) {
    const { chain, decisionRevision } = known;
    const read = await readChain(db, environment, keys, chain, shared !== undefined);
    if ((decisionRevision ?? read.decisionRevision) === read.decisionRevision) return { ...read, chain, beside: [] };
    chains.moveTo(read.decisionRevision);
  }
  const read = await readLayers(db, environment, keys, request, shared !== undefined);
  const chain = resolveChain(request, read.links);
  chains.remember(request, chain, read.decisionRevision);
  const layers = read.heads.flatMap((head) => (head.value === undefined ? [] : { ...head, value: head.value }));
  return { ...read, chain, beside: teamsBeside(request, chain, read.links), layers };
}

/** With an explicit org, a user inherits from a team of that org: which one it is depends on the parents of all the user's teams. */
function teamsBeside(request: ScopeRequest, chain: readonly ScopeRef[], links: readonly ScopeLink[]): ScopeRef[] {
  if (request.scope !== 'user' || request.organizationId === undefined || request.teamId !== undefined) return [];
  return links
    .filter(({ child, parent }) => sameScope(child, request) && parent.scope === 'team')
    .map(({ parent }) => parent)
    .filter((team) => !chain.some((scope) => sameScope(scope, team)));
}

function effectiveValues(
  keys: readonly string[] | undefined,
  { chain, layers }: AlongChain,
  rules: Rules,
): Map<string, JsonValue> {
  const byKey = new Map<string, Layer[]>((keys ?? []).map((key) => [key, []]));
  for (const scope of chain) {
    for (const layer of layers) {
      if (!sameScope(layer, scope)) continue;
      const ofKey = byKey.get(layer.key);
      if (ofKey === undefined) byKey.set(layer.key, [layer]);
      else ofKey.push(layer);
    }
  }
  return new Map([...byKey].map(([key, ofKey]) => [key, effective(ofKey, rules.byKey.get(key))]));
}

/** The layers of one key merged from global down and completed with defaults; null when nothing is left. */
export function effective(layers: readonly Pick<Head, 'value'>[], rule: Rule | undefined): JsonValue {
  const values = layers.map((head) => head.value).filter((value) => value !== undefined);
  const merged = mergeLayers(values, rule?.definition.merge ?? 'deep');
  if (merged === undefined) return null;
  return rule === undefined ? merged : rule.validator.withDefaults(merged);
}
