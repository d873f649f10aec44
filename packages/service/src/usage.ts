/** Owns usage counters: how often this process read which key at which scope, told to the store once a minute. */
import type { Context } from './context.ts';
import { isCut, isOutage } from './lane.ts';
import { addReads, removeOldReads, type ReadCount } from './store/usage.ts';

/** The time between two flushes, in milliseconds. */
const flushInterval = 60_000;
/** How many flushes there are between two removals of old rows. */
const removalRounds = 10;
/** How many addresses a flush tells one by one; further reads of a key are told together. */
const maxAddresses = 200;
/** How long a flush may wait for the database, in milliseconds. */
const patience = 5000;

/** Takes the reads that the cache has counted and adds them to those of the store. */
export class Usage {
  readonly #context: () => Context;
  readonly #service: string;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #unsent: readonly ReadCount[] = [];
  #rounds = 0;
  #stopped = false;

  /** @param service the name of the service that reads; may be empty. */
  constructor(context: () => Context, service: string) {
    this.#context = context;
    this.#service = service;
  }

  /** Begins to flush. The timer keeps no process alive. */
  start(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setInterval(() => void this.flush(), flushInterval);
    this.#timer.unref();
  }

  /** Tells the store what was counted since the last time. What cannot be told now is told later. */
  flush(): Promise<void> {
    return (this.#flushing = this.#flushing.then(() => this.#flush()));
  }

  async #flush(): Promise<void> {
    const { cache, db, environment, report } = this.#context();
    const taken = (cache?.takeReads() ?? []).map(({ key, scope, reads }) => ({ key, ...scope, reads }));
    const counts = fold([...this.#unsent, ...taken]);
    this.#unsent = [];
    if (counts.length === 0) return;
    try {
      await addReads(db, environment, this.#service, counts, { timeoutMs: patience });
      if (this.#rounds % removalRounds === 0) await removeOldReads(db, environment, { timeoutMs: patience });
      this.#rounds += 1;
    } catch (error) {
      // What may have arrived is not told again. An outage is told to those who wait for an answer.
      if (!isOutage(error)) report(error);
      else if (!isCut(error)) this.#unsent = counts;
    }
  }

  /** Flushes a last time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** Each address once: the most-read ones by themselves, the rest by key. */
function fold(reads: readonly ReadCount[]): ReadCount[] {
  const sorted = sum(reads).sort((a, b) => b.reads - a.reads);
  const alone = new Set(sorted.filter(({ scope }) => scope !== '').slice(0, maxAddresses));
  const rest = sorted
    .filter((count) => !alone.has(count))
    .map((count) => ({ ...count, scope: '' as const, scopeId: '' }));
  return [...alone, ...sum(rest)];
}

function sum(counts: readonly ReadCount[]): ReadCount[] {
  const sums = new Map<string, ReadCount>();
  for (const count of counts) {
    const name = `${count.key}\0${count.scope}\0${count.scopeId}`;
    sums.set(name, { ...count, reads: count.reads + (sums.get(name)?.reads ?? 0) });
  }
  return [...sums.values()];
}
