import { expect, it } from 'vitest';
import type { JsonObject } from './json.ts';
import { isPropertywise } from './propertywise.ts';

const within = (schema: JsonObject): JsonObject => ({ properties: { a: schema } });

it.each<[string, JsonObject]>([
  ['any value', {}],
  ['bounds of properties', within({ type: 'number', minimum: 1 })],
  ['unknown properties refused', { additionalProperties: false, ...within({}) }],
  ['a nullable scalar', within({ anyOf: [{ type: 'string' }, { type: 'null' }] })],
  [
    'conditions on a scalar',
    within({ type: 'number', if: { minimum: 5 }, then: { multipleOf: 5 }, not: { const: 7 } }),
  ],
  ['anything inside arrays', within({ type: 'array', items: { type: 'object', required: ['b'], minProperties: 2 } })],
  ['names', { propertyNames: { pattern: '^a' }, patternProperties: { '^a': { type: 'string' } } }],
  ['recursion', within({ $ref: '#' })],
  ['an empty list of required names', { required: [] }],
  ['a default that only one schema judges', within({ type: 'number', default: 1 })],
  ['a default behind a reference', { $defs: { n: { default: 1 } }, ...within({ $ref: '#/$defs/n' }) }],
])('properties count one by one with %s', (_, schema) => {
  expect(isPropertywise(schema)).toBe(true);
});

it.each<[string, JsonObject]>([
  ['required', { required: ['a'] }],
  ['required below', within({ type: 'object', required: ['b'] })],
  ['required behind a reference', { $defs: { n: { required: ['b'] } }, ...within({ $ref: '#/$defs/n' }) }],
  ['required of any other property', { additionalProperties: { required: ['b'] } }],
  ['required by a pattern', { patternProperties: { '^a': { required: ['b'] } } }],
  ['dependentRequired', { dependentRequired: { a: ['b'] } }],
  ['dependentSchemas', { dependentSchemas: { a: {} } }],
  ['minProperties', { minProperties: 1 }],
  ['maxProperties', { maxProperties: 1 }],
  ['anyOf of objects', { anyOf: [{}, {}] }],
  ['oneOf of objects', within({ oneOf: [{ type: 'object' }, { type: 'null' }] })],
  ['not', { not: { type: 'null' } }],
  ['if', { if: {}, then: {} }],
  ['a constant object', within({ const: {} })],
  ['an enum with an object', within({ enum: [1, {}] })],
  ['allOf with required', { allOf: [{ required: ['a'] }] }],
  ['a default that a second schema judges', { ...within({ default: 1 }), allOf: [within({ type: 'string' })] }],
  ['a default whose name is judged, too', { ...within({ default: 1 }), propertyNames: { minLength: 2 } }],
  [
    'a default that a pattern judges, too',
    { ...within({ default: 1 }), patternProperties: { '^a': { type: 'string' } } },
  ],
])('properties are tied together by %s', (_, schema) => {
  expect(isPropertywise(schema)).toBe(false);
});
