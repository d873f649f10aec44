/** Owns the reads of effective values: from memory where that is right and new enough, else from the database, each with its age. */
import {
  ConfigurationError,
  isConfigurationError,
  parseKey,
  parseScopeContext,
  type JsonValue,
  type ScopeContext,
  type ScopeRequest,
} from '@strata/core';
import type { CacheEntry } from './cache.ts';
import { begin, type Context, type Loaded } from './context.ts';
import {
  ageOfHeld,
  ageOfLoaded,
  parseReadOptions,
  refuseWhileAway,
  waitForRevision,
  type DatedValue,
  type DatedValues,
  type ReadAge,
  type ReadLimits,
  type ReadOptions,
} from './read-age.ts';
import { load, loadShared } from './read.ts';

/** The effective value of a key; null when no layer gives one. */
export function get(
  context: Context,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions | undefined,
): Promise<JsonValue> {
  if (options !== undefined) return read(context, key, scope, options).then(({ value }) => value);
  const cached = find(context, key, scope);
  if (cached !== undefined) return (cached.promise ??= Promise.resolve(cached.value));
  return readMissing(context, key, scope, {}).then(({ value }) => value);
}

/** What `get` would answer from memory; undefined when it is not there. */
export function peek(context: Context, key: string, scope: ScopeContext | undefined): JsonValue | undefined {
  return find(context, key, scope)?.value;
}

/** What may be served from memory: while the database is away, also what has outlived its time. */
function find({ cache, closed, feed }: Context, key: string, scope: ScopeContext | undefined): CacheEntry | undefined {
  if (cache === undefined || closed) return undefined;
  return cache.find(key, scope) ?? (feed.outage === undefined ? undefined : cache.findOutlived(key, scope));
}

