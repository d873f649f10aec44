import { expect, it } from 'vitest';
import type { JsonObject } from './json.ts';
import { formatPath } from './path.ts';
import { sensitivePaths } from './sensitive.ts';

const secret = { 'x-sensitive': true };

it.each<[string, JsonObject, unknown, readonly string[]]>([
  ['a property', { properties: { a: secret } }, { a: 1, b: 1 }, ['a']],
  [
    'a whole object, not each part of it',
    { properties: { a: { ...secret, properties: { b: secret } } } },
    { a: { b: 1 } },
    ['a'],
  ],
  ['the whole value', secret, { a: 1 }, ['$']],
  ['items', { items: { properties: { a: secret } } }, [{ a: 1 }, {}, { a: 2 }], ['[0].a', '[2].a']],
  ['through a reference', { $defs: { s: secret }, properties: { a: { $ref: '#/$defs/s' } } }, { a: 1 }, ['a']],
  ['in one branch', { properties: { a: { anyOf: [{ type: 'null' }, secret] } } }, { a: null }, ['a']],
  ['by a pattern that may match', { patternProperties: { '^k': secret } }, { other: 1 }, ['other']],
  ['any other property', { properties: { a: {} }, additionalProperties: secret }, { a: 1, b: 1 }, ['b']],
  ['nothing', { properties: { a: { 'x-sensitive': false } } }, { a: 1 }, []],
])('finds %s', (_, schema, value, paths) => {
  expect(sensitivePaths(schema, value as JsonObject).map(formatPath)).toEqual(paths);
});
