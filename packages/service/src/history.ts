/** Owns the look at versions: one, many, and the difference of two. */
import {
  ConfigurationError,
  diff,
  globalScope,
  isCollection,
  parseKey,
  parseScope,
  type ConfigVersion,
  type Diff,
  type ScopeInput,
} from '@strata/core';
import { notPermitted, requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import { comparableLayer, toShownVersions } from './secrets/stored-secrets.ts';
import { maskDiffs } from './secrets/vault.ts';
import { readAddressHistory, readKeyHistory, type HistoryPlace, type StoredVersion } from './store/versions.ts';
import { placeOf, requireVersion, resolveVersion } from './version-reference.ts';
import { everything, takeVisible, visibilityOf, type Visibility } from './visibility.ts';
import { parseAddress } from './write.ts';

/** The last argument of calls that list or resolve versions. */
export interface HistoryOptions {
  /** Only this scope; also the address that `HEAD` and `@time` mean (default: global). */
  readonly scope?: ScopeInput;
  /**
   * Where the listing goes on: below a revision (a number), or after a version of this listing (any reference to it). Of a commit that
   * changed a key at several scopes only a version can lead on to the rest.
   */
  readonly before?: number | string;
}

const maxLimit = 1000;

/** One version of a key; null when there is none. */
export async function getVersion(
  context: Context,
  actor: Actor,
  key: string,
  version: string,
  options: Pick<HistoryOptions, 'scope'>,
): Promise<ConfigVersion | null> {
  begin(context);
  const parsed = parseKey(key);
  const found = await resolveVersion(
    context,
    parsed,
    version,
    options,
    await visibleVersions(context, actor, parsed, options),
  );
  return found === undefined ? null : ((await toShownVersions(context, [found]))[0] ?? null);
}

/** Which versions of a key an actor may read. @throws ConfigurationError `not_permitted` at a scope that is named. */
export async function visibleVersions(
  context: Context,
  actor: Actor,
  key: string,
  { scope }: Pick<HistoryOptions, 'scope'>,
): Promise<Visibility> {
  if (scope === undefined) return visibilityOf(context, actor, 'read', isCollection(key) ? undefined : key);
  // Each entry of a collection is asked about by itself.
  if (isCollection(key)) {
    await requirePermission(context, actor, 'read', parseScope(scope), 'list');
    return visibilityOf(context, actor, 'read');
  }
  await requirePermission(context, actor, 'read', { key, ...parseScope(scope) });
  return everything;
}

/** The versions of a key that an actor may read, newest first. */
export async function getHistory(
  context: Context,
  actor: Actor,
  key: string,
  limit: number,
  options: HistoryOptions,
): Promise<ConfigVersion[]> {
  begin(context);
  const scope = options.scope === undefined ? undefined : parseScope(options.scope);
  const parsed = parseKey(key);
  const most = parseCount(limit, 'limit', maxLimit);
  const see = await visibleVersions(context, actor, parsed, options);
  if (!see.isPossible) throw notPermitted(actor, 'read', { ...globalScope, key: parsed });
  const after = await parseBefore(context, parsed, options, see);
  const versions = await takeVisible(see, most, placeOf, (size, last) =>
    readKeyHistory(context.db, context.environment, parsed, scope, last === undefined ? after : placeIn(last), size),
  );
  if (after === undefined) await see.requireSome(versions);
  return toShownVersions(context, versions);
}

/** The place in the listing of a key's versions after which a page begins; undefined for its top. */
async function parseBefore(
  context: Context,
  key: string,
  { before, ...narrowed }: HistoryOptions,
  see: Visibility,
): Promise<HistoryPlace | undefined> {
  if (before === undefined) return undefined;
  if (typeof before === 'string') return placeIn(await requireVersion(context, key, before, narrowed, see));
  return { revision: parseCount(before, 'before', Number.MAX_SAFE_INTEGER) };
}

/** The place in the listing right after a version. */
function placeIn({ revision, key, scope, scopeId }: StoredVersion): HistoryPlace {
  return { revision, key, scope, scopeId: scopeId ?? '' };
}

/** Checks a count. @throws ConfigurationError `invalid_argument`. */
export function parseCount(input: unknown, argument: string, most: number): number {
  if (typeof input === 'number' && Number.isInteger(input) && input >= 1 && input <= most) return input;
  const range = most === Number.MAX_SAFE_INTEGER ? 'of 1 or more' : `from 1 to ${String(most)}`;
  throw new ConfigurationError('invalid_argument', {
    argument,
    problem: `give a whole number ${range}, not ${typeof input === 'number' ? String(input) : typeof input}`,
  });
}

/** What changed from one version of a key to another. */
export async function getDiff(
  context: Context,
  actor: Actor,
  key: string,
  versionA: string,
  versionB: string,
  options: Pick<HistoryOptions, 'scope'>,
): Promise<Diff[]> {
  begin(context);
  const parsed = parseKey(key);
  const see = await visibleVersions(context, actor, parsed, options);
  const [before, after] = await Promise.all([
    requireVersion(context, parsed, versionA, options, see),
    requireVersion(context, parsed, versionB, options, see),
  ]);
  return maskDiffs(diff(await comparableLayer(context, before), await comparableLayer(context, after)));
}

/** The current version of one layer; null when there is none. */
export async function getLayer(
  context: Context,
  actor: Actor,
  key: string,
  scope: HistoryOptions['scope'],
): Promise<ConfigVersion | null> {
  begin(context);
  const address = parseAddress(key, scope);
  await requirePermission(context, actor, 'read', address);
  const [head] = await readAddressHistory(context.db, context.environment, address, { limit: 1 });
  return head === undefined || head.deleted ? null : ((await toShownVersions(context, [head]))[0] ?? null);
}
