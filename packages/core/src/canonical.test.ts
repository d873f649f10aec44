import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson } from '../../../test/json-arbitraries.ts';
import { canonicalJson } from './canonical.ts';
import { isJsonArray, isJsonObject, readJson, type JsonValue } from './json.ts';

describe('canonicalJson', () => {
  it.each<[JsonValue, string]>([
    [null, 'null'],
    [false, 'false'],
    ['', '""'],
    ['a"\\\n\u007f\u2028é😀', '"a\\"\\\\\\n\u007f\u2028é😀"'],
    [[], '[]'],
    [{}, '{}'],
    [[1, [2, {}], 'x'], '[1,[2,{}],"x"]'],
    [{ b: 1, a: { d: [], c: null } }, '{"a":{"c":null,"d":[]},"b":1}'],
    [{ toString: 1, hasOwnProperty: 2, '': 3 }, '{"":3,"hasOwnProperty":2,"toString":1}'],
    [{ toJSON: 'x' }, '{"toJSON":"x"}'],
  ])('writes %j without whitespace as %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it.each<[number, string]>([
    [-0, '0'],
    [1.0, '1'],
    [1e21, '1e+21'],
    [1e20, '100000000000000000000'],
    [1e-7, '1e-7'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [333333333.33333329, '333333333.3333333'],
    [9007199254740993, '9007199254740992'],
  ])('writes the number %d as ECMAScript does: %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('sorts names by UTF-16 code units, also numeric ones, as in the example of RFC 8785', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '😀', '\u0080', '\u00f6', '9', '10'];
    const object = Object.fromEntries(names.map((name) => [name, 0]));
    expect(Object.keys(JSON.parse(canonicalJson([object]).slice(1, -1)) as object)).toHaveLength(names.length);
    expect([...canonicalJson(object).matchAll(/"((?:[^"\\]|\\.)*)":/g)].map(([, name]) => name)).toEqual([
      '\\r',
      '1',
      '10',
      '9',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '😀',
      '\ufb33',
    ]);
  });

  it('is the same for every order of properties', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it('is JSON of the same value', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(readJson(canonicalJson(value))).toEqual(value);
      }),
    );
  });
});

/** The same value with all its properties in the opposite order. */
function reversed(value: JsonValue): JsonValue {
  if (isJsonArray(value)) return value.map(reversed);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, property]) => [name, reversed(property)]),
  );
}
