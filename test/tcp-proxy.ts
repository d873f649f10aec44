/** Owns a TCP proxy for fault tests: it passes, delays, swallows, refuses or cuts what goes through it. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to the traffic: it passes, it waits on both ways and arrives when passing goes on, or it is lost for good. */
export type TrafficMode = 'pass' | 'stall' | 'drop';

/** A proxy in front of one server, on a port of its own on 127.0.0.1. */
export interface TcpProxy {
  readonly port: number;
  /** How many connections are open through it. */
  readonly connections: number;
  /** What happens to the traffic from now on, on open and new connections. */
  setMode(mode: TrafficMode): void;
  /** Delays every piece of traffic by `ms` milliseconds on each way. */
  setDelay(ms: number): void;
  /** Resets all open connections. */
  cut(): void;
  /** Refuses new connections and resets the open ones, until `accept`. */
  refuse(): Promise<void>;
  /** Takes connections again, on the same port. */
  accept(): Promise<void>;
  /** Ends the proxy and all connections. */
  close(): Promise<void>;
}

/** Starts a proxy in front of a server. */
export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const proxy = new Proxy(target);
  await proxy.accept();
  return proxy;
}

class Proxy implements TcpProxy {
  port = 0;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  readonly #stalled: (() => void)[] = [];
  #mode: TrafficMode = 'pass';
  #delay = 0;
  #server: Server | undefined;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  setMode(mode: TrafficMode): void {
    this.#mode = mode;
    if (mode === 'pass') for (const resume of this.#stalled.splice(0)) resume();
  }

  setDelay(ms: number): void {
    this.#delay = ms;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
    this.cut();
    await closed;
  }

  async accept(): Promise<void> {
    const server = createServer((client) => this.#join(client, connect(this.#target)));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.port = address.port;
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  #join(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      const pipe = new Pipe(to);
      from.on('data', (data) => this.#forward(pipe, data));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  #forward(pipe: Pipe, data: Buffer): void {
    if (this.#mode === 'drop') return;
    if (this.#mode === 'stall') this.#stalled.push(() => this.#forward(pipe, data));
    else pipe.write(data, this.#delay);
  }
}

/** One way of a connection. What goes in first comes out first, also where the delay becomes shorter in between. */
class Pipe {
  readonly #to: Socket;
  readonly #delayed: Buffer[] = [];

  constructor(to: Socket) {
    this.#to = to;
  }

  write(data: Buffer, delay: number): void {
    if (delay === 0) this.#pass(data);
    else {
      this.#delayed.push(data);
      setTimeout(() => this.#pass(), delay);
    }
  }

  /** Passes on what waits, and then `data`. */
  #pass(...data: readonly Buffer[]): void {
    for (const piece of [...this.#delayed.splice(0), ...data]) this.#to.write(piece);
  }
}
