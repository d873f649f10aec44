/** Owns the promises of the feed over a WebSocket. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { soon } from '../../../../test/event-stream.ts';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';
import { maxMessage } from './upgrades.ts';
import { maxSubscriptions } from './web-socket.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;

let server: TestServer;
let url: string;
beforeAll(async () => {
  server = await startTestServer({ heartbeatInterval: 400, maxWaiting: 64 * 1024 });
  url = `${await server.app.listen({ host: '127.0.0.1', port: 0 })}/v1/watch`.replace('http', 'ws');
});
afterAll(() => server.close());

const open: WebSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.terminate();
});

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly cursor?: string;
  readonly revision?: number;
  readonly changes?: readonly { readonly key: string; readonly newValue: unknown }[];
  readonly problem?: { readonly code: string; readonly detail: string; readonly status: number };
}

/** A connection with all that came over it; heartbeats are kept apart. */
async function connect() {
  const socket = new WebSocket(url);
  open.push(socket);
  const messages: Message[] = [];
  const heartbeats: Message[] = [];
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    (message.type === 'heartbeat' ? heartbeats : messages).push(message);
  });
  await once(socket, 'open');
  return {
    socket,
    messages,
    heartbeats,
    send: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    until: async (count: number): Promise<readonly Message[]> => {
      await vi.waitFor(() => expect(messages.length).toBeGreaterThanOrEqual(count), soon);
      return messages;
    },
  };
}

describe('a WebSocket', () => {
  it('carries several subscriptions, each with its id, filter and place', async () => {
    const { service } = server;
    const first = await service.set('theme', 1, global, 'ada');
    const { send, until, messages } = await connect();
    send({ type: 'subscribe', id: 'all', fromRevision: first.revision - 1 });
    send({ type: 'subscribe', id: 'flags', flags: ['new_menu'] });
    send({ type: 'subscribe', id: 'acme', keys: 'theme', ...acme });
    await until(4);
    expect(
      messages
        .filter(({ type }) => type === 'subscribed')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['acme', 'all', 'flags']);
    expect(messages.find(({ type, id }) => type === 'commit' && id === 'all')).toMatchObject({
      cursor: `${String(first.revision)}:${first.commit}`,
      revision: first.revision,
      commit: first.commit,
      changes: [{ key: 'theme', newValue: 1, changedAt: first.changedAt.toISOString() }],
    });
    await service.set('feature_flags/new_menu', { enabled: true }, global, 'ada');
    await service.set('theme', 2, global, 'ada');
    await service.set('theme', 3, { scope: 'org', scopeId: 'other' }, 'ada');
    await until(9);
    const told = (id: string): unknown[] =>
      messages
        .filter((one) => one.id === id)
        .flatMap(({ changes = [] }) => changes.map(({ key, newValue }) => [key, newValue]));
    expect(told('flags')).toEqual([['feature_flags/new_menu', { enabled: true }]]);
    expect(told('acme')).toEqual([['theme', 2]]);
    expect(told('all')).toHaveLength(4);
  });

  it('tells nothing more of a subscription that was ended, and takes its id again', async () => {
    const { send, until, messages } = await connect();
    send({ type: 'subscribe', id: 'a', keys: 'n' });
    await until(1);
    send({ type: 'unsubscribe', id: 'a' });
    await until(2);
    await server.service.set('n', 1, global, 'ada');
    // Ended before it was begun, and begun anew.
    send({ type: 'subscribe', id: 'a', keys: 'n' });
    send({ type: 'unsubscribe', id: 'a' });
    send({ type: 'subscribe', id: 'a', keys: 'm' });
    await until(4);
    await server.service.set('n', 2, global, 'ada');
    await server.service.set('m', 3, global, 'ada');
    await vi.waitFor(() => expect(messages.at(-1)?.type).toBe('commit'), soon);
    expect(messages.map(({ type }) => type)).toEqual([
      'subscribed',
      'unsubscribed',
      'unsubscribed',
      'subscribed',
      'commit',
    ]);
    expect(messages.at(-1)?.changes?.[0]).toMatchObject({ key: 'm', newValue: 3 });
  });

  it('hears where the feed is, and of a place that the store does not hold', async () => {
    const { send, heartbeats, until } = await connect();
    send({ type: 'subscribe', id: 'a', keys: 'nothing', fromRevision: '1:00000000-0000-4000-8000-000000000000' });
    const { revision, commit } = await server.service.set('x', 1, global, 'ada');
    expect((await until(2))[1]).toMatchObject({ type: 'reset', id: 'a' });
    await vi.waitFor(
      () => expect(heartbeats.at(-1)).toEqual({ type: 'heartbeat', id: 'a', cursor: `${String(revision)}:${commit}` }),
      soon,
    );
  });

  it.each([
    ['no JSON', '{', undefined, 'malformed_json'],
    ['JSON of another kind', '[1]', undefined, 'invalid_request'],
    ['an unknown type', { type: 'publish', id: 'x' }, 'x', 'invalid_request'],
    ['no id', { type: 'subscribe' }, undefined, 'invalid_request'],
    ['an unknown property', { type: 'subscribe', id: 'x', key: 'a' }, 'x', 'invalid_request'],
    ['a key that is none', { type: 'subscribe', id: 'x', keys: ['a b'] }, 'x', 'invalid_key'],
    ['no key', { type: 'subscribe', id: 'x', keys: [] }, 'x', 'invalid_request'],
    ['a cursor that is none', { type: 'subscribe', id: 'x', fromRevision: 'x' }, 'x', 'invalid_argument'],
    ['a scope that is none', { type: 'subscribe', id: 'x', scope: 'org' }, 'x', 'invalid_scope'],
    ['the end of what never began', { type: 'unsubscribe', id: 'x' }, 'x', 'invalid_request'],
  ])('answers %s with an error, and goes on', async (_, message, id, code) => {
    const { send, until } = await connect();
    send(message);
    const [error] = await until(1);
    expect(error).toMatchObject({ type: 'error', problem: { code, status: 400 } });
    expect(error?.id).toBe(id);
    send({ type: 'subscribe', id: 'x' });
    expect((await until(2))[1]).toMatchObject({ type: 'subscribed', id: 'x' });
    send({ type: 'subscribe', id: 'x' });
    expect((await until(3))[2]).toMatchObject({ type: 'error', id: 'x', problem: { code: 'invalid_request' } });
  });

  it('has a bounded number of subscriptions', async () => {
    const { send, until, messages } = await connect();
    for (let n = 0; n <= maxSubscriptions; n += 1) send({ type: 'subscribe', id: String(n), keys: 'none' });
    await until(maxSubscriptions + 1);
    const errors = messages.filter(({ type }) => type === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]?.problem?.detail).toContain(`${String(maxSubscriptions)} subscriptions`);
  });

  it.each([
    ['too large', 'x'.repeat(maxMessage + 1), 1009],
    ['binary', Buffer.from('{}'), 1003],
  ])('is closed by a message that is %s', async (_, message, code) => {
    const { socket } = await connect();
    socket.send(message);
    expect(((await once(socket, 'close')) as [number])[0]).toBe(code);
  });

  it('of a client that does not read is dropped, while others go on', async () => {
    const stalled = await connect();
    const reader = await connect();
    for (const { send, until } of [stalled, reader]) {
      send({ type: 'subscribe', id: 'a', keys: 'large' });
      await until(1);
    }
    stalled.socket.pause();
    const closed = once(stalled.socket, 'close');
    const value = 'x'.repeat(100_000);
    for (let n = 0; n < 80; n += 1) await server.service.set('large', `${value}${String(n)}`, global, 'ada');
    await reader.until(81);
    const knock = setInterval(() => stalled.socket.ping(), 100);
    setTimeout(() => stalled.socket.resume(), 3000);
    await closed;
    clearInterval(knock);
    expect(stalled.messages.length).toBeLessThan(81);
    expect(reader.socket.readyState).toBe(WebSocket.OPEN);
  });
});

