import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply, findUnlinearizable, isLinearizable } from './checker.ts';
import type { Action, Held, Operation, StoredVersion, ToldOperation } from './history.ts';
import { findOrderViolations } from './revision-order.ts';

const set = (value: string): Action => ({ kind: 'set', value });
const get = (value: Held): Action => ({ kind: 'get', value });
const remove = (isApplied: boolean): Action => ({ kind: 'delete', isApplied });
const cas = (expected: Held, value: string, isApplied = true): Action => ({ kind: 'cas', expected, value, isApplied });

/** Operations of one key from `[action, start, end]`. */
function operations(...told: readonly (readonly [Action, number, number])[]): Operation[] {
  return told.map(([action, start, end]) => ({ key: 'k', action, start, end }));
}

describe('a history is linearizable', () => {
  it.each<[string, Operation[]]>([
    ['that is empty', []],
    [
      'of one after the other',
      operations([get(null), 0, 1], [set('a'), 2, 3], [get('a'), 4, 5], [remove(true), 6, 7], [get(null), 8, 9]),
    ],
    [
      'whose reads see a write under way, or do not yet',
      operations([set('a'), 0, 9], [get(null), 1, 2], [get('a'), 3, 4]),
    ],
    [
      'whose writes at once come in either order',
      operations([set('a'), 0, 9], [set('b'), 0, 9], [get('b'), 10, 11], [get('b'), 12, 13]),
    ],
    [
      'with a replacement of what was there',
      operations([set('a'), 0, 1], [cas('a', 'b'), 2, 3], [cas('a', 'c', false), 4, 5], [get('b'), 6, 7]),
    ],
    ['with a refused removal of nothing', operations([remove(false), 0, 1], [cas(null, 'a'), 2, 3], [get('a'), 4, 5])],
    [
      'whose unknown write happened',
      operations([set('a'), 0, 1], [set('b'), 2, Infinity], [get('a'), 3, 4], [get('b'), 90, 91]),
    ],
    ['whose unknown write never happened', operations([set('a'), 0, 1], [set('b'), 2, Infinity], [get('a'), 90, 91])],
    [
      'whose unknown replacement changed nothing',
      operations([set('a'), 0, 1], [cas('x', 'b'), 2, Infinity], [get('a'), 90, 91]),
    ],
  ])('%s', (_, history) => {
    expect(isLinearizable(history)).toBe(true);
  });

  it.each<[string, Operation[]]>([
    ['that reads what was never written', operations([get('a'), 0, 1])],
    ['with a stale read', operations([set('a'), 0, 1], [set('b'), 2, 3], [get('a'), 4, 5])],
    ['with a lost write', operations([set('a'), 0, 1], [get(null), 2, 3])],
    ['whose reads go back', operations([set('a'), 0, 1], [set('b'), 2, 20], [get('b'), 4, 5], [get('a'), 6, 7])],
    [
      'whose two readers see two orders',
      operations([set('a'), 0, 9], [set('b'), 0, 9], [get('a'), 10, 11], [get('b'), 12, 13]),
    ],
    ['with a lost update', operations([set('a'), 0, 1], [cas('a', 'b'), 2, 9], [cas('a', 'c'), 2, 9])],
    ['with a refusal for no reason', operations([set('a'), 0, 1], [cas('a', 'b', false), 2, 3])],
    ['with a removal of nothing', operations([remove(true), 0, 1])],
    ['whose unknown write happened before its call', operations([get('a'), 0, 1], [set('a'), 2, Infinity])],
    [
      'whose unknown write happened twice',
      operations([set('a'), 0, Infinity], [set('b'), 1, 2], [get('a'), 3, 4], [set('c'), 5, 6], [get('a'), 7, 8]),
    ],
  ])('but not one %s', (_, history) => {
    expect(isLinearizable(history)).toBe(false);
  });

  it('when each key is, by itself', () => {
    const good = operations([set('a'), 0, 1], [get('a'), 2, 3]);
    const bad = operations([set('a'), 0, 1], [get(null), 2, 3]).map((one) => ({ ...one, key: 'bad' }));
    expect(findUnlinearizable([...good, ...bad])).toEqual(['bad']);
  });
});

/** Tries every order of every choice of the operations without an answer. */
function bruteForce(left: readonly Operation[], held: Held = null): boolean {
  if (left.every(({ end }) => end === Infinity)) return true;
  return left.some((one) => {
    if (left.some((other) => other.end < one.start)) return false;
    const after = apply(held, one.action, one.end === Infinity);
    return (
      after !== undefined &&
      bruteForce(
        left.filter((other) => other !== one),
        after,
      )
    );
  });
}

