import { describe, expect, it } from 'vitest';
import type { JsonObject } from './json.ts';
import { defaultPaths, hasDefaults, withDefaults } from './schema-default.ts';

const schema: JsonObject = {
  $defs: { port: { type: 'number', default: 80 } },
  properties: {
    port: { $ref: '#/$defs/port' },
    admin: { $ref: '#/$defs/port', default: 81 },
    mail: { default: { to: 'x' }, properties: { from: { default: 'y' } } },
  },
  allOf: [{ properties: { zone: { default: null } } }],
  anyOf: [{ properties: { never: { default: 1 } } }],
  patternProperties: { '^p': { properties: { never: { default: 1 } } } },
  additionalProperties: { properties: { never: { default: 1 } } },
};

describe('defaults', () => {
  it('come through references and allOf, the nearest first, and are completed themselves', () => {
    const completed = withDefaults(schema, {});
    expect(completed).toEqual({ port: 80, admin: 81, mail: { to: 'x', from: 'y' }, zone: null });
    expect(Object.isFrozen(completed)).toBe(true);
    expect(defaultPaths(schema, {})).toEqual([['port'], ['admin'], ['mail'], ['zone']]);
  });

  it('leave what is there, whatever it is', () => {
    const value = Object.freeze({ port: null, admin: false, mail: '', zone: {}, p: {}, q: {} });
    expect(withDefaults(schema, value)).toBe(value);
    expect(defaultPaths(schema, value)).toEqual([]);
  });

  it('follow the properties that were given', () => {
    const completed = withDefaults(schema, { mail: { b: 1 }, a: 1, port: 1, zone: 1, admin: 1 });
    expect(JSON.stringify(completed)).toBe('{"mail":{"b":1,"from":"y"},"a":1,"port":1,"zone":1,"admin":1}');
    expect(defaultPaths(schema, { mail: {}, port: 1, zone: 1, admin: 1 })).toEqual([['mail', 'from']]);
  });

  it('are none of a value that is no object', () => {
    for (const value of [null, 'x', [{}]]) expect(withDefaults(schema, value)).toBe(value);
  });

  it('are told from a property that is called default', () => {
    expect(hasDefaults(schema)).toBe(true);
    expect(hasDefaults({ properties: { default: { type: 'string' } }, const: { default: 1 } })).toBe(false);
  });

  it('end even where they add themselves', () => {
    const endless: JsonObject = { properties: { child: { $ref: '#', default: {} } } };
    expect(withDefaults(endless, {})).toEqual({ child: {} });
  });
});
