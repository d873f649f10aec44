import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyLayer } from '../../../test/json-arbitraries.ts';
import { sameJson } from './diff.ts';
import { isJsonArray, type JsonValue } from './json.ts';
import { touches } from './lock.ts';
import { leavesOf, mergeLayers, valueAt } from './merge.ts';
import type { Path } from './path.ts';

describe('touches', () => {
  it.each<[string, JsonValue | undefined, Path, boolean]>([
    ['an absent layer', undefined, [], false],
    ['an absent layer, of a part', undefined, ['a'], false],
    ['a layer, of the whole value', { b: 1 }, [], true],
    ['an empty layer, of the whole value', {}, [], true],
    ['the locked property', { a: 1 }, ['a'], true],
    ['the locked property with null', { a: null }, ['a'], true],
    ['the locked property with a falsy value', { a: false }, ['a'], true],
    ['another property', { b: 1 }, ['a'], false],
    ['a property inside the locked one', { a: { b: 1 } }, ['a'], true],
    ['an empty object in place of the locked one', { a: {} }, ['a'], true],
    ['a sibling of the locked property', { a: { c: 1 } }, ['a', 'b'], false],
    ['a scalar in place of what holds the locked property', { a: 1 }, ['a', 'b'], true],
    ['null in place of what holds it', { a: null }, ['a', 'b'], true],
    ['an array in place of what holds it', { a: [] }, ['a', 'b'], true],
    ['a marker in place of the locked property', { a: { $unset: true } }, ['a'], true],
    ['a marker in place of what holds it', { a: { $unset: true } }, ['a', 'b', 'c'], true],
    ['a marker as the layer', { $unset: true }, ['a'], true],
    ['a marker beside it', { b: { $unset: true } }, ['a'], false],
    ['a scalar as the layer', 5, ['a'], true],
    ['null as the layer', null, ['a'], true],
    ['the array of the locked item, even with that item', { a: [1] }, ['a', 0], true],
    ['an object in place of the array of the locked item', { a: { b: 1 } }, ['a', 0], true],
    ['a sibling of the array of the locked item', { b: 1 }, ['a', 0], false],
    ['no property called toString', { a: 1 }, ['toString'], false],
    ['a property called toString', { toString: 1 }, ['toString'], true],
  ])('%s', (_, layer, path, expected) => {
    expect(touches(layer, path, 'deep')).toBe(expected);
  });

  it('is true of any layer where layers replace each other', () => {
    expect(touches({ b: 1 }, ['a'], 'replace')).toBe(true);
    expect(touches({}, ['a', 'b'], 'replace')).toBe(true);
    expect(touches(undefined, ['a'], 'replace')).toBe(false);
  });

  it('is true of every layer that changes a locked part of what it inherits', () => {
    fc.assert(
      fc.property(
        anyLayer,
        anyLayer,
        fc.constantFrom<('deep' | 'replace')[]>('deep', 'replace'),
        (upper, layer, strategy) => {
          const inherited = mergeLayers([upper], strategy);
          if (inherited === undefined) return;
          const merged = mergeLayers([inherited, layer], strategy);
          for (const path of partsOf(inherited)) {
            if (!touches(layer, path, strategy)) {
              expect(sameJson(valueAt(merged, path), valueAt(inherited, path))).toBe(true);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** The paths of all leaves of a value, of what holds them, and of the items of its arrays. */
function partsOf(value: JsonValue): Path[] {
  return leavesOf(value).flatMap((leaf) => [
    ...leaf.path.map((_, index) => leaf.path.slice(0, index)),
    leaf.path,
    ...(isJsonArray(leaf.value) ? leaf.value.map((_, index) => [...leaf.path, index]) : []),
  ]);
}
