import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('blame over HTTP', () => {
  it('names the last change of each leaf of a layer', async () => {
    const at = { scope: 'org', scopeId: 'acme' } as const;
    const first = await server.service.set('theme', { a: 1, b: 1 }, at, 'ann', 'start');
    const second = await server.service.set('theme', { a: 1, b: 2 }, at, 'bob');
    const answer = await server.send('GET', '/v1/blame/theme?scope=org&scopeId=acme');
    const leaf = (version: typeof first) => ({
      version: version.version,
      changedBy: version.changedBy,
      changedAt: version.changedAt.toISOString(),
      comment: version.comment,
    });
    expect(answer.json()).toEqual({
      key: 'theme',
      ...at,
      leaves: [
        { path: 'a', value: 1, ...leaf(first) },
        { path: 'b', value: 2, ...leaf(second) },
      ],
    });
  });

  it('names none where there is no layer', async () => {
    expect((await server.send('GET', '/v1/blame/none')).json()).toEqual({
      key: 'none',
      scope: 'global',
      scopeId: null,
      leaves: [],
    });
  });
});
