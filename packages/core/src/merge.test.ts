import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf, expectFrozen } from '../../../test/expectations.ts';
import { anyJson, anyLayer, anyName } from '../../../test/json-arbitraries.ts';
import { readSpec } from '../../../test/spec-cases.ts';
import type { MergeStrategy } from './definition.ts';
import { ConfigurationError } from './errors.ts';
import { isJsonObject, parseJsonValue, type JsonObject, type JsonValue } from './json.ts';
import { candidateAt, explainLayers, isUnset, leavesOf, mergeLayers, parseLayer, valueAt } from './merge.ts';
import { formatPath } from './path.ts';

interface MergeCase {
  readonly name: string;
  readonly strategy?: MergeStrategy;
  readonly layers: readonly JsonValue[];
  readonly value?: JsonValue;
  readonly leaves?: readonly [path: string, origin: number, candidates: readonly [layer: number, value: JsonValue][]][];
}

interface RefusedLayer {
  readonly name: string;
  readonly layer: JsonValue;
  readonly path: string;
}

const spec = readSpec<{ cases: MergeCase[]; refused: RefusedLayer[] }>('merge');

const anyStrategy = fc.constantFrom<MergeStrategy[]>('deep', 'replace');
const anyLayers = fc.array(anyLayer.map(parseJsonValue), { maxLength: 4 });

describe('spec/merge.json', () => {
  it.each(spec.cases)('$name', ({ strategy = 'deep', layers, ...expected }) => {
    const parsed = layers.map((layer) => parseLayer(parseJsonValue(layer)));
    const value = mergeLayers(parsed, strategy);
    expect(value).toEqual(expected.value);
    // The order of properties is part of the rule.
    expect(JSON.stringify(value)).toBe(JSON.stringify(expected.value));
    expectFrozen(value);
  });

  it.each(spec.cases.filter((testCase) => testCase.leaves !== undefined))('leaves: $name', (testCase) => {
    const layers = testCase.layers.map((value, origin) => ({ value: parseJsonValue(value), origin }));
    const { leaves } = explainLayers(layers, testCase.strategy ?? 'deep');
    expect(
      leaves.map(({ path, origin, candidates }) => [
        formatPath(path),
        origin,
        candidates.map((candidate) => [candidate.origin, candidate.value]),
      ]),
    ).toEqual(testCase.leaves);
  });

  it.each(spec.refused)('refuses $name', ({ layer, path }) => {
    const refusal = errorOf(() => parseLayer(parseJsonValue(layer)));
    expect(refusal).toBeInstanceOf(ConfigurationError);
    expect(refusal).toMatchObject({ code: 'invalid_value', details: { path } });
  });

  it('has cases with names of their own', () => {
    const names = [...spec.cases, ...spec.refused].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(spec.cases.length).toBeGreaterThanOrEqual(60);
  });
});

describe('parseLayer', () => {
  it('returns the layer itself', () => {
    const layer = parseJsonValue({ a: { $unset: true }, b: [1, { c: 2 }] });
    expect(parseLayer(layer)).toBe(layer);
  });

  it('leaves names that only look like the marker alone', () => {
    const layer = { unset: true, $UNSET: true, a: { '$unset ': true } };
    expect(parseLayer(layer)).toBe(layer);
  });
});

describe('isUnset', () => {
  it.each<[JsonValue | undefined, boolean]>([
    [{ $unset: true }, true],
    [{ $unset: false }, false],
    [{ $unset: true, a: 1 }, false],
    [{}, false],
    [['$unset'], false],
    ['$unset', false],
    [null, false],
    [undefined, false],
  ])('%j: %s', (value, expected) => {
    expect(isUnset(value)).toBe(expected);
  });
});

