import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const { service } = server;
  await service.set('theme', { colour: 'blue', size: 1 }, { scope: 'global' }, 'ann');
  await service.set('theme', { size: 2 }, { scope: 'org', scopeId: 'acme' }, 'ann');
  await service.set('theme', { size: 3 }, { scope: 'user', scopeId: 'bob' }, 'ann');
  await service.set('nothing', null, { scope: 'global' }, 'ann');
  await service.set('a/b:c.d-e_f/', true, { scope: 'global' }, 'ann');
});
afterAll(() => server.close());

describe('several effective values over HTTP', () => {
  it('are those of every key with a layer on the chain', async () => {
    const answer = await server.send('GET', '/v1/values?scope=user&scopeId=bob&organizationId=acme');
    expect(answer.json()).toEqual({
      scope: 'user',
      scopeId: 'bob',
      values: { 'a/b:c.d-e_f/': true, nothing: null, theme: { colour: 'blue', size: 3 } },
    });
    expect((await server.send('GET', '/v1/values?scope=org&scopeId=none')).json()).toMatchObject({
      values: { theme: { colour: 'blue', size: 1 } },
    });
  });

  it.each([
    ['one key', 'key=theme', { theme: { colour: 'blue', size: 2 } }],
    ['keys, null where one is missing', 'key=theme&key=missing', { theme: { colour: 'blue', size: 2 }, missing: null }],
  ])('are those of the %s asked for', async (_, keys, values) => {
    const answer = await server.send('GET', `/v1/values?scope=org&scopeId=acme&${keys}`);
    expect(answer.json()).toEqual({ scope: 'org', scopeId: 'acme', values });
  });

  it('have an entity tag', async () => {
    const first = await server.send('GET', '/v1/values?scope=org&scopeId=acme');
    const held = { 'if-none-match': String(first.headers.etag) };
    expect((await server.send('GET', '/v1/values?scope=org&scopeId=acme', undefined, held)).statusCode).toBe(304);
  });
});

describe('the effective value over HTTP', () => {
  it('is the merge along the chain of the scope asked for', async () => {
    const answer = await server.send('GET', '/v1/values/theme?scope=org&scopeId=acme');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ key: 'theme', scope: 'org', scopeId: 'acme', value: { colour: 'blue', size: 2 } });
  });

  it('is that of global without a scope', async () => {
    const answer = await server.send('GET', '/v1/values/theme');
    expect(answer.json()).toEqual({ key: 'theme', scope: 'global', scopeId: null, value: { colour: 'blue', size: 1 } });
  });

  it('inherits from the org that the request names', async () => {
    const answer = await server.send('GET', '/v1/values/theme?scope=user&scopeId=bob&organizationId=acme');
    expect(answer.json()).toMatchObject({ scope: 'user', scopeId: 'bob', value: { colour: 'blue', size: 3 } });
    const other = await server.send('GET', '/v1/values/theme?scope=user&scopeId=eve&organizationId=acme');
    expect(other.json()).toMatchObject({ value: { colour: 'blue', size: 2 } });
  });

  it('takes a key with slashes and colons as it is', async () => {
    const answer = await server.send('GET', '/v1/values/a/b:c.d-e_f/');
    expect(answer.json()).toMatchObject({ key: 'a/b:c.d-e_f/', value: true });
  });

  it('that is a stored null is 200, and one that is missing is 404', async () => {
    const stored = await server.send('GET', '/v1/values/nothing');
    expect([stored.statusCode, stored.json<{ value: unknown }>().value]).toEqual([200, null]);
    const missing = await server.send('GET', '/v1/values/missing?scope=org&scopeId=acme');
    expect(missing.statusCode).toBe(404);
    expect(missing.headers['content-type']).toBe('application/problem+json');
    expect(missing.json()).toMatchObject({
      type: 'urn:strata:error:key_not_found',
      title: 'Key not found',
      status: 404,
      code: 'key_not_found',
      detail: 'There is no value for missing at org acme.',
    });
  });

  it('has a strong entity tag that changes exactly with the answer', async () => {
    const url = '/v1/values/theme?scope=user&scopeId=carl&organizationId=acme';
    const first = await server.send('GET', url);
    const tag = String(first.headers.etag);
    expect(tag).toMatch(/^"[\w-]{43}"$/);
    expect(first.headers['cache-control']).toBe('private, no-cache');

    for (const held of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const same = await server.send('GET', url, undefined, { 'if-none-match': held });
      expect([same.statusCode, same.body, same.headers.etag]).toEqual([304, '', tag]);
    }

    await server.service.set('theme', { size: 20 }, { scope: 'org', scopeId: 'acme' }, 'ann');
    const changed = await server.send('GET', url, undefined, { 'if-none-match': tag });
    expect([changed.statusCode, changed.headers.etag === tag]).toEqual([200, false]);
    expect(changed.json()).toMatchObject({ value: { size: 20 } });
    await server.service.set('theme', { size: 2 }, { scope: 'org', scopeId: 'acme' }, 'ann');
  });

  it('answers HEAD with the headers alone', async () => {
    const get = await server.send('GET', '/v1/values/theme');
    const head = await server.send('HEAD', '/v1/values/theme');
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', get.headers.etag]);
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});
