import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf, errorOf } from '../../../test/expectations.ts';
import { anyJson, anyLayer } from '../../../test/json-arbitraries.ts';
import { readSpec } from '../../../test/spec-cases.ts';
import { canonicalJson } from './canonical.ts';
import { applyDiff, diff, sameJson, type Diff } from './diff.ts';
import { parseJsonValue, type JsonValue } from './json.ts';
import { valueAt } from './merge.ts';
import { parsePath } from './path.ts';

interface DiffCase {
  readonly name: string;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  readonly changes: readonly Diff[];
}

interface RefusedChanges {
  readonly name: string;
  readonly value?: JsonValue;
  readonly changes: readonly Diff[];
}

const spec = readSpec<{ cases: DiffCase[]; refused: RefusedChanges[] }>('diff');

/** A value, or no value at all. */
const anyState = fc.option(anyLayer, { nil: undefined });

/** Two values that have much in common, or nothing at all. */
const anyChange = fc.oneof(
  fc.tuple(anyState, anyState),
  fc
    .tuple(fc.array(anyJson, { maxLength: 5 }), fc.array(anyJson, { maxLength: 3 }), fc.nat(5))
    .map(([items, added, kept]): [JsonValue, JsonValue] => [items, [...items.slice(0, kept), ...added]]),
  fc.tuple(anyJson, anyJson, anyJson).map(([shared, a, b]): [JsonValue, JsonValue] => [
    { shared, list: [shared, a], x: a },
    { list: [shared, b], shared, y: b },
  ]),
);

describe('spec/diff.json', () => {
  it.each(spec.cases)('$name', ({ before, after, changes }) => {
    expect(diff(before, after)).toEqual(changes);
  });

  it.each(spec.cases)('applied: $name', ({ before, after, changes }) => {
    expect(sameJson(applyDiff(before, changes), after)).toBe(true);
  });

  it.each(spec.refused)('refuses $name', ({ value, changes }) => {
    const given = value === undefined ? undefined : parseJsonValue(value);
    expect(codeOf(() => applyDiff(given, changes))).toBe('invalid_argument');
  });

  it('has cases with names of their own', () => {
    const names = [...spec.cases, ...spec.refused].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(spec.cases.length).toBeGreaterThanOrEqual(60);
  });
});

describe('diff', () => {
  it('is empty exactly for values that are the same', () => {
    fc.assert(
      fc.property(anyChange, ([before, after]) => {
        expect(diff(before, after).length === 0).toBe(sameJson(before, after));
        expect(diff(before, before)).toEqual([]);
      }),
    );
  });

  it('tells the old value of what it names, and keeps presence apart from null', () => {
    fc.assert(
      fc.property(anyChange, ([before, after]) => {
        for (const change of diff(before, after)) {
          expect(change.oldValue).toEqual(valueAt(before, parsePath(change.path)));
          expect('oldValue' in change).toBe(change.operation !== 'add');
          expect('newValue' in change).toBe(change.operation !== 'delete');
        }
      }),
    );
  });

  it('does not depend on the order of properties', () => {
    expect(diff({ b: 1, a: { d: 1, c: 1 } }, { c: 1, a: { d: 2 } })).toEqual(
      diff({ a: { c: 1, d: 1 }, b: 1 }, { a: { d: 2 }, c: 1 }),
    );
  });
});

describe('applyDiff', () => {
  it('leads from one value to the other', () => {
    fc.assert(
      fc.property(anyChange, ([before, after]) => {
        expect(applyDiff(before, diff(before, after))).toEqual(after);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves the given value and changes as they were', () => {
    fc.assert(
      fc.property(anyChange, ([before, after]) => {
        const changes = diff(before, after);
        const texts = [JSON.stringify(before), JSON.stringify(changes)];
        applyDiff(before, changes);
        expect([JSON.stringify(before), JSON.stringify(changes)]).toEqual(texts);
      }),
    );
  });

  it('applies later changes to what earlier ones put there', () => {
    const part = parseJsonValue({ c: [1] });
    const changes: Diff[] = [
      { path: 'a', operation: 'add', newValue: part },
      { path: 'a.c[1]', operation: 'add', newValue: 2 },
      { path: 'a.c[0]', operation: 'modify', oldValue: 1, newValue: 0 },
    ];
    expect(applyDiff({}, changes)).toEqual({ a: { c: [0, 2] } });
    expect(part).toEqual({ c: [1] });
  });

  it('shares what it does not change, and freezes what it makes', () => {
    const before = parseJsonValue({ a: { b: 1 }, c: { d: [1] } });
    const after = applyDiff(before, [{ path: 'c.d[1]', operation: 'add', newValue: 2 }]);
    expect(valueAt(after, ['a'])).toBe(valueAt(before, ['a']));
    for (const path of [[], ['c'], ['c', 'd']]) expect(Object.isFrozen(valueAt(after, path))).toBe(true);
  });

  it('sets no prototype', () => {
    const after = applyDiff({}, [{ path: '__proto__', operation: 'add', newValue: { admin: true } }]);
    expect(Object.getPrototypeOf(after)).toBe(Object.prototype);
    expect((after as { admin?: boolean }).admin).toBeUndefined();
  });

  it('names the path and no value when a change does not fit, since values may be secret', () => {
    const refusal = errorOf(() =>
      applyDiff({ a: 'secret-1' }, [{ path: 'a', operation: 'modify', oldValue: 'secret-2', newValue: 'secret-3' }]),
    );
    expect(refusal).toMatchObject({ message: expect.stringContaining('the change at a does not fit') as string });
    expect(String(refusal)).not.toContain('secret');
  });
});

describe('sameJson', () => {
  it('agrees with canonical JSON', () => {
    fc.assert(
      fc.property(anyChange, ([a, b]) => {
        const text = (value: JsonValue | undefined) => (value === undefined ? undefined : canonicalJson(value));
        expect(sameJson(a, b)).toBe(text(a) === text(b));
      }),
    );
  });

  it.each<[JsonValue | undefined, JsonValue | undefined, boolean]>([
    [undefined, undefined, true],
    [undefined, null, false],
    [0, -0, true],
    [0, false, false],
    ['', null, false],
    [[], {}, false],
    [{}, [], false],
    [['x'], { 0: 'x' }, false],
    [{ a: 1 }, { b: 1 }, false],
    [{}, { a: 1 }, false],
    [{ toString: 1 }, { a: 1 }, false],
    [[1, 2], [1], false],
    [{ a: 1, b: [{ c: 1, d: 2 }] }, { b: [{ d: 2, c: 1 }], a: 1 }, true],
  ])('%j and %j: %s', (a, b, expected) => {
    expect(sameJson(a, b)).toBe(expected);
    expect(sameJson(b, a)).toBe(expected);
  });
});
