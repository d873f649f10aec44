import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/expectations.ts';
import { readSpec } from '../../../test/spec-cases.ts';
import {
  checkParents,
  ConfigScope,
  formatAddress,
  formatScope,
  globalScope,
  parseId,
  parseKey,
  parseScope,
  parseScopeContext,
  resolveChain,
  sameScope,
  scopes,
  type ScopeContext,
  type ScopeInput,
  type ScopeLink,
  type ScopeRef,
} from './scope.ts';

interface ChainCase {
  readonly name: string;
  readonly scope: string;
  readonly organizationId?: string;
  readonly teamId?: string;
  readonly links: readonly (readonly [child: string, parent: string, primary?: 'primary'])[];
  readonly chain: readonly string[];
}

const spec = readSpec<{ cases: ChainCase[] }>('scope-chain');

describe('spec/scope-chain.json', () => {
  it.each(spec.cases)('$name', ({ scope, links, chain, organizationId, teamId }) => {
    const request = parseScopeContext({ ...readScope(scope), organizationId, teamId });
    expect(resolveChain(request, links.map(readLink)).map(formatScope)).toEqual(chain);
  });

  it('has cases with names of their own', () => {
    expect(new Set(spec.cases.map(({ name }) => name)).size).toBe(spec.cases.length);
    expect(spec.cases.length).toBeGreaterThanOrEqual(20);
  });
});

describe('resolveChain', () => {
  it('gives scopes without anything else of the request', () => {
    const request = parseScopeContext({ scope: 'user', scopeId: 'ann', teamId: 'blue', organizationId: 'acme' });
    expect(resolveChain(request, [])).toEqual([
      { scope: 'global', scopeId: '' },
      { scope: 'org', scopeId: 'acme' },
      { scope: 'team', scopeId: 'blue' },
      { scope: 'user', scopeId: 'ann' },
    ]);
  });
});

describe('ConfigScope', () => {
  it('names the scopes in the order of inheritance', () => {
    expect(Object.values(ConfigScope)).toEqual(scopes);
    expect(scopes).toEqual(['global', 'org', 'team', 'user']);
  });
});

describe('parseKey', () => {
  it.each([
    'a',
    'Z',
    '0',
    'pm_intervals',
    'a.b/c:d-e_f',
    'feature_flags/new-ui',
    'a'.repeat(255),
    'toString',
    'constructors',
    'a.proto',
  ])('takes %s', (key) => {
    expect(parseKey(key)).toBe(key);
  });

  it.each<[unknown]>([
    [''],
    ['a'.repeat(256)],
    ['_a'],
    ['.a'],
    ['a b'],
    ['a\n'],
    ['a*'],
    ['a%2f'],
    ['é'],
    ['a\u0000'],
    ['__proto__'],
    ['constructor'],
    ['prototype'],
    ['a.__proto__'],
    ['a/constructor.b'],
    ['a:prototype'],
    [undefined],
    [null],
    [5],
    [{}],
    [Object.create(null)],
    [Symbol('a')],
    [['a']],
  ])('refuses %#', (key) => {
    expect(codeOf(() => parseKey(key))).toBe('invalid_key');
  });
});

describe('parseId', () => {
  it.each(['a', ' ', 'org-123', 'a:b/c%d', '😀', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '__proto__', 'x'.repeat(255)])(
    'takes %j as it is',
    (id) => {
      expect(parseId(id, 'scopeId')).toBe(id);
    },
  );

  it.each<[unknown]>([
    [''],
    ['x'.repeat(256)],
    ['a\u0000'],
    ['a\nb'],
    ['a\u007f'],
    ['a\u0085'],
    ['\ud83d'],
    [undefined],
    [null],
    [5],
    [Object.create(null)],
    [['a']],
  ])('refuses %# and names the argument', (id) => {
    expect(codeOf(() => parseId(id, 'userId'))).toBe('invalid_argument');
    expect(() => parseId(id, 'userId')).toThrow('Invalid userId: it ');
  });
});

describe('parseScope', () => {
  it.each<[ScopeInput | undefined, ScopeRef]>([
    [undefined, globalScope],
    [{ scope: 'global' }, globalScope],
    [{ scope: 'global', scopeId: null }, globalScope],
    [{ scope: 'global', scopeId: '' }, globalScope],
    [
      { scope: 'org', scopeId: 'acme' },
      { scope: 'org', scopeId: 'acme' },
    ],
    [
      { scope: ConfigScope.USER, scopeId: 'global' },
      { scope: 'user', scopeId: 'global' },
    ],
  ])('reads %j', (input, expected) => {
    expect(parseScope(input)).toEqual(expected);
  });

  it.each<[unknown, string]>([
    [null, 'invalid_scope'],
    ['global', 'invalid_scope'],
    [{}, 'invalid_scope'],
    [{ scope: 'galaxy', scopeId: 'x' }, 'invalid_scope'],
    [{ scope: 'toString', scopeId: 'x' }, 'invalid_scope'],
    [{ scope: 5n, scopeId: 'x' }, 'invalid_scope'],
    [{ scope: ['org'], scopeId: 'x' }, 'invalid_scope'],
    [{ scope: 'global', scopeId: 'x' }, 'invalid_scope'],
    [{ scope: 'org' }, 'invalid_scope'],
    [{ scope: 'org', scopeId: '' }, 'invalid_scope'],
    [{ scope: 'team', scopeId: null }, 'invalid_scope'],
    [{ scope: 'user', scopeId: 5 }, 'invalid_argument'],
    [{ scope: 'user', scopeId: 'a\u0000' }, 'invalid_argument'],
  ])('refuses %# with %s', (input, code) => {
    expect(codeOf(() => parseScope(input as ScopeInput))).toBe(code);
  });
});

