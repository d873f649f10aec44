/** Owns the proof of change requests: who may approve, what an approval is of, and what becomes of a request. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const key = 'approval_thresholds';
const first = { maintenanceApproval: 100, procurementApproval: 200 };

describeDatabases('a change request', (engine) => {
  const services = servicesOn(engine);

  async function openProtected(): Promise<ConfigurationManagementService> {
    const { service } = await services.open();
    await service.set(key, first, global, 'ann', 'first value');
    return service;
  }

  /** The id of the request that a protected write made. */
  async function refused(write: Promise<unknown>): Promise<string> {
    const refusal = await expectRefusal(write, 'approval_required');
    return String(refusal.details['requestId']);
  }

  const raise = (service: ConfigurationManagementService, value: number): Promise<string> =>
    refused(service.set(key, { ...first, maintenanceApproval: value }, global, 'ann', 'prices went up'));

  it('is made by a write that needs approvals, shows what is asked for, and is applied by the last approval', async () => {
    const service = await openProtected();
    const write = service.set(key, { ...first, maintenanceApproval: 150 }, global, 'ann', 'prices went up');
    const refusal = await expectRefusal(write, 'approval_required');
    const { requestId } = refusal.details;
    expect(refusal.message).toBe(`This change requires approval. Change request created: ${String(requestId)}`);
    expect(/request created: (.+)/.exec(refusal.message)?.[1]).toBe(requestId);
    expect(refusal).toMatchObject({ requestId, status: 409 });
    expect(refusal.details['hint']).toMatch(/setPolicy\(/);
    expect(await service.get(key)).toEqual(first);
    const [request] = await service.getPendingChanges('bob');
    expect(request).toMatchObject({
      ...{ id: requestId, key, scope: 'global', scopeId: null, status: 'pending', impactLevel: 'critical' },
      ...{
        requestedBy: 'ann',
        justification: 'prices went up',
        currentValue: first,
        minimumApprovals: 2,
        approvals: [],
      },
      proposedValue: { ...first, maintenanceApproval: 150 },
      changes: [{ diff: [{ path: 'maintenanceApproval', operation: 'modify', oldValue: 100, newValue: 150 }] }],
    });
    expect((request?.expiresAt.getTime() ?? 0) - (request?.requestedAt.getTime() ?? 0)).toBe(7 * 24 * 3600 * 1000);
    const once = await service.approveChange(String(requestId), 'bob', 'looks right');
    expect(once).toMatchObject({ status: 'pending', approvals: [{ approverId: 'bob', comment: 'looks right' }] });
    expect(await service.get(key)).toEqual(first);
    expect(await service.getPendingChanges('bob')).toEqual([]);
    const twice = await service.approveChange(String(requestId), 'cleo');
    expect(twice).toMatchObject({ status: 'applied', commit: expect.any(String) as string });
    expect(await service.get(key)).toEqual({ ...first, maintenanceApproval: 150 });
    const [version] = await service.getHistory(key);
    expect(version).toMatchObject({ changedBy: 'ann', comment: 'prices went up', changeRequestId: requestId });
    expect(await service.getPendingChanges()).toEqual([]);
  });

  it('is not approved by its author, by anybody twice, nor when it is unknown, applied or rejected', async () => {
    const service = await openProtected();
    const id = await raise(service, 150);
    await expectRefusal(service.approveChange(id, 'ann'), 'self_approval');
    await service.approveChange(id, 'bob');
    await expectRefusal(service.approveChange(id, 'bob'), 'already_approved');
    await expectRefusal(service.approveChange('req-aaaaaaaaaaaa', 'bob'), 'request_not_found');
    await service.approveChange(id, 'cleo');
    await expectRefusal(service.approveChange(id, 'dan'), 'request_applied');
    const other = await raise(service, 160);
    await expectRefusal(service.rejectChange(other, 'bob', '  '), 'reason_required');
    expect(await service.rejectChange(other, 'bob', 'not now')).toMatchObject({
      status: 'rejected',
      reason: 'not now',
    });
    await expectRefusal(service.approveChange(other, 'cleo'), 'request_closed');
  });

  it('asks for the approvers that its policy names', async () => {
    const { service } = await services.open();
    await service.setPolicy(
      { name: 'money', keys: [key], minimumApprovals: 1, approvers: { users: ['boss'], roles: ['treasurer'] } },
      'ann',
    );
    await service.set(key, first, global, 'ann');
    const id = await raise(service, 150);
    const refusal = await expectRefusal(service.approveChange(id, 'bob'), 'not_an_approver');
    expect(refusal.message).toContain('the role treasurer or boss');
    await expectRefusal(service.rejectChange(id, 'bob', 'no'), 'not_an_approver');
    expect(await service.getPendingChanges('bob')).toEqual([]);
    const treasurer = service.as({ id: 'tess', roles: ['treasurer'] });
    expect(await treasurer.approveChange(id, 'tess')).toMatchObject({ status: 'applied' });
    const second = await raise(service, 170);
    expect(await service.approveChange(second, 'boss')).toMatchObject({ status: 'applied' });
  });

  it('is asked for also where no policy needs it, and then waits for one other person', async () => {
    const { service } = await services.open();
    await service.set('branding', { companyName: 'A' }, org, 'ann');
    const request = await service.requestChange({
      ...{ key: 'branding', proposedValue: { companyName: 'B' }, ...org, requestedBy: 'ann', justification: 'renamed' },
    });
    expect(request).toMatchObject({ status: 'pending', minimumApprovals: 1, impactLevel: 'low' });
    expect(await service.approveChange(request.id, 'bob')).toMatchObject({ status: 'applied' });
    expect(await service.get('branding', org)).toEqual({ companyName: 'B' });
    const empty = { key: 'branding', proposedValue: {}, ...org, requestedBy: 'ann', justification: ' ' };
    await expectRefusal(service.requestChange(empty), 'justification_required');
  });

  it('holds several changes, one of which is protected, and applies all of them or none', async () => {
    const service = await openProtected();
    const id = await refused(
      service.commit(
        [
          { key: 'branding', ...org, value: { companyName: 'B' } },
          { key, ...global, value: { ...first, budgetVariance: 5 } },
        ],
        'ann',
        'both',
      ),
    );
    expect(await service.get('branding', org)).toBeNull();
    await service.approveChange(id, 'bob');
    await service.approveChange(id, 'cleo');
    expect(await service.get('branding', org)).toEqual({ companyName: 'B' });
    expect(await service.get(key)).toEqual({ ...first, budgetVariance: 5 });
  });

  it('is applied on top of a change of other leaves, and conflicts with one of its own', async () => {
    const service = await openProtected();
    const mine = await raise(service, 150);
    const theirs = await refused(service.set(key, { ...first, procurementApproval: 999 }, global, 'dan'));
    const same = await refused(service.set(key, { ...first, maintenanceApproval: 170 }, global, 'dan'));
    await service.approveChange(theirs, 'bob');
    await service.approveChange(theirs, 'cleo');
    await service.approveChange(mine, 'bob');
    await service.approveChange(mine, 'cleo');
    expect(await service.get(key)).toEqual({ maintenanceApproval: 150, procurementApproval: 999 });
    const refusal = await expectRefusal(service.approveChange(same, 'bob'), 'request_conflicted');
    expect(refusal.message).toContain('maintenanceApproval');
    expect(await service.getChangeRequest(same)).toMatchObject({ status: 'conflicted', approvals: [] });
    await expectRefusal(service.approveChange(same, 'cleo'), 'request_conflicted');
    const anew = await service.editChange(same, {}, 'dan');
    expect(anew).toMatchObject({ status: 'pending', edition: 2, currentValue: { procurementApproval: 999 } });
    await expectRefusal(service.approveChange(same, 'bob'), 'request_edited');
    await service.approveChange(same, 'bob', undefined, { edition: 2 });
    await service.approveChange(same, 'cleo', undefined, { edition: 2 });
    expect(await service.get(key)).toEqual({ ...first, maintenanceApproval: 170 });
  });

  it('loses its approvals when it is edited, and whoever edited it cannot approve it', async () => {
    const service = await openProtected();
    const id = await raise(service, 150);
    await service.approveChange(id, 'bob');
    const edited = await service.editChange(id, { proposedValue: { ...first, maintenanceApproval: 151 } }, 'eve');
    expect(edited).toMatchObject({ edition: 2, approvals: [], editors: ['eve'], requestedBy: 'ann' });
    await expectRefusal(service.approveChange(id, 'eve', undefined, { edition: 2 }), 'self_approval');
    await expectRefusal(service.approveChange(id, 'cleo'), 'request_edited');
    await expectRefusal(service.approveChange(id, 'cleo', undefined, { edition: 1 }), 'request_edited');
    await service.approveChange(id, 'bob', undefined, { edition: 2 });
    await service.approveChange(id, 'cleo', undefined, { edition: 2 });
    expect(await service.get(key)).toMatchObject({ maintenanceApproval: 151 });
  });

  it('conflicts when the schema, the policy or the place in the tree is another one than when it was shown', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...org });
    await service.setPolicy({ name: 'b', keys: ['b*'], minimumApprovals: 1 }, 'ann');
    await service.setPolicy({ name: 'default', keys: ['zzz'], minimumApprovals: 0 }, 'ann');
    const team = { scope: 'team', scopeId: 't' } as const;
    await service.registerScope({ ...team, parent: org });
    await service.set('b1', { a: 1 }, team, 'ann');
    const ask = () => refused(service.set('b1', { a: 2 }, team, 'ann'));
    const bySchema = await ask();
    const schema = await refused(
      service.registerSchema('b1', { type: 'object', properties: { a: { type: 'number' } } }, { actor: 'dan' }),
    );
    await service.approveChange(schema, 'bob');
    const schemaRefusal = await expectRefusal(service.approveChange(bySchema, 'bob'), 'request_conflicted');
    expect(schemaRefusal.message).toContain('schema');
    const byMove = await refused(service.set('b1', { a: 3 }, team, 'ann'));
    await service.registerScope({ ...team, parent: { scope: 'org', scopeId: 'p' } });
    const moveRefusal = await expectRefusal(service.approveChange(byMove, 'bob'), 'request_conflicted');
    expect(moveRefusal.message).toContain('moved');
    const byPolicy = await refused(service.set('b1', { a: 4 }, team, 'ann'));
    const policy = await refused(service.setPolicy({ name: 'b', keys: ['b*'], minimumApprovals: 2 }, 'dan'));
    expect(await service.approveChange(policy, 'bob')).toMatchObject({ status: 'applied', operation: 'policy' });
    const policyRefusal = await expectRefusal(service.approveChange(byPolicy, 'bob'), 'request_conflicted');
    expect(policyRefusal.message).toContain('policies');
  });

  it('is withdrawn by its author alone, and commented on by anyone', async () => {
    const service = await openProtected();
    const id = await raise(service, 150);
    await expectRefusal(service.withdrawChange(id, 'bob'), 'not_the_author');
    const commented = await service.commentOnChange(id, 'bob', 'why so much?');
    expect(commented.comments).toMatchObject([{ author: 'bob', comment: 'why so much?' }]);
    expect(await service.withdrawChange(id, 'ann', 'changed my mind')).toMatchObject({ status: 'withdrawn' });
    await expectRefusal(service.approveChange(id, 'bob'), 'request_closed');
    expect(await service.listChangeRequests({ status: 'withdrawn' })).toMatchObject([{ id }]);
  });

  it('expires by the database clock', async () => {
    const { service, database } = await services.open();
    await service.set(key, first, global, 'ann');
    const id = await raise(service, 150);
    await database.query(`UPDATE configuration_change_requests SET expires_at = clock_timestamp() WHERE id = $1`, [id]);
    await expectRefusal(service.approveChange(id, 'bob'), 'request_expired');
    expect(await service.getChangeRequest(id)).toMatchObject({ status: 'expired', closedBy: 'system' });
    await expectRefusal(service.approveChange(id, 'bob'), 'request_expired');
  });

  it('is applied once at its time by whichever process is alive, and suspended where it no longer fits', async () => {
    const { service, database, revision } = await services.open();
    await service.set(key, first, global, 'ann');
    const ask = (value: number) =>
      service.requestChange({
        ...{ key, proposedValue: { ...first, maintenanceApproval: value }, ...global, requestedBy: 'ann' },
        ...{ justification: 'at night', applyAt: new Date(Date.now() + 3_600_000) },
      });
    const one = await ask(150);
    const two = await ask(160);
    for (const { id } of [one, two]) {
      await service.approveChange(id, 'bob');
      expect(await service.approveChange(id, 'cleo')).toMatchObject({ status: 'scheduled' });
    }
    expect(await service.get(key)).toEqual(first);
    const other = services.on(database, { pollInterval: 20 });
    await other.get(key);
    const come = (id: string) =>
      database.query(`UPDATE configuration_change_requests SET apply_at = clock_timestamp() WHERE id = $1`, [id]);
    const settled = async (id: string): Promise<string> => {
      for (;;) {
        const { status } = await service.getChangeRequest(id);
        if (status !== 'scheduled') return status;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await come(one.id);
    expect(await settled(one.id)).toBe('applied');
    await come(two.id);
    expect(await settled(two.id)).toBe('suspended');
    await service.waitForRevision(await revision());
    expect(await service.get(key)).toMatchObject({ maintenanceApproval: 150 });
    expect(await service.getHistory(key)).toHaveLength(2);
    expect(await service.getChangeRequest(two.id)).toMatchObject({
      reason: expect.stringContaining('changed') as string,
    });
  });

  it('is one for a call that is repeated', async () => {
    const service = await openProtected();
    const value = { ...first, maintenanceApproval: 150 };
    const ids = new Set<string>();
    for (let round = 0; round < 3; round += 1) ids.add(await raise(service, 150));
    for (let round = 0; round < 3; round += 1) {
      ids.add(await refused(service.set(key, value, global, 'ann', 'keyed', { idempotencyKey: 'once' })));
    }
    expect(ids.size).toBe(2);
    const keyed = [...ids][1] ?? '';
    await service.approveChange(keyed, 'bob');
    await service.approveChange(keyed, 'cleo');
    const again = await service.set(key, value, global, 'ann', 'keyed', { idempotencyKey: 'once' });
    expect(again).toMatchObject({ changeRequestId: keyed });
    await expectRefusal(
      service.set(key, {}, global, 'ann', 'keyed', { idempotencyKey: 'once' }),
      'idempotency_conflict',
    );
  });

  it('leaves audit rows of who asked, who agreed, who was refused', async () => {
    const { service, database } = await services.open();
    await service.set(key, first, global, 'ann');
    const id = await raise(service, 150);
    await expectRefusal(service.approveChange(id, 'ann'), 'self_approval');
    const caller = service.as({ id: 'bob', ip: '10.0.0.1', requestId: 'r1' });
    await caller.approveChange(id, 'bob', 'fine');
    await service.approveChange(id, 'cleo');
    await service.close();
    const rows = await database.query(
      `SELECT operation, user_id, success, metadata ->> 'code' AS code, ip FROM configuration_audit_log
      WHERE metadata ->> 'changeRequest' = $1 ORDER BY success, operation, user_id`,
      [id],
    );
    expect(rows).toEqual([
      { operation: 'approve', user_id: 'ann', success: false, code: 'self_approval', ip: null },
      { operation: 'approve', user_id: 'bob', success: true, code: null, ip: '10.0.0.1' },
      { operation: 'approve', user_id: 'cleo', success: true, code: null, ip: null },
      { operation: 'request', user_id: 'ann', success: true, code: null, ip: null },
      { operation: 'set', user_id: 'ann', success: true, code: null, ip: null },
    ]);
  });

  it('is met by each of its policies with approvers of its own', async () => {
    const { service } = await services.open();
    for (const name of ['m', 'n']) {
      const approvers = { roles: [`${name}-lead`] };
      await service.setPolicy({ name, keys: [name], minimumApprovals: 1, approvers }, 'ann');
    }
    for (const name of ['m', 'n']) await service.set(name, 1, global, 'ann');
    const both = await refused(
      service.commit(
        [
          { key: 'm', ...global, value: 2 },
          { key: 'n', ...global, value: 2 },
        ],
        'ann',
      ),
    );
    const lead = (id: string, ...roles: string[]) => service.as({ id, roles }).approveChange(both, id);
    await expectRefusal(lead('dan', 'other'), 'not_an_approver');
    expect(await lead('mia', 'm-lead')).toMatchObject({ status: 'pending' });
    expect(await lead('moe', 'm-lead')).toMatchObject({ status: 'pending' });
    expect(await lead('nina', 'n-lead')).toMatchObject({ status: 'applied' });
    // Policies with different approvers do not lock each other for good.
    const asked = await refused(service.setPolicy({ name: 'default', keys: ['zzz'], minimumApprovals: 0 }, 'ann'));
    expect(await service.getChangeRequest(asked)).toMatchObject({ operation: 'policy', minimumApprovals: 2 });
    await service.approveChange(asked, 'bob');
    expect(await service.approveChange(asked, 'cleo')).toMatchObject({ status: 'applied' });
    const next = await refused(service.removePolicy('m', 'ann'));
    const agree = (id: string, role: string) => service.as({ id, roles: [role] }).approveChange(next, id);
    expect(await agree('mia', 'm-lead')).toMatchObject({ status: 'pending' });
    expect(await agree('nina', 'n-lead')).toMatchObject({ status: 'applied' });
  });

  it('is another one for another time, and none for what is there already', async () => {
    const service = await openProtected();
    const ask = (applyAt?: Date) =>
      service.requestChange({
        ...{ key, proposedValue: { budgetVariance: 1 }, ...global, requestedBy: 'ann', justification: 'night' },
        ...(applyAt === undefined ? {} : { applyAt }),
      });
    const [early, late] = [new Date(Date.now() + 60_000), new Date(Date.now() + 120_000)];
    const made = [await ask(), await ask(early), await ask(late), await ask(late)];
    expect(new Set(made.map(({ id }) => id)).size).toBe(3);
    expect(made.map(({ applyAt }) => applyAt)).toEqual([undefined, early, late, late]);
    const same = { key, proposedValue: first, ...global, requestedBy: 'ann', justification: 'same' };
    await expectRefusal(service.requestChange(same), 'invalid_argument');
    const edit = { proposedValue: first };
    await expectRefusal(service.editChange(made[0]?.id ?? '', edit, 'ann'), 'invalid_argument');
    expect(await service.getPendingChanges()).toHaveLength(3);
  });

  it('is not brought back by an edit once it has expired', async () => {
    const { service, database } = await services.open();
    await service.set(key, first, global, 'ann');
    const id = await raise(service, 150);
    await database.query(`UPDATE configuration_change_requests SET expires_at = clock_timestamp() WHERE id = $1`, [id]);
    await expectRefusal(service.editChange(id, {}, 'ann'), 'request_expired');
    await expectRefusal(service.scheduleChange(id, null, 'ann'), 'request_expired');
    await expectRefusal(service.approveChange(id, 'bob'), 'request_expired');
  });

  it('tells approvers that it breaks values below', async () => {
    const { service } = await services.open();
    const request = { key: 'k', proposedValue: 1, ...global, requestedBy: 'ann', justification: 'now' };
    expect(await service.requestChange(request)).toMatchObject({ forced: false });
    expect(await service.requestChange({ ...request, force: true })).toMatchObject({ forced: true });
  });

  it('advises a policy for the key, and where it is about a policy none for its name', async () => {
    const service = await openProtected();
    const hintOf = async (write: Promise<unknown>) =>
      String((await expectRefusal(write, 'approval_required')).details['hint']);
    expect(await hintOf(service.set(key, {}, global, 'ann'))).toContain(`keys: ["${key}"], minimumApprovals: 1`);
    const policy = { name: 'money', keys: ['a*'], minimumApprovals: 1 };
    expect(await hintOf(service.setPolicy(policy, 'ann'))).not.toContain('"money"');
  });

  it('stays as it is where a process lacks the code of its schema, and is applied by one that has it', async () => {
    const { service, database } = await services.open();
    const even = z.object({ n: z.number().refine((n) => n % 2 === 0) });
    await service.setPolicy({ name: 'k', keys: ['k'], minimumApprovals: 1 }, 'ann');
    await service.registerSchema('k', even);
    await service.set('k', { n: 2 }, global, 'ann');
    const id = await refused(service.set('k', { n: 4 }, global, 'ann'));
    const without = services.on(database);
    await expectRefusal(without.approveChange(id, 'bob'), 'schema_code_missing');
    expect(await service.getChangeRequest(id)).toMatchObject({ status: 'pending', approvals: [] });
    expect(await service.approveChange(id, 'bob')).toMatchObject({ status: 'applied' });
  });

  it('gives a role as it was asked for, and by whoever asked, once it is approved', async () => {
    const service = await openProtected();
    const binding = { subject: { user: 'ann' }, role: 'admin', ...global } as const;
    const id = await refused(service.bindRole(binding, 'ann', 'to begin with'));
    expect(await service.listRoleBindings()).toEqual([]);
    await service.approveChange(id, 'bob');
    await service.approveChange(id, 'cleo');
    const asAnn = service.as('ann');
    expect(await asAnn.listRoleBindings()).toMatchObject([{ ...binding, boundBy: 'ann', comment: 'to begin with' }]);
    await expectRefusal(service.set('k', 1, global, 'bob'), 'not_permitted');
  });

  it('leaves an audit row where a permission is missing', async () => {
    const { service, database } = await services.open({ authorize: (_, action) => action === 'read' });
    const caller = service.as({ id: 'eve', ip: '10.0.0.2', requestId: 'r2' });
    await expectRefusal(caller.set('k', 1, org, 'eve'), 'not_permitted');
    await expectRefusal(caller.createTag('v1', '0123456789ab'), 'version_not_found');
    await service.close();
    const rows = await database.query(
      `SELECT operation, config_key, scope, scope_id, user_id, success, ip, request_id, metadata ->> 'code' AS code
      FROM configuration_audit_log`,
    );
    expect(rows).toEqual([
      {
        ...{ operation: 'write', config_key: 'k', scope: 'org', scope_id: 'o', user_id: 'eve', success: false },
        ...{ ip: '10.0.0.2', request_id: 'r2', code: 'not_permitted' },
      },
    ]);
  });

  it('does not count who may no longer approve when the last approval comes', async () => {
    const { service } = await services.open();
    await service.bindRole({ subject: { user: 'ann' }, role: 'admin', ...global }, 'system');
    const bindings = new Map<string, string>();
    for (const user of ['bob', 'cleo', 'dan']) {
      const { id } = await service.bindRole({ subject: { user }, role: 'approver', ...global }, 'ann');
      bindings.set(user, id);
    }
    await service.set(key, first, global, 'ann');
    const id = await raise(service, 150);
    await expectRefusal(service.approveChange(id, 'eve'), 'request_not_found');
    await service.approveChange(id, 'bob');
    const removal = await refused(service.unbindRole(bindings.get('bob') ?? '', 'ann'));
    for (const approver of ['cleo', 'dan']) await service.approveChange(removal, approver);
    const still = await service.approveChange(id, 'cleo');
    expect(still).toMatchObject({ status: 'pending', approvals: [{ approverId: 'bob' }, { approverId: 'cleo' }] });
    expect(await service.get(key)).toEqual(first);
    expect(await service.approveChange(id, 'dan')).toMatchObject({ status: 'applied' });
  });
});
