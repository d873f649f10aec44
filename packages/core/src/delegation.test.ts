/** Owns the proof of who may hand on permissions. */
import { describe, expect, it } from 'vitest';
import { gainOf, lackingFor } from './delegation.ts';
import { grantsOf, type Permission, type RoleBinding } from './permission.ts';
import { globalScope, sameScope, type ScopeRef } from './scope.ts';

const org: ScopeRef = { scope: 'org', scopeId: 'o' };
const team: ScopeRef = { scope: 'team', scopeId: 't' };
const user: ScopeRef = { scope: 'user', scopeId: 'u' };
const links: readonly (readonly [ScopeRef, ScopeRef])[] = [
  [org, globalScope],
  [team, org],
  [team, globalScope],
  [user, team],
  [user, org],
  [user, globalScope],
];
const isWithin = (inner: ScopeRef, outer: ScopeRef): boolean =>
  links.some(([child, parent]) => sameScope(child, inner) && sameScope(parent, outer));

function binding(scope: ScopeRef, role: string, keys = '*', effect: RoleBinding['effect'] = 'allow'): RoleBinding {
  return { id: `${scope.scope} ${role} ${keys} ${effect}`, subject: { user: 'ann' }, role, scope, keys, effect };
}

function lacking(
  bindings: readonly RoleBinding[],
  permissions: readonly Permission[],
  chain: readonly ScopeRef[],
  keys = '*',
): readonly Permission[] {
  return lackingFor(grantsOf(bindings, [], { id: 'ann' }), { permissions, keys, chain }, isWithin);
}

describe('handing on permissions', () => {
  it('takes all of them, at that scope or above it', () => {
    const own = [binding(org, 'approver')];
    expect(lacking(own, ['read', 'approve'], [globalScope, org])).toEqual([]);
    expect(lacking(own, ['read', 'approve'], [globalScope, org, team])).toEqual([]);
    expect(lacking(own, ['read', 'write', 'policy'], [globalScope, org])).toEqual(['write', 'policy']);
    expect(lacking(own, ['read'], [globalScope])).toEqual(['read']);
    expect(lacking(own, ['read'], [globalScope, { scope: 'org', scopeId: 'p' }])).toEqual(['read']);
    expect(lacking([], ['read'], [globalScope])).toEqual(['read']);
  });

  it('takes them for all keys that are handed on', () => {
    const own = [binding(org, 'viewer', 'ui/*')];
    expect(lacking(own, ['read'], [globalScope, org], 'ui/*')).toEqual([]);
    expect(lacking(own, ['read'], [globalScope, org], 'ui/colours')).toEqual([]);
    expect(lacking(own, ['read'], [globalScope, org], 'ui*')).toEqual(['read']);
    expect(lacking(own, ['read'], [globalScope, org], '*')).toEqual(['read']);
    expect(lacking([binding(org, 'viewer')], ['read'], [globalScope, org], 'ui/*')).toEqual([]);
  });

  it.each([
    ['above', binding(globalScope, 'viewer', '*', 'deny'), '*', ['read']],
    ['there', binding(org, 'viewer', '*', 'deny'), '*', ['read']],
    ['below', binding(user, 'viewer', '*', 'deny'), '*', ['read']],
    ['elsewhere', binding({ scope: 'org', scopeId: 'p' }, 'viewer', '*', 'deny'), '*', []],
    ['for one of the keys', binding(org, 'viewer', 'secrets', 'deny'), '*', ['read']],
    ['for that key', binding(org, 'viewer', 'sec*', 'deny'), 'secrets', ['read']],
    ['for a key of the glob', binding(org, 'viewer', 'secrets', 'deny'), 's*', ['read']],
    ['for globs that may meet', binding(org, 'viewer', '*ts', 'deny'), 's*', ['read']],
    ['for another key', binding(org, 'viewer', 'secrets', 'deny'), 'branding', []],
    ['for no key of the glob', binding(org, 'viewer', 'secrets', 'deny'), 'b*', []],
    ['of something else', binding(org, 'approver', 'branding', 'deny'), 'secrets', []],
  ] as const)('is impossible with what is denied %s', (_where, denial, keys, expected) => {
    const own = [binding(globalScope, 'editor'), denial];
    expect(lacking(own, ['read'], [globalScope, org], keys)).toEqual(expected);
  });
});

describe('the gain by a role that becomes another', () => {
  it('is what it allows more, or denies less', () => {
    expect(gainOf({ effect: 'allow' }, ['read'], ['read', 'write'])).toEqual(['write']);
    expect(gainOf({ effect: 'allow' }, ['read', 'write'], ['read'])).toEqual([]);
    expect(gainOf({ effect: 'deny' }, ['read', 'write'], ['read'])).toEqual(['write']);
    expect(gainOf({ effect: 'deny' }, ['read'], ['read', 'write'])).toEqual([]);
  });
});
