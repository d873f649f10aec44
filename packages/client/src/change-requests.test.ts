import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';
import { isClientError, type StrataClientError } from './client-error.ts';
import { createClient, type StrataClient } from './client.ts';

const global = { scope: 'global' } as const;
const key = 'approval_thresholds';

let server: TestServer;
let ann: StrataClient;
let bob: StrataClient;
let carl: StrataClient;
beforeAll(async () => {
  server = await startTestServer();
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  [ann, bob, carl] = ['ann', 'bob', 'carl'].map((actor) => createClient({ url, actor })) as [
    StrataClient,
    StrataClient,
    StrataClient,
  ];
});
afterAll(() => server.close());

async function refusalOf(call: Promise<unknown>): Promise<StrataClientError> {
  const error: unknown = await call.then(
    () => expect.fail('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (isClientError(error)) return error;
  throw error;
}

/** A record of the service in its wire form. */
function wire(record: unknown): unknown {
  return JSON.parse(JSON.stringify(record)) as unknown;
}

describe('policies', () => {
  it('are set, listed and taken away', async () => {
    const policy = { name: 'drafts', keys: ['draft_*'], minimumApprovals: 1, approvers: { roles: ['editor'] } };
    expect(await ann.setPolicy(policy, 'Drafts')).toMatchObject({ ...policy, setBy: 'ann', comment: 'Drafts' });
    expect((await bob.listPolicies()).policies).toEqual(wire(await server.service.listPolicies()));
    await ann.removePolicy('drafts', 'No more');
    expect(await refusalOf(ann.removePolicy('drafts'))).toMatchObject({ code: 'policy_not_found' });
  });
});

describe('roles', () => {
  it('are set, given, listed and taken away', async () => {
    expect(await ann.setRole({ name: 'clerk', permissions: ['read'] }, 'Clerks')).toMatchObject({ setBy: 'ann' });
    for (const user of ['ann', 'bob', 'carl']) await ann.bindRole({ subject: { user }, role: 'admin', ...global });
    const clerk = await ann.bindRole({ subject: { group: 'office' }, role: 'clerk', ...global, keys: 'k_*' }, 'Office');
    expect(clerk).toMatchObject({ boundBy: 'ann', keys: 'k_*', effect: 'allow', comment: 'Office' });
    expect((await ann.listRoleBindings({ subject: { group: 'office' } })).bindings).toEqual([clerk]);
    expect((await ann.listRoleBindings({ scope: global, role: 'admin' })).bindings).toHaveLength(3);
    expect(await refusalOf(ann.removeRole('clerk'))).toMatchObject({ code: 'role_in_use' });
    await ann.unbindRole(clerk.id);
    await ann.removeRole('clerk');
    expect((await ann.listRoles()).roles).toEqual(wire(await server.service.as('ann').listRoles()));
  });
});

describe('change requests', () => {
  it('come of a write that needs approvals, and are applied by the last one', async () => {
    await ann.set(key, { maintenanceApproval: 500 }, global);
    const refusal = await refusalOf(ann.set(key, { maintenanceApproval: 600 }, global, { comment: 'Prices' }));
    expect(refusal).toMatchObject({ code: 'approval_required', status: 409 });
    const id = String(refusal.details['requestId']);
    expect(await bob.getChangeRequest(id)).toEqual(wire(await server.service.as('bob').getChangeRequest(id)));
    expect((await bob.getPendingChanges('bob')).requests).toMatchObject([{ id, requestedBy: 'ann' }]);
    expect((await bob.getPendingChanges('ann')).requests).toEqual([]);
    expect(await bob.commentOnChange(id, 'Fine')).toMatchObject({ comments: [{ author: 'bob', comment: 'Fine' }] });
    expect(await refusalOf(ann.approveChange(id))).toMatchObject({ code: 'self_approval', status: 403 });
    await bob.approveChange(id, 'Go');
    const applied = await carl.approveChange(id, undefined, { edition: 1 });
    expect(applied).toMatchObject({ status: 'applied' });
    // Whoever approved last reads what he approved.
    expect([applied.revision, bob.lastRevision]).toEqual([carl.lastRevision, 0]);
    expect(carl.lastRevision).toBeGreaterThan(0);
    expect(await ann.getValue(key)).toMatchObject({ value: { maintenanceApproval: 600 } });
  });

  it('are asked for, edited, scheduled, taken back, rejected and listed', async () => {
    const asked = { key, ...global, proposedValue: { maintenanceApproval: 700 }, justification: 'Later' };
    const { id } = await ann.requestChange({ ...asked, applyAt: '2999-01-01T00:00:00.000Z' });
    expect(await ann.editChange(id, { proposedValue: { maintenanceApproval: 650 } })).toMatchObject({
      edition: 2,
      applyAt: '2999-01-01T00:00:00.000Z',
      changes: [{ diff: [{ path: 'maintenanceApproval', oldValue: 600, newValue: 650 }] }],
    });
    expect(await ann.scheduleChange(id, null)).not.toHaveProperty('applyAt');
    expect(await refusalOf(bob.approveChange(id, undefined, { edition: 2 }))).toMatchObject({
      code: 'request_edited',
      details: { requestId: id, edition: 3 },
    });
    expect(await ann.withdrawChange(id, 'Not now')).toMatchObject({ status: 'withdrawn', reason: 'Not now' });
    const other = await ann.requestChange(asked);
    expect(await bob.rejectChange(other.id, 'No')).toMatchObject({ status: 'rejected', closedBy: 'bob' });
    const { requests } = await bob.listChangeRequests({ key, requestedBy: 'ann', limit: 2 });
    expect(requests.map((request) => request.id)).toEqual([other.id, id]);
    const older = await bob.listChangeRequests({ status: 'withdrawn', before: other.id });
    expect(older.requests).toMatchObject([{ id }]);
    expect(await refusalOf(bob.getChangeRequest('req-none'))).toMatchObject({ code: 'request_not_found' });
  });
});
