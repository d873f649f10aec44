/** Owns the one feed of this process: it follows all commits in the order of their revisions and tells its readers. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isConfigurationError, type ConfigurationError, type Cursor } from '@strata/core';
import { ChangeLog } from './change-log.ts';
import type { Context } from './context.ts';
import { settleDueRequests } from './change-request-sweep.ts';
import { removeExpired } from './expiry.ts';
import { readFeedPage, type FeedPage, type FeedRecord } from './store/feed.ts';

/** How many commits are caught up in one query: without their values, and with them. */
const lightPageSize = 1000;
const fullPageSize = 200;
/** After how many commits nobody but the cache waits for, the feed jumps to the end instead. */
const maxSkipped = 50_000;
/** How many commits before its first read a process looks at, where it shares values with others: older ones of theirs are of no use to it. */
const lookBack = 1000;
/** What fails within this time may have been a connection that was dead already, in milliseconds. */
const cutIsPassingMs = 250;
/** While the database is away it is looked for at random times this far apart, in milliseconds: at least, at most. */
const shortestProbe = 250;
const longestProbe = 1000;
/** How many readers are told before other work of this process gets its turn. */
const sliceSize = 256;

/** Who follows the feed: told whenever there may be more to read from the log. */
export interface FeedReader {
  wake(): void;
}

/** Why a place in the feed is no place to go on from: see `FeedReset`. */
export type Loss = 'compacted' | 'reset';

/**
 * Follows the commits of all processes: the query "revision greater than the cursor" is the truth, a slow poll the net, and `wake`
 * only makes it look sooner. What it brings keeps the cache right. While there are readers it keeps the last commits in a log, from which
 * each reads at its own pace.
 */
export class Feed {
  readonly #context: () => Context;
  readonly #interval: number;
  readonly #readers = new Set<FeedReader>();
  readonly #log = new ChangeLog();
  /** The pages that readers behind the log are waiting for, by the revision they follow. The feed's own turn takes none: it may be too old. */
  readonly #pages = new Map<number, Promise<FeedPage>>();
  #cursor: Cursor | undefined;
  /** The revision of the first read: until the cursor gets there, it goes through what only the shared cache asks for. */
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  /** Set by each poll: what expires is not looked for after every commit. */
  #isExpiryDue = false;
  #stopped = false;
  #lastFault: unknown;
  #outage: ConfigurationError<'unavailable'> | undefined;
  #probe: NodeJS.Timeout | undefined;
  #contact = performance.now();
  #epoch = 0;

  /** @param interval the time between two polls, in milliseconds. */
  constructor(context: () => Context, interval: number) {
    this.#context = context;
    this.#interval = interval;
  }

  /** The last revision that was followed; undefined before the first read. */
  get revision(): number | undefined {
    return this.#cursor?.revision;
  }

  /** Changes when the store turned out to be another one than before: what was read from it proves nothing any more. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The last fault of a turn; undefined when the last turn went well. */
  get fault(): unknown {
    return this.#lastFault;
  }

  /** Why the database did not answer when it was last looked at; undefined when it did. While it is away it is looked for again and again. */
  get outage(): ConfigurationError<'unavailable'> | undefined {
    return this.#outage;
  }

  /** When this process last knew everything that the store held, on the monotonic clock. */
  get contact(): number {
    return this.#contact;
  }

