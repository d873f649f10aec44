import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { createSchema } from '../../../test/databases.ts';
import { serve, type RunningServer, type ServeOptions } from './serve.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-serve-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

/** Serves one data directory, which all tests of this file use in turn, on a free port. */
async function start(options: ServeOptions = {}): Promise<RunningServer> {
  const server = await serve({ dataDir: join(directory, 'data'), port: 0, print: () => undefined, ...options });
  running.push(server);
  return server;
}

const put = (url: string, key: string, value: unknown): Promise<Response> =>
  fetch(`${url}/v1/layers/${key}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ value }),
  });

async function read(url: string, key: string): Promise<unknown> {
  return ((await (await fetch(`${url}/v1/values/${key}`)).json()) as { value?: unknown }).value;
}

/** A connection on which a request is sent bit by bit; `answer` is all that comes back until it ends. */
function open(url: string): { readonly socket: Socket; readonly answer: Promise<string> } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
  const chunks: string[] = [];
  socket.on('data', (chunk: string) => chunks.push(chunk));
  socket.on('error', () => undefined);
  return { socket, answer: once(socket, 'close').then(() => chunks.join('')) };
}

const body = '{"value":"late"}';
const slowPut = `PUT /v1/layers/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n`;

describe('serve', () => {
  it('migrates, says in one line where it listens, and keeps what is stored', async () => {
    const lines: string[] = [];
    const first = await start({ print: (line) => lines.push(line) });
    expect(lines).toEqual([`Strata listens on ${first.url} (the embedded database in ${join(directory, 'data')})`]);
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await put(first.url, 'theme', { size: 1 })).status).toBe(200);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    await first.close();
    await first.close();
    await expect(fetch(`${first.url}/healthz`)).rejects.toThrow();

    const second = await start();
    expect(await read(second.url, 'theme')).toEqual({ size: 1 });
  });

  it('serves a PostgreSQL, and never adds a demo to it', async () => {
    const { host, port, user, password, database } = inject('postgres');
    const drop = await createSchema('test_serve');
    const address = `${host}:${String(port)}/${database}`;
    const lines: string[] = [];
    const server = await start({
      databaseUrl: `postgres://${user}:${password}@${address}?options=-c%20search_path%3Dtest_serve`,
      demo: true,
      print: (line) => lines.push(line),
    });
    expect(lines).toEqual([`Strata listens on ${server.url} (PostgreSQL at ${address})`]);
    expect(await read(server.url, 'pm_intervals')).toBeUndefined();
    expect((await put(server.url, 'theme', 1)).status).toBe(200);
    expect(await read(server.url, 'theme')).toBe(1);
    await server.close();
    await drop();
  });

  it('logs the loss of a connection in a line, without what the connection held', async () => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const { host, port, user, password, database } = inject('postgres');
    const drop = await createSchema('test_serve_log');
    const options = '-c search_path=test_serve_log -c application_name=test_serve_log';
    const address = `${host}:${String(port)}/${database}?options=${encodeURIComponent(options)}`;
    const admin = new pg.Client(inject('postgres'));
    await admin.connect();
    try {
      const server = await start({ databaseUrl: `postgres://${user}:${password}@${address}` });
      await put(server.url, 'theme', 'dark');
      const logged = (): string => written.mock.calls.map(([line]) => String(line)).join('');
      await vi.waitFor(async () => {
        await admin.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test_serve_log' AND state = 'idle'",
        );
        expect(logged()).toContain('a connection was lost');
      });
      const lines = logged()
        .split('\n')
        .filter((line) => line.includes('a connection was lost'));
      for (const line of lines) {
        expect(Object.keys(JSON.parse(line) as object).sort()).toEqual([
          'hostname',
          'level',
          'msg',
          'pid',
          'problem',
          'time',
        ]);
      }
      await server.close();
    } finally {
      written.mockRestore();
      await admin.end();
      await drop();
    }
  });

  it('fills a fresh embedded store with the demo when asked to, says so, and never again', async () => {
    const dataDir = join(directory, 'demo');
    const lines: string[] = [];
    const print = (line: string): unknown => lines.push(line);
    const first = await start({ dataDir, demo: true, print });
    expect(lines).toEqual([
      'The store was empty and now holds the fleet demo (docs/demo.md); --no-demo leaves it empty',
      `Strata listens on ${first.url} (the embedded database in ${dataDir})`,
    ]);
    expect(await read(first.url, 'pm_intervals?scope=user&scopeId=cleo')).toEqual({
      lightDuty: 4000,
      mediumDuty: 8000,
      heavyDuty: 15_000,
    });
    await first.close();

    lines.length = 0;
    const second = await start({ dataDir, demo: true, print });
    expect(lines).toEqual([`Strata listens on ${second.url} (the embedded database in ${dataDir})`]);
  });

  it('adds no demo to a store with a commit, nor unasked to a fresh one', async () => {
    const dataDir = join(directory, 'own');
    const fresh = await start({ dataDir });
    expect(await read(fresh.url, 'pm_intervals')).toBeUndefined();
    await put(fresh.url, 'theme', 1);
    await fresh.close();

    const later = await start({ dataDir, demo: true });
    expect(await read(later.url, 'pm_intervals')).toBeUndefined();
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'strata.example'])(
    'refuses to listen on %s, and opens nothing',
    async (host) => {
      const dataDir = join(directory, 'never');
      await expect(start({ host, dataDir })).rejects.toMatchObject({ code: 'not_loopback' });
      expect(existsSync(dataDir)).toBe(false);
    },
  );

  it('says that a port is in use, and leaves the database to others', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toMatchObject({
      code: 'cannot_listen',
      message: `The server cannot listen on 127.0.0.1, port ${String(port)}: another program listens there. Stop that program or choose another port.`,
    });
    other.close();
    expect((await start()).url).toBeTypeOf('string');
  });

  it('says that a database is away, without its password', async () => {
    const error: unknown = await start({ databaseUrl: 'postgres://app:hunter2@127.0.0.1:9/none' }).catch(
      (failure: unknown) => failure,
    );
    expect(error).toMatchObject({ code: 'unavailable' });
    expect(String(error)).toContain('ECONNREFUSED');
    expect(String(error)).not.toContain('hunter2');
  });
});

