import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const acme = { scope: 'org', scopeId: 'acme' } as const;

describe('a commit over HTTP', () => {
  it('applies all changes as one, and answers a version for each', async () => {
    await server.service.set('old', 1, acme, 'ann');
    const body = {
      changes: [
        { key: 'theme', scope: 'global', value: { size: 1 }, ifVersion: null },
        { key: 'theme', ...acme, value: { size: 2 }, expiresAt: '2999-01-01T00:00:00Z' },
        { key: 'old', ...acme, delete: true },
      ],
      comment: 'a new look',
    };
    const answer = await server.send('POST', '/v1/commits', body, { 'x-strata-actor': 'bob' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      committedBy: 'bob',
      comment: 'a new look',
      versions: [
        { key: 'theme', scope: 'global', scopeId: null, operation: 'set', value: { size: 1 } },
        { key: 'theme', ...acme, value: { size: 2 }, expiresAt: '2999-01-01T00:00:00.000Z' },
        { key: 'old', ...acme, operation: 'delete', value: null },
      ],
    });
    const { id, revision, versions } = answer.json<Record<'id' | 'revision', unknown> & { versions: object[] }>();
    expect(versions.map((version) => ({ ...version }))).toEqual(
      versions.map((version) => expect.objectContaining({ ...version, commit: id, revision }) as unknown),
    );
    expect(await server.service.get('theme', acme)).toEqual({ size: 2 });
    expect(await server.service.get('old', acme)).toBeNull();
  });

  it('applies none when one is refused', async () => {
    const changes = [
      { key: 'fresh', scope: 'global', value: 1 },
      { key: 'theme', scope: 'global', value: 2, ifVersion: 'ffffffffffffffff' },
    ];
    const answer = await server.send('POST', '/v1/commits', { changes });
    expect(answer.json()).toMatchObject({ status: 409, code: 'conflict' });
    expect(await server.service.get('fresh')).toBeNull();
  });

  it('that is repeated with its key is applied once', async () => {
    const body = { changes: [{ key: 'counted', scope: 'global', value: 1 }] };
    const headers = { 'idempotency-key': '"once"' };
    const first = await server.send('POST', '/v1/commits', body, headers);
    await server.service.set('counted', 2, { scope: 'global' }, 'ann');
    const again = await server.send('POST', '/v1/commits', { ...body, idempotencyKey: 'once' });
    expect(again.json()).toEqual(first.json());
    expect(await server.service.get('counted')).toBe(2);
    const other = { changes: [{ key: 'counted', scope: 'global', value: 3 }] };
    const taken = await server.send('POST', '/v1/commits', other, headers);
    expect(taken.json()).toMatchObject({ status: 422, code: 'idempotency_conflict' });
  });

  it('tells what is wrong with a change by its place', async () => {
    const changes = [{ key: 'a', scope: 'global', value: 1 }, { key: 'b', scope: 'country', value: 1 }, { key: 'c' }];
    const { errors } = (await server.send('POST', '/v1/commits', { changes })).json<{ errors: { path: string }[] }>();
    expect(errors.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['body.changes.1.scope', 'body.changes.2.scope', 'body.changes.2.value']),
    );
  });
});
