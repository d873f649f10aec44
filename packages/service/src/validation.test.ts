import { builtInDefinitions, describeZod } from '@strata/core/schema';
import {
  formatPath,
  isConfigurationError,
  parseJsonValue,
  defaultPaths,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z, type ZodType } from 'zod';
import { compileValidator, validationError, type Validator } from './validation.ts';

interface Case {
  readonly value: JsonValue;
  readonly problems: readonly string[];
}

interface Group {
  readonly name: string;
  readonly schema: JsonObject;
  readonly propertywise: boolean;
  readonly layer: readonly Case[];
  readonly effective: readonly Case[];
  readonly defaults?: readonly {
    readonly value: JsonValue;
    readonly completed: JsonValue;
    readonly added: readonly string[];
  }[];
}

const spec = new URL('../../../spec/schema.json', import.meta.url);
const { groups } = JSON.parse(readFileSync(spec, 'utf8')) as { readonly groups: readonly Group[] };

function validatorOf(schema: JsonObject): Validator {
  const validator = compileValidator('key', { jsonSchema: parseJsonValue(schema) as JsonObject });
  validator.check();
  return validator;
}

function messages(problems: readonly { readonly message: string }[]): string[] {
  return problems.map(({ message }) => message);
}

describe.each(groups)('$name', ({ schema, propertywise, layer, effective, defaults = [] }) => {
  const validator = validatorOf(schema);

  it(`${propertywise ? 'judges' : 'does not judge'} each property by itself`, () => {
    expect(validator.propertywise).toBe(propertywise);
  });

  it.each(layer)('as a layer: $value', ({ value, problems }) => {
    expect(messages(validator.layer(value))).toEqual(problems);
  });

  it.each(effective)('as a whole: $value', ({ value, problems }) => {
    expect(messages(validator.effective(value))).toEqual(problems);
  });

  it.each(defaults)('completes $value', ({ value, completed, added }) => {
    expect(validator.withDefaults(value)).toEqual(completed);
    expect(defaultPaths(schema, value).map(formatPath)).toEqual(added);
    expect(validator.effective(completed).filter(({ path }) => added.includes(path))).toEqual([]);
  });
});

