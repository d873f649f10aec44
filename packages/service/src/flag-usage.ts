/** Owns what is told of evaluation counters: which flags served which variants, and which flags nothing would miss. */
import { collectionOf, entryKey, entryName, globalScope, parseId } from '@strata/core';
import { requirePermission, type Place } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import { readCounting, type Counting } from './store/usage.ts';
import { readFlagUsage, readQuietFlags, type FlagUsage, type QuietFlag } from './store/evaluations.ts';
import { parseCount, sightOfKeys, mostDays } from './usage-report.ts';
import { takeVisible, visibilityOf, type Visibility } from './visibility.ts';

/** Which counters of flags are asked for. */
export interface FlagUsageFilter {
  readonly flag?: string;
  /** The name of a service; empty for who has none. */
  readonly service?: string;
  /** How many days back, today included: 1 to 400. Default: 30. */
  readonly days?: number;
  /** How many rows at most, 1 to 1,000: what was served most first. Default: 100. */
  readonly limit?: number;
}

/** How often which flags served which variants to which services. */
export interface FlagUsageReport extends Counting {
  readonly days: number;
  readonly usage: readonly FlagUsage[];
}

/** Which stale flags are asked for. */
export interface StaleFilter {
  /** For how many days they were not evaluated, or one-sided: 1 to 400. Default: 30. */
  readonly days?: number;
}

/** Why a flag is stale. */
export const staleReasons = ['never_evaluated', 'not_evaluated', 'one_sided'] as const;
export type StaleReason = (typeof staleReasons)[number];

/** A flag that is stale. */
export interface StaleFlag {
  readonly flag: string;
  /**
   * `never_evaluated`: not since evaluations are counted; `not_evaluated`: not in these days; `one_sided`: every evaluation in these
   * days served the same variant.
   */
  readonly reason: StaleReason;
  /** The variant that a one-sided flag serves; null for one that is not evaluated. */
  readonly variant: string | null;
  /** How often it was evaluated in these days. */
  readonly evaluations: number;
  readonly lastEvaluatedAt: Date | null;
}

/** The flags that are stale, by name. */
export interface StaleFlags extends Counting {
  readonly days: number;
  readonly flags: readonly StaleFlag[];
}

/**
 * Which flags served which variants to which services in the last days. Counters are of all scopes together, so they are for whoever may
 * read the flag at global.
 * @throws ConfigurationError `not_permitted`.
 */
export async function getFlagUsage(context: Context, actor: Actor, filter: FlagUsageFilter): Promise<FlagUsageReport> {
  begin(context);
  const flag = filter.flag === undefined ? undefined : parseId(filter.flag, 'flag');
  const service =
    filter.service === undefined || filter.service === '' ? filter.service : parseId(filter.service, 'service');
  const days = parseCount(filter.days ?? 30, 'days', mostDays);
  const limit = parseCount(filter.limit ?? 100, 'limit', 1000);
  const { db, environment } = context;
  const see = await sightOfFlags(context, actor, flag);
  const usage = await takeVisible(see, limit, atGlobal, (size, _last: FlagUsage | undefined, offset) =>
    readFlagUsage(db, environment, { days, flag, service, limit: size, offset }),
  );
  return { days, ...(await readCounting(db, environment, days)), usage };
}

/**
 * The flags that are older than some days and that were not evaluated since, or served the same variant every time. Archived flags, and
 * those that are prerequisites of others, are none of them. Only those that the actor may read at global.
 * @throws ConfigurationError `not_permitted`.
 */
export async function listStaleFlags(context: Context, actor: Actor, filter: StaleFilter): Promise<StaleFlags> {
  begin(context);
  const days = parseCount(filter.days ?? 30, 'days', mostDays);
  const { db, environment, flags } = context;
  const see = await sightOfFlags(context, actor, undefined);
  const counting = await readCounting(db, environment, days);
  await flags.load();
  const candidates = (await see.filter(candidatesOf(context), atGlobal)).map(({ flag }) =>
    entryKey('feature_flags', flag),
  );
  // Where nothing was ever counted, nothing is known.
  const quiet =
    counting.since === null
      ? []
      : await readQuietFlags(db, environment, days, candidates, entryKey('feature_flags', ''));
  return { days, ...counting, flags: quiet.map(toStale) };
}

/** The flags in use, but for those on which others depend: they are evaluated with these. */
function candidatesOf({ flags: { layers, global } }: Context): readonly { readonly flag: string }[] {
  const names = [...layers.keys()]
    .filter((key) => collectionOf(key) === 'feature_flags' && layers.layersOf(key).length > 0)
    .map(entryName)
    .filter((name) => global.flag(name)?.definition.archived !== true);
  const needed = new Set(
    names.flatMap((name) => (global.flag(name)?.definition.prerequisites ?? []).map(({ flag }) => flag)),
  );
  return names.filter((name) => !needed.has(name)).map((flag) => ({ flag }));
}

function toStale({ flag, variant, evaluations, lastAt }: QuietFlag): StaleFlag {
  const unread = lastAt === null ? 'never_evaluated' : 'not_evaluated';
  return { flag, reason: variant === null ? unread : 'one_sided', variant, evaluations, lastEvaluatedAt: lastAt };
}

async function sightOfFlags(context: Context, actor: Actor, flag: string | undefined): Promise<Visibility> {
  const key = flag === undefined ? undefined : entryKey('feature_flags', flag);
  await requirePermission(context, actor, 'read', { ...globalScope, key }, 'list');
  return sightOfKeys(context, await visibilityOf(context, actor, 'read', key));
}

function atGlobal({ flag }: { readonly flag: string }): Place {
  return { ...globalScope, key: entryKey('feature_flags', flag) };
}
