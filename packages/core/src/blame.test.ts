import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyLayer } from '../../../test/json-arbitraries.ts';
import { blameLeaves, blamePart } from './blame.ts';
import { sameJson } from './diff.ts';
import type { JsonValue } from './json.ts';
import { leavesOf, valueAt } from './merge.ts';
import { formatPath } from './path.ts';

/** A history from the values of a layer, oldest first: version 1, 2, … */
function historyOf(...values: (JsonValue | undefined)[]) {
  return values.map((value, index) => ({ value, origin: index + 1 })).reverse();
}

/** The version of each leaf, by its path. */
function versionsOf(...values: (JsonValue | undefined)[]): Record<string, number> {
  return Object.fromEntries(blameLeaves(historyOf(...values)).map(({ path, origin }) => [formatPath(path), origin]));
}

describe('blameLeaves', () => {
  it('names the version that last changed each leaf', () => {
    expect(versionsOf({ a: 1, b: 1 }, { a: 2, b: 1 }, { a: 2, b: 1, c: { d: 1 } })).toEqual({ a: 2, b: 1, 'c.d': 3 });
  });

  it('names the return of an earlier value, not its first time', () => {
    expect(versionsOf({ a: 1 }, { a: 2 }, { a: 1 })).toEqual({ a: 3 });
  });

  it('counts a deletion of the layer or of the leaf as a change', () => {
    expect(versionsOf({ a: 1 }, undefined, { a: 1 })).toEqual({ a: 3 });
    expect(versionsOf({ a: 1, b: 1 }, { b: 1 }, { a: 1, b: 1 })).toEqual({ a: 3, b: 1 });
  });

  it('tells null and other falsy values from absence', () => {
    expect(versionsOf({ a: 1 }, { a: 1, b: null, c: 0 }, { a: 1, b: null, c: '' })).toEqual({ a: 1, b: 2, c: 3 });
  });

  it('takes an array as one leaf, and the order of properties for no change', () => {
    expect(versionsOf({ a: [1, { x: 1, y: 2 }], b: 1 }, { b: 1, a: [1, { y: 2, x: 1 }] })).toEqual({ a: 1, b: 1 });
    expect(versionsOf({ a: [1, 2] }, { a: [1, 3] })).toEqual({ a: 2 });
  });

  it('takes a marker as a leaf', () => {
    expect(versionsOf({ a: 1, b: 1 }, { a: { $unset: true }, b: 1 }, { a: { $unset: true }, b: 2 })).toEqual({
      a: 2,
      b: 3,
    });
    expect(blameLeaves(historyOf({ a: { $unset: true } }))[0]?.value).toEqual({ $unset: true });
    expect(versionsOf({ $unset: true })).toEqual({ $: 1 });
  });

  it('follows a leaf through changes of type', () => {
    expect(versionsOf({ a: { b: 1 } }, { a: 5 }, { a: { b: 1 } })).toEqual({ 'a.b': 3 });
    expect(versionsOf({ a: { b: 1 } }, { a: {} })).toEqual({ a: 2 });
    expect(versionsOf(5, 5, {}, {})).toEqual({ $: 3 });
  });

  it('has no leaf after a deletion, nor without history', () => {
    expect(blameLeaves(historyOf({ a: 1 }, undefined))).toEqual([]);
    expect(blameLeaves([])).toEqual([]);
  });

  it('says which leaves need older history', () => {
    const blamed = blameLeaves(historyOf({ a: 1, b: 1 }, { a: 1, b: 2 }));
    expect(blamed).toEqual([
      { path: ['a'], value: 1, origin: 1, settled: false },
      { path: ['b'], value: 2, origin: 2, settled: true },
    ]);
  });

  it('gives settled leaves the same origin whatever older history follows, and each leaf of the newest value once', () => {
    const anyHistory = fc.array(fc.option(anyLayer, { nil: undefined }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(anyHistory, fc.nat(4), (values, cut) => {
        const history = historyOf(...values);
        const blamed = blameLeaves(history);
        const newest = history[0]?.value;
        expect(blamed.map(({ path, value }) => ({ path, value }))).toEqual(
          newest === undefined ? [] : leavesOf(newest),
        );
        for (const [index, leaf] of blameLeaves(history.slice(0, cut + 1)).entries()) {
          if (leaf.settled) expect(blamed[index]?.origin).toBe(leaf.origin);
        }
        for (const { path, value, origin, settled } of blamed) {
          expect(sameJson(valueAt(values[origin - 1], path), value)).toBe(true);
          expect(settled).toBe(!values.every((earlier) => sameJson(valueAt(earlier, path), value)));
        }
      }),
    );
  });
});

describe('blamePart', () => {
  it('blames a part that is not a leaf', () => {
    const history = historyOf(
      { a: { b: 1 }, c: 1 },
      { a: { b: 1, x: { $unset: true } }, c: 1 },
      { a: { x: { $unset: true }, b: 1 }, c: 2 },
    );
    expect(blamePart(history, ['a'])).toEqual({ origin: 2, settled: true });
    expect(blamePart(history, [])).toEqual({ origin: 3, settled: true });
  });

  it('knows nothing of a part that the newest version does not have', () => {
    expect(blamePart(historyOf({ a: 1 }, {}), ['a'])).toBeUndefined();
    expect(blamePart(historyOf({ a: 1 }, undefined), [])).toBeUndefined();
  });
});
