import { describe, expect, it } from 'vitest';
import { isConfigurationError } from './errors.ts';
import { checkJsonSchema } from './schema-check.ts';

function problemOf(schema: unknown): string {
  try {
    checkJsonSchema('key', schema);
  } catch (error) {
    if (isConfigurationError(error, 'invalid_schema')) return String(error.details['problem']);
    throw error;
  }
  return '';
}

function nested(levels: number): unknown {
  return levels === 0 ? {} : { not: nested(levels - 1) };
}

describe('a JSON Schema', () => {
  it('is taken with all keywords of the draft, and any x-…', () => {
    const schema = {
      $defs: { text: { type: 'string', format: 'unheard-of' } },
      type: 'object',
      properties: { a: { $ref: '#/$defs/text' }, $id: { const: { $ref: 'no reference' } } },
      required: ['a'],
      'x-group': { anything: 1 },
    };
    const checked = checkJsonSchema('key', schema);
    expect(checked).toEqual(schema);
    expect(Object.isFrozen(checked['properties'])).toBe(true);
  });

  it('loses the names of its draft and of itself', () => {
    const draft = 'https://json-schema.org/draft/2020-12/schema';
    expect(checkJsonSchema('key', { $schema: draft, $id: 'https://example.com/a', type: 'null' })).toEqual({
      type: 'null',
    });
  });

  it('may refer to itself through a property or an item', () => {
    expect(problemOf({ properties: { child: { $ref: '#' } }, items: { $ref: '#' } })).toBe('');
  });

  it.each<[string, unknown, RegExp]>([
    ['true', true, /a JSON Schema is an object/],
    ['a list', [], /a JSON Schema is an object/],
    ['undefined', undefined, /undefined is not JSON/],
    ['a function inside', { default: () => 1 }, /Invalid value at default: function is not JSON/],
    ['too deep a nesting', nested(40), /nested deeper than 32 levels/],
    ['more than 256 KiB', { description: 'x'.repeat(300_000) }, /262144 are allowed/],
    ['an older draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, /its \$schema is "http.*draft-07/],
    [
      'a mistyped keyword',
      { properties: { a: { maximun: 3 } } },
      /^at properties\.a: maximun is not a known keyword \(did you mean maximum\?\)$/,
    ],
    ['an unknown keyword', { errorMessage: 'x' }, /errorMessage is not a known keyword; call your own ones x-…/],
    ['a keyword named as an inherited member', { toString: 1 }, /toString is not a known keyword/],
    ['items of draft 7', { items: [{}] }, /items takes one schema; a list of them goes into prefixItems/],
    ['dependencies', { dependencies: {} }, /use dependentRequired or dependentSchemas/],
    ['a dynamic reference', { $dynamicRef: '#a' }, /\$dynamicRef is not taken; use \$ref/],
    ['an anchor', { $defs: { a: { $anchor: 'a' } } }, /^at \$defs\.a: \$anchor is not taken/],
    ['an id inside', { items: { $id: 'a' } }, /only the root may have an id/],
    ['nullable', { nullable: true }, /add "null" to type/],
    ['unevaluatedProperties', { unevaluatedProperties: false }, /use additionalProperties/],
    ['a reference to elsewhere', { $ref: 'https://example.com/x' }, /leads to no schema here/],
    ['a reference to nothing', { $ref: '#/$defs/a' }, /\$ref "#\/\$defs\/a" leads to no schema here/],
    ['a reference into a constant', { const: { a: {} }, items: { $ref: '#/const/a' } }, /leads to no schema here/],
    ['a reference that is no text', { $ref: 1 }, /\$ref 1 leads to no schema/],
    ['a reference to itself', { $ref: '#' }, /refers to itself/],
    [
      'a circle of references',
      { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { not: { $ref: '#/$defs/a' } } } },
      /refers to itself/,
    ],
  ])('with %s is refused', (_, schema, problem) => {
    expect(problemOf(schema)).toMatch(problem);
  });
});
