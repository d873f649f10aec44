import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

interface Page {
  readonly versions: readonly { readonly version: string; readonly value: unknown; readonly scope: string }[];
  readonly next: string | null;
}

let server: TestServer;
const hashes: string[] = [];
beforeAll(async () => {
  server = await startTestServer();
  for (const size of [1, 2, 3, 4, 5]) {
    const { version } = await server.service.set('theme', { size }, { scope: 'global' }, 'ann', `size ${String(size)}`);
    hashes.push(version);
  }
  await server.service.set('theme', { size: 9 }, { scope: 'org', scopeId: 'acme' }, 'bob');
});
afterAll(() => server.close());

const hash = (index: number): string => hashes.at(index) ?? '';

describe('history over HTTP', () => {
  it('goes from the newest version back, page by page', async () => {
    const sizes: unknown[] = [];
    let next: string | null = null;
    do {
      const before = next === null ? '' : `&before=${next}`;
      const answer = await server.send('GET', `/v1/history/theme?limit=2${before}`);
      expect(answer.statusCode).toBe(200);
      const page = answer.json<Page>();
      expect(page.versions.length).toBeLessThanOrEqual(2);
      sizes.push(...page.versions.map(({ value }) => value));
      next = page.next;
    } while (next !== null);
    expect(sizes).toEqual([9, 5, 4, 3, 2, 1].map((size) => ({ size })));
  });

  it('loses no version of a commit that changed the key at several scopes', async () => {
    const scopeIds = ['a', 'b', 'c', 'd', 'e'];
    const changes = scopeIds.map((scopeId) => ({ key: 'wide', scope: 'org' as const, scopeId, value: scopeId }));
    await server.service.commit(changes, 'ann');
    const found: unknown[] = [];
    let next: string | null = '';
    for (let page = 0; next !== null && page < 9; page++) {
      const before: string = next === '' ? '' : `&before=${next}`;
      const answer: Page = (await server.send('GET', `/v1/history/wide?limit=2${before}`)).json<Page>();
      found.push(...answer.versions.map(({ value }) => value));
      next = answer.next;
    }
    expect(found).toEqual(scopeIds);
  });

  it('goes on below a revision where a number is given', async () => {
    const all = (await server.send('GET', '/v1/history/theme')).json<{ versions: { revision: number }[] }>().versions;
    const answer = await server.send('GET', `/v1/history/theme?before=${String(all[2]?.revision)}`);
    expect(answer.json()).toEqual({ versions: all.slice(3), next: null });
  });

  it('ends with a page that is just full', async () => {
    const page = (await server.send('GET', '/v1/history/theme?limit=6')).json<Page>();
    expect([page.versions.length, page.next]).toEqual([6, null]);
  });

  it('can be narrowed to one scope', async () => {
    const page = (await server.send('GET', '/v1/history/theme?scope=org&scopeId=acme')).json<Page>();
    expect(page.versions.map(({ scope }) => scope)).toEqual(['org']);
    expect(page.next).toBeNull();
    const global = (await server.send('GET', '/v1/history/theme?scope=global')).json<Page>();
    expect(global.versions).toHaveLength(5);
  });

  it('of a key that never was is empty', async () => {
    expect((await server.send('GET', '/v1/history/never')).json()).toEqual({ versions: [], next: null });
  });
});

describe('a version over HTTP', () => {
  it.each([
    ['a hash', () => hash(1), 2],
    ['the beginning of a hash', () => hash(2).slice(0, 10), 3],
    ['HEAD', () => 'HEAD', 5],
    ['HEAD~2', () => 'HEAD~2', 3],
    ['a time', () => `@${encodeURIComponent(new Date().toISOString())}`, 5],
  ])('is found by %s', async (_, version, size) => {
    const answer = await server.send('GET', `/v1/versions/theme?version=${version()}`);
    expect(answer.json()).toMatchObject({ key: 'theme', value: { size } });
  });

  it('is looked for at the scope asked for', async () => {
    const answer = await server.send('GET', '/v1/versions/theme?version=HEAD&scope=org&scopeId=acme');
    expect(answer.json()).toMatchObject({ scopeId: 'acme', value: { size: 9 } });
  });

  it('that is unknown is 404', async () => {
    const answer = await server.send('GET', '/v1/versions/theme?version=ffffffffffff');
    expect(answer.json()).toMatchObject({ status: 404, code: 'version_not_found' });
  });

  it('can be compared with another', async () => {
    const answer = await server.send('GET', `/v1/diff/theme?from=${hash(0)}&to=${hash(4)}`);
    expect(answer.json()).toEqual({ diff: [{ operation: 'modify', path: 'size', oldValue: 1, newValue: 5 }] });
  });
});

describe('rollback over HTTP', () => {
  it('puts an earlier value back as a new version with a reason', async () => {
    const body = { toVersion: hash(1), reason: 'too large' };
    const answer = await server.send('POST', '/v1/rollback/theme', body, { 'x-strata-actor': 'carol' });
    expect(answer.json()).toMatchObject({
      operation: 'rollback',
      value: { size: 2 },
      changedBy: 'carol',
      comment: 'too large',
      isRollback: true,
      rollbackFromVersion: hash(1),
    });
    expect(answer.headers.etag).toBe(`"${answer.json<{ version: string }>().version}"`);
    expect(await server.service.get('theme')).toEqual({ size: 2 });
  });

  it('with a stale If-Match is 412', async () => {
    const body = { toVersion: hash(2), reason: 'x' };
    const answer = await server.send('POST', '/v1/rollback/theme', body, { 'if-match': `"${hash(0)}"` });
    expect(answer.json()).toMatchObject({ status: 412, code: 'conflict' });
    expect(await server.service.get('theme')).toEqual({ size: 2 });
  });

  it('can be tried', async () => {
    const answer = await server.send('POST', '/v1/rollback/theme?dryRun=true', { toVersion: hash(0), reason: 'x' });
    expect(answer.json()).toMatchObject({
      dryRun: true,
      changed: true,
      diff: [{ operation: 'modify', path: 'size', oldValue: 2, newValue: 1 }],
    });
    expect(answer.headers.etag).toBeUndefined();
    expect(await server.service.get('theme')).toEqual({ size: 2 });
  });

  it('needs a reason', async () => {
    for (const body of [{ toVersion: hash(2) }, { toVersion: hash(2), reason: '' }]) {
      const answer = await server.send('POST', '/v1/rollback/theme', body);
      expect(answer.json()).toMatchObject({ status: 400, errors: [{ path: 'body.reason' }] });
    }
  });
});
