import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readObject, readValue } from './value-input.ts';

let directory: string;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-value-'));
  file = join(directory, 'value.json');
  await writeFile(file, '\uFEFF{"a": [1, null]}\n');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a value on the command line', () => {
  it.each([
    ['{"a": 1}', { a: 1 }],
    ['"dark"', 'dark'],
    ['null', null],
    ['-5', -5],
    ['0.1', 0.1],
    ['9007199254740991', 9007199254740991],
    ['1e40', 1e40],
  ])('%s is JSON', async (text, value) => {
    expect(await readValue(text, {})).toEqual(value);
  });

  it('is a text with --string, whatever it looks like', async () => {
    expect(await readValue('{"a": 1}', { string: true })).toBe('{"a": 1}');
    expect(await readValue('', { string: true })).toBe('');
    expect(await readValue('two\n', { string: true })).toBe('two\n');
  });

  it('comes from a file, with or without a byte order mark', async () => {
    expect(await readValue(`@${file}`, {})).toEqual({ a: [1, null] });
    expect(await readValue(undefined, { file })).toEqual({ a: [1, null] });
    expect(await readValue(undefined, { file, string: true })).toBe('{"a": [1, null]}');
  });

  it.each([
    ['dark', {}, `For the text, write '"dark"' or add --string.`],
    ["{'a': 1}", {}, 'For a text that is no JSON, add --string.'],
    [' ', {}, 'It is empty.'],
    [undefined, {}, 'Give a value: JSON as an argument'],
    ['1', { file: 'x.json' }, 'Give the value once'],
    ['@missing.json', {}, 'Cannot read "missing.json"'],
    ['9007199254740993', {}, 'The whole number 9007199254740993 is too large to be kept exactly'],
    ['{"a": [12345678901234567890]}', {}, 'too large to be kept exactly'],
  ])('%j with %j is refused', async (argument, flags, message) => {
    await expect(readValue(argument, flags)).rejects.toThrow(message);
  });

  it('is an object where a schema is wanted', async () => {
    expect(await readObject('{"type": "object"}', {})).toEqual({ type: 'object' });
    await expect(readObject('[]', {})).rejects.toThrow('A JSON object is needed');
  });
});
