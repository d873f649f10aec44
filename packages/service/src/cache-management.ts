/** Owns what operators ask of the caches: to forget, and to tell how they do. */
import { globMatcher } from '@strata/core';
import { open, type Context } from './context.ts';
import { noRejections, type SharedCacheStats } from './shared-values.ts';

/** What was counted since the service was made. */
export interface CacheStats {
  /** How many effective values are in memory. */
  readonly entries: number;
  /** About how many bytes they take. */
  readonly bytes: number;
  /** How often memory had the answer. */
  readonly hits: number;
  readonly misses: number;
  /** How many values were dropped because of `cacheMaxEntries` or `cacheMaxBytes`. */
  readonly evictions: number;
  /** The cache in Redis. */
  readonly l2: SharedCacheStats;
}

const withoutRedis: SharedCacheStats = {
  state: 'off',
  hits: 0,
  misses: 0,
  rejected: noRejections,
  errors: 0,
  openings: 0,
  dropped: 0,
};

/** Makes this process forget what was read so far: all, or the keys that match a glob. */
export async function invalidateCache(context: Context, pattern: string | undefined): Promise<void> {
  const { cache, shared } = open(context);
  const matches = pattern === undefined ? () => true : globMatcher(pattern);
  const forgotten = cache?.forget(matches) ?? [];
  shared?.forget(matches, forgotten);
}

/** What was counted of the caches. Takes no query. */
export function cacheStats({ cache, shared }: Context): CacheStats {
  return {
    entries: cache?.size ?? 0,
    bytes: cache?.bytes ?? 0,
    hits: cache?.hits ?? 0,
    misses: cache?.misses ?? 0,
    evictions: cache?.evictions ?? 0,
    l2: shared?.stats ?? withoutRedis,
  };
}
