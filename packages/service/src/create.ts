/** Owns the making of a service: which parts it has and how they know each other. */
import { ConfigurationError, parseId } from '@strata/core';
import { AccessControl } from './access-control.ts';
import { auditOf, checkAuditOptions, type AuditOptions } from './audit/options.ts';
import { auditSecret } from './audit/secret.ts';
import type { Authorize } from './authorize.ts';
import { bindService } from './bind-service.ts';
import { EffectiveValueCache, type CacheEntry } from './cache.ts';
import { ChainMemory } from './chains.ts';
import { CommitHistory } from './commit-history.ts';
import { CommitQueue } from './commit-queue.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import { begin, type Context } from './context.ts';
import type { Database } from './db/database.ts';
import { postgresDatabase } from './db/postgres.ts';
import type { PostgresPool } from './db/postgres-pool.ts';
import { Feed } from './feed.ts';
import { FlagMemory } from './flag-memory.ts';
import { HeadMemory } from './heads.ts';
import { Lane } from './lane.ts';
import { RedisCache } from './redis-cache.ts';
import { checkRedisClient, type RedisClient } from './redis-client.ts';
import { Revisions } from './revisions.ts';
import { RuleBook } from './rules.ts';
import { DataKeys } from './secrets/data-keys.ts';
import type { KeyProvider } from './secrets/key-ring.ts';
import { chooseKeySource } from './secrets/key-source.ts';
import { RevealLog } from './secrets/reveal-log.ts';
import { Vault } from './secrets/vault.ts';
import { verifiedDatabase } from './secrets/verified-database.ts';
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
   * Whether reads are counted, by service and key, and told to the store once a minute: what `preloadHotConfigs`, `getUsage` and
   * `listUnusedKeys` go by. Default: true where there is a `serviceName`, else false.
   */
  readonly usage?: boolean;
  /**
   * What wraps the keys that secrets are encrypted with: 32 random bytes in base64, or several, comma-separated, of which the first wraps
   * and each unwraps. Default: the variable `CONFIG_ENCRYPTION_KEY`; without it, a key file beside the data of an embedded database,
   * or in `.strata` of the working directory; on PostgreSQL in production none, and nothing can be encrypted.
   */
  readonly encryptionKey?: string;
  /** Wraps and unwraps these keys instead, as a key management service does. */
  readonly keyProvider?: KeyProvider;
  /** What the audit log takes down besides writes, and how it is sealed. */
  readonly audit?: AuditOptions;
  /** What the service is called that reads through this one, in usage counters: 1 to 255 characters. Default: it has no name. */
  readonly serviceName?: string;
  /** How often what was counted is told to the store, in milliseconds: so much is lost when the process is killed. Default: 60,000. */
  readonly usageInterval?: number;
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
  /**
   * Told of what went wrong where no caller can be told: a callback that threw, changes that were missed, an `authorize` that failed while a
   * list or a stream was filtered. Default: a warning of the process.
   */
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
  'encryptionKey',
  'keyProvider',
  'audit',
  'serviceName',
  'usageInterval',
  'environment',
  'pollInterval',
  'listen',
  'onWarning',
  'prepare',
]);

