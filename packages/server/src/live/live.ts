/** Owns all who are connected to the feed: their heartbeats, and telling them to go elsewhere when the server ends. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConfigurationError } from '@strata/core';

/** A connection that is told of the feed. */
export interface Follower {
  /** Called once in each heartbeat interval. */
  beat(): void;
  /** Tells it to connect to another server, and ends it. */
  move(): void;
  /** Ends it at once. */
  drop(): void;
}

/** How the server treats those who follow the feed. */
export interface LiveOptions {
  /** How often each of them hears that it is still connected, and where the feed is, in milliseconds. Default: 15,000. */
  readonly heartbeatInterval?: number | undefined;
  /**
   * How many bytes may wait unsent for one of them before the feed is read no further for it. One that takes nothing of so much for a
   * heartbeat interval is dropped. Default: 1 MiB.
   */
  readonly maxWaiting?: number | undefined;
}

/** Each beat reaches one of so many groups, so that a heartbeat to all is no burst. */
const groupCount = 16;
/** How many are told to go before other work gets its turn. */
const sliceSize = 256;
/** How long those who were told to go may take to do so, in milliseconds. */
const farewell = 2000;

/** Everybody who follows the feed over this server. One timer serves all of them, and runs only while there is somebody. */
export class Live {
  readonly maxWaiting: number;
  readonly #interval: number;
  readonly #ending: AbortSignal;
  readonly #groups = Array.from({ length: groupCount }, () => new Set<Follower>());
  #count = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastCall: NodeJS.Timeout | undefined;

  /** @param ending aborts when the server is to end: nobody is accepted from then on. */
  constructor({ heartbeatInterval = 15_000, maxWaiting = 1024 * 1024 }: LiveOptions, ending: AbortSignal) {
    this.maxWaiting = maxWaiting;
    this.#interval = heartbeatInterval;
    this.#ending = ending;
    ending.addEventListener('abort', () => void this.#moveAll(), { once: true });
  }

  /** How many follow the feed. */
  get size(): number {
    return this.#count;
  }

  /** Whether the server is to end. */
  get isEnding(): boolean {
    return this.#ending.aborted;
  }

  /** @throws ConfigurationError `server_closing` once the server is to end. */
  requireOpen(): void {
    if (this.#ending.aborted) throw new ConfigurationError('server_closing', {});
  }

  /** Adds one, until the answer is called. */
  add(follower: Follower): () => void {
    const group = this.#groups[this.#count % groupCount];
    group?.add(follower);
    this.#count += 1;
    this.#timer ??= setInterval(() => this.#beat(), this.#interval / groupCount);
    return () => {
      if (group?.delete(follower) !== true) return;
      this.#count -= 1;
      if (this.#count === 0) this.#rest();
    };
  }

  #beat(): void {
    this.#turn = (this.#turn + 1) % groupCount;
    for (const follower of this.#groups[this.#turn] ?? []) follower.beat();
  }

  #rest(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#lastCall);
    this.#timer = undefined;
  }

  async #moveAll(): Promise<void> {
    if (this.#count === 0) return;
    this.#lastCall = setTimeout(() => {
      for (const follower of this.#all()) follower.drop();
    }, farewell);
    for (const [index, follower] of this.#all().entries()) {
      follower.move();
      if (index % sliceSize === sliceSize - 1) await nextTurn();
    }
  }

  #all(): Follower[] {
    return this.#groups.flatMap((group) => [...group]);
  }
}
