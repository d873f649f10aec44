import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyJson, anyLayer } from '../../../test/json-arbitraries.ts';
import { readSpec } from '../../../test/spec-cases.ts';
import { sameJson } from './diff.ts';
import { isJsonObject, parseJsonValue, setProperty, type JsonValue } from './json.ts';
import { leavesOf, parseLayer, valueAt } from './merge.ts';
import { formatPath, isWithin } from './path.ts';
import { rebase, type RebaseConflict } from './rebase.ts';

interface RebaseCase {
  readonly name: string;
  readonly base?: JsonValue;
  readonly changed?: JsonValue;
  readonly current?: JsonValue;
  readonly value?: JsonValue;
  readonly conflicts: readonly string[];
}

type State = JsonValue | undefined;

const { cases } = readSpec<{ cases: RebaseCase[] }>('rebase');

/** A layer or none. */
const anyState: fc.Arbitrary<State> = fc.option(anyLayer, { nil: undefined });

const smallLeaf = fc.constantFrom<JsonValue[]>(0, 1, [], {}, { $unset: true });
const objectOf = (value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonValue> =>
  fc.dictionary(fc.constantFrom('a', 'b', 'c'), value, { maxKeys: 3, noNullPrototype: true });
/** Objects of few names with few values, so that the three states often agree and often differ in one leaf. */
const smallLayer = fc.oneof(smallLeaf, { weight: 5, arbitrary: objectOf(fc.oneof(smallLeaf, objectOf(smallLeaf))) });

const anyStates: fc.Arbitrary<[State, State, State]> = fc.oneof(
  fc.tuple(anyState, anyState, anyState),
  fc.tuple(smallLayer, smallLayer, smallLayer),
);

const pathsOf = (conflicts: readonly RebaseConflict[]) => conflicts.map(({ path }) => formatPath(path));

const leavesOfState = (state: State) => (state === undefined ? [] : leavesOf(state));

/** Whether a state says at a leaf's path what the leaf says; an empty object is said by any object. */
function has(state: State, leaf: { path: readonly (string | number)[]; value: JsonValue }): boolean {
  const there = valueAt(state, leaf.path);
  return sameJson(there, leaf.value) || (sameJson(leaf.value, {}) && isJsonObject(there));
}

describe('spec/rebase.json', () => {
  it.each(cases)('$name', ({ base, changed, current, value, conflicts }) => {
    const rebased = rebase(base, changed, current);
    expect(rebased.value).toEqual(value);
    expect(pathsOf(rebased.conflicts)).toEqual(conflicts);
  });

  it.each(cases)(
    'the other way round, the same parts are in dispute: $name',
    ({ base, changed, current, ...found }) => {
      const rebased = rebase(base, current, changed);
      expect(pathsOf(rebased.conflicts).sort()).toEqual([...found.conflicts].sort());
      if (found.conflicts.length === 0) expect(rebased.value).toEqual(found.value);
    },
  );

  it('has cases with names of their own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    expect(cases.length).toBeGreaterThanOrEqual(70);
  });
});

