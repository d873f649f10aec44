/** Owns telling the processes of one store that there are new commits: a hint, never the truth, which is the feed's query. */
import type { Database, Listening, Row } from './db/database.ts';

/** How long to wait before listening again, in milliseconds: at first, at most. Each wait is a random part of it. */
const firstDelay = 200;
const longestDelay = 10_000;
/** How often the connection is asked whether it is still there, in milliseconds. */
const checkInterval = 15_000;

/**
 * Notifies after commits, and listens for the notifications of others over one connection, again and again when it is lost. Notifications
 * are never sent inside the transaction of a write, where all writers would wait for each other; those of a busy process are merged.
 */
export class WakeUp {
  readonly #db: Database;
  readonly #listen: boolean | string;
  readonly #wake: () => void;
  #isStarted = false;
  #isStopped = false;
  #isTelling = false;
  #telling: Promise<void> | undefined;
  #hasMore = false;
  #channel: Promise<string> | undefined;
  #listening: Listening | undefined;
  #connecting: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;

  /** @param wake called when another process may have committed. */
  constructor(db: Database, listen: boolean | string, wake: () => void) {
    this.#db = db;
    this.#listen = listen;
    this.#wake = wake;
  }

  /** Whether notifications are heard right now. */
  get isListening(): boolean {
    return this.#listening !== undefined;
  }

  /** Begins to listen. Until that works, and without it, the feed polls. */
  start(): void {
    if (this.#isStarted || this.#listen === false) return;
    this.#isStarted = true;
    this.#connect();
  }

  #connect(): void {
    if (this.#isStopped) return;
    this.#connecting = this.#tryToListen().then(
      (listening) => {
        this.#failures = 0;
        this.#listening = listening;
        // What was committed before is not told again.
        this.#wake();
        if (listening !== undefined) this.#later(checkInterval, () => void this.#check());
      },
      () => this.#retry(),
    );
  }

  async #tryToListen(): Promise<Listening | undefined> {
    const onLost = (): void => {
      this.#listening = undefined;
      this.#retry();
    };
    const url = typeof this.#listen === 'string' ? this.#listen : undefined;
    return this.#db.listen?.(await this.#channelName(), { onNotification: this.#wake, onLost }, url);
  }

  #retry(): void {
    const longest = Math.min(longestDelay, firstDelay * 2 ** this.#failures);
    this.#failures += 1;
    this.#later(longest / 2 + (Math.random() * longest) / 2, () => this.#connect());
  }

  #later(ms: number, run: () => void): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(run, ms);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    await this.#listening?.check();
    if (this.#listening !== undefined) this.#later(checkInterval, () => void this.#check());
  }

  // Several stores can share a database, each in a schema of its own.
  #channelName(): Promise<string> {
    this.#channel ??= this.#db
      .query<Row & { readonly channel: string }>(
        `SELECT 'strata_' || 'configuration_counter'::regclass::oid::text AS channel`,
      )
      .then(([row]) => row?.channel ?? 'strata');
    this.#channel.catch(() => {
      this.#channel = undefined;
    });
    return this.#channel;
  }

  /** Tells the other processes soon. */
  tell(): void {
    this.#hasMore = true;
    if (this.#isTelling || this.#isStopped) return;
    this.#isTelling = true;
    this.#telling = this.#tellAll().finally(() => {
      this.#isTelling = false;
    });
  }

  async #tellAll(): Promise<void> {
    while (this.#hasMore) {
      this.#hasMore = false;
      try {
        await this.#db.query('SELECT pg_notify($1, $2)', [await this.#channelName(), ''], 'strata_notify');
      } catch {
        // The others find out by their next poll.
        return;
      }
    }
  }

  /** Tells what is to be told still, and gives the connection back. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#telling;
    await this.#connecting;
    await this.#listening?.stop();
    this.#listening = undefined;
  }
}