describe('the built-in definitions', () => {
  const examples: Readonly<Record<string, readonly JsonValue[]>> = {
    branding: [
      {
        logo: 'https://example.com/logo.png',
        primaryColor: '#FF6B00',
        secondaryColor: '#003366',
        companyName: 'Acme Corp',
      },
      {
        logo: 'https://cdn.example.com/orgs/123/logo.png',
        primaryColor: '#FF6B00',
        secondaryColor: '#003366',
        companyName: 'Acme Fleet Services',
        tagline: 'Moving America Forward',
      },
      { logo: 'http://intranet:8080/logo.svg' },
    ],
    pm_intervals: [
      { lightDuty: 5000 },
      { lightDuty: 15000, mediumDuty: 25000, heavyDuty: 50000 },
      { lightDuty: 1000, mediumDuty: 100000 },
    ],
    approval_thresholds: [
      { maintenanceApproval: 50000, procurementApproval: 100000, budgetVariance: 20 },
      { maintenanceApproval: 0, budgetVariance: 100 },
    ],
    email_notifications: [
      {
        maintenanceDue: true,
        inspectionDue: true,
        documentExpiring: false,
        workOrderAssigned: true,
        dailyDigest: false,
      },
      { dailyDigest: true },
    ],
    system_settings: [
      {
        maintenanceMode: false,
        allowSelfRegistration: true,
        sessionTimeout: 60,
        maxLoginAttempts: 5,
        timezone: 'America/New_York',
        locale: 'en-US',
        anything: { else: 1 },
      },
    ],
    api_keys: [{ stripe: 'sk_live_xxx', twilio: 'xxx' }],
  };

  it.each([...builtInDefinitions.keys()])('%s takes its examples, and merges by property', (key) => {
    const validator = compileValidator(key, builtInDefinitions.get(key) ?? {});
    validator.check();
    expect(validator.propertywise).toBe(true);
    expect(validator.enforcedHere).toBe(true);
    for (const example of [{}, ...(examples[key] ?? [])]) {
      expect(validator.layer(example)).toEqual([]);
      expect(validator.effective(example)).toEqual([]);
      expect(validator.withDefaults(example)).toBe(example);
    }
  });

  it.each<[string, JsonValue, string]>([
    ['branding', { primaryColor: 'red' }, 'primaryColor must be a colour like #FF6B00'],
    ['branding', { logo: 'javascript:alert(1)' }, 'logo must be a URL like https://example.com/logo.png'],
    ['branding', { primaryColour: '#FF6B00' }, 'primaryColour is not a known property (did you mean primaryColor?)'],
    ['pm_intervals', { lightDuty: 50 }, 'lightDuty must be at least 1000'],
    ['pm_intervals', { heavyDuty: 100001 }, 'heavyDuty must be at most 100000'],
    ['pm_intervals', { lightDuty: '5000' }, 'lightDuty must be a number, not a text'],
    ['approval_thresholds', { maintenanceApproval: -1 }, 'maintenanceApproval must be at least 0'],
    ['approval_thresholds', { budgetVariance: 101 }, 'budgetVariance must be at most 100'],
    ['email_notifications', { dailyDigest: 'yes' }, 'dailyDigest must be true or false, not a text'],
    ['system_settings', { sessionTimeout: 4 }, 'sessionTimeout must be at least 5'],
    ['system_settings', { sessionTimeout: 1441 }, 'sessionTimeout must be at most 1440'],
    ['system_settings', { maxLoginAttempts: 2 }, 'maxLoginAttempts must be at least 3'],
    ['system_settings', { maxLoginAttempts: 11 }, 'maxLoginAttempts must be at most 10'],
  ])('%s refuses %j', (key, value, message) => {
    const validator = compileValidator(key, builtInDefinitions.get(key) ?? {});
    expect(messages(validator.layer(value))).toEqual([message]);
    expect(messages(validator.effective(value))).toEqual([message]);
  });
});

describe('rules in code', () => {
  const range = z
    .object({ from: z.number().max(100), to: z.number(), note: z.string().regex(/^ok/i).optional() })
    .refine(({ from, to }) => from <= to, { path: ['to'], message: 'must not be before from' });
  const described = describeZod('range', range);

  it('run on the whole value where the Zod schema is held', () => {
    const validator = compileValidator('range', described, range);
    expect(validator.enforcedHere).toBe(true);
    expect(validator.propertywise).toBe(false);
    expect(validator.effective({ from: 1, to: 2 })).toEqual([]);
    expect(messages(validator.effective({ from: 3, to: 2 }))).toEqual(['to must not be before from']);
    expect(validator.layer({ from: 3, to: 2 })).toEqual([]);
  });

  it('do not repeat what the structure said', () => {
    const validator = compileValidator('range', described, range);
    expect(messages(validator.effective({ from: 300, note: 'no' }))).toEqual([
      'to is required',
      'from must be at most 100',
      'note: Invalid string: must match pattern /^ok/i',
    ]);
  });

  it('cannot be enforced by a process without them, which checks the rest in the same words', () => {
    const validator = compileValidator('range', described);
    expect(validator.enforcedHere).toBe(false);
    expect(validator.propertywise).toBe(false);
    expect(validator.effective({ from: 3, to: 2 })).toEqual([]);
    expect(messages(validator.effective({ from: 300, to: 2 }))).toEqual(['from must be at most 100']);
  });

  it('that fail to run, or would have to wait, are a fault of the schema that does not quote the value', () => {
    const throwing = z.string().refine((text) => {
      throw new Error(`bad ${text}`);
    });
    const waiting = z.string().refine((text) => Promise.resolve(text === ''));
    for (const schema of [throwing, waiting]) {
      const validator = compileValidator('key', describeZod('key', schema), schema);
      expect(() => validator.effective('hunter2')).toThrow(
        /^The schema of key cannot be used: one of its rules in code is asynchronous or failed to run\.$/,
      );
    }
  });
});

