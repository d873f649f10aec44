/** Owns the calls on usage counters. */
import type { Connection } from './connection.ts';

/** How far counters can be relied on. */
export interface Counting {
  readonly days: number;
  /** Since when reads are counted; `null` where none ever were. */
  readonly since: string | null;
  /** When reads were told last. */
  readonly until: string | null;
  /** On how many of the days anything counted. */
  readonly countedDays: number;
  /** How many reads were of keys that were too many to be told one by one. */
  readonly uncounted: number;
}

/** How often a service read a key. */
export interface KeyUsage {
  readonly key: string;
  /** Empty for readers that have no name. */
  readonly service: string;
  readonly reads: number;
  readonly firstReadAt: string;
  readonly lastReadAt: string;
}

/** How often which services read which keys, the most-read first. */
export interface UsageReport extends Counting {
  readonly usage: readonly KeyUsage[];
}

/** A key that no service has read lately. */
export interface UnusedKey {
  readonly key: string;
  /** Whether it has a definition; one without has layers. */
  readonly defined: boolean;
  /** `null` where it was not read since reads are counted. */
  readonly lastReadAt: string | null;
}

/** The keys that no service has read for some days, by key. */
export interface UnusedKeys extends Counting {
  readonly keys: readonly UnusedKey[];
  /** What to give as `after` for the next page; `null` on the last one. */
  readonly next: string | null;
}

/** Which counters are asked for. */
export interface UsageFilter {
  readonly key?: string | undefined;
  /** The name of a service; empty for readers that have none. */
  readonly service?: string | undefined;
  /** 1 to 400, today included. Default: 30. */
  readonly days?: number | undefined;
  /** 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined;
}

/** Which unused keys are asked for. */
export interface UnusedFilter {
  /** For how many days nobody has read them: 1 to 400. Default: 30. */
  readonly days?: number | undefined;
  /** The last key of the page before. */
  readonly after?: string | undefined;
  /** 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined;
}

/** How often a flag served a variant to a service. */
export interface FlagUsage {
  readonly flag: string;
  readonly variant: string;
  /** Empty for who has no name. */
  readonly service: string;
  readonly evaluations: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

/** How often which flags served which variants, what was served most first. */
export interface FlagUsageReport extends Counting {
  readonly usage: readonly FlagUsage[];
}

/** A flag that nothing would miss, and why. */
export interface StaleFlag {
  readonly flag: string;
  /** Not evaluated since that is counted, not evaluated in these days, or the same variant every time. */
  readonly reason: 'never_evaluated' | 'not_evaluated' | 'one_sided';
  /** The variant that a one-sided flag serves. */
  readonly variant: string | null;
  readonly evaluations: number;
  readonly lastEvaluatedAt: string | null;
}

/** The flags that are stale, by name. */
export interface StaleFlags extends Counting {
  readonly flags: readonly StaleFlag[];
}

/** Which counters of flags are asked for. */
export interface FlagUsageFilter extends Omit<UsageFilter, 'key'> {
  readonly flag?: string | undefined;
}

/** The calls on usage counters. */
export function usageCalls(connection: Connection) {
  return {
    /** Which services read which keys, and how often, in the last days. */
    getUsage: ({ key, service, days, limit }: UsageFilter = {}) =>
      connection.send<UsageReport>({ path: '/v1/usage', query: { key, service, days, limit } }),

    /** The keys with a definition or layers that no service has read for some days. */
    listUnusedKeys: ({ days, after, limit }: UnusedFilter = {}) =>
      connection.send<UnusedKeys>({ path: '/v1/usage/unused', query: { days, after, limit } }),

    /** Which variants flags served to which services, and how often, in the last days. */
    getFlagUsage: ({ flag, service, days, limit }: FlagUsageFilter = {}) =>
      connection.send<FlagUsageReport>({ path: '/v1/usage/flags', query: { flag, service, days, limit } }),

    /** The flags that were not evaluated for some days (30), or served the same variant every time. */
    listStaleFlags: ({ days }: { readonly days?: number | undefined } = {}) =>
      connection.send<StaleFlags>({ path: '/v1/usage/stale-flags', query: { days } }),
  };
}
