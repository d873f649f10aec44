import { FlagdCore } from '@openfeature/flagd-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagSetOf } from '../../../../test/flag-sets.ts';
import { rolloutSeed, splitSeed } from './bucket.ts';
import type { FeatureFlag, FlagCondition, FlagContext, FlagRule, FlagServing } from './flag.ts';

/** Salts whose seed is 0, with which flagd hashes. */
const rolloutSalt = 'aboe0MHb';
const splitSalt = 'aameJHKR';

const versions = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-beta.11', '1.0.0', '1.2.0', '1.10.0', '2.0.0'];
const texts = ['a', 'ab', 'abc', 'b', 'Ab', 'ż', '7'];
const numbers = [-1, 0, 7, 9, 10, 0.5];

/** Conditions that mean the same in both: flagd coerces, so its numbers meet numbers, and its versions versions. */
const anyCondition: fc.Arbitrary<FlagCondition> = fc.oneof(
  fc.record({ attribute: fc.constant('role'), operator: fc.constant('equals'), value: fc.constantFrom(...texts) }),
  fc.record({
    attribute: fc.constant('role'),
    operator: fc.constant('in'),
    values: fc.subarray(texts, { minLength: 1 }),
  }),
  fc.record({
    attribute: fc.constant('role'),
    operator: fc.constantFrom('contains', 'startsWith', 'endsWith'),
    value: fc.constantFrom(...texts),
  }),
  fc.record({ attribute: fc.constant('tier'), operator: fc.constant('notEquals'), value: fc.constantFrom(...texts) }),
  fc.record({
    attribute: fc.constant('tier'),
    operator: fc.constant('notIn'),
    values: fc.subarray(texts, { minLength: 1 }),
  }),
  fc.record({
    attribute: fc.constant('age'),
    operator: fc.constantFrom('gt', 'gte', 'lt', 'lte', 'equals', 'notEquals'),
    value: fc.constantFrom(...numbers),
  }),
  fc.record({
    attribute: fc.constant('version'),
    operator: fc.constantFrom('semverEquals', 'semverGt', 'semverGte', 'semverLt', 'semverLte'),
    value: fc.constantFrom(...versions),
  }),
);

const buckets = fc.oneof(fc.constantFrom(0, 50_000, 100_000), fc.nat(100_000));
const serving: fc.Arbitrary<FlagServing> = buckets.map((value) => ({ rolloutPercentage: value / 1_000 }));
const split: fc.Arbitrary<FlagServing> = buckets.map((value) => ({
  split: [
    { variant: 'a', weight: value / 1_000 },
    { variant: 'b', weight: (100_000 - value) / 1_000 },
  ],
}));

const flagOf = (salt: string, served: fc.Arbitrary<FlagServing>): fc.Arbitrary<FeatureFlag> => {
  const rule: fc.Arbitrary<Omit<FlagRule, 'id'>> = fc
    .tuple(served, fc.array(anyCondition, { minLength: 1, maxLength: 3 }), fc.constantFrom('a', 'b'))
    .map(([part, conditions, variant]) => ({ ...part, conditions, ...(part.split === undefined ? { variant } : {}) }));
  return fc
    .tuple(served, fc.array(anyCondition, { maxLength: 2 }), fc.array(rule, { maxLength: 3 }), fc.nat(9))
    .map(([part, conditions, rules, disabled]) => ({
      name: 'f',
      enabled: disabled > 0,
      salt,
      variants: { a: 'A', b: 'B', off: 'OFF' },
      onVariant: 'a',
      ...part,
      conditions,
      rules: rules.map((one, index) => ({ id: `r${String(index)}`, ...one })),
    }));
};

const anyFlag = fc.oneof(flagOf(rolloutSalt, serving), flagOf(splitSalt, split));

const anyContext = fc
  .record({
    userId: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }),
    role: fc.option(fc.constantFrom(...texts), { nil: undefined }),
    tier: fc.constantFrom(...texts),
    age: fc.constantFrom(...numbers),
    version: fc.constantFrom(...versions),
  })
  .map(({ userId, role, ...rest }) => ({ userId, attributes: { ...rest, ...(role === undefined ? {} : { role }) } }));

type Logic = unknown;
const variable = (name: string): Logic => ({ var: name });