describe('the JSON Schema of a Zod schema', () => {
  const texts = [
    ...[
      '',
      'a',
      'A',
      'ab',
      '1',
      '-1.5',
      'true',
      'v1',
      '😀',
      'https://example.com/a?b#c',
      'ftp://x',
      'example.com',
      'a@example.com',
    ],
    ...[
      'a@b',
      '2026-01-31',
      '2026-02-30',
      '2024-02-29',
      '2026-01-31T12:00:00Z',
      '2026-01-31T12:00:00+02:00',
      '12:00:00',
      'P1D',
    ],
    ...['P', '192.0.2.1', '256.0.0.1', '::1', '2001:db8::1', '10.0.0.0/8', '+4915112345678', 'YWJj', 'YWJ', 'Zm9v_-'],
    ...['00000000-0000-0000-0000-000000000000', 'f47ac10b-58cc-4372-a567-0e02b2c3d479', '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ...['2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae', 'V1StGXR8_Z5jdHi6B-myT'],
  ];
  const schemas: Readonly<Record<string, ZodType>> = {
    email: z.email(),
    url: z.url(),
    uuid: z.uuid(),
    guid: z.guid(),
    datetime: z.iso.datetime(),
    'datetime with offset': z.iso.datetime({ offset: true }),
    date: z.iso.date(),
    time: z.iso.time(),
    duration: z.iso.duration(),
    hostname: z.hostname(),
    ipv4: z.ipv4(),
    ipv6: z.ipv6(),
    cidrv4: z.cidrv4(),
    base64: z.base64(),
    base64url: z.base64url(),
    e164: z.e164(),
    ulid: z.ulid(),
    nanoid: z.nanoid(),
    sha256: z.hash('sha256'),
    lowercase: z.string().lowercase(),
    startsWith: z.string().startsWith('a'),
    includes: z.string().includes('.'),
    template: z.templateLiteral(['v', z.int()]),
    pattern: z.string().regex(/^[\s\w]{1,3}$/),
    enum: z.enum(['a', 'true']),
  };

  it.each(Object.keys(schemas))('takes the texts that Zod takes: %s', (name) => {
    const schema = schemas[name] ?? z.never();
    const { jsonSchema, code } = describeZod('key', schema);
    expect(code).toBe(false);
    const validator = validatorOf(jsonSchema);
    const taken = texts.filter((text) => schema.safeParse(text).success);
    expect(texts.filter((text) => validator.effective(text).length === 0)).toEqual(taken);
    expect(taken.length).toBeGreaterThan(0);
  });
});

describe('secrets', () => {
  const schema = z
    .object({
      token: z.string().max(3).meta({ sensitive: true }),
      mode: z.enum(['s3cret', 'open']).meta({ sensitive: true }),
    })
    .superRefine((value, context) => {
      context.addIssue({ code: 'custom', path: ['token'], message: `got ${value.token}` });
      context.addIssue({ code: 'custom', message: `token ${value.token} is bad` });
      context.addIssue({ code: 'custom', message: 'is always bad' });
    });

  it('never stand in a message, not even in one of a rule in code', () => {
    const validator = compileValidator('key', describeZod('key', schema), schema);
    const problems = validator.effective({ token: 'abc', mode: 'open' });
    expect(problems).toEqual([
      { path: 'token', message: 'token breaks a rule of its schema' },
      { path: '$', message: 'the value breaks a rule of its schema' },
      { path: '$', message: 'the value is always bad' },
    ]);
    const wrong = validator.effective({ token: 'hunter2', mode: 'hunter3' });
    expect(messages(wrong)).toEqual(expect.arrayContaining(['mode is not one of the allowed values']));
    expect(JSON.stringify(wrong)).not.toMatch(/hunter|s3cret/);
  });

  it('are all values of a sensitive definition', () => {
    const jsonSchema = { properties: { a: { enum: ['x1', 'y1'] }, b: { anyOf: [{ const: 'z1' }, { type: 'null' }] } } };
    const validator = compileValidator('key', { jsonSchema, sensitive: true });
    expect(messages(validator.effective({ a: 'q', b: 'q' }))).toEqual([
      'a is not one of the allowed values',
      'b is not one of the allowed values',
    ]);
  });

  it('have no names of their own in a message either', () => {
    const jsonSchema = {
      properties: { a: { type: 'object', additionalProperties: { type: 'object', required: ['c'] } }, b: { type: 'string' } },
      additionalProperties: false,
    }; // prettier-ignore
    const validator = compileValidator('key', { jsonSchema, sensitive: true });
    const problems = validator.effective({ hunter2: 1, b: { hunter3: 1 }, a: { hunter4: {} } });
    expect(problems).toEqual([
      { path: '$', message: 'the value has a part that its schema does not allow' },
      { path: 'a', message: 'a has a part that its schema does not allow' },
      { path: 'b', message: 'b must be a text, not an object' },
    ]);
    expect(messages(compileValidator('key', { jsonSchema }).effective({ hunter2: 1 }))).toEqual([
      'hunter2 is not a known property (known: a, b)',
    ]);
  });
});

describe('a key whose layers replace each other', () => {
  const jsonSchema = { type: 'object', properties: { a: { type: 'number', default: 1 } }, required: ['a', 'b'] };
  const validator = compileValidator('key', { jsonSchema, merge: 'replace' });

  it('takes only whole values as layers', () => {
    expect(messages(validator.layer({}))).toEqual(['b is required']);
    expect(validator.layer({ b: 1 })).toEqual([]);
    expect(validator.layer({ $unset: true })).toEqual([]);
  });

  it('cannot be broken from above', () => {
    expect(validator.propertywise).toBe(true);
    expect(compileValidator('key', { jsonSchema, merge: 'replace', code: true }).propertywise).toBe(false);
  });
});

describe('a schema', () => {
  it('is compiled at its first use, and checked on request', () => {
    const validator = compileValidator('key', { jsonSchema: { type: 'strng' } });
    expect(() => {
      validator.check();
    }).toThrow('type must be one of array, boolean, integer, null, number, object, string');
  });

  it.each<[string, JsonObject, RegExp]>([
    ['a pattern with lookahead', { pattern: '^(?=a)' }, /invalid or unsupported Perl syntax: `\(\?=`/],
    ['a pattern with a backreference', { pattern: '(a)\\1' }, /invalid escape sequence/],
    [
      'a bound that is a text',
      { properties: { a: { minimum: '1' } } },
      /properties\.a\.minimum must be a number, not a text/,
    ],
    [
      'a default that it refuses itself',
      { properties: { a: { maximum: 3, default: 5 } } },
      /the default at properties\.a is not valid: the value must be at most 3/,
    ],
    [
      'a default that lacks what is required',
      { properties: { a: { default: {}, required: ['b'] } } },
      /the default at properties\.a is not valid: b is required/,
    ],
    [
      'a default that contains itself',
      { properties: { a: { $ref: '#', default: {} } } },
      /the default at properties\.a adds itself again, without end/,
    ],
    [
      'a default that does not fit where it is used',
      { properties: { a: { $ref: '#/$defs/x', maximum: 1 } }, $defs: { x: { default: 2 } } },
      /the default at properties\.a is not valid: the value must be at most 1/,
    ],
  ])('with %s is refused', (_, jsonSchema, message) => {
    const validator = compileValidator('key', { jsonSchema });
    let error: unknown;
    try {
      validator.check();
    } catch (thrown) {
      error = thrown;
    }
    expect(isConfigurationError(error, 'invalid_schema')).toBe(true);
    expect(String(error)).toMatch(message);
  });

  it('may have unknown formats, which are annotations', () => {
    expect(validatorOf({ format: 'colour' }).effective('x')).toEqual([]);
  });

  it('gives an author the last word on messages', () => {
    const schema = z.object({
      speed: z.number('Speed, please').max(9, 'Too fast'),
      name: z.string().min(2, 'must be longer'),
    });
    const validator = compileValidator('key', describeZod('key', schema));
    expect(messages(validator.effective({ speed: 10, name: '' }))).toEqual(['speed: Too fast', 'name must be longer']);
    expect(messages(validator.layer({ speed: 'x' }))).toEqual(['speed: Speed, please']);
  });
});

describe('hostile input', () => {
  function milliseconds(run: () => void): number {
    const start = performance.now();
    run();
    return performance.now() - start;
  }

  it('cannot make a pattern backtrack', () => {
    const validator = validatorOf({ pattern: '^(a+)+$' });
    const evil = `${'a'.repeat(200_000)}!`;
    expect(
      milliseconds(() =>
        expect(messages(validator.effective(evil))).toEqual(['the value must match the pattern ^(a+)+$']),
      ),
    ).toBeLessThan(2_000);
  });

  it('cannot make the search for repeated items quadratic', () => {
    const validator = validatorOf({ uniqueItems: true });
    const items = Array.from({ length: 40_000 }, (_, index) => [index]);
    expect(milliseconds(() => expect(validator.effective(items)).toEqual([]))).toBeLessThan(2_000);
    expect(
      messages(
        validator.effective([
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ]),
      ),
    ).toEqual(['the value must not hold the same item twice']);
  });

  it('gets at most a hundred problems told', () => {
    const validator = validatorOf({ items: { type: 'number' } });
    const problems = validator.effective(Array.from({ length: 250 }, () => 'x'));
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toEqual({ path: '$', message: 'and 150 more problems' });
  });

  it('cannot reach a prototype through property names', () => {
    const validator = validatorOf({
      type: 'object',
      properties: { a: { type: 'number' } },
      additionalProperties: false,
    });
    expect(messages(validator.layer({ toString: 1, hasOwnProperty: 1 }))).toEqual([
      'toString is not a known property (known: a)',
      'hasOwnProperty is not a known property (known: a)',
    ]);
    const named = validatorOf({ properties: { valueOf: { type: 'number' } }, required: ['toString'] });
    expect(messages(named.effective({}))).toEqual(['toString is required']);
  });
});

describe('a pattern', () => {
  it.each([
    ['\\s', '\u00a0', true],
    ['[\\s]', '\u3000', true],
    ['^\\S+$', 'a\u00a0', false],
    ['^.$', '😀', true],
    ['^a$', 'a\n', false],
    ['^\\u00e9$', 'é', true],
    ['^(?<year>\\d{4})$', '2026', true],
  ])('%s means what it means in ECMAScript', (pattern, text, fits) => {
    expect(new RegExp(pattern, 'u').test(text)).toBe(fits);
    expect(validatorOf({ pattern }).effective(text).length === 0).toBe(fits);
  });
});

it('puts all problems into one error', () => {
  const problems = validatorOf({ properties: { a: { maximum: 1 }, b: { minimum: 1 } } }).effective({ a: 2, b: 0 });
  const error = validationError(problems);
  expect(error.message).toBe('Validation failed: a must be at most 1, b must be at least 1');
  expect(error.code).toBe('validation_failed');
  expect(error.status).toBe(422);
  expect(error.details['errors']).toEqual([
    { path: 'a', message: 'a must be at most 1' },
    { path: 'b', message: 'b must be at least 1' },
  ]);
});