describe('mergeLayers', () => {
  it('returns a single layer without markers itself, so that reads do not copy', () => {
    const layer = parseJsonValue({ a: { b: [1, 2] }, c: null });
    expect(mergeLayers([layer], 'deep')).toBe(layer);
    expect(mergeLayers([layer], 'replace')).toBe(layer);
  });

  it('returns the inherited value itself when layers below change nothing', () => {
    const inherited = parseJsonValue({ a: { b: 1 } });
    const same = parseJsonValue({ a: { b: 1, x: { $unset: true } } });
    expect(mergeLayers([inherited, {}, same], 'deep')).toBe(inherited);
  });

  it('shares the parts that one layer gives alone', () => {
    const upper = parseJsonValue({ a: { x: 1 }, b: { y: 1, z: { w: 1 } } }) as JsonObject;
    const lower = parseJsonValue({ b: { y: 2 }, c: { v: [1] } }) as JsonObject;
    const merged = mergeLayers([upper, lower], 'deep');
    expect(valueAt(merged, ['a'])).toBe(upper['a']);
    expect(valueAt(merged, ['b', 'z'])).toBe(valueAt(upper, ['b', 'z']));
    expect(valueAt(merged, ['c'])).toBe(lower['c']);
  });

  it('leaves the layers as they were', () => {
    fc.assert(
      fc.property(anyLayers, anyStrategy, (layers, strategy) => {
        const before = JSON.stringify(layers);
        mergeLayers(layers, strategy);
        expect(JSON.stringify(layers)).toBe(before);
      }),
    );
  });

  it('gives ordinary objects', () => {
    const merged = mergeLayers([{ a: { b: 1 } }, { a: { c: { $unset: true } }, d: { e: { $unset: true } } }], 'deep');
    for (const object of [merged, valueAt(merged, ['a']), valueAt(merged, ['d'])]) {
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
    }
  });

  it('sets no prototype, even for names that parseJsonValue refuses', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true},"a":{"$unset":true}}') as JsonValue;
    for (const merged of [mergeLayers([{ b: 1 }, hostile], 'deep'), mergeLayers([hostile], 'deep')]) {
      expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
      expect((merged as { admin?: boolean }).admin).toBeUndefined();
    }
  });

  it('gives the same when any first layers are merged beforehand', () => {
    fc.assert(
      fc.property(anyLayers, anyStrategy, fc.nat(4), (layers, strategy, split) => {
        const first = mergeLayers(layers.slice(0, split), strategy);
        const rest = layers.slice(split);
        const merged = mergeLayers(first === undefined ? rest : [first, ...rest], strategy);
        expect(JSON.stringify(merged)).toBe(JSON.stringify(mergeLayers(layers, strategy)));
      }),
    );
  });

  it('never lets a marker through, and freezes all of the result', () => {
    fc.assert(
      fc.property(anyLayers, anyStrategy, (layers, strategy) => {
        const merged = mergeLayers(layers, strategy);
        expect(JSON.stringify([merged])).not.toContain('"$unset":');
        expectFrozen(merged);
      }),
    );
  });

  it('gives each layer the last word on its own leaves', () => {
    fc.assert(
      fc.property(anyLayers, anyLayer, (layers, lowest) => {
        const merged = mergeLayers([...layers, lowest], 'deep');
        for (const { path, value } of leavesOf(lowest)) {
          if (isUnset(value)) expect(valueAt(merged, path)).toBeUndefined();
          else if (isJsonObject(value)) expect(isJsonObject(valueAt(merged, path))).toBe(true);
          else expect(valueAt(merged, path)).toEqual(value);
        }
      }),
    );
  });
});

describe('explainLayers', () => {
  it('gives the value of mergeLayers and exactly its leaves', () => {
    fc.assert(
      fc.property(anyLayers, anyStrategy, (layers, strategy) => {
        const merged = mergeLayers(layers, strategy);
        const explained = explainLayers(
          layers.map((value, origin) => ({ value, origin })),
          strategy,
        );
        expect(JSON.stringify(explained.value)).toBe(JSON.stringify(merged));
        expect(explained.leaves.map(({ path, value }) => ({ path, value }))).toEqual(
          merged === undefined ? [] : leavesOf(merged),
        );
      }),
    );
  });

  it('names a layer that has the value of the leaf, and none below it says anything about it', () => {
    fc.assert(
      fc.property(anyLayers, anyStrategy, (layers, strategy) => {
        const { leaves } = explainLayers(
          layers.map((value, origin) => ({ value, origin })),
          strategy,
        );
        for (const { path, value, origin } of leaves) {
          const said = valueAt(layers[origin], path);
          if (isJsonObject(value)) expect(isJsonObject(said)).toBe(true);
          else expect(said).toEqual(value);
          for (const lower of layers.slice(origin + 1)) expect(candidateAt(lower, path)).toBeUndefined();
        }
      }),
    );
  });

  it('keeps the value when the origin of a leaf is known by anything', () => {
    const { leaves } = explainLayers([{ value: { a: 1 }, origin: { scope: 'global', version: 'f00d' } }], 'deep');
    expect(leaves[0]?.origin).toEqual({ scope: 'global', version: 'f00d' });
  });
});

