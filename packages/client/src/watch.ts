/** Owns following the feed: one stream at a time, opened again wherever it broke off, each commit delivered once. */
import type { ConfigChange, FeedCommit, FeedReset, ScopeContext } from '@strata/core';
import { scopeQuery } from './address.ts';
import { StrataClientError } from './client-error.ts';
import { refuse, type Call, type Connection } from './connection.ts';
import { EventParser, type ServerSentEvent } from './event-parser.ts';
import { isPassing, moveDelay, pause, retryDelay } from './retry.ts';

/** A change, with its time as ISO 8601 text. */
export type WatchedChange = Omit<ConfigChange, 'changedAt'> & { readonly changedAt: string };

/** A commit with all that was asked for of it. */
export type WatchedCommit = Omit<FeedCommit, 'changes'> & { readonly changes: readonly WatchedChange[] };

/**
 * What a watcher is told. After `reset` (the store was put back to an earlier state) and `compacted` (commits after the cursor are no longer
 * kept) read anew what you hold; later commits follow.
 */
export type WatchEvent = WatchedCommit | FeedReset;

/** How the stream is: open, or to be opened again after some milliseconds, because of an error or because the server moved on. */
export type WatchState =
  | { readonly state: 'open'; readonly cursor: string }
  | { readonly state: 'waiting'; readonly delay: number; readonly error: StrataClientError | undefined };

/** What is watched, and from where on. */
export interface WatchOptions {
  /** Names, or globs (`*`, `?`). Default: all keys. */
  readonly keys?: string | readonly string[] | undefined;
  /** Names or globs of flags: short for the keys `feature_flags/<name>`. */
  readonly flags?: string | readonly string[] | undefined;
  /** Tells of the effective values of this scope. Without one: of layers, at all scopes. */
  readonly scope?: ScopeContext | undefined;
  /** Goes on after this revision, or after the event of this cursor. Default: from now on. */
  readonly fromRevision?: number | string | undefined;
  /** Ends the watching. */
  readonly signal?: AbortSignal | undefined;
  /** Told when the stream is open, and when it will be opened again. */
  readonly onState?: ((state: WatchState) => void) | undefined;
  /** After how many milliseconds without a sign of life a stream counts as dead. Default: 45,000, three heartbeats of the server. */
  readonly silence?: number | undefined;
}

/** The calls on the feed. */
export function watchCalls(connection: Connection) {
  return {
    /**
     * Calls `onEvent` with each event, one after the other: a promise is awaited before the next. Goes on over lost connections and
     * servers that end. Resolves when `signal` aborts; rejects with what `onEvent` throws, and where the server refuses for good.
     */
    watch: async (options: WatchOptions, onEvent: (event: WatchEvent) => unknown): Promise<void> => {
      for await (const event of follow(connection, options)) await onEvent(event);
    },

    /** The same as an iterator: `for await (const event of client.events({ keys: 'branding' })) …`. */
    events: (options: WatchOptions = {}): AsyncGenerator<WatchEvent, void, undefined> => follow(connection, options),
  };
}

const defaultSilence = 45_000;

async function* follow(connection: Connection, options: WatchOptions): AsyncGenerator<WatchEvent, void, undefined> {
  const { signal, silence = defaultSilence, onState } = options;
  const place = new Place(options);
  for (let failures = 0; !isAborted(signal);) {
    let delay: number;
    let failure: StrataClientError | undefined;
    try {
      let moved: number | undefined;
      for await (const event of readEvents(
        await connection.open(place.call(), silence, 'text/event-stream'),
        silence,
        signal,
      )) {
        if (event.name === 'moved') moved = moveDelay(event.retry);
        else if (event.name === 'heartbeat' && place.isNew) onState?.({ state: 'open', cursor: event.id });
        failures = 0;
        const told = place.take(event);
        if (told !== undefined) yield told;
      }
      delay = moved ?? retryDelay(failures, Math.random());
    } catch (error) {
      if (isAborted(signal)) return;
      if (!isPassing(error)) throw error;
      failure = error;
      delay = retryDelay(failures, Math.random());
    }
    if (isAborted(signal)) return;
    failures += 1;
    onState?.({ state: 'waiting', delay, error: failure });
    await pause(delay, signal);
  }
}

// As a property the compiler would take it for unchanged since the last look.
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** How far a watcher has come. */
class Place {
  readonly #options: WatchOptions;
  #cursor: string | undefined;
  #revision = -1;
  /** Whether nothing has come over the stream of now. */
  isNew = true;

  /** @throws StrataClientError `invalid_argument` where keys and flags are given and name nothing: that would ask for all. */
  constructor(options: WatchOptions) {
    const { keys, flags } = options;
    const named = [keys, flags].filter((names) => names !== undefined);
    if (named.length > 0 && named.flat().length === 0) refuse('keys', 'it names no key; * stands for all');
    this.#options = options;
  }

  /** The request that goes on from here. */
  call(): Call {
    const { keys, flags, scope, fromRevision, signal } = this.#options;
    this.isNew = true;
    return {
      path: '/v1/watch',
      query: { ...scopeQuery(scope), keys, flags, fromRevision: this.#cursor === undefined ? fromRevision : undefined },
      headers: {
        accept: 'text/event-stream, application/problem+json',
        ...(this.#cursor === undefined ? {} : { 'last-event-id': this.#cursor }),
      },
      signal,
    };
  }

  /** What the watcher is told of an event; nothing of a commit that it was told before. */
  take({ name, id, data }: ServerSentEvent): WatchEvent | undefined {
    this.isNew = false;
    if (id !== '') this.#cursor = id;
    if (name !== 'commit' && name !== 'reset' && name !== 'compacted') return undefined;
    const event = { type: name, ...parse(data) } as WatchEvent;
    if (name === 'commit' && event.revision <= this.#revision) return undefined;
    this.#revision = event.revision;
    return event;
  }
}

function parse(data: string): object {
  try {
    return JSON.parse(data) as object;
  } catch (cause) {
    throw new StrataClientError('invalid_answer', 'The server sent an event that is not JSON.', { cause });
  }
}

async function* readEvents(
  stream: ReadableStream<Uint8Array>,
  silence: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silence);
      if (done) return;
      for (const event of parser.read(decoder.decode(value, { stream: true }))) {
        if (isAborted(signal)) return;
        yield event;
      }
    }
  } catch (error) {
    if (error instanceof StrataClientError) throw error;
    throw new StrataClientError('unreachable', 'The connection to the server was cut.', { cause: error });
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** @throws StrataClientError `timeout`. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StrataClientError('timeout', `The server has been silent for ${String(ms / 1000)} seconds.`));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
