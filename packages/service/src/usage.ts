/** Owns usage counters: what this process read and which flags it evaluated how often, told to the store once a minute. */
import type { FlagEvaluation, JsonValue, ScopeRef } from '@strata/core';
import { builtInDefinitions } from '@strata/core/schema';
import type { Actor } from './actor.ts';
import type { CacheEntry } from './cache.ts';
import type { Context } from './context.ts';
import { EvaluationCounts } from './evaluation-counts.ts';
import { isCut, isOutage } from './lane.ts';
import { addEvaluations, removeOldEvaluations } from './store/evaluations.ts';
import { addReads, removeOldReads, type DayCount, type ReadCount } from './store/usage.ts';
import { UsageCounts, type Counted } from './usage-counts.ts';

/** How many flushes there are between two removals of old rows. */
const removalRounds = 10;
/** How many scopes, and how many keys besides, a flush tells one by one for its minute; the rest of a service is told together. */
const maxPlaces = 200;
const maxKeys = 300;
/** How long a flush may wait for the database, in milliseconds. */
const patience = 5000;
/** After how long without a read the store is told again that this process counts, in milliseconds. */
const signOfLife = 3_600_000;

/** How a process counts. */
export interface UsageOptions {
  /** The name of the service that reads; may be empty. */
  readonly service: string;
  /** The time between two flushes, in milliseconds. */
  readonly interval: number;
}

/** Takes what the cache and the reads have counted and adds it to what the store holds. */
export class Usage {
  readonly #context: () => Context;
  readonly #options: UsageOptions;
  readonly #counts = new UsageCounts();
  readonly #evaluations: EvaluationCounts;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #rounds = 0;
  #told = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(context: () => Context, options: UsageOptions) {
    this.#context = context;
    this.#options = options;
    this.#evaluations = new EvaluationCounts(options.service);
  }

  /** Begins to flush. The timer keeps no process alive. */
  start(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setInterval(() => void this.flush(), this.#options.interval);
    this.#timer.unref();
  }

  /** Counts a read of what was not in memory. */
  read({ service }: Actor, key: string, scope: ScopeRef, value: JsonValue): void {
    this.#add(this.#nameOf(service), key, scope, 1, value !== null);
  }

  /** Counts a read of what is in memory, and was counted there, for the service that an actor names. */
  served({ service }: Actor, entry: CacheEntry): void {
    // It may have been told already, as one of this process.
    if (service === undefined || entry.readsTaken >= entry.reads) return;
    entry.readsTaken += 1;
    this.#add(this.#nameOf(service), entry.key, entry.request, 1, entry.value !== null);
  }

  /** Takes over what was counted of something in memory. */
  take({ key, request, value }: CacheEntry, reads: number): void {
    this.#add(this.#options.service, key, request, reads, value !== null);
  }

  /** Counts an evaluation of a flag. */
  evaluated({ service }: Actor, evaluation: FlagEvaluation): void {
    if (service === undefined) this.#evaluations.add(evaluation);
    else this.#evaluations.addFor(this.#counts.nameOf(service), evaluation);
  }

  #nameOf(service: string | undefined): string {
    return service === undefined ? this.#options.service : this.#counts.nameOf(service);
  }

  #add(service: string, key: string, { scope, scopeId }: ScopeRef, reads: number, hasValue: boolean): void {
    this.#counts.add({ service, key, scope, scopeId, reads, hasValue });
  }

  /** Tells the store what was counted since the last time. What cannot be told now is told later. */
  flush(): Promise<void> {
    return (this.#flushing = this.#flushing.then(() => this.#flush()));
  }

  async #flush(): Promise<void> {
    const { cache } = this.#context();
    cache?.takeReads();
    const hasEvaluations = await this.#flushEvaluations();
    await this.#flushReads(hasEvaluations);
  }

  /** Tells of evaluations; answers whether there were any. */
  async #flushEvaluations(): Promise<boolean> {
    const { db, environment } = this.#context();
    const counted = this.#evaluations.take();
    const { evaluations, uncounted } = counted;
    for (const [service, times] of uncounted) this.#counts.leaveOut(service, times);
    if (evaluations.length === 0) return false;
    return this.#tell(
      () => addEvaluations(db, environment, evaluations, { timeoutMs: patience }),
      () => this.#evaluations.putBack(evaluations),
    );
  }

  /** @param isCounting whether the store has to be told that this process counts, also where nothing was read. */
  async #flushReads(isCounting: boolean): Promise<void> {
    const { db, environment } = this.#context();
    const now = performance.now();
    const isDue = isCounting || (!this.#stopped && now - this.#told >= signOfLife);
    if (this.#counts.isEmpty && !isDue) return;
    const counted = this.#counts.take();
    const told = {
      minutes: byMinute(counted),
      days: byDay(counted, this.#options.service),
      builtIn: [...builtInDefinitions.keys()],
    };
    const isTold = await this.#tell(
      () => addReads(db, environment, told, { timeoutMs: patience }),
      () => this.#counts.putBack(counted),
    );
    if (!isTold) return;
    this.#told = now;
    this.#rounds += 1;
    if (this.#rounds % removalRounds !== 1) return;
    await this.#tell(async () => {
      await removeOldReads(db, environment, { timeoutMs: patience });
      await removeOldEvaluations(db, environment, { timeoutMs: patience });
    });
  }

  /** Does what may fail without anybody waiting for it; answers whether it succeeded. */
  async #tell(work: () => Promise<void>, putBack?: () => void): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      // What may have arrived is not told again. An outage is told to those who wait for an answer.
      if (!isCut(error)) putBack?.();
      if (!isOutage(error)) this.#context().report(error);
      return false;
    }
  }

  /** Flushes a last time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.flush();
  }
}

/** What is told of a minute: what was read most at scopes by itself, then keys, then the rest of each service. */
function byMinute({ reads, uncounted }: Counted): ReadCount[] {
  const sorted = [...reads].sort((a, b) => b.reads - a.reads);
  const alone = new Set(sorted.filter(({ scope }) => scope !== '').slice(0, maxPlaces));
  const keys = sum(sorted.filter((count) => !alone.has(count)).map((count) => ({ ...count, scope: '', scopeId: '' })));
  keys.sort((a, b) => b.reads - a.reads);
  const rest = keys.slice(maxKeys).map((count) => ({ ...count, key: '' }));
  const left = Array.from(uncounted, ([service, times]) => restOf(service, times));
  return [...alone, ...keys.slice(0, maxKeys), ...sum([...rest, ...left])];
}

function restOf(service: string, reads: number): ReadCount {
  return { service, key: '', scope: '', scopeId: '', reads };
}

/** What is told of a day: every key by each service, and of each service that it counted. */
function byDay({ reads, uncounted }: Counted, service: string): DayCount[] {
  const counting = new Map([[service, 0], ...uncounted]);
  return sum([
    ...reads.map((count) => ({ ...count, scope: '' as const, scopeId: '' })),
    ...Array.from(counting, ([name, times]) => restOf(name, times)),
  ]);
}

/** Each address of each service once. */
function sum(counts: readonly ReadCount[]): ReadCount[] {
  const sums = new Map<string, ReadCount>();
  for (const count of counts) {
    const name = `${count.service}\0${count.key}\0${count.scope}\0${count.scopeId}`;
    sums.set(name, { ...count, reads: count.reads + (sums.get(name)?.reads ?? 0) });
  }
  return [...sums.values()];
}
