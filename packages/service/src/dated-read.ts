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
import type { Actor } from './actor.ts';
import type { Answer } from './authorize.ts';
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
import { isPermittedBefore, mayHave, mayServe, permittedKeys, refusal } from './read-access.ts';

/** The effective value of a key; null when no layer gives one. */
export function get(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions | undefined,
): Promise<JsonValue> {
  if (options !== undefined) return read(context, actor, key, scope, options).then(({ value }) => value);
  const cached = find(context, key, scope);
  if (cached !== undefined) {
    const answer = context.access.answerFor(actor, cached);
    if (answer === true) return (cached.promise ??= Promise.resolve(cached.value));
    if (answer !== undefined) return serveIf(answer, actor, cached);
  }
  return readMissing(context, actor, key, scope, {}).then(({ value }) => value);
}

async function serveIf(answer: Answer | Promise<Answer>, actor: Actor, cached: CacheEntry): Promise<JsonValue> {
  const settled = await answer;
  if (settled === true) return cached.value;
  throw refusal(actor, cached, settled);
}

/** What `get` would answer from memory; undefined when it is not there, or when who may read it is not known at once. */
export function peek(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
): JsonValue | undefined {
  const cached = find(context, key, scope);
  if (cached === undefined) return undefined;
  return context.access.answerFor(actor, cached) === true ? cached.value : undefined;
}

/** What may be served from memory: while the database is away, also what has outlived its time. */
function find({ cache, closed, feed }: Context, key: string, scope: ScopeContext | undefined): CacheEntry | undefined {
  if (cache === undefined || closed) return undefined;
  return cache.find(key, scope) ?? (feed.outage === undefined ? undefined : cache.findOutlived(key, scope));
}

/** The effective value of a key with its age. */
export async function read(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValue<JsonValue>> {
  const { minRevision } = parseReadOptions(options);
  return (await heldValue(context, actor, key, scope, minRevision)) ?? readMissing(context, actor, key, scope, options);
}

/** The effective values of several keys at one scope; what is not in memory is read in one query. */
export async function readBatch(
  context: Context,
  actor: Actor,
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
    const held = await heldValue(context, actor, key, request, limits.minRevision);
    if (held !== undefined) found.set(key, held);
  }
  const missing = parsed.filter((key) => !found.has(key));
  if (missing.length > 0) {
    const read = await readAll(context, actor, missing, request, limits);
    for (const key of missing) found.set(key, await read(key));
  }
  return together(
    context,
    parsed.flatMap((key) => found.get(key) ?? []),
    new Map(parsed.map((key) => [key, found.get(key)?.value ?? null])),
  );
}

/** The effective values of every key with a layer on the chain of a scope that the actor may read, by key; null where the layers leave nothing. */
export async function readEvery(
  context: Context,
  actor: Actor,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValues<JsonValue>> {
  begin(context);
  const request = parseScopeContext(scope);
  const limits = parseReadOptions(options);
  const isChecked = await isPermittedBefore(context, actor, undefined, request);
  const loaded = await loadPermitted(context, actor, undefined, request, limits, isChecked, () =>
    load(context, undefined, request),
  );
  const keys = await permittedKeys(context, actor, [...loaded.values.keys()].sort(), loaded);
  return { values: new Map(keys.map((key) => [key, loaded.values.get(key) ?? null])), ...ageOfLoaded(loaded) };
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
  actor: Actor,
  keys: readonly string[],
  request: ScopeRequest,
  limits: ReadLimits,
): Promise<(key: string) => DatedValue<JsonValue> | Promise<DatedValue<JsonValue>>> {
  const isChecked = await isPermittedBefore(context, actor, keys, request);
  try {
    const loaded = await loadPermitted(context, actor, keys, request, limits, isChecked, () =>
      loadFrom(context, keys, request, limits),
    );
    return (key) => ({ value: loaded.values.get(key) ?? null, ...ageOfLoaded(loaded) });
  } catch (error) {
    return (key) => outlivedValue(context, isChecked ? undefined : actor, key, request, limits, error);
  }
}

/** What memory holds of a key, if it may be served and is of `minRevision` or later. */
async function heldValue(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  minRevision: number,
): Promise<DatedValue<JsonValue> | undefined> {
  const entry = find(context, key, scope);
  if (entry === undefined) return undefined;
  const age = ageOfHeld(context, entry.revision);
  if (age.revision < minRevision || !(await mayServe(context, actor, entry))) return undefined;
  return { value: entry.value, ...age };
}

/**
 * What memory holds of a key although its time has passed, since the database is away.
 * @param actor who has to be permitted to read it; absent where that was found before.
 * @throws what was not an outage, or left nothing to serve.
 */
async function outlivedValue(
  context: Context,
  actor: Actor | undefined,
  key: string,
  request: ScopeRequest,
  { minRevision }: ReadLimits,
  error: unknown,
): Promise<DatedValue<JsonValue>> {
  if (!isConfigurationError(error, 'unavailable')) throw error;
  // The feed finds out whether the database is away for everyone.
  if (context.feed.outage === undefined) context.feed.wake();
  const entry = context.cache?.findOutlived(key, request);
  if (entry === undefined) throw error;
  const age = ageOfHeld(context, entry.revision, true);
  if (age.revision < minRevision) throw error;
  if (actor !== undefined && !(await mayServe(context, actor, entry))) throw error;
  return { value: entry.value, ...age };
}

/** Reads what is not in memory, or not new enough there. */
async function readMissing(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValue<JsonValue>> {
  begin(context);
  const parsed = parseKey(key);
  const request = parseScopeContext(scope);
  const limits = parseReadOptions(options);
  const isChecked = await isPermittedBefore(context, actor, [parsed], request);
  try {
    const loaded = await loadPermitted(context, actor, [parsed], request, limits, isChecked, () =>
      loadTogether(context, parsed, request, limits),
    );
    return { value: loaded.values.get(parsed) ?? null, ...ageOfLoaded(loaded) };
  } catch (error) {
    return outlivedValue(context, isChecked ? undefined : actor, parsed, request, limits, error);
  }
}

/**
 * Loads what an actor may read. What was loaded while nobody was to be asked does not tell who may read it, and is loaded again.
 * @param keys absent for all.
 * @param isChecked whether the actor was found to be permitted already.
 */
async function loadPermitted(
  context: Context,
  actor: Actor,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
  limits: ReadLimits,
  isChecked: boolean,
  loadOnce: () => Promise<Loaded>,
): Promise<Loaded> {
  for (;;) {
    const loaded = await loadNewEnough(context, limits, loadOnce);
    if (isChecked || (await mayHave(context, actor, keys, request, loaded))) return loaded;
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
      const { authority } = entry;
      return { values: new Map([[key, entry.value]]), revision, since, authority, progress: undefined };
    }
  }
  const flight = flights.get(name);
  if (flight !== undefined) return flight;
  const loading = loadFrom(context, [key], request, limits).finally(() => flights.delete(name));
  flights.set(name, loading);
  return loading;
}
