import { describe, expect, it } from 'vitest';
import type { JsonObject } from './json.ts';
import { layerSchema, partOfSchema } from './layer-schema.ts';

/** The form in which `schema` may stand in a place, or the marker. */
function orUnset(schema: JsonObject): JsonObject {
  return { if: { const: { $unset: true } }, else: schema };
}

describe('the schema of a layer', () => {
  it('asks for no property, and lets each be unset', () => {
    expect(
      layerSchema({
        type: 'object',
        properties: { a: { type: 'number', default: 1, title: 'A' }, b: false, c: {} },
        required: ['a'],
        minProperties: 1,
        additionalProperties: false,
        'x-sensitive': true,
      }),
    ).toEqual(
      orUnset({
        type: 'object',
        properties: { a: orUnset({ type: 'number', title: 'A' }), b: false, c: {} },
        additionalProperties: false,
        'x-sensitive': true,
      }),
    );
  });

  it('keeps arrays and scalars whole', () => {
    const list = { type: 'array', items: { type: 'object', required: ['a'], properties: { a: { default: 1 } } } };
    const odd = { type: 'number', oneOf: [{ minimum: 1 }, { maximum: 2 }], not: { const: 5 } };
    expect(layerSchema({ properties: { list, odd } })).toEqual(
      orUnset({ properties: { list: orUnset(list), odd: orUnset(odd) } }),
    );
  });

  it('relaxes alternatives one by one', () => {
    const branch = (name: string): JsonObject => ({ properties: { [name]: { type: 'null' } }, required: [name] });
    const relaxed = (name: string): JsonObject => ({ properties: { [name]: orUnset({ type: 'null' }) } });
    expect(layerSchema({ oneOf: [branch('a'), branch('b')] })).toEqual(
      orUnset({ anyOf: [relaxed('a'), relaxed('b')] }),
    );
    expect(layerSchema({ if: branch('a'), then: branch('b'), else: branch('c'), not: branch('d') })).toEqual(
      orUnset({ anyOf: [{ allOf: [relaxed('a'), relaxed('b')] }, relaxed('c')] }),
    );
    expect(layerSchema({ if: branch('a'), then: branch('b'), maxProperties: 3 })).toEqual({});
    expect(layerSchema({ allOf: [branch('a')], anyOf: [branch('b')], oneOf: [branch('c')] })).toEqual(
      orUnset({ allOf: [relaxed('a'), { anyOf: [relaxed('b')] }, { anyOf: [relaxed('c')] }] }),
    );
  });

  it('takes a constant object in part', () => {
    const part = { type: 'object', properties: { a: orUnset({ const: 1 }) }, additionalProperties: false };
    expect(layerSchema({ const: { a: 1 } })).toEqual(orUnset({ anyOf: [part] }));
    expect(layerSchema({ enum: [{ a: 1 }, 'x'] })).toEqual(orUnset({ anyOf: [part, { const: 'x' }] }));
  });

  it('refers to relaxed parts, and to the full ones inside arrays', () => {
    const node = {
      required: ['a'],
      properties: { next: { $ref: '#/$defs/n' }, all: { type: 'array', items: { $ref: '#/$defs/n' } } },
    };
    const full = {
      $defs: {
        n: {
          ...node,
          properties: {
            next: { $ref: '#/$defs/full/$defs/n' },
            all: { type: 'array', items: { $ref: '#/$defs/full/$defs/n' } },
          },
        },
      },
      $ref: '#/$defs/full/$defs/n',
    };
    expect(layerSchema({ $defs: { n: node }, $ref: '#/$defs/n' })).toEqual({
      ...orUnset({ $ref: '#/$defs/layer0' }),
      $defs: {
        full,
        layer0: {
          properties: {
            next: orUnset({ $ref: '#/$defs/layer0' }),
            all: orUnset({ type: 'array', items: { $ref: '#/$defs/full/$defs/n' } }),
          },
        },
      },
    });
  });

  it('leaves constants that look like references alone', () => {
    const schema = { type: 'array', items: { const: { $ref: '#' } } };
    expect(layerSchema(schema)).toEqual(orUnset(schema));
  });
});

it('a part of a schema stands alone with all that it refers to', () => {
  expect(partOfSchema({ properties: { 'a/b': { $ref: '#' } } }, ['properties', 'a/b'])).toEqual({
    $ref: '#/$defs/full/properties/a~1b',
    $defs: { full: { properties: { 'a/b': { $ref: '#/$defs/full' } } } },
  });
});
