/** Owns what all features of one service share. */
import type { AuditEntry } from './store/audit.ts';
import {
  ConfigurationError,
  type AuditCheckpoint,
  type Cursor,
  type JsonValue,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { AccessControl } from './access-control.ts';
import type { AuditKeys } from './audit/key-ring.ts';
import type { Actor } from './actor.ts';
import type { CacheEntry, EffectiveValueCache } from './cache.ts';
import type { ChainMemory } from './chains.ts';
import type { CommitHistory } from './commit-history.ts';
import type { Database } from './db/database.ts';
import type { FlagMemory } from './flag-memory.ts';
import type { Intent, Settled } from './intent.ts';
import type { HeadMemory } from './heads.ts';
import type { Lane } from './lane.ts';
import type { Revisions } from './revisions.ts';
import type { RuleBook } from './rules.ts';
import type { DataKeys } from './secrets/data-keys.ts';
import type { RevealLog } from './secrets/reveal-log.ts';
import type { HeldSecret, Vault } from './secrets/vault.ts';
import type { ReadMark, SharedCacheStats, SharedValue, SnapshotRead } from './shared-values.ts';
import type { Progress } from './store/counter.ts';
import type { FeedPage, FeedRecord } from './store/feed.ts';

/** Where writes of values wait for their step; see `CommitQueue`. */
export interface WriteQueue {
  /** Whether any intent waits or is under way. */
  readonly isBusy: boolean;
  submit(intent: Intent): Promise<Settled>;
}

/** What follows the commits of all processes; see `Feed`. */
export interface FeedFollower {
  readonly revision: number | undefined;
  readonly epoch: number;
  readonly fault: unknown;
  readonly outage: ConfigurationError<'unavailable'> | undefined;
  readonly contact: number;
  start(): void;
  follow(revision: number): void;
  add(reader: { wake(): void }, from: Cursor): void;
  remove(reader: { wake(): void }): void;
  after(revision: number): FeedRecord | 'gone' | undefined;
  readBehind(revision: number): Promise<FeedPage>;
  committed(): void;
  wake(): void;
  stop(): Promise<void>;
}

/** What tells other processes of commits, and hears of theirs; see `WakeUp`. */
export interface WakeUpCall {
  start(): void;
  tell(): void;
  stop(): Promise<void>;
}

/** The cache that the processes of a store share; see `RedisCache`. */
export interface SharedCache {
  readonly stats: SharedCacheStats;
  readonly mark: ReadMark;
  find(keys: readonly string[], request: ScopeRequest): Promise<Map<string, SharedValue>>;
  offer(read: SnapshotRead, mark: ReadMark): void;
  forget(matches: (key: string) => boolean, entries: readonly CacheEntry[]): void;
}

/** Counts what is read; see `Usage`. */
export interface UsageCounters {
  start(): void;
  read(actor: Actor, key: string, scope: ScopeRef, value: JsonValue): void;
  served(actor: Actor, entry: CacheEntry): void;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Effective values as they were read. */
export interface Loaded {
  readonly values: Map<string, JsonValue>;
  /** Those that have secrets, whose value in `values` is masked. */
  readonly secrets: ReadonlyMap<string, HeldSecret>;
  /** The newest revision that any of them is of. */
  readonly revision: number;
  /** The time of the monotonic clock since which any of them may have changed unnoticed. */
  readonly since: number;
  /** The chains on all of which a reader has to be permitted; undefined where they were not looked up, as nobody was to be asked. */
  readonly authority: readonly (readonly ScopeRef[])[] | undefined;
  /** The counter of the snapshot that was read; undefined where nothing was. */
  readonly progress: Pick<Progress, 'revision' | 'rulesRevision'> | undefined;
}

/** Keeps refusals until they are stored. */
export interface RefusalLog {
  note(entry: AuditEntry): void;
  idle(): Promise<void>;
}

/** Notes what is read; see `ReadLog`. */
export interface AuditedReads {
  note(entry: AuditEntry): void;
  stop(): Promise<void>;
}

/** What proves the audit log, and what it takes down besides writes. */
export interface Audit {
  readonly keys: AuditKeys;
  /** Absent where this process does not seal. */
  readonly sealer: { start(): void; stop(): Promise<void> } | undefined;
  /** Absent where ordinary reads are not noted. */
  readonly reads: AuditedReads | undefined;
  /** Is handed each checkpoint that this process makes. */
  readonly onCheckpoint: ((checkpoint: AuditCheckpoint) => unknown) | undefined;
}

/** What all features of one service share. */
export interface Context {
  readonly db: Database;
  /** Whether the adapter is the service's own, to be closed with it. */
  readonly ownsDatabase: boolean;
  readonly environment: string;
  /** Who may do what. */
  readonly access: AccessControl;
  /** What was refused, on its way to the audit log. */
  readonly refusals: RefusalLog;
  readonly audit: Audit;
  /** Absent when the cache is turned off. */
  readonly cache: EffectiveValueCache | undefined;
  /** Both absent without a cache in Redis. */
  readonly shared: SharedCache | undefined;
  readonly history: CommitHistory | undefined;
  /** Absent where reads are not counted. */
  readonly usage: UsageCounters | undefined;
  /** What encrypts; on the database itself, also in the context of a transaction. */
  readonly dataKeys: DataKeys;
  readonly vault: Vault;
  /** Which secrets were revealed to whom, as far as the audit log has it for this minute. */
  readonly reveals: RevealLog;
  readonly chains: ChainMemory;
  readonly flags: FlagMemory;
  readonly ruleBook: RuleBook;
  readonly memory: HeadMemory;
  readonly lane: Lane;
  readonly queue: WriteQueue;
  readonly feed: FeedFollower;
  readonly revisions: Revisions;
  /** Absent on an embedded database, which has one process. */
  readonly wakeUp: WakeUpCall | undefined;
  /** The readers of the feed, to be stopped with the service. */
  readonly subscriptions: Set<{ stop(): void }>;
  /** Aborts when the service is closed. */
  readonly ending: AbortController;
  /** Tells of what went wrong where no caller can be told. */
  readonly report: (error: unknown) => void;
  /** Reads under way, by what they read, so that callers at once share one. */
  readonly flights: Map<string, Promise<Loaded>>;
  closed: boolean;
}

/** Refuses work after `close`, and starts the background work with the first call that needs the database. */
export function begin(context: Context): void {
  open(context).feed.start();
  context.audit.sealer?.start();
  context.usage?.start();
}

/** The same context, unless it is closed. @throws ConfigurationError `closed`. */
export function open(context: Context): Context {
  if (context.closed) throw new ConfigurationError('closed', {});
  return context;
}

/** Refuses further work, waits for what is under way, and ends what the service opened. */
export async function close(context: Context): Promise<void> {
  if (context.closed) return;
  context.closed = true;
  context.ending.abort();
  for (const subscription of context.subscriptions) subscription.stop();
  await context.feed.stop();
  await context.refusals.idle();
  do {
    await context.access.idle();
    await context.lane.idle();
  } while (context.queue.isBusy);
  await context.usage?.stop();
  await context.audit.reads?.stop();
  await context.audit.sealer?.stop();
  await context.wakeUp?.stop();
  if (context.ownsDatabase) await context.db.close();
}
