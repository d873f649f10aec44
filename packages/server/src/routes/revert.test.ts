import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const acme = { scope: 'org', scopeId: 'acme' } as const;
const global = { scope: 'global' } as const;
const reason = { reason: 'too soon' };

/** A key with a change by ann, and after it one of another part by carl. */
async function changed(key: string) {
  await server.service.set(key, { a: 1, b: 1 }, acme, 'ann');
  const change = await server.service.set(key, { a: 2, b: 1 }, acme, 'ann');
  await server.service.set(key, { a: 2, b: 3 }, acme, 'carl');
  return change;
}

describe('a revert over HTTP', () => {
  it.each(['id', 'revision'] as const)('of a commit by its %s undoes it, and leaves what came later', async (name) => {
    const { commit, revision } = await changed(`by-${name}`);
    const url = `/v1/commits/${name === 'id' ? commit : String(revision)}/revert`;
    const dry = await server.send('POST', `${url}?dryRun=true`, reason);
    expect(dry.headers['strata-revision']).toBeUndefined();
    expect(dry.json()).toMatchObject({
      ...{ dryRun: true, commit, revision, requiresApproval: false, minimumApprovals: 0, wouldBreak: [] },
      changes: [{ key: `by-${name}`, ...acme, changed: true, diff: [{ path: 'a', oldValue: 2, newValue: 1 }] }],
    });
    expect(await server.service.get(`by-${name}`, acme)).toEqual({ a: 2, b: 3 });
    const answer = await server.send('POST', url, reason, { 'x-strata-actor': 'bob' });
    expect(answer.statusCode).toBe(200);
    const made = answer.json<{ revision: number }>();
    expect(made).toMatchObject({
      ...{ committedBy: 'bob', comment: 'too soon' },
      versions: [{ key: `by-${name}`, ...acme, operation: 'set', value: { a: 1, b: 3 } }],
    });
    expect(answer.headers['strata-revision']).toBe(String(made.revision));
  });

  it('tells every conflict with what it was, what the commit wrote and what it is', async () => {
    const { commit } = await changed('disputed');
    const { version } = await server.service.set('disputed', { a: 4, b: 3 }, acme, 'carl');
    const answer = await server.send('POST', `/v1/commits/${commit}/revert`, reason);
    expect(answer.json()).toMatchObject({
      ...{ status: 409, code: 'revert_conflicts' },
      details: {
        commit,
        conflicts: [
          { key: 'disputed', ...acme, path: 'a', before: 1, written: 2, now: 4, version, isSensitive: false },
        ],
      },
    });
    expect(await server.service.get('disputed', acme)).toEqual({ a: 4, b: 3 });
  });

  it('that breaks values below is forced', async () => {
    const { service } = server;
    await service.registerSchema('tied', { type: 'object', maxProperties: 2 });
    await service.set('tied', { a: 1, b: 1 }, global, 'ann');
    const { commit } = await service.set('tied', { a: 1 }, global, 'ann');
    await service.set('tied', { c: 1 }, acme, 'ann');
    const url = `/v1/commits/${commit}/revert`;
    expect((await server.send('POST', url, reason)).json()).toMatchObject({ status: 409, code: 'would_break' });
    expect((await server.send('POST', url, { ...reason, force: true })).statusCode).toBe(200);
    expect(await service.get('tied')).toEqual({ a: 1, b: 1 });
  });

  it('that is repeated with its key is applied once', async () => {
    const { commit } = await changed('once');
    const url = `/v1/commits/${commit}/revert`;
    const first = await server.send('POST', url, reason, { 'idempotency-key': '"revert-1"' });
    await server.service.set('once', { a: 9 }, acme, 'carl');
    const again = await server.send('POST', url, { ...reason, idempotencyKey: 'revert-1' });
    expect(again.json()).toEqual(first.json());
    const other = await server.send('POST', url, { reason: 'other' }, { 'idempotency-key': '"revert-1"' });
    expect(other.json()).toMatchObject({ status: 422, code: 'idempotency_conflict' });
  });

  it('answers another method with those that are possible', async () => {
    const answer = await server.send('GET', '/v1/commits/1/revert');
    expect(answer.json()).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(answer.headers.allow).toBe('POST');
    expect((await server.send('GET', '/v1/commits/1/other')).json()).toMatchObject({ code: 'route_not_found' });
    const long = await server.send('POST', `/v1/commits/${'a'.repeat(101)}/revert`, reason);
    expect(long.json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});
