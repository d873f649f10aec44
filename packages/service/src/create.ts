/** Owns the making of a service: which parts it has and how they know each other. */
import { ConfigurationError, parseId } from '@strata/core';
import { AccessControl } from './access-control.ts';
import type { Authorize } from './authorize.ts';
import { EffectiveValueCache } from './cache.ts';
import { ChainMemory } from './chains.ts';
import { CommitHistory } from './commit-history.ts';
import { CommitQueue } from './commit-queue.ts';
import { bindService, type ConfigurationManagementService } from './configuration-management-service.ts';
import type { Context } from './context.ts';
import type { Database } from './db/database.ts';
import { postgresDatabase } from './db/postgres.ts';
import type { PostgresPool } from './db/postgres-pool.ts';
import { Feed } from './feed.ts';
import { HeadMemory } from './heads.ts';
import { Lane } from './lane.ts';
import { RedisCache } from './redis-cache.ts';
import { checkRedisClient, type RedisClient } from './redis-client.ts';
import { Revisions } from './revisions.ts';
import { RuleBook } from './rules.ts';
import { RefusalQueue } from './refusals.ts';
import { Usage } from './usage.ts';
import { WakeUp } from './wake-up.ts';

/** What `createConfigurationService` takes besides the database. */
export interface ServiceOptions {
  /**
   * Decides on every operation, reads and watches included: `(actor, action, resource)`, with the permission that it needs as action. Only
   * `true`, or a promise of it, allows. Where roles are bound in the store, these have to allow it too. Default: they alone decide; while
   * there is none, everything is allowed.
   */
  readonly authorize?: Authorize;
  /** How long `authorize` may take before the operation is refused, in milliseconds. Default: 5,000. */
  readonly authorizeTimeout?: number;
  /** Whether effective values are kept in memory, and shared in Redis where there is one. Default: true. */
  readonly cacheEnabled?: boolean;
  /** How long after it was read a value may be served from memory or Redis, in seconds, however right it seems. Default: 300. */
  readonly cacheTtl?: number;
  /** How many effective values are kept in memory. Default: 10,000. */
  readonly cacheMaxEntries?: number;
  /** About how many bytes of effective values are kept in memory. Default: 64 MiB. */
  readonly cacheMaxBytes?: number;
  /**
   * A client of `ioredis` (5.4 to 6), over which the processes of a store share effective values, so that few of them are read from the
   * database again. It stays the caller's, and the service works the same without it, only slower. It serves nothing while
   * `cacheEnabled` is false.
   */
  readonly redis?: RedisClient;
  /**
   * Whether reads are counted, by key, scope and minute, and told to the store once a minute; a text also names the service that reads.
   * `preloadHotConfigs` goes by it. Default: false.
   */
  readonly usage?: boolean | string;
  /** The separate set of values that this service works on. Default: `default`. */
  readonly environment?: string;
  /** How often commits of other processes are looked for, in milliseconds: the longest time a read may lag behind them. Default: 1,000. */
  readonly pollInterval?: number;
  /**
   * How this process hears at once of the commits of others, on PostgreSQL: over one connection of the pool, which it keeps (`true`), over
   * one of its own to this connection string, which suits a pool behind a pooler that hands out connections per transaction, or not at
   * all (`false`): then it polls. A pool of one connection is never listened on. Default: true.
   */
  readonly listen?: boolean | string;
  /** Told of what went wrong where no caller can be told: a callback that threw, changes that were missed. Default: a warning of the process. */
  readonly onWarning?: (warning: unknown) => void;
  /** Whether named prepared statements are used; turn it off behind a pooler that hands out connections per transaction. Default: true. */
  readonly prepare?: boolean;
}

const optionNames: ReadonlySet<string> = new Set<keyof ServiceOptions>([
  'authorize',
  'authorizeTimeout',
  'cacheEnabled',
  'cacheTtl',
  'cacheMaxEntries',
  'cacheMaxBytes',
  'redis',
  'usage',
  'environment',
  'pollInterval',
  'listen',
  'onWarning',
  'prepare',
]);

/**
 * Makes a service on a `pg` pool of the caller's, or on an embedded database. Touches nothing yet: the first call that needs the
 * database does, and `close()` ends only what the service itself opened.
 * @throws ConfigurationError `invalid_argument` for an option that does not exist or has no sensible value.
 */
