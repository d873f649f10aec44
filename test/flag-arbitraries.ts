/** Owns random flags and contexts for property tests: valid ones, of few names and values, so that they often meet. */
import type {
  FeatureFlag,
  FlagCondition,
  FlagContext,
  FlagRule,
  FlagSegment,
  FlagServing,
  JsonValue,
} from '@strata/core';
import fc from 'fast-check';

const units = ['u1', 'u2', '7', 'Zoë', '😀', 'user-123'] as const;
const texts = ['', 'a', 'ab', 'abc', 'b', 'Ab', 'ż', '7', '10'] as const;
const numbers = [-1, 0, 7, 9, 10, 0.5] as const;
const versions = [
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0',
  '1.2.0',
  '1.10.0',
  '10.0.0',
];
const times = ['2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z', '2026-03-01T12:30:00.500Z', '2027-01-01T00:00:00Z'];
const attributes = ['userId', 'organizationId', 'environment', 'role', 'attributes.age', 'attributes.version', 'attributes.at', 'attributes.plan.tier', 'attributes.tags']; // prettier-ignore

const operand = fc.constantFrom<(string | number | boolean)[]>(...texts, ...numbers, true, false);
const someText = fc.constantFrom(...texts.filter((text) => text !== ''));
const operands = fc.uniqueArray(operand, { minLength: 1, maxLength: 4 });
const someTexts = fc.uniqueArray(someText, { minLength: 1, maxLength: 3 });

const comparison: fc.Arbitrary<Omit<FlagCondition, 'attribute'>> = fc.oneof(
  fc.record({ operator: fc.constantFrom('equals', 'notEquals'), value: operand }),
  fc.record({ operator: fc.constantFrom('in', 'notIn'), values: operands }),
  fc.record({ operator: fc.constantFrom('contains', 'startsWith', 'endsWith'), value: someText }),
  fc.record({ operator: fc.constantFrom('contains', 'startsWith', 'endsWith'), values: someTexts }),
  fc.record({ operator: fc.constantFrom('gt', 'gte', 'lt', 'lte'), value: fc.constantFrom(...numbers) }),
  fc.record({ operator: fc.constantFrom('before', 'after'), value: fc.constantFrom(...times) }),
  fc.record({
    operator: fc.constantFrom('semverEquals', 'semverGt', 'semverGte', 'semverLt', 'semverLte'),
    value: fc.constantFrom(...versions),
  }),
  fc.record({ operator: fc.constant('matches'), value: fc.constantFrom('^a', 'b$', '^[a-z]+$', '1', '^$') }),
  fc.record({ operator: fc.constant('exists'), value: fc.constantFrom(true, false, undefined) }),
);

/** A valid condition. */
export const anyCondition: fc.Arbitrary<FlagCondition> = fc
  .tuple(fc.constantFrom(...attributes), comparison)
  .map(([attribute, rest]) => ({ attribute, ...rest }));

const conditions = fc.array(anyCondition, { maxLength: 3 });
const percentage = fc.oneof(fc.constantFrom(0, 100, 50), fc.integer({ max: 100_000, min: 0 }).map((step) => step / 1_000)); // prettier-ignore
const variantNames = ['a', 'b', 'c'] as const;

const split: fc.Arbitrary<NonNullable<FlagServing['split']>> = fc
  .tuple(fc.shuffledSubarray([...variantNames], { minLength: 3 }), fc.nat(100_000), fc.nat(100_000))
  .map(([names, one, other]) => {
    const cuts = [0, Math.min(one, other), Math.max(one, other), 100_000];
    return names.map((variant, index) => ({
      variant,
      weight: ((cuts[index + 1] ?? 0) - (cuts[index] ?? 0)) / 1_000,
    }));
  });

const serving = fc.record(
  { rolloutPercentage: percentage, split, bucketBy: fc.constantFrom('userId', 'organizationId', 'role') },
  { requiredKeys: [] },
);

/** Segments that flags name. */
export const segmentNames = ['s1', 's2'] as const;

