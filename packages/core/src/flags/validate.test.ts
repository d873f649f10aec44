import { describe, expect, it } from 'vitest';
import { linearPatterns } from '../../../../test/flag-sets.ts';
import type { JsonValue } from '../json.ts';
import { validateFlag, validateSegment } from './validate.ts';

const validation = { patterns: linearPatterns };
const flag = { name: 'f', enabled: true };
const all = { attribute: 'role', operator: 'exists' };

const problemsOf = (value: JsonValue) =>
  validateFlag(value, validation).map(({ path, message }) => `${path} ${message}`);

describe('a flag that is taken', () => {
  it.each<[string, JsonValue]>([
    ['the least', flag],
    ['a percentage in the smallest step', { ...flag, rolloutPercentage: 0.001 }],
    ['a percentage that has no exact form in binary', { ...flag, rolloutPercentage: 8.29 }],
    [
      'everything at once',
      {
        ...flag,
        description: 'd',
        archived: false,
        owner: 'team-a',
        tags: ['t'],
        salt: 's',
        bucketBy: 'organizationId',
        rolloutPercentage: 33.333,
        variants: { red: { hex: '#f00' }, blue: null, none: 0 },
        onVariant: 'red',
        offVariant: 'none',
        conditions: [all],
        rules: [
          { id: 'a', description: 'd', conditions: [all], segment: 's', rolloutPercentage: 5, bucketBy: 'role' },
          { id: 'b', variant: 'blue' },
          { id: 'c', split: [{ variant: 'red', weight: 33.334 }, { variant: 'blue', weight: 66.666 }] }, // prettier-ignore
        ],
        prerequisites: [{ flag: 'g', variants: ['on'] }],
        schedule: {
          startsAt: '2026-01-01',
          endsAt: '2027-01-01T00:00:00+02:00',
          steps: [{ at: '2026-02-01T00:00:00Z', rolloutPercentage: 50 }],
        },
      },
    ],
  ])('%s', (_, value) => expect(problemsOf(value)).toEqual([]));
});

describe('a flag that is refused', () => {
  it.each<[string, JsonValue, string[]]>([
    ['no object', [], ['$ must be an object, and is a list']],
    ['nothing in it', {}, ['name is missing', 'enabled is missing']],
    ['a property that is mistyped', { ...flag, enable: true }, ['enable is unknown; did you mean enabled?']],
    ['a percentage above 100', { ...flag, rolloutPercentage: 101 }, ['rolloutPercentage must be a percentage from 0 to 100 in steps of 0.001, and is 101']], // prettier-ignore
    ['a percentage between two steps', { ...flag, rolloutPercentage: 0.0005 }, ['rolloutPercentage must be a percentage from 0 to 100 in steps of 0.001, and is 0.0005']], // prettier-ignore
    ['a percentage as text', { ...flag, rolloutPercentage: '5' }, ['rolloutPercentage must be a percentage from 0 to 100 in steps of 0.001, and is "5"']], // prettier-ignore
    [
      'weights that do not add up',
      { ...flag, split: [{ variant: 'on', weight: 50 }, { variant: 'off', weight: 49.999 }] }, // prettier-ignore
      ['split must have weights that add up to 100, and they add up to 99.999'],
    ],
    ['a variant twice in a split', { ...flag, split: [{ variant: 'on', weight: 50 }, { variant: 'on', weight: 50 }] }, ['split[1].variant is "on" again; each needs its own']], // prettier-ignore
    ['two rules of one id', { ...flag, rules: [{ id: 'a' }, { id: 'a' }] }, ['rules[1].id is "a" again; each needs its own']], // prettier-ignore
    ['a rule without an id', { ...flag, rules: [{}] }, ['rules[0].id is missing']],
    ['a rule with variant and split', { ...flag, rules: [{ id: 'a', variant: 'on', split: [{ variant: 'on', weight: 100 }] }] }, ['rules[0].variant must be left out where there is a split']], // prettier-ignore
    ['variants without off', { ...flag, variants: { a: 1, on: 2 } }, ['offVariant is missing, and there is no variant "off"; there are a, on']], // prettier-ignore
    ['a variant that is not there', { ...flag, rules: [{ id: 'a', variant: 'x' }] }, ['rules[0].variant must be one of the variants, and there is no "x"; there are on, off']], // prettier-ignore
    ['a variant inherited by every object', { ...flag, variants: { on: 1, off: 0 }, onVariant: 'toString' }, ['onVariant must be one of the variants, and there is no "toString"; there are on, off']], // prettier-ignore
    ['a name with a space', { ...flag, name: 'a b' }, ['name must have 1 to 200 characters, start with a letter or digit and go on with letters, digits and _ . : -, and is "a b"']], // prettier-ignore
    ['a reserved name', { ...flag, name: 'constructor' }, ['name must have 1 to 200 characters, start with a letter or digit and go on with letters, digits and _ . : -, and is "constructor"']], // prettier-ignore
    ['a time without a zone', { ...flag, schedule: { startsAt: '2026-01-01T00:00' } }, ['schedule.startsAt must be a time in ISO 8601 with a zone, like 2026-01-31T12:00:00Z, and is "2026-01-01T00:00"']], // prettier-ignore
    ['a day that there is not', { ...flag, schedule: { endsAt: '2026-02-30' } }, ['schedule.endsAt must be a time in ISO 8601 with a zone, like 2026-01-31T12:00:00Z, and is "2026-02-30"']], // prettier-ignore
    ['an end before the start', { ...flag, schedule: { startsAt: '2026-02-01', endsAt: '2026-01-01' } }, ['schedule.endsAt must be later than startsAt']], // prettier-ignore
    [
      'steps out of order',
      { ...flag, schedule: { steps: [{ at: '2026-02-01', rolloutPercentage: 1 }, { at: '2026-02-01T01:00+01:00', rolloutPercentage: 2 }] } }, // prettier-ignore
      ['schedule.steps[1].at must be later than that of the step before'],
    ],
    ['a salt of no characters', { ...flag, salt: '' }, ['salt must have 1 to 255 characters, and has 0']],
  ])('%s', (_, value, expected) => expect(problemsOf(value)).toEqual(expected));

  it('names every problem at once', () => {
    const broken = { ...flag, rolloutPercentage: -1, rules: [{ id: 'a', conditions: [{ attribute: '', operator: 'equal', value: 1 }] }], bucketBy: 5 }; // prettier-ignore
    expect(validateFlag(broken, validation).map(({ path }) => path)).toEqual([
      'rolloutPercentage',
      'rules[0].conditions[0].attribute',
      'rules[0].conditions[0].operator',
      'bucketBy',
    ]);
  });
});

