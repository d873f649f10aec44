/** Owns reads of effective values: from memory where that is right, else in one query. */
import {
  ConfigurationError,
  globMatcher,
  mergeLayers,
  parseKey,
  parseScopeContext,
  resolveChain,
  sameScope,
  type ConfigScope,
  type JsonValue,
  type ScopeContext,
  type ScopeRequest,
  type ScopeRef,
} from '@strata/core';
import { begin, open, type Context } from './context.ts';
import type { Rule, Rules } from './rules.ts';
import { readChain, readLayers, type ChainRead, type Layer } from './store/layers.ts';
import type { Head } from './store/settings.ts';

/** The effective value of a key; null when no layer gives one. */
export function get(context: Context, key: string, scope: ScopeContext | undefined): Promise<JsonValue> {
  const cached = context.closed ? undefined : context.cache?.find(key, scope);
  return cached === undefined ? read(context, key, scope) : (cached.promise ??= Promise.resolve(cached.value));
}

/** What `get` would answer from memory; undefined when it is not there. */
export function peek(context: Context, key: string, scope: ScopeContext | undefined): JsonValue | undefined {
  return context.closed ? undefined : context.cache?.find(key, scope)?.value;
}

async function read(context: Context, key: string, scope: ScopeContext | undefined): Promise<JsonValue> {
  begin(context);
  const parsed = parseKey(key);
  const request = parseScopeContext(scope);
  const { cache, flights } = context;
  if (cache === undefined) return (await load(context, [parsed], request)).get(parsed) ?? null;
  const name = JSON.stringify([
    parsed,
    request.scope,
    request.scopeId,
    request.organizationId ?? null,
    request.teamId ?? null,
  ]);
  for (;;) {
    const flight = flights.get(name);
    if (flight === undefined) return lead(context, name, parsed, request);
    await flight;
    // What the flight brought may be older than a write that was made before this call: then it is not in the cache.
    const cached = cache.find(parsed, request);
    if (cached !== undefined) return cached.value;
  }
}

async function lead(context: Context, name: string, key: string, request: ScopeRequest): Promise<JsonValue> {
  const loading = load(context, [key], request);
  const flight = loading.then(() => undefined);
  // A failure reaches those who wait for it; without any it is the leader's alone.
  flight.catch(() => undefined);
  context.flights.set(name, flight);
  try {
    return (await loading).get(key) ?? null;
  } finally {
    context.flights.delete(name);
  }
}

/** The effective values of several keys at one scope; what is not in memory is read in one query. */
export async function getBatch(
  context: Context,
  keys: readonly string[],
  scope: ScopeContext | undefined,
): Promise<Map<string, JsonValue>> {
  begin(context);
  const request = parseScopeContext(scope);
  if (!Array.isArray(keys))
    throw new ConfigurationError('invalid_argument', { argument: 'keys', problem: 'give a list' });
  const parsed = [...new Set(keys)].map(parseKey);
  const result = new Map<string, JsonValue>();
  const missing: string[] = [];
  for (const key of parsed) {
    const cached = context.cache?.find(key, request);
    result.set(key, cached?.value ?? null);
    if (cached === undefined) missing.push(key);
  }
  if (missing.length > 0) for (const [key, value] of await load(context, missing, request)) result.set(key, value);
  return result;
}

/** The effective values of every key with a layer on the chain of a scope, by key; null where the layers leave nothing. */
export async function getAll(context: Context, scope: ScopeContext | undefined): Promise<Map<string, JsonValue>> {
  begin(context);
  const values = await load(context, undefined, parseScopeContext(scope));
  return new Map([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
}

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

/** Reads and keeps effective values until what was read is at least as new as what this process knows of. */
async function load(
  context: Context,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<Map<string, JsonValue>> {
  const { cache } = context;
  for (;;) {
    const read = await readAlongChain(context, keys, request);
    context.feed.follow(read.revision);
    const rules = await context.ruleBook.at(context.db, read);
    if (rules.revision !== read.rulesRevision) continue;
    const values = effectiveValues(keys, read, rules);
    if (cache === undefined || keys === undefined) return values;
    const { chain, revision } = read;
    const kept = [...values].map(([key, value]) => cache.keep(key, request, value, revision, { key, chain }));
    if (kept.every(Boolean)) return values;
  }
}

interface AlongChain extends ChainRead {
  readonly chain: readonly ScopeRef[];
}

/** Reads the layers along the chain of a scope: a remembered one if it still holds in what was read, else one looked up with them. */
async function readAlongChain(
  { db, environment, chains }: Context,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<AlongChain> {
  const known = chains.find(request);
  if (known !== undefined) {
    const { chain, decisionRevision } = known;
    const read = await readChain(db, environment, keys, chain);
    if ((decisionRevision ?? read.decisionRevision) === read.decisionRevision) return { ...read, chain };
    chains.moveTo(read.decisionRevision);
  }
  const read = await readLayers(db, environment, keys, request);
  const chain = resolveChain(request, read.links);
  chains.remember(request, chain, read.decisionRevision);
  const layers = read.heads.flatMap((head) => (head.value === undefined ? [] : { ...head, value: head.value }));
  return { ...read, chain, layers };
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

/** Forgets cached values: all, or those of keys that match a glob in which `*` stands for any characters. */
export async function invalidateCache(context: Context, pattern: string | undefined): Promise<void> {
  const { cache } = open(context);
  if (pattern === undefined || pattern === '*') cache?.forget(() => true);
  else cache?.forget(globMatcher(pattern));
}
