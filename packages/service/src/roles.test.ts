/** Owns the proof of roles and bindings: what they allow, where, and who may hand them on. */
import { describe, expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const other = { scope: 'org', scopeId: 'p' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const soon = { timeout: 8000, interval: 10 };

type Bind = Parameters<ConfigurationManagementService['bindRole']>[0];

describeDatabases('roles and bindings', (engine) => {
  const services = servicesOn(engine);

  /** A store in which `root` is the administrator, and the team belongs to the org. */
  async function governed() {
    const opened = await services.open();
    const { service } = opened;
    await service.registerScope({ ...team, parent: org });
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    const bind = (user: string, binding: Omit<Bind, 'subject'>) =>
      service.bindRole({ subject: { user }, ...binding }, 'root');
    return { ...opened, bind };
  }

  it('are kept with who gave them, as commits', async () => {
    const { service, revision } = await services.open();
    const role = await service.setRole({ name: 'designer', permissions: ['write', 'read'] }, 'ann', 'For the site');
    expect(role).toEqual({
      ...{ name: 'designer', permissions: ['read', 'write'], builtIn: false, setBy: 'ann', comment: 'For the site' },
      ...{ setAt: expect.any(Date) as Date, revision: 1 },
    });
    const bound = await service.bindRole(
      { subject: { user: 'bob' }, role: 'designer', ...org, keys: 'ui/*' },
      'system',
      'New here',
    );
    expect(bound).toEqual({
      ...{ id: expect.any(String) as string, subject: { user: 'bob' }, role: 'designer', scope: 'org', scopeId: 'o' },
      ...{ keys: 'ui/*', effect: 'allow', boundBy: 'system', boundAt: expect.any(Date) as Date, comment: 'New here' },
      revision: 2,
    });
    expect(await revision()).toBe(2);
    expect((await service.listRoles()).map(({ name, builtIn }) => [name, builtIn])).toEqual([
      ...['viewer', 'editor', 'approver', 'admin'].map((name) => [name, true]),
      ['designer', false],
    ]);
    expect(await service.listRoleBindings()).toEqual([bound]);
    expect(await service.listRoleBindings({ subject: { user: 'bob' }, role: 'designer', scope: org })).toEqual([bound]);
    expect(await service.listRoleBindings({ subject: { group: 'bob' } })).toEqual([]);
    expect(await service.listRoleBindings({ scope: other })).toEqual([]);
  });

  it('make no second commit of the same', async () => {
    const { service, revision } = await services.open();
    const role = await service.setRole({ name: 'designer', permissions: ['read'] }, 'ann');
    expect(await service.setRole({ name: 'designer', permissions: ['read', 'read'] }, 'bob')).toEqual(role);
    const bound = await service.bindRole({ subject: { group: 'ui' }, role: 'designer', ...global }, 'system');
    expect(await service.bindRole({ subject: { group: 'ui' }, role: 'designer', ...global }, 'system')).toEqual(bound);
    expect(await revision()).toBe(2);
  });

  it('are refused where they make no sense', async () => {
    const { service } = await services.open();
    const bind = (binding: object) => service.bindRole(binding as Bind, 'ann');
    await expectRefusal(service.setRole({ name: 'admin', permissions: ['read'] }, 'ann'), 'invalid_argument');
    await expectRefusal(service.setRole({ name: 'x', permissions: [] }, 'ann'), 'invalid_argument');
    await expectRefusal(service.removeRole('nobody', 'ann'), 'role_not_found');
    const missing = await expectRefusal(bind({ subject: { user: 'b' }, role: 'boss', ...global }), 'role_not_found');
    expect(missing.message).toContain('viewer, editor, approver, admin');
    for (const broken of [
      { role: 'viewer', ...global },
      { subject: { user: 'b', group: 'c' }, role: 'viewer', ...global },
      { subject: { user: 'b' }, role: 'viewer' },
      { subject: { user: 'b' }, role: 'viewer', ...global, keys: 'a b' },
      { subject: { user: 'b' }, role: 'viewer', ...global, effect: 'maybe' },
      { subject: { user: 'b' }, role: 'viewer', ...global, key: 'a' },
    ]) {
      await expectRefusal(bind(broken), 'invalid_argument');
    }
    await expectRefusal(service.unbindRole('no-such-id', 'ann'), 'binding_not_found');
  });

  it('begin with an administrator, lest nobody could give roles any more', async () => {
    const { service } = await services.open();
    for (const binding of [
      { role: 'editor', ...global },
      { role: 'admin', ...org },
      { role: 'admin', ...global, keys: 'ui/*' },
      { role: 'admin', ...global, effect: 'deny' } as const,
    ]) {
      await expectRefusal(service.bindRole({ subject: { user: 'ann' }, ...binding }, 'ann'), 'invalid_argument');
    }
    await service.bindRole({ subject: { user: 'ann' }, role: 'admin', ...global }, 'ann');
    await service.bindRole({ subject: { user: 'bob' }, role: 'editor', ...org }, 'ann');
  });

  it('let nobody do what no binding allows, as soon as there is one; the process itself stays free', async () => {
    const { service } = await services.open();
    await service.set('k', 1, org, 'ann');
    const ann = service.as('ann');
    expect(await ann.get('k', org)).toBe(1);
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    await expectRefusal(ann.get('k', org), 'not_permitted');
    expect(ann.peek('k', org)).toBeUndefined();
    await expectRefusal(service.set('k', 2, org, 'ann'), 'not_permitted');
    expect(await service.get('k', org)).toBe(1);
    expect(await service.as('root').get('k', org)).toBe(1);
    await expectRefusal(service.as('system').get('k', org), 'not_permitted');
  });

  it('hold at a scope and below it, and nowhere else', async () => {
    const { service, bind } = await governed();
    await bind('ann', { role: 'editor', ...org });
    for (const at of [org, team]) {
      await service.set('k', at.scope, at, 'ann');
      expect(await service.as('ann').get('k', at)).toBe(at.scope);
    }
    await service.registerScope({ scope: 'user', scopeId: 'u', parent: team });
    expect(await service.as('ann').get('k', { scope: 'user', scopeId: 'u' })).toBe('team');
    for (const at of [global, other, { scope: 'team', scopeId: 'unregistered' } as const]) {
      await expectRefusal(service.set('k', 1, at, 'ann'), 'not_permitted');
      await expectRefusal(service.as('ann').get('k', at), 'not_permitted');
    }
  });

  it('cannot be had by naming parents that are not the registered ones', async () => {
    const { service, bind } = await governed();
    await bind('ann', { role: 'viewer', ...other });
    const ann = service.as('ann');
    await expectRefusal(ann.get('k', { ...team, organizationId: 'p' }), 'not_permitted');
    await expectRefusal(ann.getScopeChain({ ...team, organizationId: 'p' }), 'not_permitted');
    await expectRefusal(ann.explain('k', { ...team, organizationId: 'p' }), 'not_permitted');
    await expectRefusal(
      ann.watchConfig('k', () => undefined, { scope: { ...team, organizationId: 'p' } }),
      'not_permitted',
    );
  });

  it('hold for the keys of a glob', async () => {
    const { service, bind } = await governed();
    await bind('ann', { role: 'editor', ...org, keys: 'ui/*' });
    await service.set('ui/colours', 1, org, 'ann');
    await service.set('limits', 1, org, 'root');
    await expectRefusal(service.set('limits', 2, org, 'ann'), 'not_permitted');
    await expectRefusal(service.set('ui', 2, org, 'ann'), 'not_permitted');
    const ann = service.as('ann');
    expect([...(await ann.getAll(org)).keys()]).toEqual(['ui/colours']);
    await expectRefusal(ann.getBatch(['ui/colours', 'limits'], org), 'not_permitted');
    expect(JSON.parse(await ann.exportConfig(org))).toMatchObject({ settings: [{ key: 'ui/colours' }] });
  });

  it('are taken away by a denial, whatever allows it', async () => {
    const { service, bind } = await governed();
    await bind('ann', { role: 'editor', ...global });
    const denial = await bind('ann', { role: 'editor', ...org, keys: 'limits', effect: 'deny' });
    await expectRefusal(service.set('limits', 1, org, 'ann'), 'not_permitted');
    await expectRefusal(service.set('limits', 1, team, 'ann'), 'not_permitted');
    await service.set('limits', 1, global, 'ann');
    await service.set('ui', 1, org, 'ann');
    await service.unbindRole(denial.id, 'root');
    await service.set('limits', 1, org, 'ann');
  });

  it('reach the groups that the host names', async () => {
    const { service } = await governed();
    await service.bindRole({ subject: { group: 'ops' }, role: 'viewer', ...org }, 'root');
    await service.set('k', 1, org, 'root');
    expect(await service.as({ id: 'zoe', roles: ['ops'] }).get('k', org)).toBe(1);
    await expectRefusal(service.as({ id: 'zoe', roles: ['dev'] }).get('k', org), 'not_permitted');
    await expectRefusal(service.as({ id: 'ops' }).get('k', org), 'not_permitted');
  });

  it('change with their role', async () => {
    const { service, bind } = await governed();
    await service.setRole({ name: 'designer', permissions: ['read'] }, 'root');
    await bind('ann', { role: 'designer', ...org });
    await expectRefusal(service.set('k', 1, org, 'ann'), 'not_permitted');
    await service.setRole({ name: 'designer', permissions: ['read', 'write'] }, 'root');
    await service.set('k', 1, org, 'ann');
    const used = await expectRefusal(service.removeRole('designer', 'root'), 'role_in_use');
    expect(used.message).toContain('ann');
    for (const { id } of await service.listRoleBindings({ role: 'designer' })) await service.unbindRole(id, 'root');
    await service.removeRole('designer', 'root');
    expect((await service.listRoles()).map(({ name }) => name)).not.toContain('designer');
  });

  it('reach other processes, and whoever lost a role there is refused', async () => {
    const { service, database, bind } = await governed();
    const there = services.on(database, { pollInterval: 20 });
    await service.set('k', 1, org, 'root');
    const { id } = await bind('ann', { role: 'viewer', ...org });
    expect(await there.as('ann').get('k', org)).toBe(1);
    await service.unbindRole(id, 'root');
    await vi.waitFor(() => expectRefusal(there.as('ann').get('k', org), 'not_permitted'), soon);
    expect(there.as('ann').peek('k', org)).toBeUndefined();
  });

  it('are asked about without a cache too', async () => {
    const { database, bind, service } = await governed();
    const there = services.on(database, { cacheEnabled: false });
    const { id } = await bind('ann', { role: 'viewer', ...org });
    expect(await there.as('ann').get('k', org)).toBeNull();
    await service.unbindRole(id, 'root');
    await expectRefusal(there.as('ann').get('k', org), 'not_permitted');
  });

  it('are seen by those they are about, and by those who give them there', async () => {
    const { service, bind } = await governed();
    await bind('ann', { role: 'admin', ...org });
    const hers = await bind('bob', { role: 'viewer', ...team });
    const others = await bind('eve', { role: 'viewer', ...other });
    const seen = async (user: string) =>
      (await service.as(user).listRoleBindings()).map(({ subject }) => subject.user).sort();
    expect(await seen('root')).toEqual(['ann', 'bob', 'eve', 'root']);
    expect(await seen('ann')).toEqual(['ann', 'bob']);
    expect(await seen('eve')).toEqual(['eve']);
    await expectRefusal(service.unbindRole(others.id, 'ann'), 'binding_not_found');
    await expectRefusal(service.unbindRole(hers.id, 'bob'), 'not_permitted');
    await service.unbindRole(hers.id, 'ann');
  });

  it('stand in the audit log, with who did it', async () => {
    const { service, bind, database } = await governed();
    await service.setRole({ name: 'designer', permissions: ['read'] }, 'root');
    const { id } = await bind('ann', { role: 'designer', ...org });
    await service.unbindRole(id, 'root');
    await service.removeRole('designer', 'root');
    const rows = await database.query(
      `SELECT operation, user_id, scope, metadata->>'role' AS role, metadata->>'removed' AS removed
      FROM configuration_audit_log WHERE user_id = 'root' AND success ORDER BY id`,
    );
    expect(rows).toEqual([
      { operation: 'role', user_id: 'root', scope: null, role: 'designer', removed: null },
      { operation: 'binding', user_id: 'root', scope: 'org', role: 'designer', removed: null },
      { operation: 'binding', user_id: 'root', scope: 'org', role: 'designer', removed: 'true' },
      { operation: 'role', user_id: 'root', scope: null, role: 'designer', removed: 'true' },
    ]);
  });

  describe('cannot be used to gain more', () => {
    it('than is held at that scope, for those keys', async () => {
      const { service, bind } = await governed();
      await service.setRole({ name: 'steward', permissions: ['read', 'policy'] }, 'root');
      await service.setRole({ name: 'reader', permissions: ['read', 'export'] }, 'root');
      await bind('sam', { role: 'steward', ...org });
      const give = (binding: Omit<Bind, 'subject'>, user = 'sam') =>
        service.bindRole({ subject: { user }, ...binding }, 'sam');
      await give({ role: 'viewer', ...org }, 'eve');
      await give({ role: 'viewer', ...team }, 'eve');
      await give({ role: 'viewer', ...team, effect: 'deny' }, 'eve');
      expect((await expectRefusal(give({ role: 'editor', ...org }), 'not_permitted')).message).toContain('write');
      expect((await expectRefusal(give({ role: 'reader', ...org }), 'not_permitted')).message).toContain('export');
      await expectRefusal(give({ role: 'viewer', ...global }), 'not_permitted');
      await expectRefusal(give({ role: 'viewer', ...other }, 'eve'), 'not_permitted');
      await expectRefusal(service.setRole({ name: 'mine', permissions: ['read'] }, 'sam'), 'not_permitted');
      await expectRefusal(service.removeRole('reader', 'sam'), 'not_permitted');
    });

    it('by a role that is changed, or by a denial that is lifted or shrinks', async () => {
      const { service, bind } = await governed();
      await service.setRole({ name: 'steward', permissions: ['read', 'policy'] }, 'root');
      await service.setRole({ name: 'barred', permissions: ['write', 'export'] }, 'root');
      await bind('sam', { role: 'steward', ...global });
      await bind('sam', { role: 'editor', ...global });
      const denial = await bind('sam', { role: 'barred', ...org, effect: 'deny' });
      await expectRefusal(service.unbindRole(denial.id, 'sam'), 'not_permitted');
      await expectRefusal(service.setRole({ name: 'barred', permissions: ['export'] }, 'sam'), 'not_permitted');
      await expectRefusal(
        service.setRole({ name: 'steward', permissions: ['read', 'policy', 'approve'] }, 'sam'),
        'not_permitted',
      );
      // An accomplice gets no more than himself either, at the scope of the denial or above it.
      const give = (binding: Omit<Bind, 'subject'>) =>
        service.bindRole({ subject: { user: 'eve' }, ...binding }, 'sam');
      await expectRefusal(give({ role: 'editor', ...global }), 'not_permitted');
      await expectRefusal(give({ role: 'editor', ...team }), 'not_permitted');
      await give({ role: 'editor', ...other });
      await service.setRole({ name: 'barred', permissions: ['write', 'export', 'read'] }, 'sam');
    });

    it('than others agreed to: break-glass is given by somebody else', async () => {
      const { service, bind } = await governed();
      await service.setRole({ name: 'emergency', permissions: ['break-glass'] }, 'root');
      await expectRefusal(bind('ann', { role: 'emergency', ...global }), 'not_permitted');
      const give = (user: string, by: string) => service.bindRole({ subject: { user }, role: 'emergency', ...org }, by);
      await service.bindRole({ subject: { user: 'root' }, role: 'emergency', ...global }, 'system');
      await expectRefusal(give('root', 'root'), 'self_grant');
      await give('ann', 'root');
      await service.setRole({ name: 'steward', permissions: ['policy'] }, 'root');
      await bind('root', { role: 'steward', ...org });
      await expectRefusal(
        service.setRole({ name: 'steward', permissions: ['policy', 'break-glass'] }, 'root'),
        'self_grant',
      );
      const rob = service.as({ id: 'rob', roles: ['night'] });
      await bind('rob', { role: 'admin', ...global });
      await give('rob', 'root');
      await expectRefusal(
        rob.bindRole({ subject: { group: 'night' }, role: 'emergency', ...org }, 'rob'),
        'self_grant',
      );
    });

    it('in a store without any binding either', async () => {
      const { service } = await services.open();
      await service.setRole({ name: 'emergency', permissions: ['break-glass'] }, 'ann');
      const own = { subject: { user: 'ann' }, role: 'emergency', ...global };
      await expectRefusal(service.bindRole(own, 'ann'), 'self_grant');
    });
  });
});