describe('the handshake', () => {
  const refusal = async (address: string, headers: Record<string, string> = {}): Promise<unknown> => {
    const socket = new WebSocket(address, { headers });
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      NodeJS.ReadableStream & { statusCode: number },
    ];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const { code } = JSON.parse(Buffer.concat(chunks).toString()) as { code: string };
    return [response.statusCode, code];
  };

  it.each([
    ['of a page of another site', '', { origin: 'https://evil.example' }, [403, 'cross_site']],
    ['of a page without an origin', '', { origin: 'null' }, [403, 'cross_site']],
    ['of another site by the word of the browser', '', { 'sec-fetch-site': 'cross-site' }, [403, 'cross_site']],
    ['for another host', '', { host: 'evil.example' }, [403, 'host_not_allowed']],
    ['with a query', '?keys=a', {}, [400, 'invalid_request']],
    ['at a path that has none', '/x', {}, [404, 'route_not_found']],
  ])('%s is refused with a problem', async (_, end, headers: Record<string, string>, expected) => {
    expect(await refusal(`${url}${end}`, headers)).toEqual(expected);
  });

  it('of a page of this server is taken', async () => {
    const socket = new WebSocket(url, { origin: new URL(url.replace('ws', 'http')).origin });
    open.push(socket);
    await once(socket, 'open');
  });

  it('for another protocol is answered as the request that it is', async () => {
    const { hostname, port } = new URL(url);
    const { connect: open_ } = await import('node:net');
    const socket = open_(Number(port), hostname).setEncoding('utf8');
    let text = '';
    socket.on('data', (part: string) => (text += part));
    socket.write(
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n',
    );
    await vi.waitFor(() => expect(text).toMatch(/^HTTP\/1\.1 200 [^]*"status":"ok"/), soon);
    socket.destroy();
  });
});
