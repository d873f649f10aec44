/** Owns how old what is read may be: what a reader asks for, what it is told of it, and waiting until this process knows enough. */
import { ConfigurationError, describeInput } from '@strata/core';
import { begin, open, type Context, type Loaded } from './context.ts';
import { deadlineIn, within, type Deadline } from './db/deadline.ts';
import { parseComment } from './new-commit.ts';
import { readProgress } from './store/counter.ts';
import type { RevealReason } from './store/audit.ts';

/** How new what is read has to be. */
export interface ReadOptions {
  /** A revision that was seen before (of a write, of another read): what is read is of that one or a later one. */
  readonly minRevision?: number;
  /** How long to wait for a revision that the store does not have yet, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
  /**
   * Whether secrets are handed out, which takes the permission `read-sensitive` and is recorded in the audit log first, or masks in their
   * place. Default: `reveal`.
   */
  readonly secrets?: 'reveal' | 'mask';
  /** Why a secret is read, for the audit log. */
  readonly reason?: string;
}

/** How a revision is waited for. */
export interface WaitOptions {
  /** In milliseconds. Default: 5,000. */
  readonly timeoutMs?: number;
  /** Ends the wait: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How old what was read is. */
export interface ReadAge {
  /** What was read is of this revision. Passed on as `minRevision`, it lets no later read see anything older, in any process. */
  readonly revision: number;
  /** How long ago it is, in milliseconds, that this process was sure of it: at most so old is what was read. */
  readonly age: number;
  /** Whether it is from memory while the database is away. Nothing that is known speaks against it. */
  readonly stale: boolean;
}

/** An effective value and its age. */
export interface DatedValue<T> extends ReadAge {
  readonly value: T;
}

/** Effective values and the age of the oldest; `revision` is that of the newest. */
export interface DatedValues<T> extends ReadAge {
  readonly values: Map<string, T>;
}

/** What a reader asks for, checked. */
export interface ReadLimits {
  readonly minRevision: number;
  readonly secrets: 'reveal' | 'mask';
  readonly why: RevealReason;
  /** For waiting; it runs from the call on. */
  readonly patience: Deadline;
}

const defaultTimeoutMs = 5000;

/** Checks the options of a read. */
export function parseReadOptions({ minRevision = 0, timeoutMs, secrets = 'reveal', reason }: ReadOptions): ReadLimits {
  if (!['reveal', 'mask'].includes(secrets)) refuse('secrets', `give reveal or mask, not ${describeInput(secrets)}`);
  const said = parseComment(reason);
  return {
    minRevision: parseRevision(minRevision, 'minRevision'),
    secrets,
    why: said === null ? {} : { reason: said },
    patience: deadlineIn(parseTimeout(timeoutMs)),
  };
}

function parseRevision(revision: unknown, argument: string): number {
  if (typeof revision === 'number' && Number.isSafeInteger(revision) && revision >= 0) return revision;
  return refuse(argument, `give a revision, a whole number from 0 on, not ${describeInput(revision)}`);
}

function parseTimeout(timeoutMs: unknown = defaultTimeoutMs): number {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return timeoutMs;
  return refuse('timeoutMs', `give a number of milliseconds, not ${describeInput(timeoutMs)}`);
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}

/** The age of something that this process was sure of at a time of the monotonic clock. */
export function ageOf(revision: number, since: number, stale: boolean): ReadAge {
  return { revision, age: Math.max(0, performance.now() - since), stale };
}

/** The age of what the database has just answered. */
export function ageOfLoaded({ revision, since }: Loaded): ReadAge {
  return ageOf(revision, since, false);
}

/** The age of what is in memory and was read at a revision: nothing changed in it up to where this process has followed. */
export function ageOfHeld({ feed }: Context, revision: number, isAway = feed.outage !== undefined): ReadAge {
  return ageOf(Math.max(revision, feed.revision ?? 0), feed.contact, isAway);
}

/**
 * Refuses at once what needs the database while the feed finds it away: waiting for it would take as long again for each caller. The
 * feed goes on looking for it.
 * @throws ConfigurationError `unavailable`.
 */
export function refuseWhileAway({ feed: { outage } }: Context): void {
  if (outage === undefined) return;
  const problem = String(outage.details['problem']);
  throw new ConfigurationError('unavailable', { problem, sent: false }, { cause: outage });
}

/**
 * Resolves once this process has followed everything up to a revision.
 * @throws ConfigurationError `revision_not_reached` after the time.
 */
export async function waitForRevision(context: Context, revision: number, options: WaitOptions): Promise<void> {
  begin(context);
  const wanted = parseRevision(revision, 'revision');
  const timeoutMs = parseTimeout(options.timeoutMs);
  options.signal?.throwIfAborted();
  const { feed, revisions } = context;
  if (feed.revision === undefined) {
    feed.follow((await readProgress(context.db)).revision);
    // The wait may have been ended meanwhile.
    open(context);
    options.signal?.throwIfAborted();
  }
  if ((feed.revision ?? 0) >= wanted) return;
  const over = new AbortController();
  const reached = until(context, options.signal, over.signal, revisions.reached(wanted, over.signal));
  feed.wake();
  const late = (): Error =>
    new ConfigurationError('revision_not_reached', { revision: wanted, reached: feed.revision ?? 0 }, causeOf(context));
  try {
    await within(reached, timeoutMs, late);
  } finally {
    over.abort();
  }
}

/** Resolves with `work`, unless the caller or the service ends it. */
function until(
  context: Context,
  signal: AbortSignal | undefined,
  over: AbortSignal,
  work: Promise<void>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new ConfigurationError('closed', {}));
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a caller may abort with anything
    const aborted = (): void => reject(signal?.reason);
    context.ending.signal.addEventListener('abort', closed, { signal: over });
    signal?.addEventListener('abort', aborted, { signal: over });
    work.then(resolve, reject);
  });
}

function causeOf({ feed: { outage } }: Context): { readonly cause?: unknown } {
  return outage === undefined ? {} : { cause: outage };
}
