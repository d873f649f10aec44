import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/expectations.ts';
import { readSpec } from '../../../test/spec-cases.ts';
import {
  authorityChains,
  builtInRoles,
  grantsOf,
  isGranted,
  isGrantedForSome,
  isPermitted,
  parseEffect,
  parseKeyGlob,
  parseRole,
  parseSubject,
  permissions,
  type Permission,
  type RoleBinding,
} from './permission.ts';
import {
  formatScope,
  globalScope,
  resolveChain,
  sameScope,
  type ScopeLink,
  type ScopeRef,
  type ScopeRequest,
} from './scope.ts';

interface PermissionCase {
  readonly name: string;
  readonly roles?: Readonly<Record<string, readonly Permission[]>>;
  readonly groups?: readonly string[];
  readonly bindings: readonly (readonly [
    subject: string,
    role: string,
    scope: string,
    keys?: string,
    effect?: RoleBinding['effect'],
  ])[];
  readonly permission: Permission;
  readonly key?: string;
  readonly chain: readonly string[];
  readonly permitted: boolean;
}

const { cases } = readSpec<{ cases: PermissionCase[] }>('permission');

function readScope(text: string): ScopeRef {
  const [scope = 'global', scopeId = ''] = text.split(' ');
  return { scope: scope as ScopeRef['scope'], scopeId };
}

function readBinding([
  subject,
  role,
  scope,
  keys = '*',
  effect = 'allow',
]: PermissionCase['bindings'][number]): RoleBinding {
  const [kind, name = ''] = subject.split(' ');
  const who = kind === 'user' ? { user: name } : { group: name };
  return { id: '', subject: who, role, scope: readScope(scope), keys, effect };
}

