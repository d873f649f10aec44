/** Owns one server of the fan-out benchmark, in a process of its own: Strata's, or bare `node:http` that sends the same bytes. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createStrata } from '@strata/server';
import { createConfigurationService } from '@strata/service';
import pg from 'pg';

const [kind, databaseUrl] = process.argv.slice(2);

/** A server with a way to tell all who are connected of one change. */
interface Broadcaster {
  readonly port: number;
  broadcast(round: number): Promise<void>;
}

/** What is stored in each round. */
const valueOf = (round: number): unknown => ({ colour: '#336699', round });
const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };
const heartbeat = 'event: heartbeat\nid: 1:00000000-0000-4000-8000-000000000000\ndata: {"cursor":"1"}\n\n';

async function startStrata(): Promise<Broadcaster> {
  const service = createConfigurationService(new pg.Pool({ connectionString: databaseUrl, max: 4 }));
  await service.migrate();
  await service.set('theme', valueOf(0), { scope: 'global' }, 'bench');
  const app = createStrata(service);
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  return {
    port: Number(port),
    broadcast: async (round) => {
      await service.set('theme', valueOf(round), { scope: 'global' }, 'bench');
    },
  };
}

/** @param write sends one event to all. */
async function startBare(
  connect: (response: ServerResponse, socket: Socket) => void,
  write: (frame: Buffer) => void,
): Promise<Broadcaster> {
  const answer = JSON.stringify({ key: 'theme', scope: 'global', scopeId: null, value: valueOf(0) });
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/v1/watch') === true) connect(response, request.socket);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    broadcast: (round) => {
      write(Buffer.from(eventText(round)));
      return Promise.resolve();
    },
  };
}

/** An event of the same size as Strata's. */
function eventText(round: number): string {
  const id = `${String(round)}:00000000-0000-4000-8000-000000000000`;
  const change = {
    key: 'theme',
    scope: 'global',
    scopeId: null,
    operation: 'set',
    oldValue: valueOf(round - 1),
    newValue: valueOf(round),
    changedBy: 'bench',
    changedAt: new Date().toISOString(),
    comment: null,
    version: '0123456789abcdef',
    revision: round,
    commit: id,
  };
  const data = JSON.stringify({ cursor: id, revision: round, commit: id, changes: [change] });
  return `event: commit\nid: ${id}\ndata: ${data}\n\n`;
}

/** As most programs would: `write` on each answer. */
function startWrite(): Promise<Broadcaster> {
  const responses = new Set<ServerResponse>();
  return startBare(
    (response) => {
      response.writeHead(200, headers).write(heartbeat);
      responses.add(response.on('close', () => responses.delete(response)));
    },
    (frame) => {
      for (const response of responses) response.write(frame);
    },
  );
}

/** The limit: bytes that are framed once, straight to each connection. */
function startRaw(): Promise<Broadcaster> {
  const sockets = new Set<Socket>();
  return startBare(
    (response, socket) => {
      response.writeHead(200, headers).write(heartbeat);
      sockets.add(socket.on('close', () => sockets.delete(socket)));
    },
    (frame) => {
      const chunk = Buffer.concat([Buffer.from(`${frame.length.toString(16)}\r\n`), frame, Buffer.from('\r\n')]);
      for (const socket of sockets) socket.write(chunk);
    },
  );
}

const starts = { strata: startStrata, write: startWrite, raw: startRaw };
const start = starts[kind as keyof typeof starts];
const broadcaster = await start();
process.send?.({ port: broadcaster.port });
process.on('message', ({ round }: { readonly round?: number }) => {
  if (round === undefined) {
    void settledMemory().then((megabytes) => process.send?.({ megabytes }));
    return;
  }
  const at = process.hrtime.bigint();
  process.send?.({ startedAt: String(at) });
  void broadcaster.broadcast(round);
});

/** What is held once what is garbage has gone, and its pages have been given back. */
async function settledMemory(): Promise<number> {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return process.memoryUsage.rss() / 1024 / 1024;
}
