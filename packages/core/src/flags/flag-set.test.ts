import { describe, expect, it } from 'vitest';
import { flagSetOf, linearPatterns } from '../../../../test/flag-sets.ts';
import { readSpec } from '../../../../test/spec-cases.ts';
import type { JsonValue } from '../json.ts';
import { compileCondition } from './condition.ts';
import type { FeatureFlag, FlagCondition, FlagContext, FlagEvaluation, FlagSegment } from './flag.ts';

interface EvaluateTable {
  readonly conditions: { name: string; condition: FlagCondition; context: FlagContext; holds: boolean }[];
  readonly evaluations: {
    readonly name: string;
    readonly flag: FeatureFlag;
    readonly flags?: FeatureFlag[];
    readonly segments?: FlagSegment[];
    readonly now?: string;
    readonly context: FlagContext;
    readonly result: Omit<FlagEvaluation, 'flag'>;
  }[];
}

const { conditions, evaluations } = readSpec<EvaluateTable>('evaluate');

describe('spec/evaluate.json', () => {
  it.each(conditions)('$name', ({ condition, context, holds }) => {
    const compiled = compileCondition(condition, linearPatterns);
    if (!('holds' in compiled)) throw new Error(JSON.stringify(compiled));
    expect(compiled.holds(context)).toBe(holds);
  });

  it.each(evaluations)('$name', ({ flag, flags = [], segments = [], now, context, result }) => {
    const set = flagSetOf([flag, ...flags], segments, now);
    const { errorMessage, ...evaluation } = set.evaluate(flag.name, context);
    expect(evaluation).toEqual({ flag: flag.name, ...result });
    expect(errorMessage === undefined).toBe(result.errorCode === undefined);
    expect(set.explain(flag.name, context).evaluation).toEqual({ ...evaluation, errorMessage });
  });
});

describe('a set of flags', () => {
  const set = flagSetOf([
    { name: 'a', enabled: true },
    { name: 'b', enabled: false },
    { name: 'gone', enabled: true, archived: true },
  ]);

  it.each(['missing', 'constructor', '__proto__', 'toString', ''])('has no flag %j', (name) => {
    expect(set.evaluate(name, {})).toMatchObject({ flag: name, value: false, on: false, reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' }); // prettier-ignore
    expect(set.evaluate(name, {}, 'mine')).toMatchObject({ value: 'mine', on: false, errorCode: 'FLAG_NOT_FOUND' });
    expect(set.explain(name, {})).toMatchObject({ evaluation: { errorCode: 'FLAG_NOT_FOUND' } });
  });

  it('takes any name and any context', () => {
    const garbage: unknown[] = [null, undefined, 5, Symbol('s'), [], new Map(), () => 1, Object.create(null), 10n];
    for (const name of garbage)
      for (const context of garbage)
        expect(set.evaluate(name as string, context as FlagContext)).toMatchObject({ errorCode: 'FLAG_NOT_FOUND' });
    expect(set.evaluate('a')).toMatchObject({ on: true });
  });

  it('evaluates all that are not archived', () => {
    expect([...set.evaluateAll({ userId: 'u' })].map(([name, { on }]) => [name, on])).toEqual([
      ['a', true],
      ['b', false],
    ]);
  });

  it('hands out the same frozen result each time', () => {
    const flag: FeatureFlag = { name: 'v', enabled: true, variants: { on: { deep: [1] }, off: null }, rolloutPercentage: 50 }; // prettier-ignore
    const variants = flagSetOf([flag]);
    const results = Array.from({ length: 100 }, (_, index) => variants.evaluate('v', { userId: index }));
    expect(new Set(results).size).toBe(2);
    for (const { value } of results) expect(isFrozen(value)).toBe(true);
  });
});

function isFrozen(value: JsonValue): boolean {
  return (
    Object.isFrozen(value) && (typeof value !== 'object' || value === null || Object.values(value).every(isFrozen))
  );
}

describe('contexts that fight back', () => {
  const flag: FeatureFlag = {
    name: 'f',
    enabled: true,
    conditions: [{ attribute: 'role', operator: 'equals', value: 'a' }],
  };
  const set = flagSetOf([flag]);
  const failing = (): never => {
    throw new Error('no');
  };

  it.each<[string, unknown]>([
    ['a getter that throws', { attributes: { get role() { return failing(); } } }], // prettier-ignore
    ['attributes that throw', { get attributes() { return failing(); } }], // prettier-ignore
    ['a proxy that refuses everything', new Proxy({}, { get: failing, has: failing, getPrototypeOf: failing })],
    ['a proxy that was revoked', revoked()],
  ])('%s', (_, context) => {
    const evaluation = set.evaluate('f', context as FlagContext);
    expect(evaluation).toMatchObject({ on: false, reason: 'ERROR', errorCode: 'INVALID_CONTEXT' });
    expect(set.explain('f', context as FlagContext)).toMatchObject({ evaluation, decidedBy: 'error' });
  });

  it.each<[string, unknown]>([
    ['a function', () => 'a'],
    ['a symbol', Symbol('a')],
    ['a wrapped text', Object('a')],
    ['an object that turns into the text', { toString: () => 'a', valueOf: () => 'a' }],
    ['not a number', Number.NaN],
  ])('%s is not taken for a text', (_, role) => {
    expect(set.evaluate('f', { attributes: { role } })).toMatchObject({ on: false, reason: 'DEFAULT' });
  });

  function revoked(): unknown {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }
});

describe('the examples of two conditions', () => {
  const set = flagSetOf([
    {
      name: 'advanced-analytics',
      enabled: true,
      rolloutPercentage: 100,
      conditions: [
        { attribute: 'attributes.role', operator: 'in', values: ['Admin', 'Analyst', 'FleetManager'] },
        { attribute: 'attributes.tier', operator: 'equals', value: 'enterprise' },
      ],
      description: 'Advanced analytics dashboard',
    },
  ]);

  it.each([
    ['Analyst', 'enterprise', true],
    ['Driver', 'basic', false],
    ['Driver', 'enterprise', false],
    ['Analyst', 'basic', false],
  ])('%s, %s: %s', (role, tier, expected) => {
    expect(set.evaluate('advanced-analytics', { userId: 'u', attributes: { role, tier } }).on).toBe(expected);
  });
});
