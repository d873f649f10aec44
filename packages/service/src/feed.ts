/** Owns the one feed of this process: it follows all commits in the order of their revisions and tells what they changed. */
import type { Context } from './context.ts';
import { removeExpired } from './expiry.ts';
import { readFeed, type FeedEntry } from './store/commits.ts';
import { readProgress } from './store/counter.ts';

/** How many commits are caught up in one query, and after how many pages the feed jumps to the end instead. */
const pageSize = 1000;
const maxPages = 50;

/**
 * Follows the commits of all processes: the query "revision greater than the cursor" is the truth, a slow poll the net, and `wake`
 * only makes it look sooner. What it brings keeps the cache right.
 */
export class Feed {
  readonly #context: () => Context;
  readonly #interval: number;
  #cursor: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  /** Set by each poll: what expires is not looked for after every commit. */
  #isExpiryDue = false;
  #stopped = false;
  #lastFault: unknown;

  /** @param interval the time between two polls, in milliseconds. */
  constructor(context: () => Context, interval: number) {
    this.#context = context;
    this.#interval = interval;
  }

  /** The last revision that was followed; undefined before the first read. */
  get cursor(): number | undefined {
    return this.#cursor;
  }

  /** Starts to poll, with the first call that needs the database. The timer keeps no process alive. */
  start(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setInterval(() => {
      this.#context().cache?.advance(this.#interval / 1000);
      this.#isExpiryDue = true;
      this.wake();
    }, this.#interval);
    this.#timer.unref();
  }

  /** Sets where to follow from: the revision of the first read that ends. One that began earlier and ends later is not kept. */
  follow(revision: number): void {
    if (this.#cursor !== undefined) return;
    this.#cursor = revision;
    this.#context().cache?.everythingChanged(revision);
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
      await this.catchUp();
      if (!this.#isExpiryDue) return;
      this.#isExpiryDue = false;
      await removeExpired(this.#context());
    } catch (error) {
      this.#lastFault = error;
    }
  }

  /** The last fault of a turn, for diagnosis; undefined when there was none. */
  get lastFault(): unknown {
    return this.#lastFault;
  }

  /** Follows all commits there are. */
  async catchUp(): Promise<void> {
    const context = this.#context();
    if (context.cache === undefined || this.#cursor === undefined) return;
    for (let page = 0; page < maxPages; page += 1) {
      const entries = await readFeed(context.db, this.#cursor, pageSize);
      const last = entries.at(-1);
      if (last === undefined) return;
      for (const entry of entries) if (entry.environment === context.environment) note(context, entry);
      this.#cursor = last.revision;
    }
    const { revision } = await readProgress(context.db);
    context.cache.everythingChanged(revision);
    this.#cursor = revision;
  }

  /** Ends the poll and waits for a turn under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#turn;
  }
}

function note({ cache }: Context, { operation, key, scope, scopeId, revision }: FeedEntry): void {
  if (operation === 'change' && key !== null && scope !== null)
    cache?.layerChanged(key, { scope, scopeId: scopeId ?? '' }, revision);
  else if (operation === 'schema' && key !== null) cache?.definitionChanged(key, revision);
  else if ((operation === 'scope' || operation === 'scope-removal') && scope !== null) {
    cache?.linksChanged({ scope, scopeId: scopeId ?? '' }, revision);
  }
}
