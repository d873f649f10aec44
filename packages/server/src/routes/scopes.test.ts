import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

interface Page {
  readonly scopes: readonly { readonly scope: string; readonly scopeId: string }[];
  readonly nextCursor: string | null;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function names(query: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: Page = (
      await server.send('GET', `/v1/scopes?limit=2${query}${cursor === '' ? '' : `&cursor=${cursor}`}`)
    ).json<Page>();
    expect(page.scopes.length).toBeLessThanOrEqual(2);
    found.push(...page.scopes.map(({ scope, scopeId }) => `${scope} ${scopeId}`));
    cursor = page.nextCursor;
  }
  return found;
}

describe('scopes over HTTP', () => {
  it('are registered with their parents', async () => {
    const url = '/v1/scopes?scope=user&scopeId=bob';
    const body = {
      name: 'Bob',
      parents: [
        { scope: 'team', scopeId: 'red' },
        { scope: 'team', scopeId: 'blue' },
      ],
      primary: { scope: 'team', scopeId: 'blue' },
    };
    const put = await server.send('PUT', url, body);
    expect(put.json()).toMatchObject({
      scope: 'user',
      scopeId: 'bob',
      name: 'Bob',
      parents: [
        { scope: 'team', scopeId: 'red', primary: false },
        { scope: 'team', scopeId: 'blue', primary: true },
      ],
    });
    expect((await server.send('PUT', url, body)).json()).toEqual(put.json());
    await server.send('PUT', '/v1/scopes?scope=team&scopeId=blue', {
      parents: [{ scope: 'org', scopeId: 'acme é/"' }],
    });
    expect((await server.send('GET', '/v1/chain?scope=user&scopeId=bob')).json()).toEqual({
      chain: [
        { scope: 'global', scopeId: null },
        { scope: 'org', scopeId: 'acme é/"' },
        { scope: 'team', scopeId: 'blue' },
        { scope: 'user', scopeId: 'bob' },
      ],
    });
    expect((await server.send('GET', '/v1/chain')).json()).toEqual({ chain: [{ scope: 'global', scopeId: null }] });
  });

  it('are listed page by page: all, those of a kind, the children of one', async () => {
    await server.send('PUT', '/v1/scopes?scope=org&scopeId=bolt', {});
    expect(await names('')).toEqual(['org acme é/"', 'org bolt', 'team blue', 'team red', 'user bob']);
    expect(await names('&scope=team')).toEqual(['team blue', 'team red']);
    expect(await names('&parentScope=team&parentId=red')).toEqual(['user bob']);
    expect(await names('&parentScope=org&parentId=bolt')).toEqual([]);
  });

  it('are removed once nothing hangs on them', async () => {
    const used = await server.send('DELETE', '/v1/scopes?scope=team&scopeId=red');
    expect(used.json()).toMatchObject({ status: 409, code: 'scope_in_use' });
    const gone = await server.send('DELETE', '/v1/scopes?scope=user&scopeId=bob');
    expect([gone.statusCode, gone.body]).toEqual([204, '']);
    expect((await server.send('DELETE', '/v1/scopes?scope=team&scopeId=red')).statusCode).toBe(204);
    expect(await names('')).toEqual(['org acme é/"', 'org bolt', 'team blue']);
  });
});