export function createConfigurationService(
  poolOrDatabase: PostgresPool | Database,
  options: ServiceOptions = {},
): ConfigurationManagementService {
  checkDatabase(poolOrDatabase);
  checkOptions(options);
  const {
    cacheEnabled = true,
    cacheTtl = 300,
    cacheMaxEntries = 10_000,
    cacheMaxBytes = 64 * 1024 * 1024,
    redis,
    usage = false,
    authorize,
    authorizeTimeout = 5000,
    pollInterval = 1000,
    listen = true,
    prepare = true,
    onWarning = warn,
  } = options;
  const environment = parseId(options.environment ?? 'default', 'environment');
  const bounds = { maxEntries: cacheMaxEntries, maxBytes: cacheMaxBytes, ttl: cacheTtl, countsReads: usage !== false };
  const cache = cacheEnabled ? new EffectiveValueCache(bounds) : undefined;
  const history = cache === undefined || redis === undefined ? undefined : new CommitHistory();
  const db = isDatabase(poolOrDatabase) ? poolOrDatabase : postgresDatabase(poolOrDatabase, { prepare });
  const context: Context = {
    db,
    ownsDatabase: !isDatabase(poolOrDatabase),
    environment,
    access: new AccessControl({ environment, authorize, timeoutMs: authorizeTimeout, isFollowed: cacheEnabled }),
    refusals: new RefusalQueue(() => context),
    cache,
    shared:
      cache === undefined || redis === undefined || history === undefined
        ? undefined
        : new RedisCache(() => context, redis, { cache, history, ttl: cacheTtl }),
    history,
    usage: usage === false ? undefined : new Usage(() => context, usage === true ? '' : usage),
    chains: new ChainMemory(),
    ruleBook: new RuleBook(environment),
    memory: new HeadMemory(),
    lane: new Lane(),
    queue: new CommitQueue(() => context),
    // The clock of the cache moves with each poll.
    feed: new Feed(() => context, cacheEnabled ? Math.min(pollInterval, cacheTtl * 1000) : pollInterval),
    revisions: new Revisions(),
    wakeUp: db.kind === 'postgres' ? new WakeUp(db, listen, () => context.feed.wake()) : undefined,
    subscriptions: new Set(),
    ending: new AbortController(),
    report: (error) => report(onWarning, error),
    flights: new Map(),
    closed: false,
  };
  return bindService(context, undefined);
}

function warn(warning: unknown): void {
  process.emitWarning(warning instanceof Error ? warning : new Error(String(warning)));
}

// A handler that throws ends nothing: there is nobody to tell.
function report(onWarning: (warning: unknown) => void, error: unknown): void {
  try {
    onWarning(error);
  } catch (fault) {
    warn(fault);
  }
}

function isDatabase(given: PostgresPool | Database): given is Database {
  return 'kind' in given;
}

function checkDatabase(given: unknown): void {
  if (typeof given === 'object' && given !== null && 'query' in given) return;
  refuse('poolOrDatabase', 'give a Pool of pg, or what openEmbeddedDatabase resolves to');
}

function checkOptions(options: ServiceOptions): void {
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) refuse(name, `there is no such option; there are ${[...optionNames].join(', ')}`);
  }
  for (const name of ['cacheTtl', 'cacheMaxEntries', 'cacheMaxBytes', 'pollInterval', 'authorizeTimeout'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      refuse(name, `give a number above 0, not ${String(value)}`);
  }
  if (!Number.isInteger(options.cacheMaxEntries ?? 1)) refuse('cacheMaxEntries', 'give a whole number');
  const { authorize, listen, onWarning, redis, usage } = options;
  // A hook that is there by name only would let everyone in.
  if ('authorize' in options && typeof authorize !== 'function')
    refuse('authorize', 'give a function, or leave it out');
  if (redis !== undefined) checkRedisClient(redis);
  if (usage !== undefined && typeof usage !== 'boolean') parseId(usage, 'usage');
  if (listen !== undefined && typeof listen !== 'boolean' && !/^postgres(ql)?:\/\//.test(listen))
    refuse('listen', 'give true, false, or a connection string that begins with postgres://');
  if (onWarning !== undefined && typeof onWarning !== 'function') refuse('onWarning', 'give a function');
  // Beyond that a timer of Node fires at once.
  if ((options.pollInterval ?? 0) > 2 ** 31 - 1) refuse('pollInterval', 'give at most 2147483647 milliseconds');
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
