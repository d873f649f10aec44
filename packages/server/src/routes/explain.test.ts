import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe('explain over HTTP', () => {
  it('tells for each leaf which scope, version and author it comes from', async () => {
    const { service } = server;
    const above = await service.set('theme', { colour: 'blue', size: 1 }, { scope: 'global' }, 'ann', 'first');
    const below = await service.set('theme', { size: 2 }, { scope: 'org', scopeId: 'acme' }, 'bob');
    const answer = await server.send('GET', '/v1/explain/theme?scope=team&scopeId=red&organizationId=acme');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      key: 'theme',
      scope: 'team',
      scopeId: 'red',
      value: { colour: 'blue', size: 2 },
      leaves: [
        {
          path: 'colour',
          value: 'blue',
          scope: 'global',
          scopeId: null,
          version: above.version,
          changedBy: 'ann',
          comment: 'first',
        },
        { path: 'size', value: 2, scope: 'org', scopeId: 'acme', version: below.version, changedBy: 'bob' },
      ],
    });
    expect(answer.json<{ leaves: { changedAt: string }[] }>().leaves[0]?.changedAt).toBe(above.changedAt.toISOString());
  });

  it('answers for a past time', async () => {
    const { service } = server;
    const first = await service.set('past', 1, { scope: 'global' }, 'ann');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await service.set('past', 2, { scope: 'global' }, 'ann');
    const at = encodeURIComponent(first.changedAt.toISOString());
    expect((await server.send('GET', `/v1/explain/past?at=${at}`)).json()).toMatchObject({ value: 1 });
    expect((await server.send('GET', '/v1/explain/past')).json()).toMatchObject({ value: 2 });
  });

  it('shows a lock with the leaves that it holds', async () => {
    const { service } = server;
    await service.set('locked', { a: 1 }, { scope: 'global' }, 'ann');
    await service.lockConfig('locked', { scope: 'global' }, { path: 'a' }, 'ann', 'law');
    const answer = await server.send('GET', '/v1/explain/locked?scope=org&scopeId=acme');
    expect(answer.json()).toMatchObject({
      leaves: [{ path: 'a', lock: { path: 'a', lockedBy: 'ann', comment: 'law' } }],
    });
    const below = await server.send('PUT', '/v1/layers/locked?scope=org&scopeId=acme', { value: { a: 2 } });
    expect(below.json()).toMatchObject({ status: 423, code: 'locked' });
  });
});
