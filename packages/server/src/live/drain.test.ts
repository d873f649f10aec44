/** Owns what happens to streams when the server ends, and that nothing is left of them. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { closeStreams, openStream, soon } from '../../../../test/event-stream.ts';
import { serve, type RunningServer, type ServeOptions } from '../serve.ts';
import { createServer } from '../server.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-drain-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const running: RunningServer[] = [];
afterEach(async () => {
  closeStreams();
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start(options: ServeOptions = {}): Promise<RunningServer> {
  const server = await serve({ dataDir: join(directory, 'data'), port: 0, print: () => undefined, ...options });
  running.push(server);
  return server;
}

const codeOf = async (answer: Response): Promise<unknown> => [
  answer.status,
  ((await answer.json()) as { code: string }).code,
];

describe('a server that is told to end', () => {
  it('tells its streams to move and ends them, and goes', async () => {
    const server = await start();
    const streams = await Promise.all(Array.from({ length: 300 }, () => openStream(`${server.url}/v1/watch`)));
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/watch`);
    await once(socket, 'open');
    const closed = once(socket, 'close') as Promise<[CloseEvent]>;
    await server.close();
    await vi.waitFor(() => expect(streams.every(({ isEnded }) => isEnded)).toBe(true), soon);
    for (const stream of streams) expect(stream.events).toEqual([{ event: 'moved', id: undefined, data: {} }]);
    expect(new Set(streams.map(({ retries }) => retries.at(-1))).size).toBeGreaterThan(50);
    expect((await closed)[0].code).toBe(1012);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('is not ready at once, takes no new stream, and answers on for as long as it was told', async () => {
    const server = await start({ drainDelay: 1500 });
    const stream = await openStream(`${server.url}/v1/watch`);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const closed = server.close();
    expect(await codeOf(await fetch(`${server.url}/readyz`))).toEqual([503, 'server_closing']);
    expect(await codeOf(await fetch(`${server.url}/v1/watch`))).toEqual([503, 'server_closing']);
    expect((await fetch(`${server.url}/v1/values`)).status).toBe(200);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await stream.until(1))[0]?.event).toBe('moved');
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/watch`);
    await once(socket, 'error');
    await closed;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('does not wait for clients that never go', async () => {
    const server = await start();
    const stalled = connect(Number(new URL(server.url).port), '127.0.0.1');
    stalled.on('error', () => undefined).write('GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(stalled, 'readable');
    const upgraded = connect(Number(new URL(server.url).port), '127.0.0.1');
    upgraded
      .on('error', () => undefined)
      .write(
        'GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
    await once(upgraded, 'readable');
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(8000);
    stalled.destroy();
    upgraded.destroy();
  });
});

describe('streams that were closed', () => {
  it('leave no timer and no subscription', async () => {
    const database = await openEmbeddedDatabase();
    const service = createConfigurationService(database);
    const stops = { made: 0, stopped: 0 };
    const counted: typeof service = Object.freeze({
      ...service,
      as: () => counted,
      subscribe: async (...args: Parameters<typeof service.subscribe>) => {
        const subscription = await service.subscribe(...args);
        stops.made += 1;
        return {
          get cursor() {
            return subscription.cursor;
          },
          stop: () => {
            stops.stopped += 1;
            subscription.stop();
          },
        };
      },
    });
    await service.migrate();
    const app = createServer(counted);
    const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/v1/watch`;
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const streams = [await openStream(url), await openStream(url)];
    const socket = new WebSocket(url.replace('http', 'ws'));
    await once(socket, 'open');
    for (const id of ['a', 'b']) socket.send(JSON.stringify({ type: 'subscribe', id }));
    await vi.waitFor(() => expect(stops.made).toBe(4), soon);
    expect(timers()).toBeGreaterThan(before);
    for (const stream of streams) stream.close();
    socket.close();
    await vi.waitFor(() => expect(stops.stopped).toBe(4), soon);
    await vi.waitFor(() => expect(timers()).toBe(before), soon);
    await app.close();
    await service.close();
    await database.close();
  });
});