/** A valid segment of the name. */
export const anySegment = (name: string): fc.Arbitrary<FlagSegment> =>
  fc.record(
    {
      name: fc.constant(name),
      included: fc.subarray([...units]),
      excluded: fc.subarray([...units]),
      conditions,
      bucketBy: fc.constantFrom('userId', 'organizationId'),
    },
    { requiredKeys: ['name'] },
  );

const anyRule: fc.Arbitrary<Omit<FlagRule, 'id'>> = fc
  .tuple(
    serving,
    fc.record(
      { conditions, segment: fc.constantFrom(...segmentNames), variant: fc.constantFrom(...variantNames) },
      { requiredKeys: [] },
    ),
  )
  .map(([served, { variant, ...rest }]) => ({
    ...served,
    ...rest,
    ...(variant === undefined || served.split !== undefined ? {} : { variant }),
  }));

const values = fc.constantFrom<JsonValue[]>(true, false, null, 0, '', 'x', { deep: [1] });
const schedule = fc.oneof(
  fc.record({ startsAt: fc.constantFrom(times[0], times[1]), endsAt: fc.constantFrom(times[2], times[3]) }, { requiredKeys: [] }), // prettier-ignore
  fc.tuple(fc.subarray(times), fc.array(percentage, { minLength: times.length })).map(([chosen, percentages]) => ({
    steps: chosen.map((at, index) => ({ at, rolloutPercentage: percentages[index] ?? 0 })),
  })),
);

/** A valid flag of the name, every fifth with little in it. Its prerequisites are among those given. */
export const anyFlag = (name: string, prerequisites: readonly string[]): fc.Arbitrary<FeatureFlag> =>
  fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record({ name: fc.constant(name), enabled: fc.boolean(), rolloutPercentage: percentage }),
    },
    { weight: 4, arbitrary: richFlag(name, prerequisites) },
  );

const richFlag = (name: string, prerequisites: readonly string[]): fc.Arbitrary<FeatureFlag> =>
  fc
    .tuple(
      serving,
      fc.record({ enabled: fc.boolean(), off: values, a: values, b: values, c: values }),
      fc.record(
        {
          conditions,
          rules: fc.array(anyRule, { maxLength: 3 }),
          salt: fc.constantFrom('s', 'żółw'),
          prerequisites: fc.subarray([...prerequisites]),
          needed: fc.subarray([...variantNames, 'off'], { minLength: 1 }),
          schedule,
        },
        { requiredKeys: [] },
      ),
    )
    .map(([served, { enabled, off, a, b, c }, { rules, needed, prerequisites: flags = [], ...rest }]) => ({
      name,
      enabled,
      variants: { off, a, b, c },
      onVariant: 'a',
      ...served,
      ...rest,
      ...(rules === undefined ? {} : { rules: rules.map((rule, index) => ({ id: `r${String(index)}`, ...rule })) }),
      prerequisites: flags.map((flag) => ({ flag, ...(needed === undefined ? {} : { variants: needed }) })),
    }));

const unit = fc.option(fc.oneof(fc.constantFrom<(string | number)[]>(...units, 7, ''), fc.string()), {
  nil: undefined,
});

/** A context, of which anything may be missing. */
export const anyContext: fc.Arbitrary<FlagContext> = fc.record(
  {
    userId: unit,
    targetingKey: unit,
    organizationId: unit,
    environment: fc.constantFrom('a', 'production'),
    attributes: fc.record(
      {
        role: fc.oneof(operand, fc.constant(null)),
        age: fc.oneof(fc.constantFrom(...numbers), operand),
        version: fc.constantFrom<unknown[]>(...versions, '1', null, 2),
        at: fc.constantFrom<unknown[]>(...times, 'soon', 0),
        plan: fc.oneof(fc.record({ tier: operand }), operand),
        tags: fc.array(operand, { maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

/** A time at or between those of schedules. */
export const anyNow: fc.Arbitrary<string> = fc.constantFrom(...times, '2026-02-01T00:00:00Z', '2025-01-01T00:00:00Z');
