import {
  checkJsonSchema,
  defaultPaths,
  isJsonObject,
  mergeLayers,
  parseJsonValue,
  parseLayer,
  valueAt,
  withDefaults,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileValidator, type Validator } from './validation.ts';

const names = fc.constantFrom('a', 'b', 'c');
const scalars = fc.constantFrom<JsonValue>(null, true, 0, 1, 2, 'a', 'b', '');
const someNames = fc.uniqueArray(names, { maxLength: 2 });

const { value: values } = fc.letrec<{ value: JsonValue; object: JsonValue }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalars, fc.array(scalars, { maxLength: 2 }), tie('object'), tie('object')),
  object: fc.dictionary(names, tie('value'), { maxKeys: 3 }),
}));

const { schema: schemas } = fc.letrec<{ schema: JsonValue; leaf: JsonValue; node: JsonObject }>((tie) => {
  const schema = tie('schema');
  const rarely = <T>(arbitrary: fc.Arbitrary<T>, times = 16): fc.Arbitrary<T | undefined> =>
    fc.oneof({ weight: times, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
  const node = fc.record<unknown>({
    type: rarely(fc.constantFrom<JsonValue>('object', ['object', 'null'], ['object', 'number']), 1),
    properties: fc.dictionary(names, schema, { maxKeys: 3 }),
    additionalProperties: rarely(schema, 1),
    patternProperties: rarely(fc.record({ '^[ab]': schema })),
    propertyNames: rarely(fc.constant({ enum: ['a', 'b'] })),
    default: rarely(fc.oneof(fc.constant({}), values), 8),
    allOf: rarely(fc.array(schema, { minLength: 1, maxLength: 2 })),
    $ref: rarely(fc.constant('#/$defs/part')),
    required: rarely(someNames),
    minProperties: rarely(fc.constantFrom(0, 1)),
    maxProperties: rarely(fc.constantFrom(1, 2)),
    anyOf: rarely(fc.array(schema, { minLength: 1, maxLength: 2 })),
    oneOf: rarely(fc.array(schema, { minLength: 1, maxLength: 2 })),
    not: rarely(schema),
    if: rarely(schema),
    then: rarely(schema),
    else: rarely(schema),
    dependentRequired: rarely(fc.dictionary(names, someNames, { maxKeys: 1 })),
    dependentSchemas: rarely(fc.dictionary(names, schema, { maxKeys: 1 })),
    const: rarely(values, 30),
  });
  const leaf = fc.oneof(
    fc.record({ type: fc.constantFrom<JsonValue>('number', ['number', 'null']), maximum: fc.constantFrom(1, 2) }),
    fc.record({ type: fc.constant('string'), maxLength: fc.constantFrom(0, 1) }),
    fc.record({ enum: fc.array(scalars, { minLength: 1, maxLength: 3 }), default: rarely(scalars, 1) }),
    fc.record({ type: fc.constant('array'), items: schema }),
    fc.record({ anyOf: fc.constant([{ type: 'number' }, { type: 'null' }]), default: rarely(scalars, 1) }),
    fc.constantFrom<JsonValue>({}, true, false, { type: 'number', default: 1 }),
  ) as fc.Arbitrary<JsonValue>;
  return {
    schema: fc.oneof({ maxDepth: 2 }, leaf, tie('node'), tie('node')),
    leaf,
    node: node,
  };
});

const rootSchemas = fc.record({ schema: schemas, part: schemas }).filter(({ schema }) => isJsonObject(schema));

/** A schema as it could be registered, with its validator; undefined for one that would be refused. */
function register({ schema, part }: { schema: JsonValue; part: JsonValue }): [JsonObject, Validator] | undefined {
  const { default: _default, ...root } = schema as JsonObject;
  const given = JSON.parse(JSON.stringify({ ...root, $defs: { part } })) as unknown;
  try {
    const jsonSchema = checkJsonSchema('key', given);
    const validator = compileValidator('key', { jsonSchema });
    validator.check();
    return [jsonSchema, validator];
  } catch {
    return undefined;
  }
}

/** A part of a value: without some properties of its objects, and with others unset. */
function partOf(value: JsonValue, choose: () => number): JsonValue {
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).flatMap(([name, item]): [string, JsonValue][] => {
    const choice = choose();
    return choice === 0 ? [] : choice === 1 ? [[name, { $unset: true }]] : [[name, partOf(item, choose)]];
  });
  return Object.fromEntries(kept);
}

const choices = fc.array(fc.nat({ max: 4 }), { minLength: 8, maxLength: 8 });

function chooser(list: readonly number[]): () => number {
  let index = 0;
  return () => list[index++ % list.length] ?? 0;
}

describe('any schema', () => {
  it('that judges each property by itself lets valid layers merge to valid values only', () => {
    let merges = 0;
    let schemasSeen = 0;
    const layers = fc
      .tuple(values, choices)
      .map(([value, list]) => parseLayer(parseJsonValue(partOf(value, chooser(list)))));
    fc.assert(
      fc.property(rootSchemas, fc.array(layers, { minLength: 12, maxLength: 12 }), (given, candidates) => {
        const [schema, validator] = register(given) ?? [];
        if (schema === undefined || validator?.propertywise !== true) return;
        schemasSeen += 1;
        const valid = candidates.filter((layer) => validator.layer(layer).length === 0);
        for (const first of valid) {
          for (const second of valid) {
            for (const chain of [
              [first, second],
              [first, second, valid[0] ?? first],
            ]) {
              const merged = mergeLayers(chain, 'deep');
              if (merged === undefined) continue;
              merges += 1;
              expect({ schema, chain, problems: validator.effective(validator.withDefaults(merged)) }).toEqual({
                schema,
                chain,
                problems: [],
              });
            }
          }
        }
      }),
      { numRuns: 600 },
    );
    expect(schemasSeen).toBeGreaterThan(60);
    expect(merges).toBeGreaterThan(500);
  });

  it('takes as a layer every part of a value that is valid as a whole', () => {
    let parts = 0;
    fc.assert(
      fc.property(rootSchemas, fc.array(values, { minLength: 12, maxLength: 12 }), choices, (given, wholes, list) => {
        const [schema, validator] = register(given) ?? [];
        if (schema === undefined || validator === undefined) return;
        for (const whole of wholes) {
          if (validator.effective(whole).length > 0) continue;
          const layer = partOf(whole, chooser(list));
          if (isJsonObject(layer)) parts += 1;
          expect({ schema, layer, problems: validator.layer(layer) }).toEqual({ schema, layer, problems: [] });
          expect(validator.layer({ $unset: true })).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
    expect(parts).toBeGreaterThan(100);
  });

  it('completes a value once, and tells where', () => {
    let added = 0;
    fc.assert(
      fc.property(rootSchemas, fc.array(values, { minLength: 12, maxLength: 12 }), (given, candidates) => {
        const [schema] = register(given) ?? [];
        if (schema === undefined) return;
        for (const value of candidates) added += checkDefaults(schema, value);
      }),
      { numRuns: 400 },
    );
    expect(added).toBeGreaterThan(20);
  });
});

/** @returns how many defaults were added. */
function checkDefaults(schema: JsonObject, value: JsonValue): number {
  const completed = withDefaults(schema, value);
  const paths = defaultPaths(schema, value);
  if (paths.length === 0) expect(completed).toBe(value);
  for (const path of paths) {
    expect(valueAt(value, path)).toBeUndefined();
    expect(valueAt(completed, path)).not.toBeUndefined();
  }
  expect(withDefaults(schema, completed)).toBe(completed);
  expect(mergeLayers([completed, value], 'deep')).toEqual(completed);
  return paths.length;
}
