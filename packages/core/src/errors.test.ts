import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  describeInput,
  errorCatalogue,
  isConfigurationError,
  type ErrorCode,
  type ErrorDetails,
} from './errors.ts';

const codes = Object.keys(errorCatalogue) as ErrorCode[];

describe('ConfigurationError', () => {
  it('fills its message from the details and carries code, status and details', () => {
    const error = new ConfigurationError('invalid_value', { path: 'a.b', problem: 'it is wrong', limit: 3 });
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe('Invalid value at a.b: it is wrong.');
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'invalid_value', status: 400 });
    expect(error.details).toEqual({ path: 'a.b', problem: 'it is wrong', limit: 3 });
  });

  it('writes details that look like placeholders or replacement patterns as they are', () => {
    const error = new ConfigurationError('invalid_value', { path: '{problem}', problem: '$& $1 {path}' });
    expect(error.message).toBe('Invalid value at {problem}: $& $1 {path}.');
  });

  it('keeps the cause', () => {
    const cause = new Error('connection refused');
    expect(new ConfigurationError('unavailable', { problem: 'x' }, { cause }).cause).toBe(cause);
  });
});

describe('isConfigurationError', () => {
  it('recognises errors by name, so those of another copy of this package too', () => {
    const foreign = Object.assign(new Error('x'), { name: 'ConfigurationError', code: 'busy' });
    expect(isConfigurationError(foreign)).toBe(true);
    expect(isConfigurationError(foreign, 'busy')).toBe(true);
    expect(isConfigurationError(foreign, 'conflict')).toBe(false);
  });

  it.each([new Error('x'), { name: 'ConfigurationError', code: 'busy' }, null, undefined, 'busy'])(
    'takes %s for none',
    (other) => {
      expect(isConfigurationError(other)).toBe(false);
    },
  );
});

describe('the catalogue', () => {
  it.each(codes)(
    '%s has a code in words, an HTTP status of an error, and a message that ends as a sentence',
    (code) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(errorCatalogue[code].status).toBeGreaterThanOrEqual(400);
      expect(errorCatalogue[code].status).toBeLessThan(600);
      expect(errorCatalogue[code].message).toMatch(/^\{|^[A-Z]/);
      expect(errorCatalogue[code].message).toMatch(/[.}]$|: \/ -$/);
    },
  );

  it.each(codes)('%s fills every placeholder of its message', (code) => {
    const names = [...errorCatalogue[code].message.matchAll(/\{(\w+)\}/g)].map(([, name]) => [
      name,
      `<${String(name)}>`,
    ]);
    const details = Object.fromEntries(names) as ErrorDetails<typeof code>;
    const { message } = new ConfigurationError(code, details);
    for (const [, text] of names) expect(message).toContain(text);
    expect(message).not.toMatch(/[{}]|undefined/);
  });
});

describe('docs/errors.md', () => {
  const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it('has one row for each code of the catalogue, with its HTTP status, and no other', () => {
    const documented = rows.map(([, code = '', status = '']) => `${code} ${status}`);
    expect(documented.sort()).toEqual(codes.map((code) => `\`${code}\` ${String(errorCatalogue[code].status)}`).sort());
  });

  it.each(rows.map((row) => [row[1] ?? '', row] as const))('says of %s when it happens and what to do', (_, row) => {
    expect(row).toHaveLength(6);
    expect(row[3]).toMatch(/\w.*\.$/);
    expect(row[4]).toMatch(/\w.*\.$/);
  });
});

describe('describeInput', () => {
  it.each<[unknown, string]>([
    ['a "b"', '"a \\"b\\""'],
    ['', '""'],
    [null, 'null'],
    [undefined, 'undefined'],
    [5n, 'bigint'],
    [Symbol('x'), 'symbol'],
    [Object.create(null), 'object'],
  ])('%#', (input, expected) => {
    expect(describeInput(input)).toBe(expected);
  });
});
