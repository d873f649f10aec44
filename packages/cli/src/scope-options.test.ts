import { describe, expect, it } from 'vitest';
import { namedScope, parseScopeKind, parseScopeName, readScope, scopeOrGlobal } from './scope-options.ts';

describe('the scope options', () => {
  it.each([
    [{}, undefined],
    [{ global: true }, { scope: 'global' }],
    [{ org: 'acme' }, { scope: 'org', scopeId: 'acme' }],
    [{ team: 'north' }, { scope: 'team', scopeId: 'north' }],
    [{ user: 'ada' }, { scope: 'user', scopeId: 'ada' }],
  ])('%j name %j', (flags, scope) => {
    expect(namedScope(flags)).toEqual(scope);
    expect(scopeOrGlobal(flags)).toEqual(scope ?? { scope: 'global' });
  });

  it.each([
    [{ org: 'acme', user: 'ada' }, 'Only one of'],
    [{ global: true, team: 'north' }, '2 are given'],
    [{ org: '' }, '--org needs an id'],
  ])('%j are refused where one scope is written', (flags, message) => {
    expect(() => namedScope(flags)).toThrow(message);
  });

  it.each([
    [{}, { scope: 'global' }],
    [{ org: 'acme' }, { scope: 'org', scopeId: 'acme' }],
    [
      { team: 'north', org: 'acme' },
      { scope: 'team', scopeId: 'north', organizationId: 'acme' },
    ],
    [
      { user: 'ada', org: 'acme' },
      { scope: 'user', scopeId: 'ada', organizationId: 'acme' },
    ],
    [
      { user: 'ada', team: 'north', org: 'acme' },
      { scope: 'user', scopeId: 'ada', organizationId: 'acme', teamId: 'north' },
    ],
  ])('%j read at the narrowest scope and inherit from the others: %j', (flags, scope) => {
    expect(readScope(flags)).toEqual(scope);
  });

  it('do not read at global and elsewhere', () => {
    expect(() => readScope({ global: true, user: 'ada' })).toThrow('--global excludes');
  });
});

describe('the name of a scope', () => {
  it.each([
    ['global', { scope: 'global' }],
    ['org:acme', { scope: 'org', scopeId: 'acme' }],
    ['team:a:b', { scope: 'team', scopeId: 'a:b' }],
    ['user:ada lovelace', { scope: 'user', scopeId: 'ada lovelace' }],
  ])('%s is read', (text, scope) => {
    expect(parseScopeName(text)).toEqual(scope);
  });

  it.each(['', 'acme', 'org', 'org:', 'global:', 'global:x', 'Org:acme', ':acme', 'tenant:acme'])(
    '%j is refused',
    (text) => {
      expect(() => parseScopeName(text)).toThrow('is no scope');
    },
  );

  it('has one of four kinds', () => {
    expect(parseScopeKind('team')).toBe('team');
    expect(() => parseScopeKind('teams')).toThrow('"teams" is no scope');
  });
});