describe('closing', () => {
  it('finishes the request under way and accepts no other', async () => {
    const server = await start();
    const { socket, answer } = open(server.url);
    socket.write(slowPut + body.slice(0, 5));
    await once(socket, 'connect');
    await fetch(`${server.url}/healthz`);

    const closed = server.close();
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    socket.write(body.slice(5));
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    await closed;

    const again = await start();
    expect(await read(again.url, 'slow')).toBe('late');
  });

  it('waits no longer than the grace for a request that never ends', async () => {
    const server = await start({ closeGrace: 300 });
    const { socket, answer } = open(server.url);
    socket.write(slowPut);
    await once(socket, 'connect');
    await fetch(`${server.url}/healthz`);
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(3000);
    expect(await answer).not.toMatch(/ 200 /);
  });
});

describe('a client that is slow on purpose', () => {
  it.each([
    ['headers', 'GET /healthz HTTP/1.1\r\nHost: local'],
    ['body', slowPut],
  ])('and never ends its %s is cut off with 408', async (_, text) => {
    const server = await start({ requestTimeout: 600 });
    const { socket, answer } = open(server.url);
    socket.write(text);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
  });
});

describe('what is not HTTP', () => {
  it.each([
    ['garbage', 'GARBAGE\r\n\r\n', 400, 'invalid_request'],
    ['a path of other bytes', 'GET /v1/values/\u00e9 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'invalid_request'],
    [
      'two lengths of a body',
      `${slowPut.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')}0\r\n\r\n`,
      400,
      'invalid_request',
    ],
    ['headers of 20,000 bytes', `GET /healthz HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ])('%s is answered with a problem', async (_, text, status, code) => {
    const server = await start();
    const { socket, answer } = open(server.url);
    socket.write(text, 'latin1');
    expect(await answer).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} [^]*"code":"${code}"`));
  });

  it('does not end the server', async () => {
    const server = await start();
    for (const bytes of [
      '\u0000',
      '\r\n\r\n',
      'CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\n',
    ]) {
      const { socket, answer } = open(server.url);
      socket.end(bytes);
      await answer;
    }
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('nor does a body that is too large', async () => {
    const server = await start();
    const { socket, answer } = open(server.url);
    socket.write(slowPut.replace(/Content-Length: \d+/, 'Content-Length: 9000000'));
    expect(await answer).toMatch(/^HTTP\/1\.1 413 [^]*"code":"body_too_large"/);
    expect(await put(server.url, 'theme', 'x'.repeat(2000)).then((answer_) => answer_.status)).toBe(200);
  });
});