/** A condition in flagd's words. */
function conditionLogic({ attribute, operator, value, values }: FlagCondition): Logic {
  const actual = variable(attribute);
  switch (operator) {
    case 'equals':
      return { '===': [actual, value] };
    case 'notEquals':
      return { '!==': [actual, value] };
    case 'in':
      return { in: [actual, values] };
    case 'notIn':
      return { '!': [{ in: [actual, values] }] };
    case 'contains':
      return { in: [value, actual] };
    case 'startsWith':
      return { starts_with: [actual, value] };
    case 'endsWith':
      return { ends_with: [actual, value] };
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return { [{ gt: '>', gte: '>=', lt: '<', lte: '<=' }[operator]]: [actual, value] };
    case 'semverEquals':
    case 'semverGt':
    case 'semverGte':
    case 'semverLt':
    case 'semverLte':
      return { sem_ver: [actual, { semverEquals: '=', semverGt: '>', semverGte: '>=', semverLt: '<', semverLte: '<=' }[operator], value] }; // prettier-ignore
    default:
      throw new Error(`flagd has no ${operator}`);
  }
}

function servingLogic({ rolloutPercentage = 100, split: shares }: FlagServing, variant: string): Logic {
  const inBuckets = (percentage: number): number => Math.round(percentage * 1_000);
  const parts =
    shares === undefined
      ? [[variant, inBuckets(rolloutPercentage)], ['off', 100_000 - inBuckets(rolloutPercentage)]] // prettier-ignore
      : shares.map((share) => [share.variant, inBuckets(share.weight)]);
  return { fractional: [variable('userId'), ...parts] };
}

function flagdFlag(flag: FeatureFlag): unknown {
  const all = (conditions: readonly FlagCondition[] = []): Logic => ({
    and: [true, ...conditions.map(conditionLogic)],
  });
  const rules = (flag.rules ?? []).flatMap((rule) => [all(rule.conditions), servingLogic(rule, rule.variant ?? 'a')]);
  const targeting = { if: [{ '!': [all(flag.conditions)] }, 'off', ...rules, servingLogic(flag, 'a')] };
  return { state: 'ENABLED', variants: flag.variants, defaultVariant: 'off', targeting: flag.enabled ? targeting : {} };
}

/** What flagd gives; its own log is not wanted. */
function flagd(flag: FeatureFlag): (context: FlagContext) => unknown {
  const silent = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };
  const core = new FlagdCore(undefined, silent);
  core.setConfigurations(JSON.stringify({ flags: { f: flagdFlag(flag) } }));
  return ({ userId, attributes }) =>
    core.resolveStringEvaluation('f', 'none', { targetingKey: String(userId), userId: String(userId), ...(attributes as object) }).value; // prettier-ignore
}

describe('beside flagd', () => {
  it('has salts with which both hash alike', () => {
    expect([rolloutSeed(rolloutSalt), splitSeed(splitSalt)]).toEqual([0, 0]);
  });

  it('gives the same for 15,000 evaluations of 300 random flags that both can express', () => {
    const seen = new Map<unknown, number>();
    fc.assert(
      fc.property(anyFlag, fc.array(anyContext, { minLength: 50, maxLength: 50 }), (flag, contexts) => {
        const set = flagSetOf([flag]);
        const theirs = flagd(flag);
        for (const context of contexts) {
          const { value } = set.evaluate('f', context);
          expect(value).toBe(theirs(context));
          seen.set(value, (seen.get(value) ?? 0) + 1);
        }
      }),
      { numRuns: 300 },
    );
    // Each value came up, and no evaluation of flagd failed.
    expect([...seen.keys()].sort()).toEqual(['A', 'B', 'OFF']);
  });

  it('puts 10,000 units into the same of a hundred thousand buckets', () => {
    for (let index = 0; index < 100; index += 1) {
      const flag: FeatureFlag = {
        name: 'f',
        enabled: true,
        salt: rolloutSalt,
        variants: { a: 'A', off: 'OFF' },
        onVariant: 'a',
        rolloutPercentage: (index * 997 + 1) / 1_000,
      };
      const set = flagSetOf([flag]);
      const theirs = flagd(flag);
      for (let unit = 0; unit < 100; unit += 1) {
        const context = { userId: `user-${String(index * 100 + unit)}` };
        expect(set.evaluate('f', context).value).toBe(theirs(context));
      }
    }
  });
});
