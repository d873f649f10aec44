/** Owns the proof that there is one gate: whichever way a write comes, a protected value changes by a request alone. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { ImportResult, ScopeInput } from './index.ts';

type Service = ConfigurationManagementService;

const scopes = {
  global: { scope: 'global' },
  org: { scope: 'org', scopeId: 'o' },
  team: { scope: 'team', scopeId: 't' },
  user: { scope: 'user', scopeId: 'u' },
} as const satisfies Record<string, ScopeInput>;
type Level = keyof typeof scopes;
const levels = Object.keys(scopes) as Level[];

/** Every way to change the value of a key at a scope that holds `{ a: 2 }` after `{ a: 1 }`, the latter tagged `v1`. */
const writes: Readonly<Record<string, (service: Service, key: string, scope: ScopeInput) => Promise<unknown>>> = {
  set: (service, key, scope) => service.set(key, { a: 3 }, scope, 'ann'),
  'set, forced': (service, key, scope) => service.set(key, { a: 3 }, scope, 'ann', undefined, { force: true }),
  'set, expiring': (service, key, scope) =>
    service.set(key, { a: 3 }, scope, 'ann', undefined, { expiresAt: new Date(Date.now() + 3_600_000) }),
  delete: (service, key, scope) => service.delete(key, scope, 'ann'),
  commit: (service, key, scope) => service.commit([{ key, ...scope, value: { a: 3 } }], 'ann'),
  'commit, deleting': (service, key, scope) => service.commit([{ key, ...scope, delete: true }], 'ann'),
  'commit beside another key': (service, key, scope) =>
    service.commit(
      [
        { key: 'beside', ...scope, value: 1 },
        { key, ...scope, value: { a: 3 } },
      ],
      'ann',
    ),
  rollback: (service, key, scope) => service.rollback(key, 'HEAD~1', 'ann', 'back', { scope }),
  restore: (service, _key, scope) => service.restore({ tag: 'v1' }, scope, 'ann'),
  revert: async (service, key, scope) => {
    const [newest] = await service.getHistory(key, 1, { scope });
    return service.revert(newest?.commit ?? '', 'ann', 'back');
  },
  import: async (service, key, scope) => taken(await service.importConfig(documentOf(key), 'json', 'ann', scope)),
  'import, atomic': async (service, key, scope) =>
    taken(await service.importConfig(documentOf(key), 'json', 'ann', scope, { atomic: true })),
  promote: async (service, key, scope) =>
    taken(await service.promoteConfig({ document: documentOf(key) }, 'ann', scope)),
};

const documentOf = (key: string): string => JSON.stringify({ [key]: { a: 3 } });

/** Fails as the other writes do where an import waits for approvals, since that tells so in its result. */
function taken({ imported, errors, pendingApproval }: ImportResult): void {
  if (pendingApproval.length > 0) throw Object.assign(new Error('it waits'), { code: 'approval_required' });
  expect([imported, errors]).toEqual([1, []]);
}

/** Every way to change a flag at the scope at which it begins. */
const flagWrites: Readonly<Record<string, (service: Service, name: string, scope: ScopeInput) => Promise<unknown>>> = {
  set: (service, name, scope) => service.set('feature_flags', { name, enabled: false }, scope, 'ann'),
  'set, several': (service, name, scope) =>
    service.set('feature_flags', { [name]: { enabled: false }, beside: { enabled: true } }, scope, 'ann'),
  'set by its own key': (service, name, scope) =>
    service.set(`feature_flags/${name}`, { enabled: false }, scope, 'ann'),
  rollout: (service, name, scope) => service.setFlagRollout(name, 6, { scope, actor: 'ann' }),
  toggle: (service, name, scope) => service.toggleFlag(name, false, { scope, actor: 'ann' }),
  archive: (service, name, scope) => service.archiveFlag(name, { scope, actor: 'ann' }),
  delete: (service, name, scope) => service.delete(`feature_flags/${name}`, scope, 'ann'),
  import: async (service, name, scope) =>
    taken(
      await service.importConfig(
        JSON.stringify({ [`feature_flags/${name}`]: { enabled: false } }),
        'json',
        'ann',
        scope,
      ),
    ),
};

/** Every way to change what is decided by, for the same key. */
const decisions: Readonly<Record<string, (service: Service, key: string, scope: ScopeInput) => Promise<unknown>>> = {
  tag: async (service, key, scope) => {
    const [newest] = await service.getHistory(key, 1, { scope });
    return service.createTag('v9', newest?.version ?? '', undefined, { actor: 'ann' });
  },
  schema: (service, key) =>
    service.registerSchema(key, { type: 'object', properties: { a: { type: 'number' } } }, { baseImpact: 'none' }),
  policy: (service, key) => service.setPolicy({ name: 'open', keys: [key], minimumApprovals: 0 }, 'ann'),
  definition: (service, key) => service.defineKey(key, { baseImpact: 'none' }, 'ann'),
  'policy removal': (service) => service.removePolicy('strict', 'ann'),
  role: (service) => service.setRole({ name: 'free', permissions: ['approve'] }, 'ann'),
};

