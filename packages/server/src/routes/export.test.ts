import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('an export over HTTP', () => {
  it('is the document of the library byte for byte, with an entity tag', async () => {
    const at = { scope: 'org', scopeId: 'acme' } as const;
    await server.service.set('theme', { colour: 'é' }, { scope: 'global' }, 'ann');
    await server.service.set('size', { big: true }, at, 'ann', 'larger', { expiresAt: '2999-01-01T00:00:00Z' });
    const answer = await server.send('GET', '/v1/export?scope=org&scopeId=acme');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.body).toBe(await server.service.exportConfig(at));
    expect(answer.json()).toMatchObject({ format: 'strata-export', settings: [{ key: 'size', ...at }] });
    const again = await server.send('GET', '/v1/export?scope=org&scopeId=acme', undefined, {
      'if-none-match': String(answer.headers.etag),
    });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });
});
