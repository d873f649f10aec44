import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf, expectFrozen } from '../../../test/expectations.ts';
import { anyJson, anyName } from '../../../test/json-arbitraries.ts';
import { ConfigurationError, isConfigurationError } from './errors.ts';
import {
  deepFreeze,
  emptyObject,
  isJsonArray,
  isJsonObject,
  jsonText,
  parseJsonValue,
  propertyOf,
  readJson,
  setProperty,
  utf8Length,
  valueLimits,
  type JsonValue,
} from './json.ts';

class Person {
  readonly name = 'Ann';
}

const cycle: { self?: unknown } = {};
cycle.self = cycle;

describe('parseJsonValue', () => {
  it('returns what a round trip through JSON returns, frozen all the way down', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const parsed = parseJsonValue(value);
        expect(JSON.stringify(parsed)).toBe(JSON.stringify(value));
        expect(parsed).toEqual(readJson(JSON.stringify(value)));
        expectFrozen(parsed);
      }),
    );
  });

  it('copies, so that the caller can go on with its own object', () => {
    const input = { a: { b: [1] } };
    const parsed = parseJsonValue(input);
    input.a.b.push(2);
    expect(parsed).toEqual({ a: { b: [1] } });
    expect(Object.isFrozen(input.a.b)).toBe(false);
  });

  it('makes -0 into 0, as JSON does', () => {
    expect(Object.is(parseJsonValue(-0), 0)).toBe(true);
  });

  it('takes objects without a prototype and gives ordinary ones', () => {
    const input = Object.assign(Object.create(null) as object, { toString: 'x' });
    const parsed = parseJsonValue(input);
    expect(parsed).toEqual({ toString: 'x' });
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, '$'],
    ['undefined in an object', { a: { b: undefined } }, 'a.b'],
    ['a hole in an array', { a: Array(2) }, 'a[0]'],
    ['a function', { a: () => 1 }, 'a'],
    ['a symbol', [Symbol('x')], '[0]'],
    ['a BigInt', { 'a.b': [0, 1n] }, '["a.b"][1]'],
    ['NaN', [Number.NaN], '[0]'],
    ['Infinity', { a: Infinity }, 'a'],
    ['-Infinity', -Infinity, '$'],
    ['a Date', { at: new Date(0) }, 'at'],
    ['a Map', new Map(), '$'],
    ['a Set', [new Set()], '[0]'],
    ['a regular expression', /x/, '$'],
    ['a number object', Object(1), '$'],
    ['a Buffer', new Uint8Array(2), '$'],
    ['a class instance', { a: new Person() }, 'a'],
    ['a Promise', Promise.resolve(), '$'],
    ['a cycle', cycle, Array(32).fill('self').join('.')],
    ['a lone high surrogate', { a: 'x\ud83d' }, 'a'],
    ['a lone low surrogate', ['\ude00x'], '[0]'],
    ['half a surrogate pair in a name', { a: { '\ud83d': 1 } }, 'a'],
    ['U+0000', 'a\u0000', '$'],
    ['U+0000 in a name', { 'a\u0000': 1 }, '$'],
    ['the name __proto__', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), 'a'],
    ['the name constructor', { constructor: 1 }, '$'],
    ['the name prototype', [{ prototype: 1 }], '[0]'],
  ])('refuses %s and says where', (_, input, path) => {
    const refusal = errorOf(() => parseJsonValue(input));
    expect(refusal).toBeInstanceOf(ConfigurationError);
    expect(refusal).toMatchObject({ code: 'invalid_value', details: { path } });
  });

  it('names the class of what is no plain object', () => {
    expect(() => parseJsonValue(new Person())).toThrow('Person is not a plain object');
  });

  it('takes nesting up to the limit and refuses it beyond', () => {
    expect(parseJsonValue(nested(valueLimits.depth))).toEqual(nested(valueLimits.depth));
    expect(() => parseJsonValue(nested(valueLimits.depth + 1))).toThrow('nested deeper than 32 levels');
  });
});

describe('isJsonObject and isJsonArray', () => {
  it.each<[JsonValue | undefined, boolean, boolean]>([
    [{}, true, false],
    [[], false, true],
    [null, false, false],
    [undefined, false, false],
    ['', false, false],
    [0, false, false],
  ])('%j: object %s, array %s', (value, object, array) => {
    expect(isJsonObject(value)).toBe(object);
    expect(isJsonArray(value)).toBe(array);
  });
});