describe('spec/permission.json', () => {
  it.each(cases)('$name', ({ roles = {}, groups, bindings, permission, key, chain, permitted }) => {
    const defined = Object.entries(roles).map(([name, held]) => ({ name, permissions: held }));
    const resource = { key, chain: chain.map(readScope) };
    const actor = { id: 'ann', roles: groups };
    expect(isPermitted(bindings.map(readBinding), defined, actor, permission, resource)).toBe(permitted);
  });

  it('has cases with names of their own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});

const orgs = ['a', 'b'].map((scopeId): ScopeRef => ({ scope: 'org', scopeId }));
const teams = ['a', 't'].map((scopeId): ScopeRef => ({ scope: 'team', scopeId }));
const users = ['a', 'u'].map((scopeId): ScopeRef => ({ scope: 'user', scopeId }));
const anyScope = fc.constantFrom(globalScope, ...orgs, ...teams, ...users);
const anyPermission = fc.constantFrom(...permissions);
const anyKey = fc.constantFrom('ui/theme', 'ui', 'secret/one');
const optionalKey = fc.option(anyKey, { nil: undefined });

const anyBinding: fc.Arbitrary<RoleBinding> = fc.record({
  id: fc.constant(''),
  subject: fc.constantFrom({ user: 'ann' }, { user: 'bob' }, { group: 'ops' }, { group: 'ann' }),
  role: fc.constantFrom(...builtInRoles.map(({ name }) => name), 'rescuer', 'gone'),
  scope: anyScope,
  keys: fc.constantFrom('*', 'ui/*', 'ui', '*e'),
  effect: fc.constantFrom('allow', 'allow', 'deny'),
});
const anyChain = fc
  .tuple(
    fc.option(fc.constantFrom(...orgs)),
    fc.option(fc.constantFrom(...teams)),
    fc.option(fc.constantFrom(...users)),
  )
  .map(([org, team, user]) => [globalScope, org, team, user].filter((scope) => scope !== null));
const roles = [{ name: 'rescuer', permissions: ['break-glass', 'read'] as const }];
const ann = { id: 'ann', roles: ['ops'] };

describe('permissions', () => {
  it('do not depend on the order of bindings', () => {
    fc.assert(
      fc.property(fc.array(anyBinding), anyPermission, optionalKey, anyChain, (bindings, permission, key, chain) => {
        const answer = isPermitted(bindings, roles, ann, permission, { key, chain });
        expect(isPermitted([...bindings].reverse(), roles, ann, permission, { key, chain })).toBe(answer);
      }),
    );
  });

  it('never grow by a denial and never shrink by an allowance', () => {
    fc.assert(
      fc.property(
        fc.array(anyBinding),
        anyBinding,
        anyPermission,
        optionalKey,
        anyChain,
        (bindings, added, permission, key, chain) => {
          const before = isPermitted(bindings, roles, ann, permission, { key, chain });
          const after = isPermitted([...bindings, added], roles, ann, permission, { key, chain });
          if (added.effect === 'deny') expect(after && !before).toBe(false);
          else expect(before && !after).toBe(false);
        },
      ),
    );
  });

  it('are gone wherever a denial of them reaches, whatever else is allowed', () => {
    fc.assert(
      fc.property(fc.array(anyBinding), anyPermission, anyKey, anyChain, (bindings, permission, key, chain) => {
        for (const scope of chain) {
          const denial: RoleBinding = {
            id: '',
            subject: { user: 'ann' },
            role: 'gone',
            scope,
            keys: '*',
            effect: 'deny',
          };
          expect(isPermitted([...bindings, denial], roles, ann, permission, { key, chain })).toBe(false);
          expect(isPermitted([...bindings, denial], roles, ann, permission, { chain })).toBe(false);
        }
      }),
    );
  });

  it('hold in the whole subtree, unless something there denies them', () => {
    fc.assert(
      fc.property(fc.array(anyBinding), anyPermission, optionalKey, anyChain, (bindings, permission, key, chain) => {
        const allowing = bindings.filter(({ effect }) => effect === 'allow');
        for (let length = 1; length < chain.length; length += 1) {
          if (!isPermitted(allowing, roles, ann, permission, { key, chain: chain.slice(0, length) })) continue;
          expect(isPermitted(allowing, roles, ann, permission, { key, chain })).toBe(true);
        }
      }),
    );
  });

  it('come only from bindings on the chain', () => {
    fc.assert(
      fc.property(fc.array(anyBinding), anyPermission, optionalKey, anyChain, (bindings, permission, key, chain) => {
        const onChain = bindings.filter(({ scope }) => chain.includes(scope));
        expect(isPermitted(onChain, roles, ann, permission, { key, chain })).toBe(
          isPermitted(bindings, roles, ann, permission, { key, chain }),
        );
      }),
    );
  });

  it('for some key are there wherever they are for one', () => {
    fc.assert(
      fc.property(fc.array(anyBinding), anyPermission, anyKey, anyChain, (bindings, permission, key, chain) => {
        const grants = grantsOf(bindings, roles, ann);
        if (isGranted(grants, permission, { key, chain }))
          expect(isGrantedForSome(grants, permission, chain)).toBe(true);
        if (isGranted(grants, permission, { chain })) expect(isGrantedForSome(grants, permission, chain)).toBe(true);
      }),
    );
  });

  it('of the built-in roles grow from viewer to admin', () => {
    const of = new Map(builtInRoles.map((role) => [role.name, role.permissions]));
    for (const name of ['editor', 'approver', 'admin']) expect(of.get(name)).toEqual(expect.arrayContaining(['read']));
    expect(of.get('admin')).toHaveLength(permissions.length - 1);
  });
});

const [orgA, orgB] = orgs as [ScopeRef, ScopeRef];
const [, teamT] = teams as [ScopeRef, ScopeRef];
const [, userU] = users as [ScopeRef, ScopeRef];
const link = (child: ScopeRef, parent: ScopeRef, primary = true): ScopeLink => ({ child, parent, primary });

describe('the chains that a reader has to be permitted on', () => {
  const chainsOf = (request: ScopeRequest, links: readonly ScopeLink[]): string[] =>
    authorityChains(request, links).map((chain) => chain.map(formatScope).join(' > '));

  it('are the one of the read where parents are registered', () => {
    const links = [link(userU, teamT), link(teamT, orgA)];
    expect(chainsOf(globalScope, [])).toEqual(['global']);
    expect(chainsOf(orgA, [])).toEqual(['global > org a']);
    expect(chainsOf(userU, links)).toEqual(['global > org a > team t > user u']);
    expect(chainsOf({ ...userU, organizationId: 'a' }, links)).toEqual(['global > org a > team t > user u']);
    expect(chainsOf({ ...userU, teamId: 't', organizationId: 'a' }, links)).toEqual([
      'global > org a > team t > user u',
    ]);
    expect(chainsOf({ ...teamT, organizationId: 'a' }, links)).toEqual(['global > org a > team t']);
  });

  it('follow a registered parent that is not the primary one', () => {
    const links = [link(userU, orgA), link(userU, orgB, false)];
    expect(chainsOf(userU, links)).toEqual(['global > org a > user u']);
    expect(chainsOf({ ...userU, organizationId: 'b' }, links)).toEqual(['global > org b > user u']);
  });

  it('are the registered one and those of the parents that are given, where one of these is only named', () => {
    const links = [link(userU, orgA), link(teamT, orgB)];
    expect(chainsOf({ ...userU, organizationId: 'b' }, links)).toEqual(['global > org a > user u', 'global > org b']);
    expect(chainsOf({ ...userU, teamId: 't' }, links)).toEqual(['global > org a > user u', 'global > org b > team t']);
    expect(chainsOf({ ...teamT, organizationId: 'a' }, links)).toEqual(['global > org b > team t', 'global > org a']);
    expect(chainsOf({ ...userU, organizationId: 'a' }, [])).toEqual(['global > user u', 'global > org a']);
  });

  it('count an org beside the one of the team as named, although the user is in both', () => {
    const links = [link(userU, orgA), link(userU, teamT, false), link(teamT, orgB)];
    expect(chainsOf({ ...userU, teamId: 't', organizationId: 'a' }, links)).toEqual([
      'global > org a > user u',
      'global > org a',
      'global > org b > team t',
    ]);
  });

  it('never let who is bound to one org read a scope that is registered in another, or values of another', () => {
    const anyLinks = fc
      .record({
        userParents: fc.uniqueArray(fc.constantFrom(...teams, ...orgs)),
        teamParents: fc.tuple(...teams.map(() => fc.option(fc.constantFrom(...orgs)))),
      })
      .map(({ userParents, teamParents }) => [
        ...userParents.map((parent, index) => link(userU, parent, index === 0)),
        ...teamParents.flatMap((org, index) => (org === null ? [] : [link(teams[index] ?? teamT, org)])),
      ]);
    const anyRequest: fc.Arbitrary<ScopeRequest> = fc.record(
      {
        scope: fc.constant('user' as const),
        scopeId: fc.constant('u'),
        organizationId: fc.constantFrom('a', 'b'),
        teamId: fc.constantFrom('a', 't'),
      },
      { requiredKeys: ['scope', 'scopeId'] },
    );
    fc.assert(
      fc.property(anyLinks, anyRequest, (links, request) => {
        const binding: RoleBinding = {
          id: '',
          subject: { user: 'ann' },
          role: 'viewer',
          scope: orgA,
          keys: '*',
          effect: 'allow',
        };
        const chains = authorityChains(request, links);
        if (!chains.every((chain) => isPermitted([binding], [], ann, 'read', { key: 'k', chain }))) return;
        const read = resolveChain(request, links);
        expect(read).not.toContainEqual(orgB);
        const orgsOfTeams = links.filter(({ child }) =>
          read.some((scope) => sameScope(scope, child) && scope.scope === 'team'),
        );
        expect(orgsOfTeams.map(({ parent }) => parent)).not.toContainEqual(orgB);
        const parents = links.filter(({ child }) => child === userU).map(({ parent }) => parent);
        const reached = parents.flatMap((parent) => [
          parent,
          ...links.filter(({ child }) => child === parent).map((one) => one.parent),
        ]);
        expect(reached).toContainEqual(orgA);
      }),
    );
  });
});

describe('what is given for roles and bindings', () => {
  it('is checked', () => {
    expect(parseRole({ name: 'ops', permissions: ['write', 'read', 'write'] })).toEqual({
      name: 'ops',
      permissions: ['read', 'write'],
    });
    const wrong: unknown[] = [
      ...[
        undefined,
        null,
        5,
        {},
        { name: '', permissions: ['read'] },
        { name: 'ops' },
        { name: 'ops', permissions: [] },
      ],
      ...[
        { name: 'ops', permissions: 'read' },
        { name: 'ops', permissions: ['fly'] },
        { name: 'ops', permissions: [null] },
      ],
      ...[
        { name: 'ops', permissions: ['toString'] },
        { name: 'admin', permissions: ['read'] },
      ],
      { name: 'ops', permissions: ['read'], scope: 'org' },
    ];
    for (const role of wrong)
      expect(
        codeOf(() => parseRole(role)),
        JSON.stringify(role),
      ).toBe('invalid_argument');
    expect(parseSubject({ user: 'ann' })).toEqual({ user: 'ann' });
    expect(parseSubject({ group: 'ops' })).toEqual({ group: 'ops' });
    for (const subject of [{}, { user: 'ann', group: 'ops' }, { user: '' }, { group: '\u0000' }]) {
      expect(codeOf(() => parseSubject(subject))).toBe('invalid_argument');
    }
    expect(parseKeyGlob('**', 'keys')).toBe('*');
    expect(parseKeyGlob('ui/?*', 'keys')).toBe('ui/?*');
    for (const keys of ['', 'a b', 'é', 5, null, undefined, '*'.repeat(256)]) {
      expect(codeOf(() => parseKeyGlob(keys, 'keys'))).toBe('invalid_argument');
    }
    expect([parseEffect(undefined), parseEffect('allow'), parseEffect('deny')]).toEqual(['allow', 'allow', 'deny']);
    for (const effect of ['', 'Deny', true, null]) expect(codeOf(() => parseEffect(effect))).toBe('invalid_argument');
  });
});
