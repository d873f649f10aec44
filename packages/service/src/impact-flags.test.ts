/** Owns the cases of what an analysis tells of flags: who flips, from which variant to which, and what could not be judged. */
import { beforeEach, expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import { bucketOf, murmur3, rolloutSeed, type FlagImpact, type JsonValue, type ScopeInput } from '@strata/core';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;
const org = (scopeId: string) => ({ scope: 'org', scopeId }) as const;
const team = (scopeId: string) => ({ scope: 'team', scopeId }) as const;
const user = (scopeId: string) => ({ scope: 'user', scopeId }) as const;

const everybody = ['n1', 'n2', 's1', 's2', 'g1', 'g2', 'lone'];
const below = (percentage: number): number =>
  everybody.filter((id) => bucketOf(murmur3(id, rolloutSeed('f'))) < percentage * 1000).length;

interface Case {
  /** The layers of the flag f before. */
  readonly layers: readonly (readonly [ScopeInput, object])[];
  readonly change: readonly [ScopeInput, JsonValue];
  readonly flips: readonly (readonly [from: string | null, to: string | null, users: number])[];
  readonly unjudged?: readonly [rules: number, ...attributes: string[]];
}

const on = { enabled: true };
const colours = { off: null, red: 'ff0000', blue: '0000ff' };
const rule = (id: string, attribute: string, values: readonly string[], more: object = {}) => ({
  id,
  conditions: [{ attribute, operator: 'in', values: [...values] }],
  ...more,
});

const cases: Readonly<Record<string, Case>> = {
  'a flag is turned off': { layers: [[global, on]], change: [global, { enabled: false }], flips: [['on', 'off', 7]] },
  'it is turned off for an org': { layers: [[global, on]], change: [org('acme'), { enabled: false }], flips: [['on', 'off', 4]] },
  'it is turned off for a team': { layers: [[global, on]], change: [team('north'), { enabled: false }], flips: [['on', 'off', 2]] },
  'it is turned off for a user': { layers: [[global, on]], change: [user('g1'), { enabled: false }], flips: [['on', 'off', 1]] },
  'the user is not registered': { layers: [[global, on]], change: [user('stranger'), { enabled: false }], flips: [] },
  'it is new': { layers: [], change: [global, on], flips: [[null, 'on', 7]] },
  'it is new below': { layers: [], change: [org('globex'), on], flips: [[null, 'on', 2]] },
  'nothing that counts changes': { layers: [[global, on]], change: [global, { ...on, description: 'New' }], flips: [] },
  'layers below shield': {
    layers: [[global, on], [team('north'), on], [user('n1'), { enabled: false }], [user('g1'), on]],
    change: [global, { enabled: false }],
    flips: [['on', 'off', 4]],
  },
  'a rollout grows': {
    layers: [[global, { ...on, rolloutPercentage: 20 }]],
    change: [global, { ...on, rolloutPercentage: 70 }],
    flips: [['off', 'on', below(70) - below(20)]],
  },
  'a variant gets another value': {
    layers: [[global, { ...on, variants: colours, onVariant: 'red' }]],
    change: [global, { ...on, variants: { ...colours, red: 'aa0000' }, onVariant: 'red' }],
    flips: [['red', 'red', 7]],
  },
  'rules go by user, team and org': {
    layers: [[global, { ...on, variants: colours, onVariant: 'red', rules: [rule('a', 'userId', ['n1'], { variant: 'blue' })] }]],
    change: [
      global,
      {
        ...on,
        ...{ variants: colours, onVariant: 'red' },
        rules: [
          rule('a', 'teamId', ['south'], { variant: 'blue' }),
          rule('b', 'organizationId', ['globex'], { rolloutPercentage: 0 }),
        ],
      },
    ],
    flips: [['red', 'blue', 2], ['red', 'off', 2], ['blue', 'red', 1]],
  },
  'a segment decides': {
    layers: [[global, on]],
    change: [global, { ...on, rolloutPercentage: 0, rules: [{ id: 'a', segment: 'early' }] }],
    flips: [['on', 'off', 5]],
  },
  'a prerequisite decides': {
    layers: [[global, on]],
    change: [global, { ...on, prerequisites: [{ flag: 'needed' }] }],
    flips: [['on', 'off', 3]],
  },
  'attributes are unknown': {
    layers: [[global, on]],
    change: [global, { ...on, conditions: [{ attribute: 'role', operator: 'equals', value: 'admin' }] }],
    flips: [['on', 'off', 7]],
    unjudged: [1, 'role'],
  },
  'rules before and after go by unknown attributes': {
    layers: [[global, { ...on, rules: [rule('a', 'attributes.plan', ['pro']), rule('b', 'userId', ['n1'])] }]],
    change: [global, { ...on, rolloutPercentage: 0, rules: [rule('a', 'role', ['x']), rule('c', 'environment', ['y'], { bucketBy: 'role', rolloutPercentage: 5 })] }],
    flips: [['on', 'off', 7]],
    unjudged: [2, 'attributes.plan', 'environment', 'role'],
  },
  'what a segment and a prerequisite go by is unknown': {
    layers: [[global, { enabled: false, rules: [rule('a', 'plan', ['pro'])] }]],
    change: [global, { ...on, prerequisites: [{ flag: 'paid' }], rules: [{ id: 'a', segment: 'staff' }], bucketBy: 'session', rolloutPercentage: 50 }],
    flips: [],
    unjudged: [3, 'email', 'plan', 'session'],
  },
}; // prettier-ignore

describeDatabases('the impact of a flag', (engine) => {
  const services = servicesOn(engine);
  let service: ConfigurationManagementService;

  /** Two orgs, in the first two teams with two users each, in the second two users, and a user beside them. */
  beforeEach(async () => {
    ({ service } = await services.open());
    for (const id of ['north', 'south']) await service.registerScope({ ...team(id), parent: org('acme') });
    for (const id of ['n1', 'n2']) await service.registerScope({ ...user(id), parent: team('north') });
    for (const id of ['s1', 's2']) await service.registerScope({ ...user(id), parent: team('south') });
    for (const id of ['g1', 'g2']) await service.registerScope({ ...user(id), parent: org('globex') });
    await service.registerScope(user('lone'));
  });

  it.each(Object.entries(cases))('where %s', async (_, { layers, change: [scope, value], flips, unjudged = [0] }) => {
    const define = (name: string, at: ScopeInput, layer: object) =>
      service.set(`feature_flags/${name}`, layer as JsonValue, at, 'ann');
    await service.set('flag_segments/early', { included: ['n1', 'lone'] }, global, 'ann');
    await service.set(
      'flag_segments/staff',
      { conditions: [{ attribute: 'email', operator: 'exists' }] },
      global,
      'ann',
    );
    await define('needed', global, on);
    await define('needed', team('south'), { enabled: false });
    await define('needed', user('g2'), { enabled: false });
    await define('paid', global, { ...on, conditions: [{ attribute: 'plan', operator: 'exists' }] });
    for (const [at, layer] of layers) await define('f', at, layer);
    const report = await service.analyzeImpact('feature_flags/f', value, scope);
    expect(report.gates).toEqual([]);
    const [rules, ...attributes] = unjudged;
    const [impact] = report.flags ?? [];
    expect(impact).toMatchObject({ name: 'f', unjudgedRules: rules, unknownAttributes: attributes });
    expect(impact?.flips.map(({ from, to, users }) => [from, to, users])).toEqual(flips);
    expect(impact?.flippedUsers).toBe(flips.reduce((sum, [, , users]) => sum + users, 0));
    expect(impact?.note === undefined).toBe(rules === 0);
    expect(await service.set('feature_flags/f', value, scope, 'ann', undefined, { dryRun: true })).toEqual({ dryRun: true, ...report }); // prettier-ignore
    await service.set('feature_flags/f', value, scope, 'ann');
    expect(await service.analyzeImpact('feature_flags/f', value, scope)).not.toHaveProperty('flags');
  });

  it('says in words what could not be judged, and what to test', async () => {
    await service.set('feature_flags/f', on, global, 'ann');
    const value = { ...on, rolloutPercentage: 0, rules: [rule('a', 'role', ['x']), rule('b', 'plan', ['y'])] };
    const report = await service.analyzeImpact('feature_flags/f', value);
    expect(report.flags?.[0]?.note).toBe(
      '2 rules go by plan and role, which Strata does not know of users, and could not be judged: they were evaluated as if nobody had any of them',
    );
    expect(report.testingRecommendations).toContain(
      'test what 7 users meet in the middle of their work: the flip from on to off',
    );
  });

  it('is of every flag of a commit, as all of them would be together', async () => {
    await service.set('feature_flags', { a: on, b: { ...on, prerequisites: [{ flag: 'a' }] } }, global, 'ann');
    await service.setPolicy({ name: 'flags', keys: ['feature_flags/*'], minimumApprovals: 1 }, 'ann');
    const changes = [
      { key: 'feature_flags/a', value: { enabled: false }, ...global },
      { key: 'feature_flags/b', value: { ...on, prerequisites: [{ flag: 'a' }], description: 'B' }, ...global },
    ];
    await expectRefusal(service.commit(changes, 'ann', 'Both'), 'approval_required');
    const [request] = await service.getPendingChanges();
    const asked = await service.getChangeRequest(request?.id ?? '');
    const flips = [{ from: 'on', to: 'off', users: 7 }];
    expect(asked.impact?.flags).toMatchObject([
      { name: 'a', flips },
      { name: 'b', flips },
    ]);
  });

  it('counts, and tells of rules, only where the caller may read', async () => {
    await service.set('feature_flags/f', on, global, 'ann');
    await service.set('feature_flags/f', { rules: [rule('a', 'hidden', ['x'])] }, org('globex'), 'ann');
    await service.bindRole({ role: 'admin', subject: { user: 'root' }, ...global }, 'system');
    await service.bindRole({ role: 'viewer', subject: { user: 'bob' }, ...global }, 'system');
    await service.bindRole({ role: 'viewer', subject: { user: 'bob' }, ...org('globex'), effect: 'deny' }, 'system');
    await service.bindRole({ role: 'viewer', subject: { user: 'bob' }, ...user('n2'), effect: 'deny' }, 'system');
    const asked = async (as: string): Promise<FlagImpact | undefined> =>
      (await service.as(as).analyzeImpact('feature_flags/f', { enabled: false })).flags?.[0];
    expect(await asked('root')).toMatchObject({ flippedUsers: 7, unknownAttributes: ['hidden'] });
    expect(await asked('bob')).toMatchObject({ flippedUsers: 4, unjudgedRules: 0, unknownAttributes: [] });
  });
});