/**
 * Makes a service on a `pg` pool of the caller's, or on an embedded database. Touches nothing yet: the first call that needs the
 * database does, and `close()` ends only what the service itself opened.
 * @throws ConfigurationError `invalid_argument` for an option that does not exist or has no sensible value, `encryption_key_malformed` for a
 *   key that is none. One that is not that of the store rejects the first call that needs the database, and each after it.
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
    serviceName,
    usage = serviceName !== undefined,
    usageInterval = 60_000,
    authorize,
    authorizeTimeout = 5000,
    pollInterval = 1000,
    listen = true,
    prepare = true,
    onWarning = warn,
  } = options;
  const environment = parseId(options.environment ?? 'default', 'environment');
  const counters = usage
    ? new Usage(() => context, { service: serviceName ?? '', interval: usageInterval })
    : undefined;
  const bounds = {
    maxEntries: cacheMaxEntries,
    maxBytes: cacheMaxBytes,
    ttl: cacheTtl,
    ...(counters === undefined ? {} : { onReads: (entry: CacheEntry, reads: number) => counters.take(entry, reads) }),
  };
  const cache = cacheEnabled ? new EffectiveValueCache(bounds) : undefined;
  const history = cache === undefined || redis === undefined ? undefined : new CommitHistory();
  const reportTo = (warning: unknown): void => report(onWarning, warning);
  const opened = isDatabase(poolOrDatabase) ? poolOrDatabase : postgresDatabase(poolOrDatabase, { prepare });
  const source = chooseKeySource({ ...options, environment: process.env, database: opened, report: reportTo });
  const dataKeys = new DataKeys(opened, source);
  const vault = new Vault(dataKeys, environment);
  const db = source.isConfigured ? verifiedDatabase(opened, dataKeys) : opened;
  const context: Context = {
    db,
    ownsDatabase: !isDatabase(poolOrDatabase),
    environment,
    access: new AccessControl({ environment, authorize, timeoutMs: authorizeTimeout, isFollowed: cacheEnabled }),
    refusals: new RefusalQueue(() => context),
    audit: auditOf(() => context, options.audit ?? {}, auditSecret(dataKeys, db.kind === 'embedded' || options.audit?.seal === true)), // prettier-ignore
    cache,
    shared:
      cache === undefined || redis === undefined || history === undefined
        ? undefined
        : new RedisCache(() => context, redis, { cache, history, ttl: cacheTtl }),
    history,
    dataKeys,
    usage: counters,
    vault,
    reveals: new RevealLog(),
    chains: new ChainMemory(),
    flags: new FlagMemory({
      db,
      environment,
      begin: () => begin(context),
      follow: (revision) => context.feed.follow(revision),
      report: (error) => context.report(error),
    }),
    ruleBook: new RuleBook(environment),
    memory: new HeadMemory(vault),
    lane: new Lane(),
    queue: new CommitQueue(() => context),
    // The clock of the cache moves with each poll.
    feed: new Feed(() => context, cacheEnabled ? Math.min(pollInterval, cacheTtl * 1000) : pollInterval),
    revisions: new Revisions(),
    wakeUp: db.kind === 'postgres' ? new WakeUp(db, listen, () => context.feed.wake()) : undefined,
    subscriptions: new Set(),
    ending: new AbortController(),
    report: reportTo,
    flights: new Map(),
    closed: false,
  };
  if (counters !== undefined) context.flags.onEvaluated = (evaluation, actor) => counters.evaluated(actor, evaluation);
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
  for (const name of [
    'cacheTtl',
    'cacheMaxEntries',
    'cacheMaxBytes',
    'pollInterval',
    'authorizeTimeout',
    'usageInterval',
  ] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      refuse(name, `give a number above 0, not ${String(value)}`);
  }
  if (!Number.isInteger(options.cacheMaxEntries ?? 1)) refuse('cacheMaxEntries', 'give a whole number');
  const { authorize, encryptionKey, keyProvider, listen, onWarning, redis, serviceName, usage } = options;
  // A hook that is there by name only would let everyone in.
  if ('authorize' in options && typeof authorize !== 'function')
    refuse('authorize', 'give a function, or leave it out');
  if (redis !== undefined) checkRedisClient(redis);
  checkAuditOptions(options.audit);
  if (usage !== undefined && typeof usage !== 'boolean') refuse('usage', 'give true or false');
  if (serviceName !== undefined) parseId(serviceName, 'serviceName');
  if (listen !== undefined && typeof listen !== 'boolean' && !/^postgres(ql)?:\/\//.test(listen))
    refuse('listen', 'give true, false, or a connection string that begins with postgres://');
  if (onWarning !== undefined && typeof onWarning !== 'function') refuse('onWarning', 'give a function');
  if (encryptionKey !== undefined && typeof encryptionKey !== 'string') refuse('encryptionKey', 'give a text');
  if (keyProvider !== undefined && !isKeyProvider(keyProvider))
    refuse('keyProvider', 'give an object with the methods wrap and unwrap');
  // Beyond that a timer of Node fires at once.
  for (const name of ['pollInterval', 'usageInterval'] as const) {
    if ((options[name] ?? 0) > 2 ** 31 - 1) refuse(name, 'give at most 2147483647 milliseconds');
  }
}

function isKeyProvider(given: unknown): boolean {
  if (typeof given !== 'object' || given === null) return false;
  return 'wrap' in given && typeof given.wrap === 'function' && 'unwrap' in given && typeof given.unwrap === 'function';
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
