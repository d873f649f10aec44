import { describe, expect, it } from 'vitest';
import type { JsonObject } from './json.ts';
import { admitsObjects, childSchemas, eachSubschema, formatReference, resolveReference } from './json-schema.ts';

describe('references', () => {
  const root: JsonObject = { $defs: { 'a/b': { type: 'null' }, 'c~d e%': true }, allOf: [{ title: 'first' }] };

  it.each([
    [['$defs', 'a/b'], '#/$defs/a~1b'],
    [['$defs', 'c~d e%'], '#/$defs/c~0d%20e%25'],
    [['allOf', 0], '#/allOf/0'],
    [[], '#'],
  ])('to %j read back as they were written', (path, reference) => {
    expect(formatReference(path)).toBe(reference);
    let expected: unknown = root;
    for (const step of path) expected = (expected as Record<string | number, unknown>)[step];
    expect(resolveReference(root, reference)).toBe(expected);
  });

  it.each(['', 'other.json', '#name', '#/$defs/none', '#/allOf/01', '#/allOf/1', '#/%', '#/toString'])(
    '%j leads nowhere',
    (reference) => {
      expect(resolveReference(root, reference)).toBeUndefined();
    },
  );
});

it('subschemas are found where a keyword holds them, never in constants or properties of that name', () => {
  const seen: string[] = [];
  eachSubschema(
    {
      properties: { not: { title: 'a' }, const: { items: { title: 'b' } } },
      const: { not: { title: 'no' } },
      enum: [{ not: { title: 'no' } }],
      default: { items: { title: 'no' } },
      oneOf: [{ title: 'c' }, true],
      'x-note': { not: { title: 'no' } },
    },
    ({ title }, path) => {
      seen.push(`${path.join('.')}=${typeof title === 'string' ? title : ''}`);
    },
  );
  expect(seen).toEqual(['=', 'properties.not=a', 'properties.const=', 'properties.const.items=b', 'oneOf.0=c']);
});

describe('the schemas of a part', () => {
  const root: JsonObject = {
    $defs: { base: { properties: { a: { title: 'base' } } } },
    $ref: '#/$defs/base',
    properties: { a: { title: 'own' } },
    patternProperties: { '^z': { title: 'pattern' } },
    additionalProperties: { title: 'other' },
    anyOf: [{ properties: { a: { title: 'branch' } } }],
    prefixItems: [{ title: 'first' }],
    items: { title: 'rest' },
  };
  const titles = (step: string | number, which: 'always' | 'maybe'): unknown[] =>
    childSchemas(root, root, step, which)
      .map((schema) => schema['title'])
      .sort();

  it('come from all schemas of the same value', () => {
    expect(titles('a', 'always')).toEqual(['base', 'own']);
    expect(titles('a', 'maybe')).toEqual(['base', 'branch', 'own', 'pattern']);
  });

  it('leave out what depends on a pattern, unless anything possible is asked for', () => {
    expect(titles('b', 'always')).toEqual([]);
    expect(titles('b', 'maybe')).toEqual(['other', 'pattern']);
  });

  it('are those of the item, too', () => {
    expect(titles(0, 'always')).toEqual(['first']);
    expect(titles(1, 'always')).toEqual(['rest']);
  });
});

it.each<[JsonObject | boolean, boolean]>([
  [true, true],
  [false, false],
  [{}, true],
  [{ minimum: 1 }, true],
  [{ type: 'string' }, false],
  [{ type: ['string', 'object'] }, true],
  [{ const: null }, false],
  [{ const: {} }, true],
  [{ enum: [1, [{}]] }, false],
  [{ enum: [1, {}] }, true],
  [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, false],
  [{ anyOf: [{ type: 'string' }, {}] }, true],
  [{ oneOf: [{ $ref: '#/$defs/text' }], $defs: { text: { type: 'string' } } }, false],
  [{ allOf: [{}, { type: 'string' }] }, false],
  [{ not: { type: 'object' } }, true],
])('%j lets an object pass: %j', (schema, admits) => {
  expect(admitsObjects(typeof schema === 'boolean' ? {} : schema, schema)).toBe(admits);
});
