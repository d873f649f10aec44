import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

type Method = Parameters<TestServer['send']>[0];
const as = (actor: string, method: Method, url: string, body?: unknown) =>
  server.send(method, url, body, { 'x-strata-actor': actor });

describe('policies over HTTP', () => {
  it('are set, listed and taken away', async () => {
    const policy = {
      keys: ['approval_*'],
      scopes: ['global'],
      levels: ['high', 'critical'],
      minimumApprovals: 1,
      approvers: { roles: ['treasurer'] },
      firstValues: 'approve',
      expiresIn: 3600,
    };
    const set = await as('ann', 'PUT', '/v1/policies/money', { ...policy, comment: 'Money' });
    expect(set.json()).toMatchObject({ name: 'money', ...policy, setBy: 'ann', comment: 'Money' });
    const { policies } = (await as('bob', 'GET', '/v1/policies')).json<{ policies: unknown[] }>();
    expect(policies).toEqual([expect.objectContaining({ name: 'default', revision: 0 }), set.json()]);
    const gone = await as('ann', 'DELETE', '/v1/policies/money?comment=Enough');
    expect([gone.statusCode, gone.body]).toEqual([204, '']);
    expect((await as('ann', 'DELETE', '/v1/policies/money')).json()).toMatchObject({ code: 'policy_not_found' });
    const named = await as('ann', 'PUT', '/v1/policies/a', { ...policy, name: 'b' });
    expect(named.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await as('ann', 'PUT', '/v1/policies/a', { ...policy, minimumApprovals: 99 })).json()).toMatchObject({
      status: 400,
      code: 'invalid_argument',
    });
  });

  it('guard themselves once something is protected', async () => {
    await server.service.set('approval_thresholds', { maintenanceApproval: 500 }, global, 'ann');
    const refused = await as('ann', 'DELETE', '/v1/policies/default');
    expect(refused.json()).toMatchObject({ status: 404, code: 'policy_not_found' });
    const weaker = await as('ann', 'PUT', '/v1/policies/default', { keys: ['*'], minimumApprovals: 0 });
    expect(weaker.json()).toMatchObject({ status: 409, code: 'approval_required' });
    const found = await as('bob', 'GET', String(weaker.headers.location));
    expect(found.json()).toMatchObject({ operation: 'policy', key: 'default', status: 'pending', changes: [] });
  });
});

describe('roles over HTTP', () => {
  it('are set, given, listed and taken away', async () => {
    const set = await as('ann', 'PUT', '/v1/roles/treasurer', { permissions: ['read', 'approve'], comment: 'Money' });
    expect(set.json()).toMatchObject({ name: 'treasurer', permissions: ['read', 'approve'], setBy: 'ann' });
    const { roles } = (await as('ann', 'GET', '/v1/roles')).json<{ roles: { name: string }[] }>();
    expect(roles.map(({ name }) => name)).toEqual(['viewer', 'editor', 'approver', 'admin', 'treasurer']);
    const lockout = await as('ann', 'POST', '/v1/role-bindings', {
      subject: { user: 'bob' },
      role: 'treasurer',
      ...global,
    });
    expect(lockout.json()).toMatchObject({ status: 400, code: 'invalid_argument' });
    const admin = await as('ann', 'POST', '/v1/role-bindings', { subject: { user: 'ann' }, role: 'admin', ...global });
    expect(admin.statusCode).toBe(201);
    expect(admin.json()).toMatchObject({ subject: { user: 'ann' }, role: 'admin', keys: '*', effect: 'allow' });
    const group = { subject: { group: 'finance' }, role: 'treasurer', ...acme, keys: 'budget_*' };
    const bound = await as('ann', 'POST', '/v1/role-bindings', { ...group, comment: 'Budget' });
    expect(bound.json()).toMatchObject({ ...group, boundBy: 'ann', comment: 'Budget' });
    for (const query of ['?role=treasurer', '?group=finance', '?scope=org&scopeId=acme']) {
      expect((await as('ann', 'GET', `/v1/role-bindings${query}`)).json()).toEqual({ bindings: [bound.json()] });
    }
    expect((await as('ann', 'GET', '/v1/role-bindings?user=bob')).json()).toEqual({ bindings: [] });
    expect((await as('zoe', 'GET', '/v1/role-bindings')).json()).toEqual({ bindings: [] });
    expect((await as('ann', 'DELETE', '/v1/roles/treasurer')).json()).toMatchObject({
      status: 409,
      code: 'role_in_use',
    });
    const { id } = bound.json<{ id: string }>();
    expect((await as('ann', 'DELETE', `/v1/role-bindings/${id}?comment=Enough`)).statusCode).toBe(204);
    expect((await as('ann', 'DELETE', `/v1/role-bindings/${id}`)).json()).toMatchObject({ code: 'binding_not_found' });
    expect((await as('ann', 'DELETE', '/v1/roles/treasurer')).statusCode).toBe(204);
    expect((await as('ann', 'DELETE', '/v1/roles/treasurer')).json()).toMatchObject({ code: 'role_not_found' });
  });

  it.each([
    ['nobody', { subject: {}, role: 'viewer', ...global }],
    ['two at once', { subject: { user: 'a', group: 'b' }, role: 'viewer', ...global }],
    ['no scope', { subject: { user: 'a' }, role: 'viewer' }],
  ])('are not given to %s', async (_name, binding) => {
    expect((await as('ann', 'POST', '/v1/role-bindings', binding)).statusCode).toBe(400);
  });
});
