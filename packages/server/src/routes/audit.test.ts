/** Owns the proof of the routes of the audit log. */
import { verifyAuditExport } from '@strata/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

const global = { scope: 'global' } as const;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

type Method = Parameters<TestServer['send']>[0];
const as = (actor: string, method: Method, url: string, body?: unknown) =>
  server.send(method, url, body, { 'x-strata-actor': actor });

interface Entry {
  readonly id: number;
  readonly operation: string;
  readonly seal: number | null;
}
const listed = async (query: string): Promise<readonly Entry[]> =>
  (await as('ann', 'GET', `/v1/audit${query}`)).json<{ entries: Entry[] }>().entries;

describe('the audit log over HTTP', () => {
  it('is listed by key, user, operation, scope and outcome, in pages', async () => {
    await server.service.set('a', 1, global, 'ann', 'First');
    await server.service.set('b', 1, { scope: 'org', scopeId: 'o' }, 'bob');
    await server.service.delete('a', global, 'bob');
    const all = await listed('');
    expect(all.map(({ id }) => id)).toEqual([3, 2, 1]);
    expect(all[2]).toEqual({
      ...{ id: 1, operation: 'set', key: 'a', scope: 'global', scopeId: null, userId: 'ann', success: true },
      ...{ ip: null, userAgent: null, requestId: null, revision: 1, seal: null },
      createdAt: expect.stringMatching(/Z$/) as string,
      metadata: expect.objectContaining({ comment: 'First' }) as object,
    });
    const ids = async (query: string) => (await listed(query)).map(({ id }) => id);
    expect(await ids('?key=a')).toEqual([3, 1]);
    expect(await ids('?userId=bob&operation=set')).toEqual([2]);
    expect(await ids('?scope=org&scopeId=o')).toEqual([2]);
    expect(await ids('?success=false')).toEqual([]);
    expect(await ids('?from=2100-01-01T00:00:00Z')).toEqual([]);
    expect(await ids('?limit=2')).toEqual([3, 2]);
    expect(await ids('?limit=2&before=2')).toEqual([1]);
    for (const query of ['?limit=0', '?before=x', '?success=maybe', '?from=soon', '?scopeId=o', '?user=x']) {
      expect((await as('ann', 'GET', `/v1/audit${query}`)).statusCode).toBe(400);
    }
  });

  it('is sealed, signed, proven and exported', async () => {
    for (let n = 1; n <= 3; n += 1) await server.service.set('a', n, global, 'ann');
    const made = await as('ann', 'POST', '/v1/audit/checkpoints');
    expect(made.statusCode).toBe(201);
    const checkpoint = made.json<{ publicKey: string; sequence: number }>();
    expect(checkpoint).toMatchObject({ sequence: 1, number: 3, kind: 'checkpoint', by: 'ann', environment: 'default' });
    expect((await as('ann', 'GET', '/v1/audit/checkpoints')).json()).toEqual({ checkpoints: [checkpoint] });
    expect((await as('ann', 'GET', '/v1/audit/checkpoints?before=1')).json()).toEqual({ checkpoints: [] });
    const verified = await as('ann', 'POST', '/v1/audit/verify', { checkpoints: [checkpoint] });
    expect(verified.json()).toMatchObject({ ok: true, findings: [], rows: 3, sealed: 3, checkpoints: 1 });
    expect((await as('ann', 'POST', '/v1/audit/verify', {})).json()).toMatchObject({ ok: true });
    const exported = await as('ann', 'GET', '/v1/audit/export?from=2');
    expect(exported.headers['content-type']).toBe('application/x-ndjson');
    expect(await verifyAuditExport([exported.body], [checkpoint.publicKey])).toMatchObject({
      ok: true,
      rows: 3,
      from: 2,
    });
    expect((await as('ann', 'GET', '/v1/audit/export?from=99')).json()).toMatchObject({
      status: 400,
      code: 'invalid_argument',
    });
    expect((await as('ann', 'POST', '/v1/audit/verify', { checkpoints: [{}] })).statusCode).toBe(400);
  });

  it('names what was done to it', async () => {
    await server.service.set('a', 1, global, 'ann');
    await server.database.script(
      `ALTER TABLE configuration_audit_log DISABLE TRIGGER USER; UPDATE configuration_audit_log SET user_id = 'eve'`,
    );
    const { findings, ok } = (await as('ann', 'POST', '/v1/audit/verify', {})).json<{
      findings: unknown[];
      ok: boolean;
    }>();
    expect(ok).toBe(false);
    expect(findings[0]).toMatchObject({ kind: 'row_changed', id: 1 });
    const pruned = await as('ann', 'POST', '/v1/audit/prune', { before: '2100-01-01', reason: 'Old' });
    expect(pruned.statusCode).toBe(400);
  });

  it('is shortened under a checkpoint, with a reason', async () => {
    await server.service.set('a', 1, global, 'ann');
    const before = new Date(Date.now() + 1).toISOString();
    await expect.poll(() => Date.now() > Date.parse(before) + 5).toBe(true);
    expect((await as('ann', 'POST', '/v1/audit/prune', { before, reason: ' ' })).json()).toMatchObject({
      code: 'reason_required',
    });
    const pruned = await as('root', 'POST', '/v1/audit/prune', { before, reason: 'Kept long enough' });
    expect(pruned.json()).toMatchObject({
      removed: 1,
      checkpoint: { kind: 'retention', number: 1, by: 'root', reason: 'Kept long enough' },
    });
    expect((await listed('')).map(({ operation }) => operation)).toEqual(['audit-prune']);
    expect((await as('ann', 'POST', '/v1/audit/verify', {})).json()).toMatchObject({ ok: true });
  });

  it('is refused to who lacks the permission', async () => {
    await server.service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    await server.service.bindRole({ subject: { user: 'ed' }, role: 'editor', ...global }, 'root');
    const calls: readonly (readonly [Method, string, unknown?])[] = [
      ['GET', '/v1/audit'],
      ['POST', '/v1/audit/verify', {}],
      ['GET', '/v1/audit/checkpoints'],
      ['POST', '/v1/audit/checkpoints'],
      ['GET', '/v1/audit/export'],
      ['POST', '/v1/audit/prune', { before: '2020-01-01', reason: 'x' }],
    ];
    for (const [method, url, body] of calls) {
      expect((await as('ed', method, url, body)).json()).toMatchObject({ status: 403, code: 'not_permitted' });
      expect((await as('root', method, url, body)).statusCode).toBeLessThan(300);
    }
  });
});
