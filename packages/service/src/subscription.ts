/** Owns one reader of the feed: where it is, what it wants, and that it gets all of that in order, each commit once and whole. */
import { formatCursor, type Cursor, type FeedCommit, type FeedEvent } from '@strata/core';
import type { Actor } from './actor.ts';
import { commitEvent, layerChanges, type KeyFilter } from './change-view.ts';
import type { Context } from './context.ts';
import type { EffectiveView } from './effective-changes.ts';
import { readableEvent } from './feed-access.ts';
import { lossOf, type Loss } from './feed.ts';
import type { FeedRecord } from './store/feed.ts';

/** What is called with each event. What it throws is reported and ends nothing; a promise is awaited before the next call. */
export type FeedListener = (event: FeedEvent) => unknown;

/** A reader of the feed that can be asked where it is, and stopped. */
export interface FeedSubscription {
  /** From where to go on after the last commit that was looked at, whether anything in it was wanted or not. */
  readonly cursor: string;
  /** Ends it at once: no call starts after this. */
  stop(): void;
}

/** What a subscription is made of. */
export interface SubscriptionParts {
  readonly context: Context;
  /** Who is told: only of what he may read when he is told. */
  readonly actor: Actor;
  readonly from: Cursor;
  readonly filter: KeyFilter;
  /** Makes the events those of one scope's effective values. */
  readonly view: EffectiveView | undefined;
  readonly listener: FeedListener;
}

/** Reads from the log of the feed at its own pace, and from the database where it is behind the log. Nothing is kept for it meanwhile. */
export class Subscription implements FeedSubscription {
  readonly #parts: SubscriptionParts;
  /** After the last commit that was looked at; its call may be under way. */
  #position: Cursor;
  #delivered: Cursor;
  /** The feed's epoch in which the position was compared with the store; none before the first page. */
  #epoch: number | undefined;
  /** Commits that were read because they are not in the log, and the next of them. */
  #page: readonly FeedRecord[] = [];
  #pageIndex = 0;
  /** What has to end before the next commit is looked at. */
  #pending: Promise<void> | undefined;
  #isBusy = false;
  #isAtEnd = false;
  #isStopped = false;
  #forgetSignal: () => void = () => undefined;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    this.#position = parts.from;
    this.#delivered = parts.from;
  }

  get cursor(): string {
    return formatCursor(this.#delivered);
  }

  /** Begins to read. */
  start(): void {
    const { context, from } = this.#parts;
    context.subscriptions.add(this);
    context.feed.add(this, from);
    this.wake();
  }

  /** Stops it when a signal aborts. */
  stopWith(signal: AbortSignal): void {
    const stop = (): void => this.stop();
    signal.addEventListener('abort', stop, { once: true });
    this.#forgetSignal = () => signal.removeEventListener('abort', stop);
  }

  stop(): void {
    const { context } = this.#parts;
    this.#isStopped = true;
    this.#forgetSignal();
    this.#page = [];
    context.feed.remove(this);
    context.subscriptions.delete(this);
  }

  /** Goes on reading, unless it does already. */
  wake(): void {
    this.#isAtEnd = false;
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#drain();
    if (this.#pending === undefined) this.#isBusy = false;
    else void this.#drainSlowly();
  }

  async #drainSlowly(): Promise<void> {
    try {
      while (this.#pending !== undefined) {
        await this.#pending;
        this.#pending = undefined;
        this.#drain();
      }
    } catch {
      // The database is away. The feed finds out by itself, and wakes its readers when it is back.
      this.#pending = undefined;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Takes what there is, until something has to be waited for. */
  #drain(): void {
    while (!this.#isStopped && this.#pending === undefined && !this.#isAtEnd) {
      const next = this.#next();
      if (next === undefined) this.#isAtEnd = true;
      else if (next === 'gone') this.#pending = this.#readPage();
      else this.#take(next);
    }
  }

  #next(): FeedRecord | 'gone' | undefined {
    const { feed } = this.#parts.context;
    const read = this.#page[this.#pageIndex];
    if (read !== undefined && this.#epoch === feed.epoch) return read;
    return this.#epoch === feed.epoch ? feed.after(this.#position.revision) : 'gone';
  }

  async #readPage(): Promise<void> {
    const { feed } = this.#parts.context;
    const { epoch } = feed;
    const page = await feed.readBehind(this.#position.revision);
    if (this.#isStopped) return;
    this.#epoch = epoch;
    this.#pageIndex = 0;
    const loss = lossOf(page, this.#position);
    this.#page = loss === undefined ? page.records : [];
    if (loss !== undefined) await this.#goOnFrom(page.tip, loss);
    else if (page.records.length === 0) {
      this.#isAtEnd = true;
      this.#position = { ...this.#position, commit: this.#position.commit ?? page.base };
      this.#delivered = this.#position;
    }
  }

  async #goOnFrom(tip: Cursor, type: Loss): Promise<void> {
    this.#position = tip;
    this.#parts.view?.forget();
    await this.#call({ type, cursor: formatCursor(tip), revision: tip.revision });
    this.#delivered = tip;
  }

  #take(record: FeedRecord): void {
    const event = this.#eventOf(record);
    // Where the event cannot be made, the record is looked at again.
    if (event instanceof Promise) this.#pending = event.then((made) => this.#handOver(record, made));
    else this.#pending = this.#handOver(record, event);
  }

  #eventOf(record: FeedRecord): FeedCommit | undefined | Promise<FeedCommit | undefined> {
    const { context, actor, filter, view } = this.#parts;
    if (record.environment !== context.environment) return undefined;
    if (view !== undefined) return view.eventOf(record);
    const event = commitEvent(record, filter, () => layerChanges(record).filter(({ key }) => filter.matches(key)));
    return event === undefined || context.access.isOpen ? event : readableEvent(context, actor, record, event);
  }

  #handOver(record: FeedRecord, event: FeedCommit | undefined): Promise<void> | undefined {
    if (this.#isStopped) return undefined;
    this.#position = { revision: record.revision, commit: record.commit };
    if (this.#page[this.#pageIndex] === record) this.#pageIndex += 1;
    const result = event === undefined ? undefined : this.#call(event);
    if (result === undefined) {
      this.#delivered = this.#position;
      return undefined;
    }
    const position = this.#position;
    return result.then(() => {
      this.#delivered = position;
    });
  }

  /** Calls the listener; a promise where it has to be waited for. */
  #call(event: FeedEvent): Promise<void> | undefined {
    const { listener, context } = this.#parts;
    try {
      const result = listener(event);
      if (!isThenable(result)) return undefined;
      return Promise.resolve(result).then(
        () => undefined,
        (error: unknown) => context.report(error),
      );
    } catch (error) {
      context.report(error);
      return undefined;
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
