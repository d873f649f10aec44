import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const versions = async (key: string): Promise<number> => (await server.service.getHistory(key, 1000)).length;

describe('a layer over HTTP', () => {
  it('is stored, read and removed, each time with its version as entity tag', async () => {
    const url = '/v1/layers/limits?scope=org&scopeId=acme';
    const put = await server.send('PUT', url, { value: { users: 5 }, comment: 'start' }, { 'x-strata-actor': 'ann' });
    expect(put.statusCode).toBe(200);
    expect(put.json()).toMatchObject({
      key: 'limits',
      scope: 'org',
      scopeId: 'acme',
      operation: 'set',
      value: { users: 5 },
      changedBy: 'ann',
      comment: 'start',
      parent: null,
    });
    const { version } = put.json<{ version: string }>();
    expect(put.headers.etag).toBe(`"${version}"`);

    const get = await server.send('GET', url);
    expect(get.json()).toEqual(put.json());
    expect([get.headers.etag, get.headers['cache-control']]).toEqual([`"${version}"`, 'private, no-cache']);

    const gone = await server.send('DELETE', `${url}&comment=no%20more`);
    expect(gone.json()).toMatchObject({ operation: 'delete', value: null, comment: 'no more', changedBy: 'anonymous' });
    expect((await server.send('GET', url)).json()).toMatchObject({ code: 'key_not_found' });
    expect((await server.send('DELETE', url)).json()).toMatchObject({ status: 404, code: 'key_not_found' });
  });

  it('tells the time as ISO 8601 and has the headers that keep a browser from running it', async () => {
    const put = await server.send('PUT', '/v1/layers/headers', { value: 1 });
    expect(put.json<{ changedAt: string }>().changedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(put.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([null, 0, '', false, [], {}, 'text', [1, { a: null }]])('keeps the value %j', async (value) => {
    await server.send('PUT', '/v1/layers/kept', { value });
    expect((await server.send('GET', '/v1/layers/kept')).json()).toMatchObject({ value });
    await server.send('DELETE', '/v1/layers/kept');
  });

  it('removes itself when it expires', async () => {
    const put = await server.send('PUT', '/v1/layers/brief', { value: 1, expiresAt: '2999-01-01T01:00:00+01:00' });
    expect(put.json()).toMatchObject({ expiresAt: '2999-01-01T00:00:00.000Z' });
  });
});

describe('a conditional write', () => {
  it('with If-Match happens only while the version is the one that was seen', async () => {
    const first = await server.send('PUT', '/v1/layers/cas', { value: 1 });
    const tag = String(first.headers.etag);
    const second = await server.send('PUT', '/v1/layers/cas', { value: 2 }, { 'if-match': tag });
    expect(second.statusCode).toBe(200);

    const current = second.json<{ version: string }>().version;
    for (const stale of [
      await server.send('PUT', '/v1/layers/cas', { value: 3 }, { 'if-match': tag }),
      await server.send('PUT', '/v1/layers/cas?dryRun=true', { value: 3 }, { 'if-match': tag }),
      await server.send('DELETE', '/v1/layers/cas', undefined, { 'if-match': tag }),
      await server.send('PUT', '/v1/layers/cas', { value: 3 }, { 'if-none-match': '*' }),
      await server.send('PUT', '/v1/layers/cas', { value: 3 }, { 'if-match': '"ffffffffffffffff"' }),
    ]) {
      expect(stale.statusCode).toBe(412);
      expect(stale.json()).toMatchObject({ status: 412, code: 'conflict', details: { current } });
    }
    expect(await versions('cas')).toBe(2);
    expect((await server.send('DELETE', '/v1/layers/cas', undefined, { 'if-match': `"${current}"` })).statusCode).toBe(
      200,
    );
  });

  it('with If-None-Match: * happens only where there is no layer', async () => {
    expect((await server.send('PUT', '/v1/layers/new', { value: 1 }, { 'if-none-match': '*' })).statusCode).toBe(200);
    expect((await server.send('PUT', '/v1/layers/new', { value: 2 }, { 'if-none-match': '*' })).statusCode).toBe(412);
    await server.send('DELETE', '/v1/layers/new');
    expect((await server.send('PUT', '/v1/layers/new', { value: 3 }, { 'if-none-match': '*' })).statusCode).toBe(200);
  });

  it.each([
    { 'if-match': 'abc' },
    { 'if-match': '"abc"' },
    { 'if-match': '*' },
    { 'if-match': 'W/"0123456789abcdef"' },
    { 'if-match': '"0123456789abcdef", "0123456789abcdee"' },
    { 'if-match': '"HEAD"' },
    { 'if-match': '' },
    { 'if-none-match': '"0123456789abcdef"' },
    { 'if-none-match': '' },
    { 'if-match': '"0123456789abcdef"', 'if-none-match': '*' },
  ])('with %j is refused', async (headers) => {
    const answer = await server.send('PUT', '/v1/layers/refused', { value: 1 }, headers);
    expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await versions('refused')).toBe(0);
  });
});

describe('a dry run', () => {
  it('answers what the write would do and does not do it', async () => {
    await server.send('PUT', '/v1/layers/dry', { value: { a: 1, b: 1 } });
    const put = await server.send('PUT', '/v1/layers/dry?dryRun=true', { value: { a: 2, b: 1 } });
    expect(put.json()).toMatchObject({
      dryRun: true,
      key: 'dry',
      changed: true,
      diff: [{ operation: 'modify', path: 'a', oldValue: 1, newValue: 2 }],
    });
    expect(put.headers.etag).toBeUndefined();
    const remove = await server.send('DELETE', '/v1/layers/dry?dryRun=true');
    expect(remove.json()).toMatchObject({ dryRun: true, changed: true });
    expect(await versions('dry')).toBe(1);
  });
});

describe('a write that breaks values below', () => {
  it('is refused, and goes ahead with force', async () => {
    const schema = {
      type: 'object',
      properties: { least: { type: 'number' }, most: { type: 'number' } },
      required: ['least'],
    };
    await server.service.registerSchema('range', schema);
    await server.service.set('range', { least: 1 }, { scope: 'global' }, 'ann');
    await server.service.set('range', { most: 2 }, { scope: 'org', scopeId: 'acme' }, 'ann');

    const refused = await server.send('DELETE', '/v1/layers/range');
    expect(refused.json()).toMatchObject({ status: 409, code: 'would_break' });
    const dry = await server.send('DELETE', '/v1/layers/range?dryRun=true');
    expect(dry.json()).toMatchObject({ wouldBreak: [{ key: 'range', scope: 'org', scopeId: 'acme' }] });
    expect((await server.send('DELETE', '/v1/layers/range?force=true')).statusCode).toBe(200);

    const put = await server.send('PUT', '/v1/layers/range', { value: { least: { $unset: true } } });
    expect(put.json()).toMatchObject({ status: 422, code: 'validation_failed' });
  });
});

describe('an idempotency key', () => {
  it.each(['"8e03978e-40d5"', '8e03978e-40d5-bare', String.raw`"with \"quotes\""`])(
    'of %s applies a repeated write once',
    async (header) => {
      const key = `once/${Buffer.from(header).toString('hex')}`;
      const headers = { 'idempotency-key': header };
      const first = await server.send('PUT', `/v1/layers/${key}`, { value: 1 }, headers);
      expect(first.statusCode).toBe(200);
      await server.send('PUT', `/v1/layers/${key}`, { value: 2 });
      const again = await server.send('PUT', `/v1/layers/${key}`, { value: 1 }, headers);
      expect(again.json<{ version: string }>().version).toBe(first.json<{ version: string }>().version);
      expect(await versions(key)).toBe(2);
    },
  );

  it('is the same in header and body', async () => {
    const body = { value: 1, idempotencyKey: 'same' };
    const first = await server.send('PUT', '/v1/layers/same', body);
    const again = await server.send('PUT', '/v1/layers/same', body, { 'idempotency-key': '"same"' });
    expect(again.json<{ version: string }>().version).toBe(first.json<{ version: string }>().version);
    const differs = await server.send('PUT', '/v1/layers/same', body, { 'idempotency-key': '"other"' });
    expect(differs.json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  it('that was used for another change is refused', async () => {
    const headers = { 'idempotency-key': '"taken"' };
    await server.send('PUT', '/v1/layers/taken', { value: 1 }, headers);
    const other = await server.send('PUT', '/v1/layers/taken', { value: 2 }, headers);
    expect(other.json()).toMatchObject({ status: 422, code: 'idempotency_conflict' });
    expect(await versions('taken')).toBe(1);
  });

  it.each(['"open', 'a b', '""', '', `"${'x'.repeat(256)}"`, '"\u00e9"'])('of %j is refused', async (header) => {
    const answer = await server.send('PUT', '/v1/layers/malformed', { value: 1 }, { 'idempotency-key': header });
    expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await versions('malformed')).toBe(0);
  });
});