describe('parseScopeContext', () => {
  it('keeps explicit parents, and has none where none are given', () => {
    const context: ScopeContext = { scope: 'user', scopeId: 'ann', organizationId: 'acme', teamId: 'blue' };
    expect(parseScopeContext(context)).toEqual(context);
    expect(parseScopeContext({ scope: 'user', scopeId: 'ann', teamId: undefined })).toStrictEqual({
      scope: 'user',
      scopeId: 'ann',
    });
    expect(parseScopeContext(undefined)).toStrictEqual(globalScope);
  });

  it.each<[ScopeContext, string]>([
    [{ scope: 'global', organizationId: 'acme' }, 'invalid_scope'],
    [{ scope: 'org', scopeId: 'acme', organizationId: 'acme' }, 'invalid_scope'],
    [{ scope: 'org', scopeId: 'acme', teamId: 'blue' }, 'invalid_scope'],
    [{ scope: 'team', scopeId: 'blue', teamId: 'blue' }, 'invalid_scope'],
    [{ scope: 'user', scopeId: 'ann', teamId: '' }, 'invalid_argument'],
    [{ scope: 'team', scopeId: 'blue', organizationId: '' }, 'invalid_argument'],
  ])('refuses %j with %s', (context, code) => {
    expect(codeOf(() => parseScopeContext(context))).toBe(code);
  });
});

describe('scopes as text', () => {
  it('reads as people say it', () => {
    expect(formatScope(globalScope)).toBe('global');
    expect(formatScope({ scope: 'org', scopeId: 'acme' })).toBe('org acme');
    expect(formatAddress({ key: 'branding', scope: 'org', scopeId: 'acme' })).toBe('branding at org acme');
    expect(formatAddress({ key: 'branding', ...globalScope })).toBe('branding at global');
  });
});

describe('sameScope', () => {
  it('compares kind and id', () => {
    expect(sameScope({ scope: 'org', scopeId: 'x' }, { scope: 'org', scopeId: 'x' })).toBe(true);
    expect(sameScope({ scope: 'org', scopeId: 'x' }, { scope: 'team', scopeId: 'x' })).toBe(false);
    expect(sameScope({ scope: 'org', scopeId: 'x' }, { scope: 'org', scopeId: 'X' })).toBe(false);
  });
});

describe('checkParents', () => {
  it.each<[string, string[]]>([
    ['org acme', []],
    ['org acme', ['global']],
    ['team blue', []],
    ['team blue', ['org acme']],
    ['user ann', ['team blue']],
    ['user ann', ['org acme']],
    ['user ann', ['team blue', 'team red', 'org acme', 'org other']],
    ['team x', ['org x']],
  ])('lets %s belong to %j', (child, parents) => {
    expect(codeOf(() => checkParents(readScope(child), parents.map(readScope)))).toBeUndefined();
  });

  it.each<[string, string[], string]>([
    ['org acme', ['org other'], 'invalid_parent'],
    ['org acme', ['team blue'], 'invalid_parent'],
    ['team blue', ['team red'], 'invalid_parent'],
    ['team blue', ['user ann'], 'invalid_parent'],
    ['team blue', ['global'], 'invalid_parent'],
    ['team blue', ['org acme', 'org other'], 'invalid_parent'],
    ['user ann', ['user bob'], 'invalid_parent'],
    ['user ann', ['team blue', 'global'], 'invalid_parent'],
    ['global', ['org acme'], 'invalid_parent'],
    ['global', ['global'], 'scope_cycle'],
    ['team blue', ['team blue'], 'scope_cycle'],
    ['user ann', ['team blue', 'user ann'], 'scope_cycle'],
  ])('refuses that %s belongs to %j with %s', (child, parents, code) => {
    expect(codeOf(() => checkParents(readScope(child), parents.map(readScope)))).toBe(code);
  });
});

/** Reads what `formatScope` writes. */
function readScope(text: string): ScopeRef {
  const [kind = '', ...id] = text.split(' ');
  return parseScope({ scope: kind as ConfigScope, scopeId: id.join(' ') });
}

function readLink([child, parent, primary]: ChainCase['links'][number]): ScopeLink {
  return { child: readScope(child), parent: readScope(parent), primary: primary !== undefined };
}
