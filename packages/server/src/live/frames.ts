/** Owns the bytes of the feed's events: made once, and shared by all who are sent the same. */
import type { ConfigChange, FeedCommit, FeedEvent, FeedReset } from '@strata/core';

/** One event of a stream, whole, with the place of the JSON in it. */
interface Frame {
  readonly changes: readonly ConfigChange[];
  readonly bytes: Buffer;
  readonly jsonStart: number;
}

/** By the first change: readers with different filters are often told of the same changes. */
const frames = new WeakMap<ConfigChange, Frame>();

/** An event as one Server-Sent Event. The bytes are shared: they are never to be written to. */
export function streamFrame(event: FeedEvent): Buffer {
  return event.type === 'commit' ? frameOf(event).bytes : makeFrame(event.type, event.cursor, resetJson(event)).bytes;
}

/** The JSON of an event, as bytes that are shared. */
export function eventJson(event: FeedEvent): Buffer {
  if (event.type !== 'commit') return Buffer.from(resetJson(event));
  const { bytes, jsonStart } = frameOf(event);
  return bytes.subarray(jsonStart, -frameEnd.length);
}

const frameEnd = '\n\n';

function frameOf(event: FeedCommit): Frame {
  const { cursor, revision, commit, changes } = event;
  const [first] = changes;
  const known = first === undefined ? undefined : frames.get(first);
  if (known !== undefined && areSame(known.changes, changes)) return known;
  const made = { ...makeFrame('commit', cursor, JSON.stringify({ cursor, revision, commit, changes })), changes };
  if (first !== undefined) frames.set(first, made);
  return made;
}

function areSame(some: readonly ConfigChange[], others: readonly ConfigChange[]): boolean {
  return some === others || (some.length === others.length && some.every((change, index) => change === others[index]));
}

function resetJson({ cursor, revision }: FeedReset): string {
  return JSON.stringify({ cursor, revision });
}

function makeFrame(name: string, cursor: string, json: string): Omit<Frame, 'changes'> {
  const start = `event: ${name}\nid: ${cursor}\ndata: `;
  // One allocation for all readers, and none that lives in a pool with others.
  return { bytes: Buffer.from(`${start}${json}${frameEnd}`), jsonStart: start.length };
}

let lastBeat: { readonly cursor: string; readonly bytes: Buffer } = { cursor: '', bytes: Buffer.alloc(0) };

/** A heartbeat as one Server-Sent Event. Most readers are at the same place, so the last one is kept. */
export function heartbeatFrame(cursor: string): Buffer {
  if (lastBeat.cursor !== cursor) {
    lastBeat = { cursor, bytes: makeFrame('heartbeat', cursor, JSON.stringify({ cursor })).bytes };
  }
  return lastBeat.bytes;
}

/** Tells a reader to connect again after so many milliseconds, because this server ends. */
export function movedFrame(retry: number): string {
  return `retry: ${String(retry)}\nevent: moved\ndata: {}${frameEnd}`;
}

/** What stands before the first event: after how many milliseconds to connect again when the stream breaks. */
export function retryField(retry: number): string {
  return `retry: ${String(retry)}\n`;
}
