/** Owns readers of the feed over HTTP: they come back by themselves, to any server, after the last cursor that they heard. */
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { FeedEvent } from '@strata/core';
import { RecordingReader } from './readers.ts';

/** What a stream tells besides events of the feed. */
interface Told {
  readonly type: string;
  readonly cursor?: string;
  readonly problem?: { readonly code: string };
}

/** A reader over a connection that can end at any time. */
abstract class StreamReader extends RecordingReader {
  readonly #address: () => string;
  #isStopped = true;
  #loop: Promise<void> | undefined;

  /** @param address of some server that may be there. */
  constructor(name: string, from: number, address: () => string) {
    super(name, from);
    this.#address = address;
  }

  connect(): Promise<void> {
    this.#isStopped = false;
    this.#loop ??= this.#keepReading();
    return Promise.resolve();
  }

  stop(): void {
    this.#isStopped = true;
    this.cut();
  }

  /** Reads on one connection until that ends. */
  protected abstract read(address: string): Promise<void>;
  /** Ends the connection there is. */
  abstract cut(): void;
  /** Does not read for a while. */
  abstract pause(ms: number): void;

  protected take(type: string, data: string): void {
    const told = JSON.parse(data) as Told;
    if (type === 'heartbeat' || type === 'subscribed') {
      if (told.cursor !== undefined) this.moveTo(told.cursor);
    } else if (type === 'commit' || type === 'reset' || type === 'compacted') this.hear({ ...told, type } as FeedEvent);
    // While the database is away a subscription is refused; it is asked for again.
    else if (type === 'error' && told.problem?.code === 'unavailable') this.cut();
    else if (type !== 'moved') throw new Error(`${this.name} was told ${type}: ${data}`);
  }

  async #keepReading(): Promise<void> {
    while (!this.#isStopped) {
      await this.read(this.#address());
      await wait(10 + Math.random() * 90);
    }
  }
}

/** Reads server-sent events. */
export class SseReader extends StreamReader {
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;

  protected read(address: string): Promise<void> {
    return new Promise((resolve) => {
      const headers = { 'last-event-id': String(this.cursor), accept: 'text/event-stream' };
      this.#request = get(`${address}/v1/watch`, { headers, agent: false }, (response) => {
        this.#response = response;
        if (response.statusCode !== 200) response.resume();
        else this.#readEvents(response);
        response.on('close', resolve).on('error', () => undefined);
      });
      this.#request.on('error', () => {
        this.#response = undefined;
        resolve();
      });
    });
  }

  #readEvents(response: IncomingMessage): void {
    this.begin();
    let rest = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      // What a connection held back when it was lost comes too late: the next one was asked for it again.
      if (this.#response !== response) return;
      const events = `${rest}${text}`.split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) this.#takeEvent(event);
    });
  }

  #takeEvent(event: string): void {
    const fields = new Map(
      event
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trimStart()]),
    );
    const data = fields.get('data');
    if (data !== undefined) this.take(fields.get('event') ?? 'message', data);
  }

  cut(): void {
    this.#request?.destroy();
  }

  pause(ms: number): void {
    const response = this.#response;
    response?.pause();
    setTimeout(() => response?.resume(), ms);
  }
}

/** Reads over a WebSocket. */
export class SocketReader extends StreamReader {
  #socket: WebSocket | undefined;

  protected read(address: string): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/watch`);
      this.#socket = socket;
      socket.onopen = () => {
        this.begin();
        socket.send(JSON.stringify({ type: 'subscribe', id: this.name, fromRevision: this.cursor }));
      };
      socket.onmessage = ({ data }) => {
        const text = String(data);
        this.take((JSON.parse(text) as Told).type, text);
      };
      socket.onclose = () => resolve();
      socket.onerror = () => undefined;
    });
  }

  cut(): void {
    this.#socket?.close();
  }

  // A WebSocket of the platform cannot be held up; a busy reader is what comes nearest.
  pause(ms: number): void {
    const end = performance.now() + Math.min(ms, 100);
    while (performance.now() < end);
  }
}