describe('properties', () => {
  it('are never looked up in the prototype', () => {
    expect(propertyOf({}, 'toString')).toBeUndefined();
    expect(propertyOf({}, '__proto__')).toBeUndefined();
    expect(propertyOf({ toString: null }, 'toString')).toBeNull();
  });

  it('read back as they were set, whatever their name', () => {
    fc.assert(
      fc.property(fc.oneof(anyName, fc.constant('__proto__')), anyJson, (name, value) => {
        const object: Record<string, JsonValue> = {};
        setProperty(object, name, value);
        expect(propertyOf(object, name)).toBe(value);
        expect(Object.keys(object)).toEqual([name]);
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
      }),
    );
  });

  it('of an empty object do not exist at all', () => {
    const object = emptyObject<number>();
    expect('toString' in object).toBe(false);
    object['__proto__'] = 1;
    expect(object).toHaveProperty('__proto__', 1);
  });
});

describe('jsonText', () => {
  it('keeps the order of properties', () => {
    expect(jsonText({ b: 1, a: [null, 0, ''] })).toBe('{"b":1,"a":[null,0,""]}');
  });

  it('takes 256 KiB in UTF-8 and refuses one byte more', () => {
    const most = 'é'.repeat((valueLimits.bytes - 2) / 2);
    expect(utf8Length(jsonText(most))).toBe(262_144);
    const refusal = errorOf(() => jsonText(`${most}x`));
    expect(isConfigurationError(refusal, 'value_too_large')).toBe(true);
    expect(refusal).toMatchObject({ status: 413, details: { bytes: 262_145, limit: 262_144 } });
  });
});

describe('readJson', () => {
  it('reads names that end with an escape, whatever was read before', () => {
    const starts = ['', 'x', 'xy'];
    const escapes = ['', '\\n', '\\t', '\\"', '\\\\', '\\u0001', '\\/', '\\ue000'];
    const names = starts.flatMap((start) =>
      escapes.flatMap((end) => ['', 'y', '\ue000'].map((rest) => start + end + rest)),
    );
    for (const [index, before] of names.entries()) {
      for (const [other, name] of names.entries()) {
        const first = `k${String(index)}-${String(other)}`;
        JSON.parse(`{"${first}":1,"${before}":2}`);
        expect(Object.keys(readJson(`{"${first}":1,"${name}" :2}`) as object)).toEqual([
          first,
          JSON.parse(`"${name}"`),
        ]);
      }
    }
  });

  it('is the reverse of JSON.stringify', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(JSON.stringify(readJson(JSON.stringify(value)))).toBe(JSON.stringify(value));
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['{"a\\n":{"b\\\\":["\\n\\"","\\\\\\":",{"\\ue000\\n":"\ue000"}]}}', '["\\\\"]', '"\\":"'])(
    'reads %s',
    (text) => {
      expect(readJson(text)).toEqual(JSON.parse(text));
    },
  );

  it.each(['', '{', '{"a\\n":}', '{"\\x":1}', '["\\n":1]', '{"a\\":1}'])('refuses %s like JSON.parse', (text) => {
    expect(() => readJson(text)).toThrow(SyntaxError);
  });

  it('takes time in proportion to the text', () => {
    const began = performance.now();
    readJson(JSON.stringify({ '\n': '\ue000'.repeat(80_000), a: '\\"'.repeat(80_000), 'b\n': ' '.repeat(80_000) }));
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('utf8Length', () => {
  it('counts the bytes of a text in UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });
});

describe('deepFreeze', () => {
  it('freezes a parsed value all the way down and returns it', () => {
    const value = JSON.parse('{"a":[{"b":{}}],"__proto__":{"c":[]}}') as JsonValue;
    expect(deepFreeze(value)).toBe(value);
    expectFrozen(value);
  });

  it.each([null, undefined, 0, 'x'])('returns %s as it is', (value) => {
    expect(deepFreeze(value)).toBe(value);
  });
});

function nested(depth: number): JsonValue {
  return depth === 1 ? [] : [nested(depth - 1)];
}
