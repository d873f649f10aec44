/** Owns reading Server-Sent Events in tests: field by field as they come, without the client's own code. */
import { get, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, vi } from 'vitest';

/** One event, as its fields are. */
export interface ReceivedEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

/** A stream that is open, or was. */
export interface ReceivedStream {
  readonly headers: IncomingHttpHeaders;
  /** All events but heartbeats. */
  readonly events: readonly ReceivedEvent[];
  readonly heartbeats: readonly ReceivedEvent[];
  /** The `retry` fields. */
  readonly retries: readonly number[];
  /** Whether the server has ended it. */
  readonly isEnded: boolean;
  /** Waits until so many events have come, and answers them. */
  until(count: number): Promise<readonly ReceivedEvent[]>;
  /** What the events say of changes: key, old value and new value. */
  changes(): unknown[];
  close(): void;
}

/** Long enough for a loaded machine. */
export const soon = { timeout: 8000, interval: 5 };

const open: ClientRequest[] = [];

/** Closes the streams that tests have left open. */
export function closeStreams(): void {
  for (const request of open.splice(0)) request.destroy();
}

/** Opens a stream and waits for its first event. An answer other than 200 fails. */
export async function openStream(url: string, headers: Record<string, string> = {}): Promise<ReceivedStream> {
  const request = get(url, { headers, agent: false });
  open.push(request);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => undefined);
  expect(response.statusCode).toBe(200);
  const events: ReceivedEvent[] = [];
  const heartbeats: ReceivedEvent[] = [];
  const retries: number[] = [];
  let rest = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    const parts = `${rest}${text}`.split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const { retry, event } = parse(part);
      if (retry !== undefined) retries.push(retry);
      (event.event === 'heartbeat' ? heartbeats : events).push(event);
    }
  });
  let isEnded = false;
  response.on('close', () => (isEnded = true)).on('error', () => undefined);
  await vi.waitFor(() => expect(heartbeats.length).toBeGreaterThan(0), soon);
  return {
    headers: response.headers,
    events,
    heartbeats,
    retries,
    get isEnded() {
      return isEnded;
    },
    async until(count) {
      await vi.waitFor(() => expect(events.length).toBeGreaterThanOrEqual(count), soon);
      return events;
    },
    changes: () =>
      events.flatMap(({ data }) =>
        ((data as { changes?: Record<string, unknown>[] }).changes ?? []).map((change) => [
          change['key'],
          change['oldValue'],
          change['newValue'],
        ]),
      ),
    close: () => request.destroy(),
  };
}

function parse(text: string): { readonly retry: number | undefined; readonly event: ReceivedEvent } {
  const fields = new Map(text.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
  const retry = fields.get('retry');
  return {
    retry: retry === undefined ? undefined : Number(retry),
    event: { event: fields.get('event') ?? '', id: fields.get('id'), data: JSON.parse(fields.get('data') ?? '') },
  };
}
