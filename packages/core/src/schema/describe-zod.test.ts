import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z, type ZodType } from 'zod';
import * as z3 from 'zod/v3';
import { isConfigurationError } from '../errors.ts';
import { describeZod, isZodSchema } from './describe-zod.ts';

function problemOf(schema: unknown): string {
  try {
    describeZod('key', schema as ZodType);
  } catch (error) {
    if (isConfigurationError(error, 'invalid_schema')) return String(error.details['problem']);
    throw error;
  }
  return '';
}

describe('a Zod schema', () => {
  it.each<[string, unknown, RegExp]>([
    ['of Zod 3', z3.z.object({ a: z3.z.string() }), /not a schema of Zod 4; with an older Zod, upgrade it/],
    ['that is none', { type: 'object' }, /not a schema of Zod 4/],
    ['that is null', null, /not a schema of Zod 4/],
    [
      'with a transform',
      z.object({ a: z.string().transform(Number) }),
      /^at a: a pipe, codec or preprocess changes the value/,
    ],
    ['that is a transform', z.transform(String), /^at \$: a transform changes the value/],
    ['with a pipe', z.array(z.string().pipe(z.string())), /^at \[\]: a pipe/],
    ['with a preprocess', z.preprocess(String, z.string()), /pipe, codec or preprocess/],
    ['with a stringbool', z.stringbool(), /pipe, codec or preprocess/],
    ['with a codec', z.codec(z.string(), z.number(), { decode: Number, encode: String }), /pipe, codec or preprocess/],
    [
      'with coercion',
      z.object({ a: z.object({ 'b c': z.coerce.number() }) }),
      /^at a\["b c"\]: coercion changes the value/,
    ],
    ['with coercion of a boolean', z.coerce.boolean(), /coercion/],
    [
      'with trim',
      z.object({ a: z.string().trim() }),
      /^at a: \.trim\(\), \.toLowerCase\(\) and the like change the value/,
    ],
    ['with toLowerCase', z.string().toLowerCase(), /change the value/],
    ['with normalize', z.string().normalize(), /change the value/],
    ['with an overwrite', z.number().overwrite((n) => n + 1), /change the value/],
    ['with a normalized URL', z.url({ normalize: true }), /normalizing a URL changes the value/],
    ['with catch', z.object({ a: z.number().catch(1) }), /^at a: \.catch\(\) hides a wrong value/],
    ['with a date', z.object({ a: z.date().optional() }), /^at a: a Date is not JSON; use z\.iso\.datetime\(\)/],
    ['with a coerced date', z.coerce.date(), /a Date is not JSON/],
    ['with a bigint', z.bigint(), /a bigint is not JSON/],
    ['with an int64', z.int64(), /a bigint is not JSON/],
    [
      'with a map',
      z.record(z.string(), z.map(z.string(), z.string())),
      /^at \.\*: a Map is not JSON; use z\.record\(\)/,
    ],
    ['with a set', z.set(z.string()), /a Set is not JSON; use z\.array\(\)/],
    ['with a function', z.function(), /a function is not JSON/],
    ['with a symbol', z.symbol(), /a symbol is not JSON/],
    ['with undefined', z.union([z.string(), z.undefined()]), /undefined is not JSON; use \.optional\(\)/],
    ['with void', z.void(), /undefined is not JSON/],
    ['with NaN', z.nan(), /NaN is not JSON/],
    ['with a file', z.file(), /a file is not JSON/],
    ['with a promise', z.promise(z.string()), /a promise is not JSON/],
    ['with success', z.success(z.string()), /z\.success\(\) changes the value/],
    ['with an undefined literal', z.literal(['a', undefined]), /undefined is not JSON/],
    ['with a bigint literal', z.literal(1n), /1 is not JSON/],
    ['with an infinite literal', z.literal(Infinity), /Infinity is not JSON/],
    [
      'with a default that is not JSON',
      z.object({ a: z.any().default(new Date(0)) }),
      /^at a: its default is not JSON\. .*Date/,
    ],
    [
      'with a default that changes',
      z.object({ a: z.number().default(() => Math.random()) }),
      /^at a: its default is another one each time/,
    ],
    [
      'with a loose record of any keys',
      z.looseRecord(z.string(), z.number()),
      /a loose record needs keys with a regex/,
    ],
    ['with a loose record by lookahead', z.looseRecord(z.string().regex(/^(?=a)/), z.number()), /a loose record needs/],
    [
      'that intersects objects that cannot be one',
      z.intersection(z.object({ a: z.lazy(() => z.string()) }).describe('A'), z.object({ b: z.string() })),
      /cannot be intersected; use a\.extend\(b\.shape\)/,
    ],
    ['with a transform in a tuple', z.tuple([z.string(), z.string().transform(Number)]), /^at \[1\]: a pipe/],
    ['with a transform behind lazy', z.object({ a: z.lazy(() => z.date()) }), /^at a: a Date/],
    ['with a transformed key', z.record(z.string().trim(), z.string()), /\(its name\): \.trim/],
    ['with a forbidden name', z.object({ constructor: z.string() }), /may not be called constructor/],
  ])('%s is refused', (_, schema, problem) => {
    expect(problemOf(schema)).toMatch(problem);
  });

  it.each<[string, ZodType, unknown]>([
    [
      'an object, closed',
      z.object({ a: z.number().min(1).optional() }),
      { type: 'object', properties: { a: { type: 'number', minimum: 1 } }, additionalProperties: false },
    ],
    ['a strict object', z.strictObject({}), { type: 'object', properties: {}, additionalProperties: false }],
    [
      'a loose object',
      z.looseObject({ a: z.null() }),
      { type: 'object', properties: { a: { type: 'null' } }, required: ['a'], additionalProperties: {} },
    ],
    [
      'a catchall',
      z.object({}).catchall(z.number()),
      { type: 'object', properties: {}, additionalProperties: { type: 'number' } },
    ],
    [
      'a default, which makes optional',
      z.object({ a: z.number().default(1) }),
      { type: 'object', properties: { a: { type: 'number', default: 1 } }, additionalProperties: false },
    ],
    ['a prefault', z.string().prefault('x'), { type: 'string', default: 'x' }],
    ['a record', z.record(z.string(), z.boolean()), { type: 'object', additionalProperties: { type: 'boolean' } }],
    [
      'a record by a pattern',
      z.record(z.string().regex(/^a/), z.boolean()),
      { type: 'object', propertyNames: { type: 'string', pattern: '^a' }, additionalProperties: { type: 'boolean' } },
    ],
    [
      'a loose record by a pattern',
      z.looseRecord(z.string().regex(/^a/), z.boolean()),
      { type: 'object', patternProperties: { '^a': { type: 'boolean' } } },
    ],
    [
      'an intersection',
      z.object({ a: z.null() }).and(z.object({ b: z.null() })),
      {
        type: 'object',
        properties: { a: { type: 'null' }, b: { type: 'null' } },
        required: ['a', 'b'],
        additionalProperties: false,
      },
    ],
    [
      'a recursive schema',
      z.json(),
      {
        anyOf: [
          { type: 'string' },
          { type: 'number' },
          { type: 'boolean' },
          { type: 'null' },
          { type: 'array', items: { $ref: '#' } },
          { type: 'object', additionalProperties: { $ref: '#' } },
        ],
      },
    ],
    ['a format and its pattern', z.hex(), { type: 'string', pattern: '^[0-9a-fA-F]*$' }],
    ['a format without a linear pattern', z.iso.duration(), { type: 'string', format: 'duration' }],
    ['a host name', z.hostname(), { type: 'string', format: 'hostname' }],
    [
      'several text rules',
      z.url().startsWith('https://').max(9),
      { type: 'string', maxLength: 9, format: 'uri', allOf: [{ pattern: '^https:\\/\\/.*' }] },
    ],
    ['a pattern that is no format', z.string().regex(/^a$/u), { type: 'string', pattern: '^a$' }],
    [
      'a time, which has no zone',
      z.iso.time({ precision: 0 }),
      { type: 'string', pattern: '^(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d$' },
    ],
    [
      'metadata',
      z.string().meta({ id: 'x', title: 'T', sensitive: true, owner: 'me', pattern: '^no$' }),
      { type: 'string', title: 'T', 'x-sensitive': true, 'x-owner': 'me', 'x-pattern': '^no$' },
    ],
    [
      'metadata below a wrapper',
      z.object({ a: z.string().meta({ sensitive: true }).optional() }),
      { type: 'object', properties: { a: { type: 'string', 'x-sensitive': true } }, additionalProperties: false },
    ],
    [
      'messages',
      z
        .number('a')
        .min(1, 'b')
        .lt(5, { error: () => 'c' })
        .multipleOf(2, { error: (issue) => String(issue.input) }),
      {
        type: 'number',
        minimum: 1,
        exclusiveMaximum: 5,
        multipleOf: 2,
        'x-messages': { type: 'a', minimum: 'b', exclusiveMaximum: 'c' },
      },
    ],
    [
      'messages of texts',
      z.string().regex(/^a/, 'a').min(2, 'b'),
      { type: 'string', minLength: 2, pattern: '^a', 'x-messages': { pattern: 'a', minLength: 'b' } },
    ],
  ])('becomes JSON Schema: %s', (_, schema, jsonSchema) => {
    expect(describeZod('key', schema)).toEqual({ jsonSchema, code: false });
  });

  it.each<[string, ZodType, unknown]>([
    ['a refinement', z.number().refine((n) => n % 2 === 0), { type: 'number' }],
    ['a superRefine', z.number().superRefine(() => undefined), { type: 'number' }],
    ['a check', z.number().check(() => undefined), { type: 'number' }],
    [
      'a refinement below',
      z.object({ a: z.string().refine(Boolean).optional() }),
      { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false },
    ],
    ['a custom schema', z.custom<string>((value) => value === 'x'), {}],
    ['a pattern with a flag', z.string().regex(/^a/i).min(1), { type: 'string', minLength: 1 }],
    [
      'a pattern with lookahead',
      z
        .string()
        .regex(/^(?=.*\d)/)
        .regex(/^a/),
      { type: 'string', pattern: '^a' },
    ],
    ['a pattern with a backreference', z.string().regex(/(a)\1/), { type: 'string' }],
    ['a JWT', z.jwt(), { type: 'string' }],
    ['an emoji', z.emoji(), { type: 'string' }],
    ['a URL of some protocols', z.url({ protocol: /^https$/ }), { type: 'string', format: 'uri' }],
    ['a format of its own', z.stringFormat('even', (text) => text.length % 2 === 0), { type: 'string' }],
    ['a format that poses as a known one', z.stringFormat('uri', (text) => text === 'x'), { type: 'string' }],
    ['an email by a pattern with lookahead', z.email({ pattern: /^(?!a).*@b$/ }), { type: 'string' }],
    ['a property check', z.string().check(z.property('length', z.number().min(3))), { type: 'string' }],
    ['a template with a refined part', z.templateLiteral(['a', z.string().regex(/(?=x)x/)]), { type: 'string' }],
    [
      'a key with a refinement',
      z.record(z.string().refine(Boolean), z.null()),
      { type: 'object', additionalProperties: { type: 'null' } },
    ],
  ])('is code for %s', (_, schema, jsonSchema) => {
    expect(describeZod('key', schema)).toEqual({ jsonSchema, code: true });
  });

  it.each<[string, ZodType]>([
    ['email', z.email()],
    ['uuid', z.uuid()],
    ['date and time', z.iso.datetime({ offset: true })],
    ['date', z.iso.date()],
    ['ipv4', z.ipv4()],
    ['ipv6', z.ipv6()],
    ['cidr', z.cidrv4()],
    ['base64', z.base64()],
    ['e164', z.e164()],
    ['ulid', z.ulid()],
    ['nanoid', z.nanoid()],
    ['hash', z.hash('sha256')],
    ['int', z.int()],
    ['template', z.templateLiteral(['v', z.int()])],
    ['enum', z.enum(['a', 'b'])],
    ['tuple', z.tuple([z.string()], z.number())],
    ['readonly', z.object({ a: z.string().nullable() }).readonly()],
    [
      'discriminated union',
      z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b') })]),
    ],
  ])('needs no code for %s', (_, schema) => {
    expect(describeZod('key', schema).code).toBe(false);
  });

  it('is described the same each time, and frozen', () => {
    const make = (): ZodType => z.object({ a: z.email().describe('mail'), b: z.json().optional() });
    expect(JSON.stringify(describeZod('key', make()))).toBe(JSON.stringify(describeZod('key', make())));
    expect(Object.isFrozen(describeZod('key', make()).jsonSchema['properties'])).toBe(true);
    expect(JSON.stringify(describeZod('key', make()))).not.toMatch(/\$schema|~standard/);
  });

  it('is told from JSON Schema, whatever its version', () => {
    expect(isZodSchema(z.string())).toBe(true);
    expect(isZodSchema(z3.z.string())).toBe(true);
    for (const other of [{ type: 'string' }, null, undefined, 'x', []]) expect(isZodSchema(other)).toBe(false);
  });
});

it('any nesting of properties, items and names shows in the path of what is refused', () => {
  const steps = fc.array(fc.constantFrom('property', 'item', 'any'), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(steps, (path) => {
      let schema: ZodType = z.date();
      let text = '';
      for (const step of path.toReversed()) {
        if (step === 'property') schema = z.object({ p: schema });
        else schema = step === 'item' ? z.array(schema) : z.record(z.string(), schema);
      }
      for (const step of path) text += step === 'property' ? (text === '' ? 'p' : '.p') : step === 'item' ? '[]' : '.*';
      expect(problemOf(schema)).toContain(`at ${text}: a Date is not JSON`);
    }),
  );
});
