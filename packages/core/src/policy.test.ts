import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/expectations.ts';
import { defaultPolicy, governingPolicy, mayNeedApproval, parsePolicy, type ApprovalPolicy } from './policy.ts';

const base = { name: 'p', keys: ['a'], minimumApprovals: 1 };

describe('a policy', () => {
  it('is kept as it was given, without what was left out', () => {
    const whole = {
      ...{ name: 'p', keys: ['a', 'b_*'], scopes: ['org'], levels: ['high', 'critical'], minimumApprovals: 2 },
      ...{ approvers: { roles: ['r'], users: ['u'] }, firstValues: 'approve', expiresIn: 60 },
    };
    expect(parsePolicy(whole)).toEqual(whole);
    expect(parsePolicy(base)).toEqual(base);
    expect(parsePolicy({ ...defaultPolicy })).toEqual(defaultPolicy);
  });

  it.each<readonly [string, unknown]>([
    ['nothing', undefined],
    ['a text', 'p'],
    ['no name', { ...base, name: '' }],
    ['an unknown part', { ...base, minimumApproval: 1 }],
    ['no keys', { ...base, keys: [] }],
    ['a key that is none', { ...base, keys: ['a b'] }],
    ['keys as a text', { ...base, keys: 'a' }],
    ['no number of approvals', { name: 'p', keys: ['a'] }],
    ['a negative number', { ...base, minimumApprovals: -1 }],
    ['half an approval', { ...base, minimumApprovals: 0.5 }],
    ['too many approvals', { ...base, minimumApprovals: 21 }],
    ['an unknown scope', { ...base, scopes: ['planet'] }],
    ['no scopes', { ...base, scopes: [] }],
    ['an unknown level', { ...base, levels: ['severe'] }],
    ['approvers that are nobody', { ...base, approvers: {} }],
    ['approvers of an unknown kind', { ...base, approvers: { groups: ['g'] } }],
    ['fewer users than approvals', { ...base, minimumApprovals: 2, approvers: { users: ['u'] } }],
    ['the same user twice', { ...base, minimumApprovals: 2, approvers: { users: ['u', 'u'] } }],
    ['an unknown rule of first values', { ...base, firstValues: 'maybe' }],
    ['an expiry below a minute', { ...base, expiresIn: 59 }],
    ['an expiry above a year', { ...base, expiresIn: 31_536_001 }],
  ])('is refused with %s', (_, policy) => {
    expect(codeOf(() => parsePolicy(policy))).toBe('invalid_argument');
  });

  it('may name fewer users than approvals where a role gives the others', () => {
    const policy = { ...base, minimumApprovals: 2, approvers: { users: ['u'], roles: ['r'] } };
    expect(parsePolicy(policy)).toEqual(policy);
  });
});

describe('the governing policy', () => {
  const policies: readonly ApprovalPolicy[] = [
    defaultPolicy,
    { name: 'all', keys: ['*'], minimumApprovals: 0 },
    { name: 'money', keys: ['money_*'], minimumApprovals: 1 },
    { name: 'money-too', keys: ['m*y_*'], minimumApprovals: 3 },
    { name: 'rent', keys: ['money_rent', 'zzz'], minimumApprovals: 0 },
    { name: 'orgs', keys: ['money_*'], scopes: ['org'], minimumApprovals: 2 },
    { name: 'high', keys: ['plans'], levels: ['high'], minimumApprovals: 1 },
    { name: 'b', keys: ['tie'], minimumApprovals: 1 },
    { name: 'a', keys: ['tie'], minimumApprovals: 1 },
  ];

  it.each([
    ['anything', 'global', 'low', 'all'],
    ['anything', 'global', 'critical', 'default'],
    ['money_fuel', 'global', 'low', 'money'],
    ['money_fuel', 'org', 'low', 'orgs'],
    ['money_fuel', 'user', 'critical', 'money'],
    ['money_rent', 'org', 'critical', 'rent'],
    ['plans', 'team', 'high', 'high'],
    ['plans', 'team', 'medium', 'all'],
    ['tie', 'global', 'low', 'a'],
  ] as const)('of %s at %s with impact %s is %s', (key, scope, level, name) => {
    expect(governingPolicy(policies, key, scope, level)?.name).toBe(name);
    expect(governingPolicy([...policies].reverse(), key, scope, level)?.name).toBe(name);
  });

  it('is none where none is about the change', () => {
    expect(governingPolicy([defaultPolicy], 'k', 'global', 'high')).toBeUndefined();
  });

  it('is looked for only where any policy may ask for approvals', () => {
    expect(mayNeedApproval([defaultPolicy], 'k', 'high')).toBe(false);
    expect(mayNeedApproval([defaultPolicy], 'k', 'critical')).toBe(true);
    expect(mayNeedApproval([{ ...base, minimumApprovals: 0 }], 'a', 'critical')).toBe(false);
    // A level may be lowered from the base.
    expect(mayNeedApproval([{ ...base, levels: ['none'] }], 'a', 'medium')).toBe(true);
    expect(mayNeedApproval([{ ...base, levels: ['critical'] }], 'a', 'medium')).toBe(false);
  });
});
