/** Owns the reads of effective values: from memory where that is right and new enough, else from the database, each with its age. */
import {
  collectionOf,
  ConfigurationError,
  deepFreeze,
  gatherEntries,
  isCollection,
  isConfigurationError,
  parseKey,
  parseScopeContext,
  type Collection,
  type JsonValue,
  type ScopeContext,
  type ScopeRequest,
} from '@strata/core';
import { allows } from './access.ts';
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
import { reveal } from './secrets/reveal.ts';
import type { HeldSecret } from './secrets/vault.ts';
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
  if (cached?.secret !== undefined) return revealHeld(context, actor, cached);
  if (cached !== undefined) {
    const answer = context.access.answerFor(actor, cached);
    if (answer === true) {
      if (actor.service !== undefined) context.usage?.served(actor, cached);
      return (cached.promise ??= Promise.resolve(cached.value));
    }
    if (answer !== undefined) return serveIf(context, answer, actor, cached);
    context.cache?.takeBack(cached);
  }
  return readAnew(context, actor, key, scope, {}).then(({ value }) => value);
}

async function revealHeld(context: Context, actor: Actor, entry: CacheEntry): Promise<JsonValue> {
  const { key, request, secret } = entry;
  if (secret === undefined || !(await mayServe(context, actor, entry))) {
    return (await readAnew(context, actor, key, request, {})).value;
  }
  return reveal(context, actor, key, request, secret);
}

async function serveIf(
  { cache, usage }: Context,
  answer: Answer | Promise<Answer>,
  actor: Actor,
  cached: CacheEntry,
): Promise<JsonValue> {
  const settled = await answer;
  if (settled === true) {
    usage?.served(actor, cached);
    return cached.value;
  }
  cache?.takeBack(cached);
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
  if (cached === undefined || cached.secret !== undefined) return undefined;
  if (context.access.answerFor(actor, cached) === true) {
    context.usage?.served(actor, cached);
    return cached.value;
  }
  context.cache?.takeBack(cached);
  return undefined;
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
  const limits = parseReadOptions(options);
  const held = await heldValue(context, actor, key, scope, limits.minRevision);
  if (held === undefined) return readAnew(context, actor, key, scope, options);
  return held.secret === undefined ? held : disclosed(context, actor, key, parseScopeContext(scope), held, limits);
}

async function readAnew(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<DatedValue<JsonValue>> {
  const found = await readMissing(context, actor, key, scope, options);
  if (found.secret === undefined) return found;
  return disclosed(context, actor, key, parseScopeContext(scope), found, parseReadOptions(options));
}

/** What was found, its value masked where it has a secret. */
interface Found extends DatedValue<JsonValue> {
  readonly secret?: HeldSecret | undefined;
}

/** What was found as the reader asked for it: with its secrets, or masked. */
async function disclosed(
  context: Context,
  actor: Actor,
  key: string,
  request: ScopeRequest,
  { secret, ...found }: Found,
  { secrets, why }: ReadLimits,
): Promise<DatedValue<JsonValue>> {
  if (secret === undefined || secrets === 'mask') return found;
  return { ...found, value: await reveal(context, actor, key, request, secret, why) };
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
  const found = new Map<string, Found>();
  for (const key of parsed) {
    const held = await heldValue(context, actor, key, request, limits.minRevision);
    if (held !== undefined) found.set(key, held);
  }
  for (const key of parsed.filter(isCollection)) {
    found.set(key, await readCollection(context, actor, key, request, limits));
  }
  const missing = parsed.filter((key) => !found.has(key));
  if (missing.length > 0) {
    const read = await readAll(context, actor, missing, request, limits);
    for (const key of missing) found.set(key, await read(key));
  }
  for (const [key, one] of found) {
    if (one.secret !== undefined) found.set(key, await disclosed(context, actor, key, request, one, limits));
  }
  return together(
    context,
    parsed.flatMap((key) => found.get(key) ?? []),
    new Map(parsed.map((key) => [key, found.get(key)?.value ?? null])),
  );
}

/**
 * The effective values of every key with a layer on the chain of a scope that the actor may read, by key; null where the layers leave
 * nothing. The entries of a collection stand together under its key. Secrets that he may not read are masked.
 */
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
  const keys = await permittedKeys(context, actor, [...loaded.values.keys()], loaded);
  const values = new Map<string, JsonValue>();
  const told =
    limits.secrets === 'mask' ? loaded : await revealPermitted(context, actor, keys, request, loaded, limits);
  for (const key of new Set(keys.map((one) => collectionOf(one) ?? one).sort())) {
    values.set(key, isCollection(key) ? gathered(key, keys, told) : (told.values.get(key) ?? null));
  }
  countReads(context, actor, keys, request, loaded);
  return { values, ...ageOfLoaded(loaded) };
}

/** Counts a read of each of some keys. */
function countReads(
  { usage }: Context,
  actor: Actor,
  keys: readonly string[],
  request: ScopeRequest,
  { values }: Loaded,
): void {
  for (const key of keys) usage?.read(actor, key, request, values.get(key) ?? null);
}

/** The effective entries of a collection that the actor may read, by name; null where there is none. It is always read. */
async function readCollection(
  context: Context,
  actor: Actor,
  collection: Collection,
  request: ScopeRequest,
  limits: ReadLimits,
): Promise<DatedValue<JsonValue>> {
  const isChecked = await isPermittedBefore(context, actor, undefined, request);
  const loaded = await loadPermitted(context, actor, undefined, request, limits, isChecked, () =>
    load(context, { within: collection }, request),
  );
  const keys = await permittedKeys(context, actor, [...loaded.values.keys()], loaded);
  countReads(context, actor, keys, request, loaded);
  const told =
    limits.secrets === 'mask' ? loaded : await revealPermitted(context, actor, keys, request, loaded, limits);
  return { value: gathered(collection, keys, told), ...ageOfLoaded(loaded) };
}