  /** Starts to poll, with the first call that needs the database. The timer keeps no process alive. */
  start(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#contact = performance.now();
    this.#timer = setInterval(() => {
      this.#context().cache?.advance(this.#interval / 1000);
      this.#isExpiryDue = true;
      this.wake();
    }, this.#interval);
    this.#timer.unref();
    this.#context().wakeUp?.start();
  }

  /** Sets where to follow from: the revision of the first read that ends. One that began earlier and ends later is not kept. */
  follow(revision: number): void {
    if (this.#cursor !== undefined) return;
    const { access, cache, history } = this.#context();
    const start = history === undefined ? revision : Math.max(0, revision - lookBack);
    this.#since = revision;
    history?.begin(revision);
    this.#moveTo({ revision: start, commit: undefined });
    this.#log.begin(start);
    access.follow(start);
    cache?.everythingChanged(start);
    if (history !== undefined) this.wake();
  }

  /** Adds a reader, which is woken from the commit after `from` on at the latest. */
  add(reader: FeedReader, from: Cursor): void {
    this.follow(from.revision);
    this.#readers.add(reader);
    this.wake();
  }

  remove(reader: FeedReader): void {
    this.#readers.delete(reader);
  }

  /** The commit after a revision, from the log: see `ChangeLog.after`. */
  after(revision: number): FeedRecord | 'gone' | undefined {
    return this.#log.after(revision);
  }

  /** Looks for new commits soon, because this process has just made some, and tells the other processes. */
  committed(): void {
    // A database that stores is not away, whatever the last look at it met.
    this.#outage = undefined;
    this.wake();
    this.#context().wakeUp?.tell();
  }

  /** Looks for new commits soon. */
  wake(): void {
    if (this.#stopped || this.#timer === undefined) return;
    if (this.#turn !== undefined) {
      this.#again = true;
      return;
    }
    this.#turn = this.#run().finally(() => {
      this.#turn = undefined;
      if (this.#again) {
        this.#again = false;
        this.wake();
      }
    });
  }

  // A fault here is not lost: the cursor stays where it is, and the next turn tries again.
  async #run(): Promise<void> {
    try {
      await this.#follow();
      this.#lastFault = undefined;
      if (!this.#isExpiryDue) return;
      this.#isExpiryDue = false;
      await removeExpired(this.#context());
      await settleDueRequests(this.#context());
    } catch (error) {
      this.#lastFault = error;
    }
  }

  /** Catches up. What fails quickly is tried once more: it may have been but a connection that was cut. */
  async #follow(): Promise<void> {
    const began = performance.now();
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        await this.#catchUp();
        this.#outage = undefined;
        return;
      } catch (error) {
        const isPassing = !isRepeated && performance.now() - began < cutIsPassingMs;
        if (!isConfigurationError(error, 'unavailable')) throw error;
        if (isPassing && this.#outage === undefined) continue;
        this.#lose(error);
        throw error;
      }
    }
  }

  /** Random times keep the processes that lost a database together from coming back to it together. */
  #lose(outage: ConfigurationError<'unavailable'>): void {
    this.#outage = outage;
    clearTimeout(this.#probe);
    if (this.#stopped) return;
    const delay = shortestProbe + Math.random() * (longestProbe - shortestProbe);
    this.#probe = setTimeout(() => this.wake(), delay);
    this.#probe.unref();
  }

  /** Follows all commits there are. */
  async #catchUp(): Promise<void> {
    const { access, cache, flags, history, revisions } = this.#context();
    const isFollowed = (): boolean => cache !== undefined || flags.isLoaded || this.#readers.size > 0;
    for (let skipped = 0; isFollowed() || revisions.isAwaited;) {
      const from = this.#cursor;
      if (from === undefined) return;
      const began = performance.now();
      const before = this.#since - from.revision;
      const isRead = this.#readers.size > 0 && before <= 0;
      const size = isRead ? fullPageSize : before > 0 ? Math.min(before, lightPageSize) : lightPageSize;
      const seen = history?.seen ?? 0;
      const page = await this.#read(from.revision, size, isRead);
      this.#outage = undefined;
      const isOther = history?.isContradictedBy(page.records, page.tip.revision, seen) === true;
      const loss = lossOf(page, from) ?? (isOther ? 'reset' : undefined);
      if (loss !== undefined) this.#restart(page.tip, loss);
      else this.#take(page, from, isRead);
      if (isRead || loss !== undefined) await this.#wakeReaders();
      if (loss !== undefined || page.records.length < size) {
        this.#contact = began;
        return;
      }
      skipped += isRead ? 0 : page.records.length;
      if (skipped >= maxSkipped) {
        this.#moveTo(page.tip);
        this.#log.begin(page.tip.revision);
        this.#beginHistory(page.tip);
        access.changed(page.tip.revision);
        cache?.everythingChanged(page.tip.revision);
        flags.everythingChanged(page.tip.revision);
        skipped = 0;
      }
    }
  }

  #take(page: FeedPage, from: Cursor, isRead: boolean): void {
    const { history } = this.#context();
    if (from.commit === undefined) history?.note(from.revision, page.base ?? '');
    for (const record of page.records) {
      history?.note(record.revision, record.commit);
      if (isRead) this.#log.append(record);
    }
    this.#moveTo(page.records.at(-1) ?? { revision: from.revision, commit: from.commit ?? page.base });
    if (!isRead) this.#log.begin(this.#cursor?.revision ?? 0);
  }

  #moveTo({ revision, commit }: Cursor): void {
    this.#cursor = { revision, commit };
    this.#context().revisions.reach(revision);
  }

  #beginHistory({ revision, commit }: Cursor): void {
    const { history } = this.#context();
    history?.begin(revision);
    history?.note(revision, commit ?? '');
  }

  /** Goes on from the end of a store that no longer has what came after the cursor; one that was reset is another store altogether. */
  #restart(tip: Cursor, loss: Loss): void {
    const { access, cache, chains, flags, ruleBook, memory } = this.#context();
    this.#moveTo(tip);
    this.#log.begin(tip.revision);
    this.#beginHistory(tip);
    if (loss === 'compacted') {
      access.changed(tip.revision);
      cache?.everythingChanged(tip.revision);
      flags.everythingChanged(tip.revision);
      return;
    }
    this.#epoch += 1;
    access.reset(tip.revision);
    cache?.reset(tip.revision);
    chains.reset();
    flags.reset();
    ruleBook.reset();
    memory.clear();
  }

  async #wakeReaders(): Promise<void> {
    let told = 0;
    for (const reader of this.#readers) {
      reader.wake();
      told += 1;
      if (told % sliceSize === 0) await nextTurn();
    }
  }

  /**
   * Reads the commits after a revision for a reader that is behind the log; readers that ask for the same at once share the query.
   * The cache and the flags learn of them before the reader does, so that a reader who then reads a value or evaluates a flag finds that one
   * or a later one.
   */
  readBehind(revision: number): Promise<FeedPage> {
    let page = this.#pages.get(revision);
    if (page === undefined) {
      page = this.#read(revision, fullPageSize, true).finally(() => this.#pages.delete(revision));
      this.#pages.set(revision, page);
    }
    return page;
  }

  async #read(after: number, size: number, withValues: boolean): Promise<FeedPage> {
    const context = this.#context();
    const page = await readFeedPage(context.db, context.environment, after, size, withValues);
    for (const record of page.records) note(context, record);
    await context.flags.catchUp();
    return page;
  }

  /** Ends the poll and waits for a turn under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#probe);
    await this.#turn;
  }
}

/** Why a page does not follow its place; undefined where it does. */
export function lossOf({ tip, base, records }: FeedPage, { revision, commit }: Cursor): Loss | undefined {
  if (tip.revision < revision) return 'reset';
  if (commit !== undefined && base !== undefined && base !== commit) return 'reset';
  if (records.length === 0) return tip.revision > revision ? 'compacted' : undefined;
  return records.every((record, index) => record.revision === revision + 1 + index) ? undefined : 'compacted';
}

function note({ access, cache, flags, environment: own }: Context, record: FeedRecord): void {
  const { operation, environment, about, revision } = record;
  if (environment !== own) return;
  if (operation === 'role' || operation === 'binding') access.changed(revision);
  for (const { key } of record.layers) flags.layerChanged(key, revision);
  if (operation === 'scope' || operation === 'scope-removal') flags.parents.changed();
  if (cache === undefined) return;
  for (const { key, scope, scopeId } of record.layers) cache.layerChanged(key, { scope, scopeId }, revision);
  if (operation === 'schema' && about.key !== null) cache.definitionChanged(about.key, revision);
  else if ((operation === 'scope' || operation === 'scope-removal') && about.scope !== null) {
    cache.linksChanged({ scope: about.scope, scopeId: about.scopeId }, revision);
  }
}
