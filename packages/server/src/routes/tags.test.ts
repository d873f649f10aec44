import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const names = async (query: string): Promise<string[]> =>
  (await server.send('GET', `/v1/tags${query}`))
    .json<{ tags: { tag: string; key: string }[] }>()
    .tags.map(({ tag, key }) => `${tag} ${key}`);

describe('tags over HTTP', () => {
  it('name a version, are found by it, and never move', async () => {
    const { service } = server;
    const first = await service.set('theme', 1, { scope: 'global' }, 'ann');
    const second = await service.set('theme', 2, { scope: 'global' }, 'ann');
    const body = { tag: 'stable', version: first.version, description: 'went out in May' };
    const made = await server.send('POST', '/v1/tags', body, { 'x-strata-actor': 'bob' });
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({ ...body, key: 'theme', scope: 'global', scopeId: null, createdBy: 'bob' });
    expect((await server.send('POST', '/v1/tags', body)).json()).toEqual(made.json());

    const found = await server.send('GET', '/v1/versions/theme?version=stable');
    expect(found.json()).toMatchObject({ version: first.version, tags: ['stable'] });
    const moved = await server.send('POST', '/v1/tags', { tag: 'stable', version: second.version });
    expect(moved.json()).toMatchObject({ status: 409, code: 'tag_exists' });
  });

  it('are listed newest first, all or those of a key, a scope or a name', async () => {
    const { service } = server;
    const org = await service.set('size', 1, { scope: 'org', scopeId: 'acme' }, 'ann');
    await service.createTag('stable', org.version);
    await service.createTag('big', org.version);
    expect(await names('')).toEqual(['big size', 'stable size', 'stable theme']);
    expect(await names('?tag=stable')).toEqual(['stable size', 'stable theme']);
    expect(await names('?key=theme')).toEqual(['stable theme']);
    expect(await names('?scope=org&scopeId=acme&tag=big')).toEqual(['big size']);
    expect(await names('?scope=global')).toEqual(['stable theme']);
    expect(await names('?key=none')).toEqual([]);
  });
});
