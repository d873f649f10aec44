import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyCondition,
  anyContext,
  anyFlag,
  anyNow,
  anySegment,
  segmentNames,
} from '../../../../test/flag-arbitraries.ts';
import { flagSetOf, linearPatterns } from '../../../../test/flag-sets.ts';
import { evaluatePlainly, holdsPlainly } from '../../../../test/plain-flags.ts';
import { ConfigurationError } from '../errors.ts';
import type { JsonValue } from '../json.ts';
import { compileFlag } from './compile.ts';
import { compileCondition } from './condition.ts';
import type { FeatureFlag, FlagContext, FlagEvaluation } from './flag.ts';
import type { FlagTrace } from './trace.ts';
import { validateFlag, validateSegment } from './validate.ts';

const anyWorld = fc.record({
  flags: fc.tuple(anyFlag('f', ['g', 'h']), anyFlag('g', ['h']), anyFlag('h', [])),
  segments: fc.tuple(...segmentNames.map(anySegment)),
  now: anyNow,
});

const plain = ({ value, variant, on, reason, ruleId }: FlagEvaluation) => ({ value, variant, on, reason, ruleId });

describe('compiled flags', () => {
  it('give what a plain interpreter gives, for random flags, segments, contexts and times', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(anyWorld, fc.array(anyContext, { minLength: 10, maxLength: 10 }), (world, contexts) => {
        const set = flagSetOf(world.flags, world.segments, world.now);
        for (const flag of world.flags) {
          for (const context of contexts) {
            const evaluation = set.evaluate(flag.name, context);
            expect(plain(evaluation)).toEqual(evaluatePlainly(flag, context, world));
            seen.set(evaluation.reason, (seen.get(evaluation.reason) ?? 0) + 1);
          }
        }
      }),
      { numRuns: 2_000 },
    );
    // The flags were not all alike.
    for (const reason of ['STATIC', 'TARGETING_MATCH', 'SPLIT', 'DEFAULT', 'DISABLED']) expect(seen.get(reason)).toBeGreaterThan(0); // prettier-ignore
  });

  it('have conditions that hold as in a plain interpreter', () => {
    fc.assert(
      fc.property(anyCondition, anyContext, (condition, context) => {
        const compiled = compileCondition(condition, linearPatterns);
        expect('holds' in compiled && compiled.holds(context)).toBe(holdsPlainly(condition, context));
      }),
      { numRuns: 5_000 },
    );
  });

  it('are valid when they are made to be', () => {
    fc.assert(
      fc.property(anyWorld, ({ flags, segments }) => {
        const validation = { patterns: linearPatterns };
        for (const flag of flags) expect(validateFlag(flag as unknown as JsonValue, validation)).toEqual([]);
        for (const segment of segments)
          expect(validateSegment(segment as unknown as JsonValue, validation)).toEqual([]);
      }),
    );
  });

  it('never throw, whatever the context is', () => {
    const garbage = fc.oneof(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true, withSparseArray: true }), // prettier-ignore
      fc.record(
        {
          userId: fc.anything(),
          environment: fc.anything(),
          attributes: fc.dictionary(fc.constantFrom('role', 'age', 'at', 'plan', 'tags', 'version'), fc.anything({ withDate: true })), // prettier-ignore
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(anyWorld, garbage, (world, context) => {
        const set = flagSetOf(world.flags, world.segments, world.now);
        for (const { name } of world.flags) {
          const evaluation = set.evaluate(name, context as FlagContext);
          expect(evaluation.flag).toBe(name);
          expect(set.explain(name, context as FlagContext).evaluation).toEqual(evaluation);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('traces', () => {
  it('end where the evaluation ended', () => {
    fc.assert(
      fc.property(anyWorld, anyContext, (world, context) => {
        const set = flagSetOf(world.flags, world.segments, world.now);
        const trace = set.explain('f', context);
        expect(trace.evaluation).toEqual(set.evaluate('f', context));
        expect(told(trace)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  /** Whether a trace tells of what its result says. */
  function told({ evaluation, decidedBy, rules = [], failed, bucket, prerequisites = [] }: FlagTrace): boolean {
    const { reason, ruleId } = evaluation;
    const matched = rules.find(({ matches }) => matches)?.id;
    switch (decidedBy) {
      case 'rule':
        return matched !== undefined && matched === ruleId && bucket !== undefined;
      case 'rollout':
        return matched === undefined && bucket !== undefined && (reason !== 'SPLIT' || ruleId === undefined);
      case 'conditions':
        return failed?.holds === false && reason === 'DEFAULT';
      case 'prerequisite':
        return prerequisites.at(-1)?.isMet === false && reason === 'DEFAULT';
      case 'disabled':
      case 'schedule':
        return reason === 'DISABLED' && bucket === undefined;
      default:
        return false;
    }
  }

  it('name the rule, the condition that failed with what was there, and the bucket', () => {
    const flag: FeatureFlag = {
      name: 'f',
      enabled: true,
      rolloutPercentage: 25,
      salt: 'checkout',
      rules: [
        {
          id: 'staff',
          conditions: [
            { attribute: 'role', operator: 'equals', value: 'staff' },
            { attribute: 'age', operator: 'gt', value: 9 },
          ],
        },
        { id: 'beta', segment: 'beta' },
      ],
    };
    const set = flagSetOf([flag], [{ name: 'beta', included: ['someone'] }]);
    expect(set.explain('f', { userId: 'user-1', attributes: { role: 'staff', age: '10' } })).toEqual({
      evaluation: set.evaluate('f', { userId: 'user-1' }),
      decidedBy: 'rollout',
      rules: [
        {
          id: 'staff',
          matches: false,
          conditions: [
            {
              path: 'rules[0].conditions[0]',
              condition: flag.rules?.[0]?.conditions?.[0],
              actual: 'staff',
              holds: true,
            },
            { path: 'rules[0].conditions[1]', condition: flag.rules?.[0]?.conditions?.[1], actual: '10', holds: false },
          ],
        },
        { id: 'beta', matches: false, conditions: [], segment: { name: 'beta', contains: false } },
      ],
      failed: undefined,
      bucket: { bucketBy: 'userId', unit: 'user-1', bucket: expect.any(Number) as number, rolloutPercentage: 25 },
    });
    expect(set.explain('f', { userId: 'someone' })).toMatchObject({ decidedBy: 'rule', rules: [{ matches: false }, { id: 'beta', matches: true }] }); // prettier-ignore
    expect(set.explain('f', {})).toMatchObject({ decidedBy: 'rollout', bucket: { bucketBy: 'userId', rolloutPercentage: 25 } }); // prettier-ignore
  });

  it('name the prerequisite that is not met, the schedule, and what kept the evaluation from its result', () => {
    const set = flagSetOf(
      [
        { name: 'f', enabled: true, prerequisites: [{ flag: 'g' }, { flag: 'h' }] },
        { name: 'g', enabled: true },
        { name: 'h', enabled: false },
        { name: 'late', enabled: true, schedule: { startsAt: '2026-02-01' } },
        { name: 'lost', enabled: true, rules: [{ id: 'r', segment: 'none' }] },
        { name: 'gone', enabled: true, archived: true },
      ],
      [],
      '2026-01-01T00:00:00Z',
    );
    expect(set.explain('f', {})).toMatchObject({ decidedBy: 'prerequisite', prerequisites: [{ flag: 'g', isMet: true }, { flag: 'h', isMet: false }] }); // prettier-ignore
    expect(set.explain('late', {})).toEqual({ evaluation: set.evaluate('late', {}), decidedBy: 'schedule' });
    expect(set.explain('gone', {})).toMatchObject({ decidedBy: 'archived' });
    expect(set.explain('lost', {})).toMatchObject({ decidedBy: 'error', rules: [{ id: 'r', matches: false }] });
    expect(set.explain('lost', null as unknown as FlagContext)).toMatchObject({ decidedBy: 'error', evaluation: { errorCode: 'INVALID_CONTEXT' } }); // prettier-ignore
  });
});

describe('compiling', () => {
  it('refuses what does not validate with every problem, and takes operators of a newer version', () => {
    const broken = { name: 'f', enabled: 'yes', rolloutPercentage: 101 } as unknown as FeatureFlag;
    expect(() => compileFlag(broken, { patterns: linearPatterns })).toThrow(ConfigurationError);
    expect(() => compileFlag(broken, { patterns: linearPatterns })).toThrow(
      'Validation failed: enabled must be true or false, and is "yes", rolloutPercentage must be a percentage from 0 to 100 in steps of 0.001, and is 101',
    );
  });

  it('tells the version of the definition in every result', () => {
    const flag = compileFlag({ name: 'f', enabled: true }, { patterns: linearPatterns, version: 'abc' });
    const world = { flag: () => undefined, segment: () => undefined, now: () => 0 };
    expect(flag.evaluate({}, world).version).toBe('abc');
    expect(flag.evaluate([] as unknown as FlagContext, world).version).toBe('abc');
  });

  it('evaluates each prerequisite once, however many ways lead to it', () => {
    const layers = 30;
    const names = Array.from({ length: layers }, (_, n) => [`a${String(n)}`, `b${String(n)}`]);
    const flags = names.flatMap((pair, n) =>
      pair.map((name) => ({ name, enabled: true, prerequisites: (names[n + 1] ?? []).map((flag) => ({ flag })) })),
    );
    // There are 2 ** 29 ways from the first to the last.
    expect(flagSetOf(flags).evaluate('a0', {})).toMatchObject({ on: true, reason: 'DEFAULT' });
  });

  it('fails closed where prerequisites are deeper than any stack', () => {
    const flags = Array.from({ length: 20_000 }, (_, n) => ({
      name: `f${String(n)}`,
      enabled: true,
      prerequisites: [{ flag: `f${String(n + 1)}` }],
    }));
    expect(flagSetOf(flags).evaluate('f0', {})).toMatchObject({ on: false, reason: 'ERROR' });
  });
});
