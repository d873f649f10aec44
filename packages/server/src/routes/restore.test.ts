import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
let good: { readonly revision: number; readonly changedAt: Date };
const acme = { scope: 'org', scopeId: 'acme' } as const;
const url = '/v1/restore?scope=org&scopeId=acme';
beforeAll(async () => {
  server = await startTestServer();
  const { service } = server;
  const theme = await service.set('theme', 1, acme, 'ann');
  await service.createTag('release-1', theme.version);
  good = await service.set('size', 1, acme, 'ann');
  await new Promise((resolve) => setTimeout(resolve, 5));
});
afterAll(() => server.close());

describe('a restore over HTTP', () => {
  it.each([
    ['a revision', () => ({ revision: good.revision }), { size: 1, theme: 1 }],
    ['a time', () => ({ at: good.changedAt.toISOString() }), { size: 1, theme: 1 }],
    ['a tag', () => ({ tag: 'release-1' }), { colour: 'red', size: 2, theme: 1 }],
  ])('goes back to %s as one commit', async (_, target, expected) => {
    const { service } = server;
    const changes = Object.entries({ theme: 2, size: 2, colour: 'red' }).map(([key, value]) => ({
      key,
      value,
      ...acme,
    }));
    await service.commit(changes, 'bob');
    const answer = await server.send('POST', url, { ...target(), comment: 'as it was' }, { 'x-strata-actor': 'carol' });
    expect(answer.json()).toMatchObject({ committedBy: 'carol', comment: 'as it was' });
    expect(Object.fromEntries(await service.getAll(acme))).toMatchObject(expected);
    const now = Object.entries(Object.fromEntries(await service.getAll(acme))).filter(([, value]) => value !== null);
    expect(Object.fromEntries(now)).toEqual(expected);
  });
});
