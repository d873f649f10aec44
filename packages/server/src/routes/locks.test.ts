import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('locks over HTTP', () => {
  it('are set, bind the scopes below, are listed, and are taken away', async () => {
    await server.service.set('theme', { logo: 'x', size: 1 }, { scope: 'global' }, 'ann');
    const url = '/v1/locks/theme?scope=global&path=logo';
    const set = await server.send('PUT', url, { comment: 'brand' }, { 'x-strata-actor': 'bob' });
    expect(set.statusCode).toBe(200);
    expect(set.json()).toMatchObject({
      key: 'theme',
      scope: 'global',
      scopeId: null,
      path: 'logo',
      lockedBy: 'bob',
      comment: 'brand',
    });
    const refused = await server.send('PUT', '/v1/layers/theme?scope=org&scopeId=acme', { value: { logo: 'y' } });
    expect(refused.json()).toMatchObject({ status: 423, code: 'locked' });
    expect((await server.send('PUT', url, {})).json()).toMatchObject({ status: 409, code: 'lock_exists' });

    for (const query of ['', '?key=theme', '?scope=global']) {
      expect((await server.send('GET', `/v1/locks${query}`)).json()).toEqual({ locks: [set.json()] });
    }
    for (const query of ['?key=other', '?scope=org&scopeId=acme']) {
      expect((await server.send('GET', `/v1/locks${query}`)).json()).toEqual({ locks: [] });
    }

    const gone = await server.send('DELETE', `${url}&comment=no%20more`);
    expect([gone.statusCode, gone.body, gone.headers['content-type']]).toEqual([204, '', undefined]);
    const again = await server.send('DELETE', url);
    expect(again.json()).toMatchObject({ status: 404, code: 'lock_not_found' });
    expect(
      (await server.send('PUT', '/v1/layers/theme?scope=org&scopeId=acme', { value: { logo: 'y' } })).statusCode,
    ).toBe(200);
  });
});