describe('rebase', () => {
  it('gives the change where nothing else happened, and leaves things alone where nothing changed', () => {
    fc.assert(
      fc.property(anyState, anyState, (a, b) => {
        expect(rebase(a, b, a)).toEqual({ value: b, conflicts: [] });
        expect(rebase(a, a, b)).toEqual({ value: b, conflicts: [] });
        expect(rebase(a, b, b)).toEqual({ value: b, conflicts: [] });
      }),
    );
  });

  it('finds the same conflicts from either side, and without any the same value', () => {
    fc.assert(
      fc.property(anyStates, ([base, one, other]) => {
        const there = rebase(base, one, other);
        const back = rebase(base, other, one);
        expect(pathsOf(back.conflicts).sort()).toEqual(pathsOf(there.conflicts).sort());
        if (there.conflicts.length === 0) expect(back.value).toEqual(there.value);
      }),
      { numRuns: 1000 },
    );
  });

  it('applies edits of different properties in either order', () => {
    const sideOf = (name: string) => (name < 'b' ? 'left' : 'right');
    const edit = fc.dictionary(fc.constantFrom('a', 'aa', 'b', 'bb'), anyJson, { noNullPrototype: true });
    fc.assert(
      fc.property(edit, edit, edit, (base, left, right) => {
        const only = (changes: typeof left, side: string) =>
          Object.fromEntries([
            ...Object.entries(base).filter(([name]) => sideOf(name) !== side),
            ...Object.entries(changes).filter(([name]) => sideOf(name) === side),
          ]);
        const both = Object.fromEntries([
          ...Object.entries(left).filter(([name]) => sideOf(name) === 'left'),
          ...Object.entries(right).filter(([name]) => sideOf(name) === 'right'),
        ]);
        expect(rebase(base, only(left, 'left'), only(right, 'right'))).toEqual({ value: both, conflicts: [] });
        expect(rebase(base, only(right, 'right'), only(left, 'left'))).toEqual({ value: both, conflicts: [] });
      }),
    );
  });

  it('without conflicts keeps whatever either side set, and brings back nothing that either side removed', () => {
    let clean = 0;
    fc.assert(
      fc.property(anyStates, ([base, changed, current]) => {
        const { value, conflicts } = rebase(base, changed, current);
        if (conflicts.length > 0) return;
        clean += 1;
        for (const side of [changed, current]) {
          for (const leaf of leavesOfState(side).filter((set) => !has(base, set))) expect(has(value, leaf)).toBe(true);
          for (const { path } of leavesOfState(base)) {
            if (valueAt(side, path) === undefined) expect(valueAt(value, path)).toBeUndefined();
          }
        }
        for (const leaf of leavesOfState(value).filter((found) => !sameJson(found.value, {}))) {
          expect(has(changed, leaf) || has(current, leaf)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
    expect(clean).toBeGreaterThan(50);
  });

  it('keeps the current value of each conflict and tells the three states of it', () => {
    let disputed = 0;
    fc.assert(
      fc.property(anyStates, ([base, changed, current]) => {
        const { value, conflicts } = rebase(base, changed, current);
        for (const conflict of conflicts) {
          disputed += 1;
          expect(valueAt(value, conflict.path)).toEqual(valueAt(current, conflict.path));
          expect(conflict.base).toEqual(valueAt(base, conflict.path));
          expect(conflict.changed).toEqual(valueAt(changed, conflict.path));
          expect(conflict.current).toEqual(valueAt(current, conflict.path));
          expect('base' in conflict).toBe(conflict.base !== undefined);
          expect('changed' in conflict).toBe(conflict.changed !== undefined);
          expect('current' in conflict).toBe(conflict.current !== undefined);
        }
        const nested = conflicts.some((a) => conflicts.some((b) => a !== b && isWithin(a.path, b.path)));
        expect(nested).toBe(false);
      }),
      { numRuns: 1000 },
    );
    expect(disputed).toBeGreaterThan(50);
  });

  it('makes a layer that can be stored', () => {
    fc.assert(
      fc.property(anyStates, ([base, changed, current]) => {
        const { value } = rebase(base, changed, current);
        if (value !== undefined) expect(parseLayer(parseJsonValue(value))).toEqual(value);
      }),
    );
  });

  it('keeps the order of the current properties; new ones follow', () => {
    const { value } = rebase({ x: 1, b: 1 }, { new: 1, x: 1, b: 2 }, { b: 1, x: 2 });
    expect(Object.keys(value as object)).toEqual(['b', 'x', 'new']);
  });

  it('takes __proto__ for a name like any other, and sets no prototype', () => {
    const withProto = (value: JsonValue, other: JsonValue) => {
      const object: Record<string, JsonValue> = { other };
      setProperty(object, '__proto__', value);
      return object;
    };
    const { value, conflicts } = rebase({ other: 1 }, withProto({ admin: true }, 1), { other: 2 });
    expect(conflicts).toEqual([]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { admin?: boolean }).admin).toBeUndefined();
    expect(Object.hasOwn(value as object, '__proto__')).toBe(true);
    expect(pathsOf(rebase(withProto(1, 1), withProto(2, 1), withProto(3, 1)).conflicts)).toEqual(['__proto__']);
  });

  it('leaves what it was given as it was, and freezes what it makes', () => {
    const states = [{ a: { b: 1, c: 1 } }, { a: { b: 2, c: 1 } }, { a: { b: 1, c: 2 } }] as const;
    const before = JSON.stringify(states);
    const { value } = rebase(...states);
    expect(JSON.stringify(states)).toBe(before);
    expect(Object.isFrozen(value)).toBe(true);
    expect(Object.isFrozen(valueAt(value, ['a']))).toBe(true);
  });
});
