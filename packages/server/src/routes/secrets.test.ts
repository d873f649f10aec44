import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const mask = { $masked: true };

describe('secrets over HTTP', () => {
  it('are masked in every answer, and revealed for a reason', async () => {
    const put = await server.send('PUT', '/v1/layers/api_keys?scope=global', { value: { stripe: 'sk_live_1' } });
    expect(put.json()).toMatchObject({ value: mask });
    const paths = ['values/api_keys', 'values', 'values?key=api_keys', 'layers/api_keys', 'history/api_keys', 'explain/api_keys', 'blame/api_keys', 'export?scope=global&secrets=masked']; // prettier-ignore
    for (const path of paths) {
      const answer = await server.send('GET', `/v1/${path}`);
      expect([path, answer.statusCode, answer.body.includes('sk_live'), answer.body.includes('$masked')]).toEqual([path, 200, false, true]); // prettier-ignore
    }
    const revealed = await server.send('POST', '/v1/reveal/api_keys?scope=global', { reason: 'Rotating it' });
    expect(revealed.json()).toEqual({ key: 'api_keys', scope: 'global', scopeId: null, value: { stripe: 'sk_live_1' } });
    expect(revealed.headers['cache-control']).toBe('no-store');
    expect((await server.send('POST', '/v1/reveal/api_keys', {})).json()).toMatchObject({ status: 400 });
    expect((await server.send('POST', '/v1/reveal/api_keys', { reason: ' ' })).json()).toMatchObject({ code: 'reason_required' });
    expect((await server.send('POST', '/v1/reveal/tokens', { reason: 'x' })).json()).toMatchObject({ code: 'key_not_found' });
    expect((await server.send('PUT', '/v1/layers/api_keys?scope=global', { value: mask })).json()).toMatchObject({ code: 'invalid_value' });
  }); // prettier-ignore

  it('take their permissions', async () => {
    await server.service.set('tokens', { a: 'sk_live_2' }, { scope: 'global' }, 'root');
    await server.service.bindRole({ subject: { user: 'root' }, role: 'admin', scope: 'global' }, 'root');
    await server.service.bindRole({ subject: { user: 'vera' }, role: 'viewer', scope: 'global' }, 'root');
    const as = (actor: string) => ({ 'x-strata-actor': actor });
    const refused = await server.send('POST', '/v1/reveal/tokens', { reason: 'x' }, as('vera'));
    expect(refused.json()).toMatchObject({ code: 'not_permitted', details: { action: 'read-sensitive' } });
    expect((await server.send('GET', '/v1/values/tokens', undefined, as('vera'))).json()).toMatchObject({ value: mask });
    for (const [method, path] of [['GET', ''], ['POST', '/rotate'], ['POST', '/rewrap']] as const) {
      expect((await server.send(method, `/v1/encryption-keys${path}`, undefined, as('vera'))).json()).toMatchObject({ code: 'not_permitted' });
      expect((await server.send(method, `/v1/encryption-keys${path}`, undefined, as('root'))).statusCode).toBe(200);
    }
    const retire = await server.send('POST', '/v1/encryption-keys/retire', { keyId: 'ffffffffffff' }, as('root'));
    expect(retire.json()).toMatchObject({ code: 'invalid_argument' });
  }); // prettier-ignore
});