const value = fc.constantFrom('a', 'b');
const held = fc.option(value, { nil: null });
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  held.map(get),
  value.map(set),
  fc.boolean().map(remove),
  fc.tuple(held, value, fc.boolean()).map(([expected, to, isApplied]) => cas(expected, to, isApplied)),
);
const anyOperation = fc
  .tuple(anyAction, fc.nat(8), fc.nat(6), fc.boolean())
  .map(([action, start, length, isUnknown]): Operation => ({
    key: 'k',
    action,
    start,
    end: isUnknown && action.kind !== 'get' ? Infinity : start + length + 0.5,
  }));

describe('the checker', () => {
  it('judges small histories as trying every order does', () => {
    const verdicts = { yes: 0, no: 0 };
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 7 }), (history) => {
        const verdict = bruteForce(history);
        verdicts[verdict ? 'yes' : 'no'] += 1;
        expect(isLinearizable(history)).toBe(verdict);
      }),
      { numRuns: 5000 },
    );
    expect(Math.min(verdicts.yes, verdicts.no)).toBeGreaterThan(100);
  });

  it('accepts what a register did, however the calls around it overlap, and tells one stale read', () => {
    const steps = fc.array(fc.tuple(fc.nat(3), held, fc.double({ min: 0, max: 4, noNaN: true })), {
      minLength: 60,
      maxLength: 120,
    });
    fc.assert(
      fc.property(steps, (choices) => {
        let now: Held = null;
        const history = choices.map(([choice, expected, slack], at): Operation => {
          const written = `v${String(at)}`;
          const isApplied = choice === 2 ? now !== null : expected === now;
          const action =
            choice === 0
              ? get(now)
              : choice === 1
                ? set(written)
                : choice === 2
                  ? remove(isApplied)
                  : cas(expected, written, isApplied);
          now = apply(now, action, false) ?? null;
          return { key: 'k', action, start: at - slack, end: at + slack + 0.001 };
        });
        expect(isLinearizable(history)).toBe(true);
        const end = choices.length + 10;
        const late = operations([set('x'), end, end + 1], [set('y'), end + 2, end + 3], [get('x'), end + 4, end + 5]);
        expect(isLinearizable([...history, ...late])).toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});

const told = (operation: Partial<ToldOperation> & Pick<ToldOperation, 'action' | 'start' | 'end'>): ToldOperation => ({
  key: 'k',
  client: 'c',
  process: 'p',
  revision: undefined,
  ...operation,
});
const asked = (minRevision: number | undefined, age = 0): NonNullable<ToldOperation['read']> => ({
  minRevision,
  age,
  stale: false,
});
const stored: StoredVersion[] = [
  { key: 'k', revision: 1, value: 'a' },
  { key: 'l', revision: 2, value: 'l' },
  { key: 'k', revision: 3, value: 'b' },
  { key: 'k', revision: 4, value: null },
];

describe('the order of revisions', () => {
  const sound = [
    told({ action: set('a'), start: 0, end: 1, revision: 1 }),
    told({ action: set('l'), start: 2, end: 3, revision: 2, key: 'l' }),
    told({ action: cas('a', 'b'), start: 4, end: 5, revision: 3 }),
    told({ action: get('b'), start: 6, end: 7, revision: 3, read: asked(3) }),
    told({ action: remove(true), start: 8, end: 9, revision: 4 }),
    told({ action: get(null), start: 10, end: 11, revision: 4, read: asked(undefined) }),
    told({ action: get('a'), start: 12, end: 13, revision: 2, read: asked(undefined, 9), process: 'q', client: 'd' }),
    told({ action: set('z'), start: 12, end: Infinity }),
  ];

  it('is kept by a history that keeps it', () => {
    expect(findOrderViolations(sound, stored)).toEqual([]);
  });

  it.each<[string, ToldOperation]>([
    ['a lost write', told({ action: set('z'), start: 14, end: 15, revision: 5 })],
    ['a write over something else than was expected', told({ action: cas('x', 'b'), start: 4, end: 5, revision: 3 })],
    ['a removal of nothing', told({ action: remove(true), start: -2, end: -1, revision: 0 })],
    [
      'a read of what was not there at its revision',
      told({ action: get('a'), start: 6, end: 7, revision: 3, read: asked(3), process: 'q' }),
    ],
    ['a read older than it was asked for', told({ action: get('b'), start: 6, end: 7, revision: 3, read: asked(4) })],
    ['a write before one that had ended', told({ action: set('a'), start: 6, end: 7, revision: 1, client: 'd' })],
    [
      'a client saw something older',
      told({ action: get('b'), start: 12, end: 13, revision: 3, read: asked(3), process: 'q' }),
    ],
    [
      'a process went back',
      told({ action: get('b'), start: 12, end: 13, revision: 3, read: asked(undefined, 99), client: 'd' }),
    ],
    [
      'a read older than it says',
      told({ action: get('a'), start: 12, end: 13, revision: 2, read: asked(undefined, 6), client: 'd', process: 'q' }),
    ],
  ])('is broken by %s', (problem, operation) => {
    expect(findOrderViolations([...sound, operation], stored).join('\n')).toContain(problem);
  });
});
