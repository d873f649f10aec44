import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/expectations.ts';
import { anyName } from '../../../test/json-arbitraries.ts';
import { isConfigurationError } from './errors.ts';
import { formatPath, isWithin, parsePath, type Path } from './path.ts';

const anyPath: fc.Arbitrary<Path> = fc.array(
  fc.oneof(anyName, fc.string(), fc.string({ unit: 'binary' }), fc.nat(), fc.constantFrom(0, 1)),
  { maxLength: 5 },
);

const examples: readonly (readonly [Path, string])[] = [
  [[], '$'],
  [['a'], 'a'],
  [['a', 'b', 0], 'a.b[0]'],
  [[0], '[0]'],
  [['0'], '["0"]'],
  [['a', 0], 'a[0]'],
  [['a', '0'], 'a["0"]'],
  [[0, 'a', 1, 2], '[0].a[1][2]'],
  [[''], '[""]'],
  [['', ''], '[""][""]'],
  [['', 'a'], '[""].a'],
  [['a.b'], '["a.b"]'],
  [['a', 'b.c', 'd'], 'a["b.c"].d'],
  [['a[0]'], '["a[0]"]'],
  [['say "hi"'], '["say \\"hi\\""]'],
  [["it's"], '["it\'s"]'],
  [['\\'], '["\\\\"]'],
  [['a"]', 'b'], '["a\\"]"].b'],
  [['\n'], '["\\n"]'],
  [['é', '日本', '😀'], '["é"]["日本"]["😀"]'],
  [['_a1', 'B'], '_a1.B'],
  [['1a'], '["1a"]'],
  [['a-b'], '["a-b"]'],
  [['$'], '["$"]'],
  [['$', 'a'], '["$"].a'],
  [['a', '$'], 'a.$'],
  [['$a'], '$a'],
  [['$unset'], '$unset'],
  [['toString', 'hasOwnProperty'], 'toString.hasOwnProperty'],
];

describe('a path as text', () => {
  it.each(examples)('%j is written %s', (path, text) => {
    expect(formatPath(path)).toBe(text);
    expect(parsePath(text)).toEqual(path);
  });

  it('reads back as the path that was written', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        expect(parsePath(formatPath(path))).toEqual(path);
      }),
      { numRuns: 500 },
    );
  });

  it('is written the same only for the same path', () => {
    fc.assert(
      fc.property(anyPath, anyPath, (a, b) => {
        expect(formatPath(a) === formatPath(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe('parsePath', () => {
  it('takes names in brackets that need none', () => {
    expect(parsePath('["a"]["b"]')).toEqual(['a', 'b']);
    expect(parsePath('["\\u0061"]')).toEqual(['a']);
  });

  it.each([
    '',
    '.',
    '.a',
    'a.',
    'a..b',
    'a b',
    ' a',
    'a ',
    '[]',
    '[a]',
    '[-1]',
    '[01]',
    '[1.5]',
    '[1',
    '1',
    '0.a',
    'a.0',
    'a.[0]',
    '[0]a',
    '["a"]b',
    "['a']",
    '["a]',
    '["a\nb"]',
    '["\\x"]',
    'é',
    '$.a',
    '$[0]',
    '$["a"]',
    '$$.',
    'a.b\n',
  ])('refuses %j', (text) => {
    expect(codeOf(() => parsePath(text))).toBe('invalid_argument');
  });

  it('reads or refuses any text, and what it reads is written the same way again', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', '.', '[', ']', '"', '0', '1', '$', '\\'), maxLength: 8 });
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const path = parsePath(text);
          expect(parsePath(formatPath(path))).toEqual(path);
        } catch (error) {
          expect(isConfigurationError(error, 'invalid_argument')).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('isWithin', () => {
  it.each<[Path, Path, boolean]>([
    [['a'], [], true],
    [[], [], true],
    [['a'], ['a'], true],
    [['a', 'b'], ['a'], true],
    [['a'], ['a', 'b'], false],
    [['ab'], ['a'], false],
    [['a', 0], ['a', 0], true],
    [['a', 0], ['a', '0'], false],
    [['b', 'a'], ['a'], false],
  ])('%j in %j: %s', (path, other, expected) => {
    expect(isWithin(path, other)).toBe(expected);
  });
});