/** Puts secrets in the place of their masks that the actor may read. */
async function revealPermitted(
  context: Context,
  actor: Actor,
  keys: readonly string[],
  request: ScopeRequest,
  loaded: Loaded,
  { why }: ReadLimits,
): Promise<Pick<Loaded, 'values'>> {
  if (loaded.secrets.size === 0) return loaded;
  const values = new Map(loaded.values);
  for (const key of keys) {
    const secret = loaded.secrets.get(key);
    if (secret === undefined || !(await allows(context, actor, 'read-sensitive', { ...request, key }))) continue;
    values.set(key, await reveal(context, actor, key, request, secret, why));
  }
  return { values };
}

function gathered(collection: Collection, keys: readonly string[], { values }: Pick<Loaded, 'values'>): JsonValue {
  const entries = keys
    .filter((key) => collectionOf(key) === collection && (values.get(key) ?? null) !== null)
    .sort()
    .map((key) => [key, values.get(key) ?? null] as const);
  return entries.length === 0 ? null : deepFreeze(gatherEntries(entries));
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
): Promise<(key: string) => Found | Promise<Found>> {
  const isChecked = await isPermittedBefore(context, actor, keys, request);
  try {
    const loaded = await loadPermitted(context, actor, keys, request, limits, isChecked, () =>
      loadFrom(context, keys, request, limits),
    );
    return (key) => loadedValue(context, actor, key, request, loaded);
  } catch (error) {
    return (key) => outlivedValue(context, actor, isChecked, key, request, limits, error);
  }
}

function foundIn(loaded: Loaded, key: string): Found {
  const secret = loaded.secrets.get(key);
  const found = { value: loaded.values.get(key) ?? null, ...ageOfLoaded(loaded) };
  return secret === undefined ? found : { ...found, secret };
}

function foundInMemory({ value, secret }: CacheEntry, age: ReadAge): Found {
  return secret === undefined ? { value, ...age } : { value, secret, ...age };
}

/** What memory holds of a key, if it may be served and is of `minRevision` or later. */
async function heldValue(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  minRevision: number,
): Promise<Found | undefined> {
  const entry = find(context, key, scope);
  if (entry === undefined) return undefined;
  const age = ageOfHeld(context, entry.revision);
  if (!(await serves(context, entry, age.revision >= minRevision && mayServe(context, actor, entry)))) return undefined;
  context.usage?.served(actor, entry);
  return foundInMemory(entry, age);
}

/** Whether something that was found may be served; what may not is not counted as read. */
async function serves({ cache }: Context, entry: CacheEntry, may: boolean | Promise<boolean>): Promise<boolean> {
  let isServed = false;
  try {
    return (isServed = await may);
  } finally {
    if (!isServed) cache?.takeBack(entry);
  }
}

/** A value that was loaded for a read, with its age. */
function loadedValue(context: Context, actor: Actor, key: string, request: ScopeRequest, loaded: Loaded): Found {
  const found = foundIn(loaded, key);
  context.usage?.read(actor, key, request, found.value);
  return found;
}

/**
 * What memory holds of a key although its time has passed, since the database is away.
 * @param isChecked whether the actor was found to be permitted already.
 * @throws what was not an outage, or left nothing to serve.
 */
async function outlivedValue(
  context: Context,
  actor: Actor,
  isChecked: boolean,
  key: string,
  request: ScopeRequest,
  { minRevision }: ReadLimits,
  error: unknown,
): Promise<Found> {
  if (!isConfigurationError(error, 'unavailable')) throw error;
  // The feed finds out whether the database is away for everyone.
  if (context.feed.outage === undefined) context.feed.wake();
  const entry = context.cache?.findOutlived(key, request);
  if (entry === undefined) throw error;
  const age = ageOfHeld(context, entry.revision, true);
  const may = age.revision >= minRevision && (isChecked || mayServe(context, actor, entry));
  if (!(await serves(context, entry, may))) throw error;
  context.usage?.served(actor, entry);
  return foundInMemory(entry, age);
}

/** Reads what is not in memory, or not new enough there. */
async function readMissing(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeContext | undefined,
  options: ReadOptions,
): Promise<Found> {
  begin(context);
  const parsed = parseKey(key);
  const request = parseScopeContext(scope);
  const limits = parseReadOptions(options);
  if (isCollection(parsed)) return readCollection(context, actor, parsed, request, limits);
  const isChecked = await isPermittedBefore(context, actor, [parsed], request);
  try {
    const loaded = await loadPermitted(context, actor, [parsed], request, limits, isChecked, () =>
      loadTogether(context, parsed, request, limits),
    );
    return loadedValue(context, actor, parsed, request, loaded);
  } catch (error) {
    return outlivedValue(context, actor, isChecked, parsed, request, limits, error);
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
    const entry = cache.look(key, request);
    const revision = Math.max(entry?.revision ?? 0, context.feed.revision ?? 0);
    if (entry !== undefined && revision >= limits.minRevision) {
      const { authority, secret } = entry;
      const secrets = new Map(secret === undefined ? [] : [[key, secret]]);
      return { values: new Map([[key, entry.value]]), secrets, revision, since, authority, progress: undefined };
    }
  }
  const flight = flights.get(name);
  if (flight !== undefined) return flight;
  const loading = loadFrom(context, [key], request, limits).finally(() => flights.delete(name));
  flights.set(name, loading);
  return loading;
}