describe('candidateAt', () => {
  it.each<[string, JsonValue, (string | number)[], JsonValue | undefined]>([
    ['the whole layer', { a: 1 }, [], { a: 1 }],
    ['the value at the path', { a: { b: 0 } }, ['a', 'b'], 0],
    ['an object at the path', { a: { b: 0 } }, ['a'], { b: 0 }],
    ['nothing at the path', { a: { c: 1 } }, ['a', 'b'], undefined],
    ['nothing, not an inherited member', {}, ['toString'], undefined],
    ['a scalar above the path', { a: null }, ['a', 'b', 'c'], null],
    ['an array above the path', { a: [1] }, ['a', 'b'], [1]],
    ['a marker above the path', { a: { $unset: true } }, ['a', 'b'], { $unset: true }],
    ['a marker as the layer', { $unset: true }, ['a', 'b'], { $unset: true }],
    ['an array that holds the item of the path', { a: [1, 2] }, ['a', 5], [1, 2]],
    ['an object in place of the array of the path', { a: { 0: 1 } }, ['a', 0], { 0: 1 }],
    ['nothing in place of the array of the path', { b: 1 }, ['a', 0], undefined],
  ])('%s', (_, layer, path, expected) => {
    expect(candidateAt(layer, path)).toEqual(expected);
  });
});

describe('valueAt', () => {
  const value: JsonValue = { a: { '0': 'property', '': null }, list: ['item', [false]] };

  it.each<[(string | number)[], JsonValue | undefined]>([
    [[], value],
    [['a', '0'], 'property'],
    [['a', 0], undefined],
    [['a', ''], null],
    [['list', 0], 'item'],
    [['list', '0'], undefined],
    [['list', 1, 0], false],
    [['list', 2], undefined],
    [['list', 'length'], undefined],
    [['list', 0, 'length'], undefined],
    [['toString'], undefined],
    [['a', '', 'x'], undefined],
  ])('%j', (path, expected) => {
    expect(valueAt(value, path)).toEqual(expected);
  });

  it('finds nothing in no value', () => {
    expect(valueAt(undefined, [])).toBeUndefined();
    expect(valueAt(undefined, ['a'])).toBeUndefined();
  });
});

describe('leavesOf', () => {
  it('lists scalars, whole arrays, empty objects and markers in the order of the value', () => {
    expect(leavesOf({ z: 0, a: { b: null, c: {} }, d: [{ e: 1 }], f: { $unset: true } })).toEqual([
      { path: ['z'], value: 0 },
      { path: ['a', 'b'], value: null },
      { path: ['a', 'c'], value: {} },
      { path: ['d'], value: [{ e: 1 }] },
      { path: ['f'], value: { $unset: true } },
    ]);
  });

  it.each<JsonValue>([0, '', null, false, [], {}, { $unset: true }])('takes %j as one leaf', (value) => {
    expect(leavesOf(value)).toEqual([{ path: [], value }]);
  });

  it('covers a value: putting its leaves together gives it back', () => {
    fc.assert(
      fc.property(fc.dictionary(anyName, anyJson, { maxKeys: 4, noNullPrototype: true }), (value) => {
        const layers = leavesOf(value).map(({ path, value: leaf }) =>
          path.reduceRight<JsonValue>((held, step) => ({ [step]: held }), leaf),
        );
        expect(mergeLayers(layers, 'deep')).toEqual(value);
      }),
    );
  });
});
