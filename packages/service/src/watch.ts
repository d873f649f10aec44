/** Owns following the feed from outside: callbacks, iterators, and the events that both are made of. */
import {
  ConfigurationError,
  describeInput,
  entriesPattern,
  globMatcher,
  parseCursor,
  parseKey,
  parseScopeContext,
  type ConfigChange,
  type FeedEvent,
  type FeedReset,
  type ScopeContext,
  type ScopeRequest,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import type { KeyFilter } from './change-view.ts';
import { begin, open, type Context } from './context.ts';
import { EffectiveView } from './effective-changes.ts';
import { readTip } from './store/feed.ts';
import { Subscription, type FeedListener, type FeedSubscription } from './subscription.ts';
import { requireVisibility } from './visibility.ts';

/** What a reader of the feed wants, and from where on. */
export interface FeedOptions {
  /** Tells of the effective values of this scope, wherever on its chain they change. Without a scope: of layers, at all scopes. */
  readonly scope?: ScopeContext;
  /** Goes on after this revision, or after the commit of this cursor. Default: after the last commit there is. */
  readonly fromRevision?: number | string;
  /** Stops the reader when it aborts. */
  readonly signal?: AbortSignal;
}

/** How changes are watched. */
export interface WatchOptions extends FeedOptions {
  /** Called where commits were missed for good: read anew what you hold. Without it that is reported as a warning. */
  readonly onReset?: (reset: FeedReset) => unknown;
}

/** What `subscribe` takes. */
export interface SubscribeOptions extends FeedOptions {
  /** The keys that are wanted: names, or globs in which `*` stands for any characters. Default: all. */
  readonly keys?: string | readonly string[];
}

/**
 * Calls `listener` with each event from a place on. Resolves once nothing after that place can be missed any more. Each change is asked
 * about when it is told: what the actor may not read by then is left out.
 * @throws ConfigurationError `not_permitted` where the actor may read nothing of it now.
 */
export async function subscribe(
  context: Context,
  actor: Actor,
  options: SubscribeOptions,
  listener: FeedListener,
): Promise<FeedSubscription> {
  begin(context);
  if (typeof listener !== 'function') refuse('callback', `give a function, not ${describeInput(listener)}`);
  const filter = parseFilter(options.keys ?? '*');
  const request = options.scope === undefined ? undefined : parseScopeContext(options.scope);
  const given = options.fromRevision === undefined ? undefined : parseCursor(options.fromRevision, 'fromRevision');
  const from = given ?? (await readTip(context.db));
  await requireWatchable(context, actor, filter.names, request);
  const view = request === undefined ? undefined : new EffectiveView(context, request, filter, actor);
  const subscription = new Subscription({ context, actor, from, filter, view, listener });
  const { signal } = options;
  // The service may have been closed while the place was read.
  open(context);
  if (signal?.aborted !== true) {
    subscription.start();
    if (signal !== undefined) subscription.stopWith(signal);
  }
  return subscription;
}

/** Calls `callback` with the changes of each commit. Resolves to what stops that. */
export async function watchConfig(
  context: Context,
  actor: Actor,
  keys: string | readonly string[],
  callback: (changes: readonly ConfigChange[]) => unknown,
  { onReset, ...options }: WatchOptions,
): Promise<() => void> {
  if (typeof callback !== 'function') refuse('callback', `give a function, not ${describeInput(callback)}`);
  const subscription = await subscribe(context, actor, { ...options, keys }, (event) => {
    if (event.type === 'commit') return callback(event.changes);
    if (onReset !== undefined) return onReset(event);
    context.report(missed(event));
    return undefined;
  });
  return () => subscription.stop();
}

/**
 * Iterates over changes in order. What is not asked for yet is not kept: the reader goes on from the feed at its own pace.
 * @throws ConfigurationError `changes_missed` where commits were missed for good; a new call goes on from there.
 */
export async function* changes(
  context: Context,
  actor: Actor,
  keys: string | readonly string[],
  options: FeedOptions,
): AsyncGenerator<ConfigChange, void, undefined> {
  const turns = new Turns();
  const stopped = new AbortController();
  const signal = AbortSignal.any([stopped.signal, context.ending.signal, ...(options.signal ? [options.signal] : [])]);
  signal.addEventListener('abort', () => turns.end(), { once: true });
  await subscribe(context, actor, { ...options, keys, signal }, (event) => turns.put(event));
  try {
    for (let event = await turns.take(); event !== undefined; event = await turns.take()) {
      if (event.type !== 'commit') throw missed(event);
      yield* event.changes;
      turns.done();
    }
  } finally {
    stopped.abort();
  }
}

/** Hands one event at a time from a listener to an iterator; the listener waits until it is used up. */
class Turns {
  #event: FeedEvent | undefined;
  #isEnded = false;
  #wake: () => void = () => undefined;
  #release: () => void = () => undefined;

  put(event: FeedEvent): Promise<void> {
    this.#event = event;
    this.#wake();
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  async take(): Promise<FeedEvent | undefined> {
    if (this.#event === undefined && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#isEnded ? undefined : this.#event;
  }

  done(): void {
    this.#event = undefined;
    this.#release();
  }

  end(): void {
    this.#isEnded = true;
    this.#release();
    this.#wake();
  }
}

function missed({ type, cursor }: FeedReset): ConfigurationError {
  const problem = type === 'reset' ? 'the store was put back to an earlier state' : 'they are no longer kept';
  return new ConfigurationError('changes_missed', { problem, cursor });
}

function parseFilter(keys: unknown): KeyFilter {
  const list: readonly unknown[] = Array.isArray(keys) ? keys : [keys];
  if (list.length === 0) refuse('keys', 'give at least one key or glob; * stands for all');
  const patterns = [...new Set(list.map(parsePattern))].sort();
  const exact = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob).map(globMatcher);
  return {
    name: patterns.join(' '),
    names: globs.length === 0 ? [...exact] : undefined,
    matches: patterns.includes('*') ? () => true : (key) => exact.has(key) || globs.some((matches) => matches(key)),
  };
}

/** Refuses an actor who may watch nothing that is asked for; what of it he may be told is asked about each change. */
async function requireWatchable(
  context: Context,
  actor: Actor,
  names: readonly string[] | undefined,
  request: ScopeRequest | undefined,
): Promise<void> {
  for (const key of names ?? [undefined]) {
    if (request === undefined) await requireVisibility(context, actor, 'read', key);
    else await requirePermission(context, actor, 'read', { ...request, key }, 'list');
  }
}

const isGlob = (pattern: string): boolean => /[*?]/.test(pattern);

/** A key, or a glob: a text that some key could match. A collection stands for all of its entries. */
function parsePattern(pattern: unknown): string {
  if (typeof pattern !== 'string' || !isGlob(pattern)) return entriesPattern(parseKey(pattern));
  if (pattern.length > 255 || /[^A-Za-z0-9_.:/*?-]/.test(pattern)) {
    refuse('keys', `${describeInput(pattern)} matches no key: use letters, digits and _ . : / - besides * and ?`);
  }
  return pattern;
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