/** The effective value of a key with its age. */
export async function read(
  context: Context,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValue<JsonValue>> {
  const { minRevision } = parseReadOptions(options);
  return heldValue(context, key, scope, minRevision) ?? readMissing(context, key, scope, options);
}

/** The effective values of several keys at one scope; what is not in memory is read in one query. */
export async function readBatch(
  context: Context,
  keys: readonly string[],
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValues<JsonValue>> {
  begin(context);
  const request = parseScopeContext(scope);
  const limits = parseReadOptions(options);
  if (!Array.isArray(keys))
    throw new ConfigurationError('invalid_argument', { argument: 'keys', problem: 'give a list' });
  const parsed = [...new Set(keys)].map(parseKey);
  const found = new Map<string, DatedValue<JsonValue>>();
  for (const key of parsed) {
    const held = heldValue(context, key, request, limits.minRevision);
    if (held !== undefined) found.set(key, held);
  }
  const missing = parsed.filter((key) => !found.has(key));
  if (missing.length > 0) {
    const read = await readAll(context, missing, request, limits);
    for (const key of missing) found.set(key, read(key));
  }
  return together(
    context,
    parsed.flatMap((key) => found.get(key) ?? []),
    new Map(parsed.map((key) => [key, found.get(key)?.value ?? null])),
  );
}

/** The effective values of every key with a layer on the chain of a scope, by key; null where the layers leave nothing. */
export async function readEvery(
  context: Context,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValues<JsonValue>> {
  begin(context);
  const request = parseScopeContext(scope);
  const limits = parseReadOptions(options);
  const loaded = await loadNewEnough(context, limits, () => load(context, undefined, request));
  return { values: new Map([...loaded.values].sort(([a], [b]) => (a < b ? -1 : 1))), ...ageOfLoaded(loaded) };
}

/** Several ages as one: the revision of the newest, so that it can be passed on, and the age of the oldest. */
function together(context: Context, ages: readonly ReadAge[], values: Map<string, JsonValue>): DatedValues<JsonValue> {
  const [first = ageOfHeld(context, 0), ...others] = ages;
  let { revision, age, stale } = first;
  for (const other of others) {
    revision = Math.max(revision, other.revision);
    age = Math.max(age, other.age);
    stale ||= other.stale;
  }
  return { values, revision, age, stale };
}

/** Reads several keys; where the database is away, from memory. Answers how to get at each. */
async function readAll(
  context: Context,
  keys: readonly string[],
  request: ScopeRequest,
  limits: ReadLimits,
): Promise<(key: string) => DatedValue<JsonValue>> {
  try {
    const loaded = await loadNewEnough(context, limits, () => loadFrom(context, keys, request, limits));
    return (key) => ({ value: loaded.values.get(key) ?? null, ...ageOfLoaded(loaded) });
  } catch (error) {
    const outlived = new Map(keys.map((key) => [key, outlivedValue(context, key, request, limits, error)]));
    return (key) => outlived.get(key) ?? outlivedValue(context, key, request, limits, error);
  }
}

/** What memory holds of a key, if it may be served and is of `minRevision` or later. */
function heldValue(
  context: Context,
  key: string,
  scope: ScopeContext | undefined,
  minRevision: number,
): DatedValue<JsonValue> | undefined {
  const entry = find(context, key, scope);
  if (entry === undefined) return undefined;
  const age = ageOfHeld(context, entry.revision);
  return age.revision < minRevision ? undefined : { value: entry.value, ...age };
}

/** What memory holds of a key although its time has passed, since the database is away. @throws what was not an outage, or left nothing to serve. */
function outlivedValue(
  context: Context,
  key: string,
  request: ScopeRequest,
  { minRevision }: ReadLimits,
  error: unknown,
): DatedValue<JsonValue> {
  if (!isConfigurationError(error, 'unavailable')) throw error;
  // The feed finds out whether the database is away for everyone.
  if (context.feed.outage === undefined) context.feed.wake();
  const entry = context.cache?.findOutlived(key, request);
  if (entry === undefined) throw error;
  const age = ageOfHeld(context, entry.revision, true);
  if (age.revision < minRevision) throw error;
  return { value: entry.value, ...age };
}

/** Reads what is not in memory, or not new enough there. */
async function readMissing(
  context: Context,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValue<JsonValue>> {
  begin(context);
  const parsed = parseKey(key);
  const request = parseScopeContext(scope);
  const limits = parseReadOptions(options);
  try {
    const loaded = await loadNewEnough(context, limits, () => loadTogether(context, parsed, request, limits));
    return { value: loaded.values.get(parsed) ?? null, ...ageOfLoaded(loaded) };
  } catch (error) {
    return outlivedValue(context, parsed, request, limits, error);
  }
}

/**
 * Loads until that is of the wanted revision or a later one. What the store does not hold yet is waited for by the feed, in one query
 * for all that wait.
 * @throws ConfigurationError `unavailable`, `revision_not_reached`.
 */
async function loadNewEnough(
  context: Context,
  { minRevision, patience }: ReadLimits,
  loadOnce: () => Promise<Loaded>,
): Promise<Loaded> {
  for (;;) {
    refuseWhileAway(context);
    const loaded = await loadOnce();
    if (loaded.revision >= minRevision) return loaded;
    await waitForRevision(context, minRevision, { timeoutMs: patience.left() });
  }
}

/** What other processes share is only as new as what this process has followed. */
function loadFrom(
  context: Context,
  keys: readonly string[],
  request: ScopeRequest,
  { minRevision }: ReadLimits,
): Promise<Loaded> {
  const isFollowed = minRevision <= (context.feed.revision ?? 0);
  return isFollowed ? loadShared(context, keys, request) : load(context, keys, request);
}

/** Loads one key. All that ask for the same at once take two reads together: the one under way, and one that begins after it. */
async function loadTogether(context: Context, key: string, request: ScopeRequest, limits: ReadLimits): Promise<Loaded> {
  const { cache, flights } = context;
  if (cache === undefined) return load(context, [key], request);
  const name = JSON.stringify([
    key,
    request.scope,
    request.scopeId,
    request.organizationId ?? null,
    request.teamId ?? null,
  ]);
  const before = flights.get(name);
  if (before !== undefined) {
    const { since } = await before;
    // What it brought may be older than a write that was made before this call: then it is not in the cache.
    const entry = cache.find(key, request);
    const revision = Math.max(entry?.revision ?? 0, context.feed.revision ?? 0);
    if (entry !== undefined && revision >= limits.minRevision) {
      return { values: new Map([[key, entry.value]]), revision, since };
    }
  }
  const flight = flights.get(name);
  if (flight !== undefined) return flight;
  const loading = loadFrom(context, [key], request, limits).finally(() => flights.delete(name));
  flights.set(name, loading);
  return loading;
}