describe('a condition that is refused', () => {
  it.each<[string, JsonValue, string]>([
    ['an unknown operator', { attribute: 'role', operator: 'equal', value: 1 }, 'operator is "equal", which is no operator; did you mean equals?'], // prettier-ignore
    ['an operator inherited by every object', { attribute: 'role', operator: 'valueOf', value: 1 }, 'operator is "valueOf", which is no operator; there are equals, notEquals'], // prettier-ignore
    ['a missing operator', { attribute: 'role' }, 'operator is missing, which is no operator'],
    ['a missing attribute', { operator: 'exists' }, 'attribute must be userId, organizationId, teamId, environment or a path like attributes.role, and is missing'], // prettier-ignore
    ['a path that is none', { attribute: 'attributes.', operator: 'exists' }, 'attribute must be userId'],
    ['a path below a text', { attribute: 'userId.length', operator: 'exists' }, 'attribute must be userId'],
    ['a missing value', { attribute: 'role', operator: 'equals' }, 'value is missing: "equals" needs a text, a number, true or false'], // prettier-ignore
    ['a missing list', { attribute: 'role', operator: 'in' }, 'values is missing: "in" needs a text, a number, true or false'], // prettier-ignore
    [
      'an empty list',
      { attribute: 'role', operator: 'in', values: [] },
      'values must be a list of 1 to 10,000 entries',
    ],
    ['values beside a value', { attribute: 'role', operator: 'contains', value: 'a', values: ['b'] }, 'values must be left out, since "contains" is given a value'], // prettier-ignore
    ['null', { attribute: 'role', operator: 'equals', value: null }, 'value must be a text, a number, true or false, and is null'], // prettier-ignore
    ['a text for a number', { attribute: 'age', operator: 'gt', value: '9' }, 'value must be a number, and is "9"'],
    ['a part of a version', { attribute: 'v', operator: 'semverGt', value: '1.2' }, 'value must be a version like 1.2.3 or 1.2.3-beta.1, and is "1.2"'], // prettier-ignore
    ['an empty text to begin with', { attribute: 'v', operator: 'startsWith', values: ['a', ''] }, 'values[1] must be a text of at least one character, and is ""'], // prettier-ignore
    ['a pattern that looks back', { attribute: 'v', operator: 'matches', value: '(a)\\1' }, 'value is a pattern that cannot be searched for in linear time: '], // prettier-ignore
    ['a pattern that looks ahead', { attribute: 'v', operator: 'matches', value: 'a(?=b)' }, 'value is a pattern that cannot be searched for in linear time: '], // prettier-ignore
    ['another property', { attribute: 'v', operator: 'exists', negate: true }, 'negate is unknown; there are attribute, operator, value, values'], // prettier-ignore
  ])('%s', (_, condition, expected) => {
    const [problem, ...others] = problemsOf({ ...flag, conditions: [condition] });
    expect(others).toEqual([]);
    expect(problem).toMatch(`conditions[0].${expected}`);
  });
});

describe('a layer over a flag', () => {
  const layer = (value: JsonValue) => validateFlag(value, { ...validation, as: 'layer' }).map(({ path }) => path);

  it('may hold any part alone, and remove any part', () => {
    expect(layer({ rolloutPercentage: 5 })).toEqual([]);
    expect(layer({ rules: { $unset: true }, variants: { red: { $unset: true } }, schedule: { endsAt: { $unset: true } } })).toEqual([]); // prettier-ignore
    expect(layer({ onVariant: 'of-the-flag-above' })).toEqual([]);
  });

  it('must have each of its parts as it must be', () => {
    expect(layer({ rolloutPercentage: 101, rules: [{ conditions: [] }], other: 1 })).toEqual([
      'rolloutPercentage',
      'rules[0].id',
      'other',
    ]);
  });
});

describe('a segment', () => {
  it('is a name with units and conditions', () => {
    expect(validateSegment({ name: 's', included: ['a'], excluded: ['b'], conditions: [all] }, validation)).toEqual([]);
    expect(validateSegment({ included: [5], rules: [] }, validation)).toEqual([
      { path: 'name', message: 'is missing' },
      { path: 'included[0]', message: 'must be a text, and is 5' },
      { path: 'rules', message: 'is unknown; there are name, description, included, excluded, conditions, bucketBy' },
    ]);
  });
});
