/** Owns the tests of what an analysis of impact tells, and of what it keeps from whom. */
import { beforeEach, expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { Database } from './db/database.ts';
import { addReads } from './store/usage.ts';

const global = { scope: 'global' } as const;
const org = (scopeId: string) => ({ scope: 'org', scopeId }) as const;
const team = (scopeId: string) => ({ scope: 'team', scopeId }) as const;
const user = (scopeId: string) => ({ scope: 'user', scopeId }) as const;

describeDatabases('an analysis of impact', (engine) => {
  const services = servicesOn(engine);
  let service: ConfigurationManagementService;
  let database: Database;
  let revision: () => Promise<number>;

  /** Two orgs, in the first two teams with two users each, in the second two users, and a user beside them. */
  beforeEach(async () => {
    ({ service, database, revision } = await services.open());
    await service.registerScope({ ...team('north'), parent: org('acme') });
    await service.registerScope({ ...team('south'), parent: org('acme') });
    for (const id of ['n1', 'n2']) await service.registerScope({ ...user(id), parent: team('north') });
    for (const id of ['s1', 's2']) await service.registerScope({ ...user(id), parent: team('south') });
    for (const id of ['g1', 'g2']) await service.registerScope({ ...user(id), parent: org('globex') });
    await service.registerScope(user('lone'));
    await service.set('pm_intervals', { lightDuty: 5000 }, global, 'ann');
  });

  it('counts whom a change reaches, and names who is shielded by what', async () => {
    await service.set('pm_intervals', { lightDuty: 7000 }, team('north'), 'ann');
    await service.set('pm_intervals', { heavyDuty: 9000 }, org('globex'), 'ann');
    await service.set('pm_intervals', { lightDuty: 6000 }, user('g2'), 'ann');
    const before = await revision();
    const report = await service.analyzeImpact('pm_intervals', { lightDuty: 95_000 });
    expect(report).toMatchObject({
      ...{ key: 'pm_intervals', scope: 'global', scopeId: null, changed: true, revision: before, partial: false },
      ...{ impactLevel: 'high', requiresApproval: false, minimumApprovals: 0, requiredApprovers: [], gates: [] },
      ...{ affectedUsers: 4, affectedTeams: 1, affectedOrganizations: 2, shieldedUsers: 3, wouldBreak: [] },
      samples: {
        organizations: ['acme', 'globex'],
        teams: ['south'],
        shielded: [
          { scope: 'team', scopeId: 'north' },
          { scope: 'user', scopeId: 'g2' },
        ],
      },
      reasons: ['the base impact of pm_intervals is high', 'no policy asks for approvals of it'],
      rollbackPriority: 'high',
    });
    expect([...report.samples.users].sort()).toEqual(['g1', 'lone', 's1', 's2']);
    expect(report.testingRecommendations).toContain(
      'lightDuty becomes 95000, near its maximum of 100000: test it at the bound itself',
    );
    expect(report.estimatedDowntime).toBeUndefined();
    const [current] = await service.getHistory('pm_intervals', 1, { scope: global });
    expect(report.rollbackPlan).toContain(`strata rollback pm_intervals ${String(current?.version)}`);
    expect(await revision()).toBe(before);
  });

  it('of a scope below counts what inherits from it', async () => {
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 6000 }, org('acme'))).toMatchObject({
      ...{ affectedUsers: 4, affectedTeams: 2, affectedOrganizations: 1, shieldedUsers: 0 },
    });
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 6000 }, team('south'))).toMatchObject({
      ...{ affectedUsers: 2, affectedTeams: 1, affectedOrganizations: 0 },
    });
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 6000 }, user('n1'))).toMatchObject({
      ...{ affectedUsers: 1, affectedTeams: 0, affectedOrganizations: 0, samples: { users: ['n1'] } },
    });
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 6000 }, user('unknown'))).toMatchObject({
      ...{ affectedUsers: 0, changed: true },
    });
    // What a value is already changes nobody's, however far it reaches.
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 5000 }, org('acme'))).toMatchObject({
      ...{ affectedUsers: 0, shieldedUsers: 4, changed: true, effectiveDiff: [], testingRecommendations: [] },
    });
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 5000 })).toMatchObject({
      ...{ affectedUsers: 0, shieldedUsers: 0, changed: false, impactLevel: 'none', rollbackPriority: 'none' },
    });
  });

  it('takes null for nothing, as a read does', async () => {
    expect(await service.analyzeImpact('k', null)).toMatchObject({ changed: true, affectedUsers: 0, shieldedUsers: 7 });
    expect(await service.analyzeImpact('k', 0)).toMatchObject({ affectedUsers: 7 });
  });

  it('tells everything that would block a change, and refuses nothing', async () => {
    await service.registerSchema('span', { type: 'object', properties: { min: { type: 'number' }, max: { type: 'number' } }, required: ['min'] }, { allowedScopes: ['global', 'org'] }); // prettier-ignore
    await service.set('span', { min: 1, max: 5 }, global, 'ann');
    await service.set('span', { max: 7 }, org('acme'), 'ann');
    await service.lockConfig('span', global, { path: 'max' }, 'ann').catch(() => undefined);
    await service.setPolicy({ name: 'span', keys: ['span'], minimumApprovals: 2, approvers: { roles: ['lead'], users: ['eve'] } }, 'ann'); // prettier-ignore
    const above = await service.analyzeImpact('span', { max: 9 });
    expect(above.gates.map(({ code }) => code)).toEqual(['validation_failed', 'would_break', 'approval_required']);
    expect(above).toMatchObject({
      ...{ requiresApproval: true, minimumApprovals: 2, requiredApprovers: ['role lead', 'user eve'] },
      wouldBreak: [{ key: 'span', scope: 'org', scopeId: 'acme' }],
      affectedUsers: 7,
    });
    expect(above.rollbackPlan).toContain('That needs 2 approvals too');
    await service.lockConfig('pm_intervals', global, { path: 'lightDuty' }, 'ann');
    const locked = await service.analyzeImpact('pm_intervals', { lightDuty: 5, heavyDuty: 'x' }, org('acme'));
    expect(locked.gates.map(({ code }) => code)).toEqual(['validation_failed', 'locked']);
    expect(locked.gates[0]?.message).toContain('lightDuty must be at least 1000');
    const nowhere = await service.analyzeImpact('span', { min: 0 }, team('north'));
    expect(nowhere.gates.map(({ code }) => code)).toContain('scope_not_allowed');
    await expectRefusal(service.analyzeImpact('span', undefined), 'invalid_value');
    await expectRefusal(service.analyzeImpact('span', { $unset: true, a: 1 }), 'invalid_value');
  });

  it('names the services that are said to use a key, and those that read it', async () => {
    await service.defineKey('pm_intervals', { services: ['planner'], owner: 'fleet' }, 'ann', 'Known users');
    const read = (service: string, key: string) => addReads(database, 'default', { minutes: [], days: [{ service, key, reads: 3 }], builtIn: ['pm_intervals', 'branding'] }); // prettier-ignore
    await read('reports', 'pm_intervals');
    await read('planner', 'pm_intervals');
    await read('', 'pm_intervals');
    await read('shop', 'branding');
    expect(await service.analyzeImpact('pm_intervals', { lightDuty: 6000 })).toMatchObject({
      affectedServices: ['planner', 'reports'],
    });
  });

  it('follows dependencies both ways', async () => {
    await service.addDependency('pm_intervals', 'units', 'ann', 'Miles or kilometres');
    await service.addDependency('units', 'locale', 'ann');
    await service.addDependency('schedule', 'pm_intervals', 'ann');
    await service.addDependency('calendar', 'schedule', 'ann');
    const report = await service.analyzeImpact('pm_intervals', { lightDuty: 6000 });
    expect(report).toMatchObject({ dependencies: ['units', 'locale'], dependents: ['schedule', 'calendar'] });
    expect(report.testingRecommendations).toContain('test what depends on pm_intervals: schedule, calendar');
  });

  it('as a dry run is the same as the analysis, of a removal and a rollback too', async () => {
    await service.set('pm_intervals', { lightDuty: 7000 }, org('acme'), 'ann');
    const value = { lightDuty: 8000 };
    const analysis = await service.analyzeImpact('pm_intervals', value, org('acme'));
    const dry = { dryRun: true } as const;
    expect(await service.set('pm_intervals', value, org('acme'), 'ann', undefined, dry)).toEqual({
      ...dry,
      ...analysis,
    });
    expect(await service.delete('pm_intervals', org('acme'), 'ann', undefined, dry)).toMatchObject({
      affectedUsers: 4,
    });
    await service.set('pm_intervals', value, org('acme'), 'ann');
    const back = await service.rollback('pm_intervals', 'HEAD~1', 'ann', 'back', { ...dry, scope: org('acme') });
    expect(back).toMatchObject({ affectedUsers: 4, affectedTeams: 2, diff: [{ newValue: 7000 }] });
    const { commit } = await service.set('pm_intervals', { heavyDuty: 9000 }, global, 'ann');
    const undone = await service.revert(commit, 'ann', 'back', dry);
    expect(undone).toMatchObject({ affectedUsers: 7, changes: [{ key: 'pm_intervals' }], commit });
  });

  it('masks secrets', async () => {
    await service.registerSchema('mail', { type: 'object', properties: { password: { type: 'string', 'x-sensitive': true }, host: { type: 'string' } } }); // prettier-ignore
    const report = await service.analyzeImpact('mail', { password: 'hunter2', host: 'mail' });
    expect(JSON.stringify(report)).not.toContain('hunter2');
    expect(report.gates).toEqual([]);
    expect(report.diff).toContainEqual({ path: '$', operation: 'add', newValue: { password: { $masked: true }, host: 'mail' } }); // prettier-ignore
  });

  it('neither counts nor names what the caller may not read', async () => {
    await service.set('pm_intervals', { lightDuty: 7000 }, user('g1'), 'ann');
    const bind = (binding: object) => service.bindRole({ role: 'viewer', subject: { user: 'bob' }, ...global, ...binding }, 'system'); // prettier-ignore
    await service.bindRole({ role: 'admin', subject: { user: 'root' }, ...global }, 'system');
    await bind({});
    await bind({ ...org('globex'), effect: 'deny' });
    await bind({ ...user('n2'), effect: 'deny' });
    const asked = (as: string, scope?: object) => service.as(as).analyzeImpact('pm_intervals', { lightDuty: 6000 }, scope as never); // prettier-ignore
    expect(await asked('root')).toMatchObject({ affectedUsers: 6, affectedOrganizations: 2, partial: false });
    const seen = await asked('bob');
    expect(seen).toMatchObject({ affectedUsers: 4, affectedTeams: 2, affectedOrganizations: 1, shieldedUsers: 0, partial: true }); // prettier-ignore
    expect(JSON.stringify(seen)).not.toMatch(/globex|g1|g2|n2/);
    expect(seen.gates.map(({ code }) => code)).toEqual(['not_permitted']);
    await service.bindRole({ role: 'viewer', subject: { user: 'eve' }, ...org('acme') }, 'system');
    await expectRefusal(asked('eve'), 'not_permitted');
    expect(await asked('eve', org('acme'))).toMatchObject({ affectedUsers: 4, partial: false });
  });

  it('asks the hook of the host for each team and org, and for each name', async () => {
    const guarded = services.on(database, {
      authorize: (_actor, _action, { scope, scopeId, organizationId }) =>
        !(scope === 'org' && scopeId === 'acme') && organizationId !== 'acme',
    });
    const seen = await guarded.analyzeImpact('pm_intervals', { lightDuty: 6000 });
    expect(seen).toMatchObject({ affectedUsers: 3, affectedTeams: 0, affectedOrganizations: 1, partial: true });
    expect([...seen.samples.users].sort()).toEqual(['g1', 'g2', 'lone']);
  });
});
