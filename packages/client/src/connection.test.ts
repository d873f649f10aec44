import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { isClientError, type StrataClientError } from './client-error.ts';
import { createClient } from './client.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Another program than Strata, or something between it and the client. */
async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function failureOf(call: Promise<unknown>): Promise<StrataClientError> {
  const error: unknown = await call.then(
    () => expect.fail('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (isClientError(error)) return error;
  throw error;
}

describe('a server that is not there', () => {
  it('is told with its address and what to do', async () => {
    const url = await listen(() => undefined);
    servers.splice(0)[0]?.close();
    const { code, status, message, requestId } = await failureOf(createClient({ url }).getValue('x'));
    expect([code, status, requestId]).toEqual(['unreachable', 0, undefined]);
    expect(message).toBe(
      `Cannot reach ${url}: nothing listens there. Start a server there (strata serve), or give the address of another one.`,
    );
  });

  it('is told when it cuts the connection', async () => {
    const url = await listen((request) => request.socket.destroy());
    const { code, message } = await failureOf(createClient({ url }).getValue('x'));
    expect(code).toBe('unreachable');
    expect(message).toContain('the connection was cut');
  });
});

describe('a server that does not answer in time', () => {
  it.each([
    ['nothing', () => undefined],
    ['half of an answer', (_: unknown, response: Parameters<RequestListener>[1]) => void response.write('{')],
  ])('and sends %s ends the call, and warns where a change is on its way', async (_what, answer) => {
    const client = createClient({ url: await listen(answer), timeout: 100 });
    const read = await failureOf(client.getValue('x'));
    expect(read.code).toBe('timeout');
    expect(read.message).toMatch(/did not answer within 0\.1 seconds\.$/);
    const write = await failureOf(client.set('x', 1, { scope: 'global' }));
    expect(write.message).toContain('The change may have been stored: look before you repeat it.');
  });
});

describe('another program than Strata', () => {
  it.each([
    [404, 'text/html', '<h1>Not Found</h1>', 'answered with status 404 and not as Strata does'],
    [502, 'application/json', '{"error": "bad gateway"}', 'answered with status 502 and not as Strata does'],
    [500, 'application/json', 'null', 'answered with status 500 and not as Strata does'],
    [200, 'text/html', '<h1>Hello</h1>', 'answered with something that is not JSON'],
  ])('answers %i with %s: %j', async (status, type, body, message) => {
    const url = await listen((_request, response) => response.writeHead(status, { 'content-type': type }).end(body));
    const error = await failureOf(createClient({ url }).getValue('x'));
    expect(error.code).toBe('invalid_answer');
    expect(error.message).toContain(message);
    expect(error.message).toContain('Is that the address of a Strata server?');
  });

  it('is not followed to another place', async () => {
    let asked = 0;
    const elsewhere = await listen((_request, response) => {
      asked += 1;
      response.end('{}');
    });
    const url = await listen((_request, response) => response.writeHead(307, { location: elsewhere }).end());
    expect((await failureOf(createClient({ url }).set('x', 1, { scope: 'global' }))).code).toBe('unreachable');
    expect(asked).toBe(0);
  });
});

describe('the options of a client', () => {
  it.each([
    [{ url: 'nowhere' }, 'Invalid url: "nowhere" is no address of a server'],
    [{ url: 'ftp://127.0.0.1' }, 'is no address of a server'],
    [{ url: 'http://ann:secret@127.0.0.1' }, 'Invalid url: it holds a user name or password.'],
    [{ url: 'http://127.0.0.1', timeout: 0 }, 'Invalid timeout: 0 is not a whole number'],
    [{ url: 'http://127.0.0.1', timeout: 1.5 }, 'Invalid timeout'],
    [{ url: 'http://127.0.0.1', actor: '' }, 'it must have 1 to 255 characters'],
    [{ url: 'http://127.0.0.1', actor: 'a\r\nx: y' }, 'it contains a control character'],
  ])('%j are refused at once', (options, message) => {
    expect(() => createClient(options)).toThrow(message);
  });

  it('may hold a prefix of the path, and another fetch', async () => {
    const asked: string[] = [];
    const client = createClient({
      url: 'http://strata.test/config/',
      fetch: (input) => {
        asked.push(input as string);
        return Promise.resolve(new Response('{"value": 1}'));
      },
    });
    expect(await client.getValue('a:b/c', { scope: 'org', scopeId: 'ä&b' })).toEqual({ value: 1 });
    expect(asked).toEqual(['http://strata.test/config/v1/values/a:b/c?scope=org&scopeId=%C3%A4%26b']);
  });
});

describe('what cannot be sent', () => {
  const client = createClient({ url: 'http://127.0.0.1:9' });
  it.each([
    [() => client.getValue(''), 'invalid_key'],
    [() => client.getValue('a?b'), 'invalid_key'],
    [() => client.getValue('a/../b'), 'invalid_argument'],
    [() => client.getValue('a/./b'), 'invalid_argument'],
    [() => client.getValue('a//b'), 'invalid_argument'],
    [() => client.getValue('x', { scope: 'org' }), 'invalid_scope'],
    [() => client.getValue('x', { scope: 'global', teamId: 't' }), 'invalid_scope'],
    [() => client.set('x', 1, { scope: 'global' }, { ifVersion: 'HEAD' }), 'invalid_argument'],
    [() => client.set('x', 1, { scope: 'global' }, { idempotencyKey: 'ä' }), 'invalid_argument'],
  ])('%s is refused before', (call, code) => {
    expect(call).toThrow(expect.objectContaining({ name: 'StrataClientError', code, status: 400 }));
  });
});
