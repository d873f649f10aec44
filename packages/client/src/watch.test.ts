/** Owns the promises of watching with the client: it comes back by itself, and tells of each commit once. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AddressInfo } from 'node:net';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';
import { startTcpProxy, type TcpProxy } from '../../../test/tcp-proxy.ts';
import { createClient, type StrataClient } from './client.ts';
import type { WatchEvent, WatchOptions, WatchState } from './watch.ts';

const global = { scope: 'global' } as const;
const soon = { timeout: 10_000, interval: 5 };

let server: TestServer;
let proxy: TcpProxy;
let client: StrataClient;
beforeAll(async () => {
  server = await startTestServer({ heartbeatInterval: 160 });
  const url = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
  proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(url.port) });
  client = createClient({ url: `http://127.0.0.1:${String(proxy.port)}`, actor: 'ada' });
});
afterAll(async () => {
  await proxy.close();
  await server.close();
});

let stopping: AbortController;
beforeEach(() => {
  stopping = new AbortController();
});
afterEach(() => stopping.abort());

/** Watches through the proxy until the test ends. */
async function watch(options: WatchOptions = {}, with_: StrataClient = client) {
  const events: WatchEvent[] = [];
  const states: WatchState[] = [];
  const ended = with_.watch(
    { signal: stopping.signal, onState: (state) => states.push(state), ...options },
    (event) => void events.push(event),
  );
  ended.catch(() => undefined);
  await vi.waitFor(() => expect(states.map(({ state }) => state)).toContain('open'), soon);
  const values = (): unknown[] =>
    events.flatMap((event) => (event.type === 'commit' ? event.changes.map(({ newValue }) => newValue) : [event.type]));
  return { events, states, ended, values };
}

const set = (key: string, value: unknown): Promise<unknown> => server.service.set(key, value, global, 'ada');

