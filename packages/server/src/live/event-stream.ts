/** Owns one stream of Server-Sent Events: its bytes go straight to the connection, and most of them are shared with other streams. */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ConfigurationError, type FeedEvent } from '@strata/core';
import type { FeedSubscription } from '@strata/service';
import { StallCheck, whenTaken } from './backpressure.ts';
import { heartbeatFrame, movedFrame, retryField, streamFrame } from './frames.ts';
import { Gate } from './gate.ts';
import type { Follower, Live } from './live.ts';

/** Begins to read the feed for a listener. */
export type Subscribe = (listener: (event: FeedEvent) => unknown) => Promise<FeedSubscription>;

type Headers = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** Where a stream goes. */
export interface StreamPlace {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The headers that every answer of this server has. */
  readonly headers: Headers;
}

/**
 * Answers a request with a stream that goes on until either side ends it. What is refused is refused before anything is sent.
 * @param hijack called right before the first byte, since the framework is to leave the connection alone from there on.
 * @throws ConfigurationError `server_closing`, `invalid_request` where the connection is busy with an earlier answer, and what
 *   `subscribe` throws.
 */
export async function openEventStream(
  live: Live,
  place: StreamPlace,
  subscribe: Subscribe,
  hijack: () => void,
): Promise<void> {
  live.requireOpen();
  const { socket } = place.request;
  // A request sent before the last one was answered: bytes would go out in the wrong order.
  if (place.response.socket !== socket) {
    throw new ConfigurationError('invalid_request', { problem: 'a stream of events takes a connection of its own' });
  }
  const stream = new EventStream(live, socket);
  const subscription = await subscribe(stream.listener);
  if (socket.destroyed || live.isEnding) subscription.stop();
  live.requireOpen();
  hijack();
  // They would keep what the framework made for the request for as long as the stream lives.
  place.response.removeAllListeners();
  place.request.removeAllListeners();
  stream.open(subscription, headText(place.headers));
}

class EventStream implements Follower {
  readonly #live: Live;
  readonly #socket: Socket;
  readonly #stall = new StallCheck();
  #subscription: FeedSubscription | undefined;
  #leave: (() => void) | undefined;
  /** Absent once the stream is open. */
  #gate: Gate | undefined = new Gate();

  constructor(live: Live, socket: Socket) {
    this.#live = live;
    this.#socket = socket;
  }

  /** Nothing is read further while the promise that this answers is waited for. */
  readonly listener = (event: FeedEvent): Promise<void> | undefined =>
    this.#gate === undefined ? this.#tell(event) : this.#gate.pass(() => this.#tell(event));

  open(subscription: FeedSubscription, head: string): void {
    if (this.#socket.destroyed) return;
    this.#subscription = subscription;
    this.#leave = this.#live.add(this);
    this.#socket.on('close', this.#end);
    const start = `${head}${retryField(retryDelay(steadyRetry))}`;
    this.#socket.write(Buffer.concat([Buffer.from(start), heartbeatFrame(subscription.cursor)]));
    this.#gate?.open();
    this.#gate = undefined;
  }

  #tell(event: FeedEvent): Promise<void> | undefined {
    if (this.#socket.destroyed) return undefined;
    this.#socket.write(streamFrame(event));
    return whenTaken(this.#socket, this.#live.maxWaiting);
  }

  beat(): void {
    const socket = this.#socket;
    if (this.#stall.isStalled(socket, this.#live.maxWaiting)) this.drop();
    // Who has something to take still hears of the place with that.
    else if (socket.writableLength === 0) socket.write(heartbeatFrame(this.#subscription?.cursor ?? ''));
  }

  move(): void {
    this.#subscription?.stop();
    this.#socket.write(movedFrame(retryDelay(movedRetry)));
    this.#socket.destroySoon();
  }

  drop(): void {
    this.#socket.destroy();
  }

  readonly #end = (): void => {
    this.#subscription?.stop();
    this.#leave?.();
  };
}

/** The bounds of the time after which a client connects again, in milliseconds: each gets another one, so that they do not come all at once. */
const steadyRetry = [1000, 5000] as const;
const movedRetry = [100, 2000] as const;

function retryDelay([least, most]: readonly [number, number]): number {
  return Math.round(least + Math.random() * (most - least));
}

/** The end of the connection ends the answer, so the bytes of an event are the same for every connection and version of HTTP. */
function headText(headers: Headers): string {
  const all: Headers = {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies that collect an answer before they pass it on would hold events back.
    'x-accel-buffering': 'no',
    date: new Date().toUTCString(),
    connection: 'close',
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${String(value)}`],
  );
  return `HTTP/1.1 200 ${STATUS_CODES[200] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n`;
}