async function stateOf(service: Service, key: string): Promise<unknown> {
  return [
    await service.getHistory(key, 100),
    await service.listTags({}),
    await service.getSchema(key),
    await service.listPolicies(),
    await service.listRoles(),
    await service.listLocks(),
    await service.listKeyDefinitions(),
  ];
}

describeDatabases('the gate of approvals', (engine) => {
  const services = servicesOn(engine);

  /** A store in which `protected` may change by approval, `free` without; both hold `{ a: 2 }` at a scope. */
  async function openBoth(level: Level) {
    const { service, revision } = await services.open();
    await service.registerScope({ ...scopes.team, parent: scopes.org });
    await service.registerScope({ ...scopes.user, parent: scopes.team });
    for (const key of ['protected', 'free']) {
      const one = await service.set(key, { a: 1 }, scopes[level], 'ann');
      await service.createTag('v1', one.version, undefined, { actor: 'ann' });
      await service.set(key, { a: 2 }, scopes[level], 'ann');
    }
    await service.setPolicy({ name: 'default', keys: ['nothing'], minimumApprovals: 0 }, 'ann');
    await service.setPolicy({ name: 'strict', keys: ['protected'], minimumApprovals: 2 }, 'ann');
    return { service, revision };
  }

  async function outcomeOf(write: Promise<unknown>): Promise<string> {
    return write.then(
      () => 'applied',
      (error: unknown) => (error as { readonly code: string }).code,
    );
  }

  it.each(levels)('lets no write of a value at %s by, and holds up none that needs nothing', async (level) => {
    for (const [name, write] of Object.entries(writes)) {
      const { service, revision } = await openBoth(level);
      const before = await stateOf(service, 'protected');
      const at = await revision();
      if (name !== 'restore') {
        expect([name, await outcomeOf(write(service, 'free', scopes[level]))]).toEqual([name, 'applied']);
        expect(await revision()).toBe(at + 1);
      }
      const then = await revision();
      expect([name, await outcomeOf(write(service, 'protected', scopes[level]))]).toEqual([name, 'approval_required']);
      expect(await revision()).toBe(then);
      expect(await stateOf(service, 'protected')).toEqual(before);
      const [request] = await service.getPendingChanges();
      expect(request?.changes.map(({ key }) => key)).toContain('protected');
      await service.approveChange(request?.id ?? '', 'bob');
      expect(await service.approveChange(request?.id ?? '', 'cleo')).toMatchObject({ status: 'applied' });
      expect(await revision()).toBe(then + 1);
    }
  });

  it.each(levels)('lets no decision about a protected key at %s by', async (level) => {
    for (const [name, decide] of Object.entries(decisions)) {
      const { service, revision } = await openBoth(level);
      const before = await stateOf(service, 'protected');
      const at = await revision();
      const outcome = await outcomeOf(decide(service, 'protected', scopes[level]));
      expect([name, outcome]).toEqual([name, 'approval_required']);
      expect(await revision()).toBe(at);
      expect(await stateOf(service, 'protected')).toEqual(before);
      const [request] = await service.getPendingChanges();
      await service.approveChange(request?.id ?? '', 'bob');
      expect(await service.approveChange(request?.id ?? '', 'cleo')).toMatchObject({ status: 'applied' });
      expect(await revision()).toBe(at + 1);
      expect(await stateOf(service, 'protected')).not.toEqual(before);
    }
  });

  it.each(levels)('lets no change of a flag at %s by, however it is made', async (level) => {
    const scope = scopes[level];
    for (const [name, write] of Object.entries(flagWrites)) {
      const { service, revision } = await services.open();
      await service.registerScope({ ...scopes.team, parent: scopes.org });
      await service.registerScope({ ...scopes.user, parent: scopes.team });
      for (const flag of ['protected', 'free']) {
        await service.set('feature_flags', { name: flag, enabled: true, rolloutPercentage: 5 }, scope, 'ann');
      }
      await service.setPolicy({ name: 'default', keys: ['nothing'], minimumApprovals: 0 }, 'ann');
      await service.setPolicy({ name: 'strict', keys: ['feature_flags/protected'], minimumApprovals: 2 }, 'ann');
      const before = await service.getFlag('protected', scope);
      expect([name, await outcomeOf(write(service, 'free', scope))]).toEqual([name, 'applied']);
      const then = await revision();
      expect([name, await outcomeOf(write(service, 'protected', scope))]).toEqual([name, 'approval_required']);
      expect(await revision()).toBe(then);
      expect(await service.getFlag('protected', scope)).toEqual(before);
      const [request] = await service.getPendingChanges();
      await service.approveChange(request?.id ?? '', 'bob');
      expect(await service.approveChange(request?.id ?? '', 'cleo')).toMatchObject({ status: 'applied' });
      expect(await revision()).toBe(then + 1);
    }
  });

  it.each(['global', 'org', 'team'] as const)('guards locks of a protected key at %s', async (level) => {
    const { service, revision } = await openBoth(level);
    const scope = scopes[level];
    expect(await outcomeOf(service.lockConfig('free', scope, {}, 'ann'))).toBe('applied');
    const lock = service.lockConfig('protected', scope, { path: 'a' }, 'ann', 'keep');
    const at = await revision();
    expect(await outcomeOf(lock)).toBe('approval_required');
    const [request] = await service.getPendingChanges();
    await service.approveChange(request?.id ?? '', 'bob');
    await service.approveChange(request?.id ?? '', 'cleo');
    expect(await revision()).toBe(at + 1);
    expect(await service.listLocks({ key: 'protected' })).toMatchObject([{ path: 'a', lockedBy: 'ann' }]);
    expect(await outcomeOf(service.unlockConfig('protected', scope, { path: 'a' }, 'ann'))).toBe('approval_required');
    expect(await service.listLocks({ key: 'protected' })).toHaveLength(1);
  });

  it('guards moves in the scope tree that bring or take protected values', async () => {
    const { service } = await openBoth('org');
    const { team, user } = scopes;
    const elsewhere = { scope: 'org', scopeId: 'p' } as const;
    expect(await outcomeOf(service.registerScope({ ...team, parent: elsewhere }))).toBe('approval_required');
    expect(await outcomeOf(service.registerScope({ ...team }))).toBe('approval_required');
    expect(await outcomeOf(service.removeScope(user))).toBe('approval_required');
    expect(await service.getScopeChain({ ...user })).toHaveLength(4);
    // What is new comes under nothing that it was not under before.
    expect(await outcomeOf(service.registerScope({ scope: 'team', scopeId: 'new', parent: scopes.org }))).toBe(
      'applied',
    );
  });

  it('asks of first values at a team or user what the layer above would need, at global and an org nothing', async () => {
    for (const level of levels) {
      const { service } = await services.open();
      await service.registerScope({ ...scopes.team, parent: scopes.org });
      await service.registerScope({ ...scopes.user, parent: scopes.team });
      await service.setPolicy({ name: 'strict', keys: ['protected'], minimumApprovals: 1 }, 'ann');
      expect(await outcomeOf(service.set('protected', { a: 1 }, scopes[level], 'ann'))).toBe('applied');
      const below = levels.slice(levels.indexOf(level) + 1);
      for (const next of below) {
        const needed = next === 'team' || next === 'user' ? 'approval_required' : 'applied';
        const outcome = await outcomeOf(service.set('protected', { b: 1 }, scopes[next], 'ann'));
        expect([level, next, outcome]).toEqual([level, next, needed]);
      }
      // What was removed has been there: the next value is no first one.
      const remove = await service.requestChange({
        ...{ key: 'protected', delete: true, ...scopes[level], requestedBy: 'ann', justification: 'gone' },
      });
      await service.approveChange(remove.id, 'bob');
      expect(await service.getLayer('protected', scopes[level])).toBeNull();
      expect(await outcomeOf(service.set('protected', { a: 9 }, scopes[level], 'ann'))).toBe('approval_required');
    }
  });

  it('lets go past it in an emergency only whoever was given that, with a reason that is audited', async () => {
    const { service, database } = await services.open();
    await service.set('approval_thresholds', { budgetVariance: 1 }, scopes.global, 'ann');
    const glass = (by: Service, actor: string, reason: string) =>
      by.set('approval_thresholds', { budgetVariance: 2 }, scopes.global, actor, 'fire', { breakGlass: reason });
    expect(await outcomeOf(glass(service, 'ann', 'the house burns'))).toBe('not_permitted');
    const guarded = services.on(database, {
      authorize: (actor, action) => action !== 'break-glass' || actor.id === 'eve',
    });
    expect(await outcomeOf(glass(guarded, 'ann', 'the house burns'))).toBe('not_permitted');
    expect(await outcomeOf(glass(guarded, 'eve', ' '))).toBe('reason_required');
    expect(await outcomeOf(glass(guarded, 'eve', 'the house burns'))).toBe('applied');
    const rows = await database.query(
      `SELECT user_id, metadata ->> 'breakGlass' AS reason FROM configuration_audit_log WHERE metadata ? 'breakGlass'`,
    );
    expect(rows).toEqual([{ user_id: 'eve', reason: 'the house burns' }]);
  });
});
