/** Owns what is told of usage counters: which services read which keys, and which keys nobody reads. */
import { ConfigurationError, describeInput, globalScope, parseId, parseKey } from '@strata/core';
import { requirePermission, type Place } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import { readProgress } from './store/counter.ts';
import {
  readCounting,
  readPlaces,
  readUnusedKeys,
  readUsage,
  type Counting,
  type KeyUsage,
  type UnusedKey,
} from './store/usage.ts';
import { everything, takeVisible, visibilityOf, type Visibility } from './visibility.ts';

/** Which counters are asked for. */
export interface UsageFilter {
  readonly key?: string;
  /** The name of a service; empty for readers that have none. */
  readonly service?: string;
  /** How many days back, today included: 1 to 400. Default: 30. */
  readonly days?: number;
  /** How many rows at most, 1 to 1,000: the most-read first. Default: 100. */
  readonly limit?: number;
}

/** How often which services read which keys. */
export interface UsageReport extends Counting {
  readonly days: number;
  readonly usage: readonly KeyUsage[];
}

/** Which unused keys are asked for. */
export interface UnusedFilter {
  /** For how many days nobody has read them: 1 to 400. Default: 30. */
  readonly days?: number;
  /** The last key of the page before. */
  readonly after?: string;
  /** How many at most, 1 to 1,000. Default: 100. */
  readonly limit?: number;
}

/** The keys that nobody has read for some days, by key. */
export interface UnusedKeys extends Counting {
  readonly days: number;
  readonly keys: readonly UnusedKey[];
  /** What to give as `after` for the next page; null on the last one. */
  readonly next: string | null;
}

/** How many days back counters can be asked for. */
export const mostDays = 400;

/**
 * Which services read which keys, and how often, in the last days. Counters are of all scopes together, so they are for whoever may read
 * the key at global.
 * @throws ConfigurationError `not_permitted`.
 */
export async function getUsage(context: Context, actor: Actor, filter: UsageFilter): Promise<UsageReport> {
  begin(context);
  const key = filter.key === undefined ? undefined : parseKey(filter.key);
  const service =
    filter.service === undefined || filter.service === '' ? filter.service : parseId(filter.service, 'service');
  const days = parseCount(filter.days ?? 30, 'days', mostDays);
  const limit = parseCount(filter.limit ?? 100, 'limit', 1000);
  const { db, environment } = context;
  await requirePermission(context, actor, 'read', { ...globalScope, key }, 'list');
  const see = sightOfKeys(context, await visibilityOf(context, actor, 'read', key));
  const keys = key === undefined ? undefined : [key];
  const usage = await takeVisible(see, limit, atGlobal, (size, _last: KeyUsage | undefined, offset) =>
    readUsage(db, environment, { days, keys, service, limit: size, offset }),
  );
  return { days, ...(await readCounting(db, environment, days)), usage };
}

/**
 * The keys with a definition or layers that are older than some days, and that nobody has read since. Only those that the actor may read
 * at global, and of which he may see the definition or a layer.
 * @throws ConfigurationError `not_permitted`.
 */
export async function listUnusedKeys(context: Context, actor: Actor, filter: UnusedFilter): Promise<UnusedKeys> {
  begin(context);
  const days = parseCount(filter.days ?? 30, 'days', mostDays);
  const limit = parseCount(filter.limit ?? 100, 'limit', 1000);
  const after = filter.after === undefined ? undefined : parseKey(filter.after);
  const { db, environment } = context;
  await requirePermission(context, actor, 'read', globalScope, 'list');
  const see = sightOfKeys(context, await visibilityOf(context, actor, 'read'));
  const counting = await readCounting(db, environment, days);
  const readPage = async (size: number, last: UnusedKey | undefined): Promise<readonly UnusedKey[]> =>
    readUnusedKeys(db, environment, days, { limit: size, after: last?.key ?? after });
  // Where nothing was ever counted, nothing is known.
  const found = counting.since === null ? [] : await takeVisible(see, limit + 1, atGlobal, readPage);
  const keys = found.slice(0, limit);
  return { days, ...counting, keys, next: found.length > limit ? (keys.at(-1)?.key ?? null) : null };
}

/**
 * The sight of keys, given as places at global. A key without a definition is known only by its layers: whoever may see none of them does
 * not learn that it is there.
 */
export function sightOfKeys(context: Context, see: Visibility): Visibility {
  if (see === everything) return see;
  return {
    ...see,
    filter: async (items, toPlace) => {
      const { db, environment, ruleBook } = context;
      const readable = await see.filter(items, toPlace);
      const keyOf = (item: (typeof items)[number]): string => toPlace(item).key ?? '';
      const { byKey } = await ruleBook.at(db, await readProgress(db));
      const layered = [...new Set(readable.map(keyOf))].filter((key) => !byKey.has(key));
      const places = layered.length === 0 ? [] : await readPlaces(db, environment, layered);
      const seen = new Set((await see.filter(places, (place) => place)).map(({ key }) => key));
      return readable.filter((item) => byKey.has(keyOf(item)) || seen.has(keyOf(item)));
    },
  };
}

function atGlobal({ key }: { readonly key: string }): Place {
  return { ...globalScope, key };
}

/** A whole number from 1 to `most`. @throws ConfigurationError `invalid_argument`. */
export function parseCount(count: unknown, argument: string, most: number): number {
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= most) return count;
  const problem = `give a whole number from 1 to ${String(most)}, not ${describeInput(count)}`;
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
