/** Owns handshakes of WebSockets up to the route: they pass the same guards, and are refused with the same problems, as any request. */
import { ServerResponse, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { ConfigurationError } from '@strata/core';
import type { FastifyInstance } from 'fastify';
import { WebSocketServer, type WebSocket } from 'ws';

/** The largest message of a client, in bytes. */
export const maxMessage = 64 * 1024;

/** Whether a request asks for a WebSocket. */
export function isHandshake({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

interface Handshake {
  readonly socket: Socket;
  readonly head: Buffer;
  readonly response: ServerResponse;
}

const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: maxMessage,
  perMessageDeflate: false,
  clientTracking: false,
});

/** Leads handshakes through the routes of a server. Answers what a route completes one with. */
export class Upgrades {
  readonly #pending = new WeakMap<IncomingMessage, Handshake>();

  constructor(app: FastifyInstance) {
    app.server.on('upgrade', (request, socket, head) => {
      if (!(socket instanceof Socket)) return void socket.destroy();
      socket.on('error', () => socket.destroy());
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      response.assignSocket(socket);
      response.on('finish', () => socket.destroySoon());
      this.#pending.set(request, { socket, head, response });
      app.routing(request, response);
    });
  }

  /** Whether a request is the handshake of a WebSocket. */
  has(request: IncomingMessage): boolean {
    return this.#pending.has(request);
  }

  /**
   * Completes a handshake.
   * @param hijack called right before the first byte.
   * @throws ConfigurationError `invalid_request` for one that is not of RFC 6455.
   */
  accept(request: IncomingMessage, hijack: () => void): { readonly webSocket: WebSocket; readonly socket: Socket } {
    const handshake = this.#pending.get(request);
    const version = request.headers['sec-websocket-version'];
    const key = request.headers['sec-websocket-key'] ?? '';
    if (handshake === undefined || !isHandshake(request) || version !== '13' || !/^[+/0-9A-Za-z]{22}==$/.test(key)) {
      throw new ConfigurationError('invalid_request', {
        problem: 'it is not the handshake of a WebSocket, version 13',
      });
    }
    hijack();
    const { socket, head, response } = handshake;
    response.detachSocket(socket);
    let accepted: WebSocket | undefined;
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      accepted = webSocket;
    });
    if (accepted === undefined) throw new Error('the handshake of a WebSocket was refused after it had been checked');
    return { webSocket: accepted, socket };
  }
}
