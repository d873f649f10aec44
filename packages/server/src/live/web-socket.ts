/** Owns one WebSocket: several subscriptions to the feed over one connection, each with an id of the client's choice. */
import type { Socket } from 'node:net';
import { ConfigurationError, type FeedEvent } from '@strata/core';
import type { ConfigurationManagementService, FeedSubscription } from '@strata/service';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import { parseJsonBody } from '../json-body.ts';
import { toProblem } from '../problem.ts';
import { StallCheck, whenTaken } from './backpressure.ts';
import { eventJson } from './frames.ts';
import { Gate } from './gate.ts';
import type { Follower, Live } from './live.ts';
import { subscribeOptions, watchMessage } from './watch-request.ts';

/** How many subscriptions one connection may have. */
export const maxSubscriptions = 100;

/** Why the server ends a connection: the close codes of RFC 6455 and its registry that it uses itself. */
export const closeCodes = { unsupportedData: 1003, serviceRestart: 1012 } as const;

const message = z.discriminatedUnion('type', [
  watchMessage,
  z.strictObject({ type: z.literal('unsubscribe'), id: z.string().min(1).max(64) }),
]);

/** What a WebSocket is served with. */
export interface WebSocketParts {
  readonly live: Live;
  readonly service: ConfigurationManagementService;
  readonly webSocket: WebSocket;
  /** The connection under it. */
  readonly socket: Socket;
  readonly requestId: string;
  /** Told of what is not the client's doing. */
  readonly failed: (error: unknown) => void;
}

/** Serves a WebSocket until either side ends it. */
export function serveWebSocket(parts: WebSocketParts): void {
  new Session(parts).start();
}

/** A subscription of a connection; while it is being made there is none in it. */
interface Slot {
  subscription?: FeedSubscription;
}

class Session implements Follower {
  readonly #parts: WebSocketParts;
  readonly #stall = new StallCheck();
  readonly #subscriptions = new Map<string, Slot>();

  constructor(parts: WebSocketParts) {
    this.#parts = parts;
  }

  start(): void {
    const { live, webSocket } = this.#parts;
    const leave = live.add(this);
    webSocket.on('close', () => {
      leave();
      this.#stopAll();
    });
    // What is not of the protocol ends the connection with the code that the library gives it.
    webSocket.on('error', () => undefined);
    webSocket.on('message', (data, isBinary) => {
      if (isBinary) webSocket.close(closeCodes.unsupportedData, 'messages are JSON as text');
      else void this.#answer(bytesOf(data));
    });
  }

  beat(): void {
    const { socket, live } = this.#parts;
    if (this.#stall.isStalled(socket, live.maxWaiting)) this.drop();
    else if (socket.writableLength === 0) {
      for (const [id, { subscription }] of this.#subscriptions) {
        if (subscription !== undefined) this.#send({ type: 'heartbeat', id, cursor: subscription.cursor });
      }
    }
  }

  move(): void {
    this.#stopAll();
    this.#parts.webSocket.close(closeCodes.serviceRestart, 'the server ends; connect again');
  }

  drop(): void {
    this.#parts.webSocket.terminate();
  }

  async #answer(bytes: Buffer): Promise<void> {
    let id: string | undefined;
    try {
      const asked = parseMessage(bytes, (found) => (id = found));
      if (asked.type === 'subscribe') await this.#subscribe(asked);
      else this.#unsubscribe(asked.id);
    } catch (error) {
      const { requestId, failed } = this.#parts;
      const problem = toProblem(error, requestId);
      if (problem.status === 500) failed(error);
      this.#send({ type: 'error', ...(id === undefined ? {} : { id }), problem });
    }
  }

  async #subscribe(asked: z.output<typeof watchMessage>): Promise<void> {
    const { id } = asked;
    const subscriptions = this.#subscriptions;
    if (subscriptions.has(id)) refuse(`the subscription ${JSON.stringify(id)} is there already; unsubscribe it first`);
    if (subscriptions.size >= maxSubscriptions) {
      refuse(
        `this connection has ${String(maxSubscriptions)} subscriptions already; end one or open another connection`,
      );
    }
    const options = subscribeOptions(asked);
    const slot: Slot = {};
    const gate = new Gate();
    subscriptions.set(id, slot);
    try {
      const subscription = await this.#parts.service.subscribe(options, (event) =>
        gate.pass(() => this.#tell(id, event)),
      );
      // It may have been ended, and the id given to another one, meanwhile.
      if (subscriptions.get(id) !== slot) {
        subscription.stop();
        return;
      }
      slot.subscription = subscription;
      this.#send({ type: 'subscribed', id, cursor: subscription.cursor });
      gate.open();
    } catch (error) {
      if (subscriptions.get(id) === slot) subscriptions.delete(id);
      throw error;
    }
  }

  #unsubscribe(id: string): void {
    if (!this.#subscriptions.has(id)) refuse(`there is no subscription ${JSON.stringify(id)}`);
    this.#subscriptions.get(id)?.subscription?.stop();
    this.#subscriptions.delete(id);
    this.#send({ type: 'unsubscribed', id });
  }

  #tell(id: string, event: FeedEvent): Promise<void> | undefined {
    const { webSocket, socket, live } = this.#parts;
    if (webSocket.readyState !== webSocket.OPEN) return undefined;
    const start = Buffer.from(`{"type":"${event.type}","id":${JSON.stringify(id)},`);
    webSocket.send(Buffer.concat([start, eventJson(event).subarray(1)]), { binary: false });
    return whenTaken(socket, live.maxWaiting);
  }

  #send(told: Readonly<Record<string, unknown>>): void {
    const { webSocket } = this.#parts;
    if (webSocket.readyState === webSocket.OPEN) webSocket.send(JSON.stringify(told));
  }

  #stopAll(): void {
    for (const { subscription } of this.#subscriptions.values()) subscription?.stop();
    this.#subscriptions.clear();
  }
}

/** @throws ConfigurationError `malformed_json`, `invalid_request`. */
function parseMessage(bytes: Buffer, foundId: (id: string) => void): z.output<typeof message> {
  const json = parseJsonBody(bytes);
  const id = typeof json === 'object' && json !== null && 'id' in json ? json.id : undefined;
  if (typeof id === 'string' && id.length <= 64) foundId(id);
  const { data, error } = message.safeParse(json);
  if (data !== undefined) return data;
  const errors = error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  const problem = errors.map(({ path, message: text }) => (path === '' ? text : `${path}: ${text}`)).join('; ');
  throw new ConfigurationError('invalid_request', { problem, errors });
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function refuse(problem: string): never {
  throw new ConfigurationError('invalid_request', { problem });
}
