import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';

let server: TestServer;
let port: number;
beforeAll(async () => {
  server = await startTestServer();
  await server.service.set('secret/plan', 'known', { scope: 'global' }, 'ann');
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = server.app.server.address() as AddressInfo);
});
afterAll(() => server.close());

interface RawAnswer {
  readonly status: number;
  readonly code: unknown;
  readonly body: string;
}

/** Sends bytes as they are and reads the whole answer, since clients tidy up what they send. */
async function sendRaw(text: string): Promise<RawAnswer> {
  const answer = await new Promise<string>((resolve, reject) => {
    const chunks: string[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
    socket.on('close', () => {
      resolve(chunks.join(''));
    });
    socket.on('error', reject);
  });
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const code = head.includes('application/problem+json') ? (JSON.parse(body) as { code: unknown }).code : undefined;
  return { status: Number(head.split(' ')[1]), code, body };
}

const get = (target: string, host = 'localhost'): Promise<RawAnswer> =>
  sendRaw(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

/** Each mutation turns a path that is answered into one that some program might take for the same or for another. */
const mutations: readonly ((path: string) => string)[] = [
  ...[
    '%2f',
    '%2F',
    '%252f',
    '%5c',
    '%2e',
    '%2e%2e',
    '%00',
    '%0a',
    '%20',
    '%3b',
    '%3f',
    '%23',
    '%',
    '%zz',
    '%c0%af',
    '%u002f',
    '%ff',
  ].flatMap((code) => [
    (path: string) => path.replace(/\/(?=[^/]*$)/, code),
    (path: string) => path + code,
    (path: string) => path.replace('/v1', `/v1${code}`),
    (path: string) => `/${code}${path}`,
  ]),
  ...['//', '/./', '/../', '/x/../', '/.../', '\\', '/..\\', ';', ';a=b', '/;/', '#', '/.;/', '..;/'].flatMap(
    (text) => [
      (path: string) => path.replace(/\/(?=[^/]*$)/, text.endsWith('/') ? text : `${text}/`),
      (path: string) => path + text,
      (path: string) => text + path,
      (path: string) => path.replace('/v1/', `/v1${text.endsWith('/') ? text : `${text}/`}`),
    ],
  ),
  ...[
    '/.',
    '/..',
    '/...',
    '\\..',
    '\\',
    ';x',
    '#x',
    '\u00e9',
    '{}',
    '<x>',
    '"',
    '|',
    '^',
    '`',
    '*',
    '$',
    '!',
    ',',
    '~',
    '@',
    '+',
    '=',
    '&',
  ].map((end) => (path: string) => path + end),
  (path) => path.replace('v', '%76'),
  (path) => path.replace('1', '%31'),
  (path) => `http://localhost${path}`,
  (path) => `http://evil.example${path}`,
  (path) => `//evil.example${path}`,
  (path) => `/.${path}`,
  (path) => `/..${path}`,
  (path) => path.slice(1),
  (path) => `*${path}`,
];

const routes = [
  '/v1/values/secret/plan',
  '/v1/layers/secret/plan',
  '/v1/history/secret/plan',
  '/v1/versions/secret/plan',
  '/v1/diff/secret/plan',
  '/v1/explain/secret/plan',
  '/v1/rollback/secret/plan',
];

describe('a path that two programs could read differently', () => {
  it('is a long list', () => {
    expect(mutations.length * routes.length).toBeGreaterThan(500);
  });

  it.each(routes)('is refused everywhere at %s', async (route) => {
    for (const mutate of mutations) {
      const path = mutate(route);
      const { status, code, body } = await get(path);
      expect([path, status]).toEqual([path, 400]);
      // What is no HTTP at all is refused before it is a path.
      expect(['invalid_path', 'invalid_request']).toContain(code);
      expect(body).not.toContain('known');
    }
  });

  it('is refused whatever the method, and nothing is written', async () => {
    for (const method of ['PUT', 'DELETE', 'POST']) {
      const { status, code } = await sendRaw(
        `${method} /v1/layers/secret%2fplan HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"value":1}`,
      );
      expect([status, code]).toEqual([400, 'invalid_path']);
    }
    expect(await server.service.getHistory('secret/plan')).toHaveLength(1);
  });

  it.each(['/v1/values/secret/plan', '/v1/values/secret/plan?scope=global', '/v1/values/secret/plan?'])(
    'is not %s',
    async (target) => {
      expect((await get(target)).status).toBe(200);
    },
  );

  it.each(['/v1/values/a?scopeId=%ff', '/v1/values/a?scope=%', '/v1/values/a?%ED%A0%80=1'])(
    'nor a query such as %s that is no UTF-8',
    async (target) => {
      expect(await get(target)).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );
});

describe('a request for another machine', () => {
  it.each([
    'evil.example',
    'localhost.evil.example',
    '0.0.0.0',
    '10.0.0.1:7420',
    '[::]',
    'localhost:80@evil.example',
    '',
  ])('with the host %j is refused', async (host) => {
    const answer = await get('/v1/values/secret/plan', host);
    expect(answer).toMatchObject({ status: 403, code: 'host_not_allowed' });
    expect(answer.body).not.toContain('known');
  });

  it.each(['localhost', 'LocalHost:1', '127.0.0.1:7420', '127.9.9.9', '[::1]:7420'])(
    'is not one for %s',
    async (host) => {
      expect((await get('/v1/values/secret/plan', host)).status).toBe(200);
    },
  );

  it('is refused with no Host header and with two', async () => {
    for (const hosts of ['', 'Host: localhost\r\nHost: localhost\r\n', 'Host: localhost\r\nHost: evil.example\r\n']) {
      const answer = await sendRaw(`GET /v1/values/secret/plan HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
      expect(answer).toMatchObject({ status: 403, code: 'host_not_allowed' });
    }
  });

  it('is refused where it comes from another machine, whatever it says of itself', async () => {
    const answer = await server.app.inject({
      url: '/v1/values/secret/plan',
      remoteAddress: '192.0.2.7',
      headers: { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1' },
    });
    expect(answer.json()).toMatchObject({ status: 403, code: 'host_not_allowed' });
  });
});

describe('a write that a page sends', () => {
  const origin = { host: 'localhost:7420' };

  it.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'same-origin', origin: 'http://evil.example' },
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:3000' },
    { origin: 'https://localhost:7420' },
    { origin: 'http://localhost:7420.evil.example' },
  ])('of another site, with %j, is refused', async (headers) => {
    for (const [method, url, body] of [
      ['PUT', '/v1/layers/cross', { value: 1 }],
      ['DELETE', '/v1/layers/secret/plan', undefined],
      ['POST', '/v1/rollback/secret/plan', { toVersion: 'HEAD', reason: 'x' }],
    ] as const) {
      const answer = await server.send(method, url, body, { ...origin, ...headers });
      expect(answer.json()).toMatchObject({ status: 403, code: 'cross_site' });
    }
    expect(await server.service.getHistory('cross')).toEqual([]);
    expect(await server.service.get('secret/plan')).toBe('known');
  });

  it.each([{}, { origin: 'http://localhost:7420' }, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }])(
    'of its own origin, with %j, is taken',
    async (headers) => {
      const answer = await server.send('PUT', '/v1/layers/own', { value: 1 }, { ...origin, ...headers });
      expect(answer.statusCode).toBe(200);
    },
  );
});

describe('the actor of a request', () => {
  const actorOf = async (headers: Record<string, string>): Promise<unknown> => {
    const value = Math.random();
    const answer = await server.send('PUT', '/v1/layers/actor', { value }, headers);
    return answer.statusCode === 200 ? answer.json<{ changedBy: string }>().changedBy : answer.json<{ code: string }>();
  };

  it('is the header X-Strata-Actor, else anonymous', async () => {
    expect(await actorOf({})).toBe('anonymous');
    expect(await actorOf({ 'X-Strata-Actor': 'ann@example.com' })).toBe('ann@example.com');
  });

  it('is read as UTF-8', async () => {
    expect(await actorOf({ 'x-strata-actor': Buffer.from('Zoë').toString('latin1') })).toBe('Zoë');
    expect(await actorOf({ 'x-strata-actor': 'Zo\u00eb' })).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  it.each(['', 'x'.repeat(256), 'tab\there'])('is refused as %j', async (id) => {
    expect(await actorOf({ 'x-strata-actor': id })).toMatchObject({ status: 400, code: 'invalid_argument' });
  });

  it('is refused when it is given twice', async () => {
    const answer = await sendRaw(
      'GET /v1/values/secret/plan HTTP/1.1\r\nHost: localhost\r\nX-Strata-Actor: ann\r\nX-Strata-Actor: bob\r\nConnection: close\r\n\r\n',
    );
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});