describe('watching', () => {
  it('tells of each commit as the library does, with times as texts, and ends with its signal', async () => {
    const { events, ended } = await watch({ keys: ['theme', 'pm_*'], flags: 'new' });
    const library: unknown[] = [];
    await server.service.subscribe({ keys: ['theme', 'pm_*', 'feature_flags/new'] }, (event) => library.push(event));
    await set('theme', { size: 1 });
    await set('other', 1);
    await set('feature_flags/new', { enabled: true });
    await vi.waitFor(() => expect(events).toHaveLength(2), soon);
    expect(events).toEqual(JSON.parse(JSON.stringify(library)));
    stopping.abort();
    await ended;
    await vi.waitFor(() => expect(proxy.connections).toBe(0), soon);
  });

  it('tells of the effective values of a scope', async () => {
    const { values } = await watch({ keys: 'scoped', scope: { scope: 'team', scopeId: 't', organizationId: 'o' } });
    await set('scoped', { a: 1 });
    await server.service.set('scoped', { b: 2 }, { scope: 'org', scopeId: 'o' }, 'ada');
    await vi.waitFor(() => expect(values()).toEqual([{ a: 1 }, { a: 1, b: 2 }]), soon);
  });

  it('iterates, one event after the other, and lets the connection go with the loop', async () => {
    const { revision } = await server.service.set('loop', 0, global, 'ada');
    for (const n of [1, 2, 3]) await set('loop', n);
    const seen: unknown[] = [];
    for await (const event of client.events({ keys: 'loop', fromRevision: revision, signal: stopping.signal })) {
      seen.push(event.type === 'commit' ? event.changes[0]?.newValue : event.type);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([1, 2]);
    await vi.waitFor(() => expect(proxy.connections).toBe(0), soon);
  });

  it('awaits what it calls, and rejects with what that throws', async () => {
    await set('slow', 0);
    const from = (await server.service.getLayer('slow'))?.revision ?? 0;
    for (const n of [1, 2, 3]) await set('slow', n);
    let running = 0;
    let calls = 0;
    const watching = client.watch({ keys: 'slow', fromRevision: from }, async () => {
      expect((running += 1)).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running -= 1;
      if ((calls += 1) === 3) throw new Error('enough');
    });
    await expect(watching).rejects.toThrow('enough');
    expect(calls).toBe(3);
  });

  it.each([
    [{ keys: 'a b' }, 'invalid_key'],
    [{ keys: [] }, 'invalid_argument'],
    [{ fromRevision: 'x' }, 'invalid_argument'],
    [{ scope: { scope: 'org' } }, 'invalid_scope'],
  ] as const)('is refused for good with %j', async (options, code) => {
    await expect(client.watch(options, () => undefined)).rejects.toMatchObject({ code });
  });

  it('resolves at once where its signal has aborted already', async () => {
    await client.watch({ signal: AbortSignal.abort() }, () => undefined);
  });
});

describe('a connection that is lost', () => {
  it('is made again after the last cursor: nothing is missing, nothing comes twice', async () => {
    const { values, states } = await watch({ keys: 'n' });
    for (let n = 1; n <= 40; n += 1) {
      await set('n', n);
      if (n % 10 === 0) proxy.cut();
    }
    await vi.waitFor(() => expect(values()).toHaveLength(40), { ...soon, timeout: 20_000 });
    expect(values()).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    expect(states.filter(({ state }) => state === 'waiting').length).toBeGreaterThan(0);
  });

  it('is found dead by its silence, and by nothing else', async () => {
    const { values, states } = await watch({ keys: 'quiet', silence: 1500 });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(states).toHaveLength(1);
    proxy.setMode('drop');
    await set('quiet', 1);
    await vi.waitFor(() => expect(states.at(-1)).toMatchObject({ state: 'waiting', error: { code: 'timeout' } }), soon);
    proxy.setMode('pass');
    await vi.waitFor(() => expect(values()).toEqual([1]), soon);
  });

  it('is waited for while no server is there', async () => {
    const { values, states } = await watch({ keys: 'away' });
    await proxy.refuse();
    await set('away', 1);
    await vi.waitFor(() => expect(states.at(-1)).toMatchObject({ error: { code: 'unreachable' } }), soon);
    await proxy.accept();
    await vi.waitFor(() => expect(values()).toEqual([1]), { ...soon, timeout: 20_000 });
    expect(states.at(-1)?.state).toBe('open');
  });
});

describe('what a server says', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const one of servers.splice(0)) {
      one.closeAllConnections();
      one.close();
    }
  });

  /** A server that answers each request for a stream with the next of some answers, and notes the cursors that it was asked for. */
  async function answering(...answers: ((response: ServerResponse) => void)[]) {
    const asked: unknown[] = [];
    const one = createServer((request, response) => {
      asked.push(request.headers['last-event-id']);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      answer?.(response);
    }).listen(0, '127.0.0.1');
    servers.push(one);
    await once(one, 'listening');
    return { asked, client: createClient({ url: `http://127.0.0.1:${String((one.address() as AddressInfo).port)}` }) };
  }
  const stream =
    (text: string, ends = false) =>
    (response: ServerResponse): void => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
      if (ends) response.end();
    };
  const heartbeat = 'event: heartbeat\nid: 5:a\ndata: {"cursor":"5:a"}\n\n';
  const commit = (revision: number): string =>
    `event: commit\nid: ${String(revision)}:a\ndata: {"cursor":"${String(revision)}:a","revision":${String(revision)},"changes":[{"newValue":${String(revision)}}]}\n\n`;

  it('to move is followed soon, with the cursor, and without a commit twice', async () => {
    const { asked, client: moving } = await answering(
      stream(`${heartbeat}${commit(6)}${commit(7)}retry: 20\nevent: moved\ndata: {}\n\n`, true),
      stream(`${heartbeat}${commit(6)}${commit(7)}${commit(8)}`),
    );
    const { values, states } = await watch({}, moving);
    await vi.waitFor(() => expect(values()).toEqual([6, 7, 8]), soon);
    expect(states.map(({ state }) => state)).toEqual(['open', 'waiting', 'open']);
    expect(states[1]).toEqual({ state: 'waiting', delay: 20, error: undefined });
    expect(asked).toEqual([undefined, '7:a']);
  });

  it('of a reset is told, and what comes after it counts anew', async () => {
    const { client: resetting } = await answering(
      stream(`${heartbeat}${commit(9)}event: reset\nid: 2:b\ndata: {"cursor":"2:b","revision":2}\n\n${commit(3)}`),
    );
    const { values, events } = await watch({}, resetting);
    await vi.waitFor(() => expect(values()).toEqual([9, 'reset', 3]), soon);
    expect(events[1]).toEqual({ type: 'reset', cursor: '2:b', revision: 2 });
  });

  it.each([
    [
      'a page',
      (response: ServerResponse) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    ],
    ['a fault', (response: ServerResponse) => void response.writeHead(502).end('bad gateway')],
    ['an event that is not JSON', stream('event: commit\nid: 1:a\ndata: {\n\n')],
  ])('is survived where it is %s', async (_, answer) => {
    const { client: unsteady } = await answering(answer, stream(`${heartbeat}${commit(6)}`));
    const { values, states } = await watch({}, unsteady);
    await vi.waitFor(() => expect(values()).toEqual([6]), soon);
    expect(states[0]).toMatchObject({ state: 'waiting', error: { code: 'invalid_answer' } });
  });
});
