import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseJsonBody } from './json-body.ts';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text));

describe('a JSON body', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps forbidden names as ordinary properties, so that they can be refused', () => {
    const body = parse('{"__proto__":{"admin":true},"constructor":1}');
    expect(Object.keys(body as object)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
  });

  it.each(['{', '{"a":NaN}', '{"a":Infinity}', "{'a':1}", '[1,]', '\u{feff}{}', 'undefined', '"\u0000"', '01'])(
    'that reads %j is refused without quoting it',
    (text) => {
      expect(() => parse(text)).toThrow(
        expect.objectContaining({ code: 'malformed_json', message: 'The body is not JSON: its syntax is wrong.' }),
      );
    },
  );

  it('that is not UTF-8 is refused', () => {
    expect(() => parseJsonBody(Buffer.from([0x22, 0xff, 0x22]))).toThrow(
      expect.objectContaining({ code: 'malformed_json', message: 'The body is not JSON: it is not UTF-8.' }),
    );
  });

  it.each(['9007199254740993', '-9007199254740993', '[{"a":12345678901234567891}]', '1'.repeat(400)])(
    'with the whole number %s is refused, since it would be rounded',
    (text) => {
      expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    },
  );

  it.each([
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992],
    ['1000000000000000000000', 1e21],
    ['123456789012345680000', 123456789012345680000],
    ['"9007199254740993"', '9007199254740993'],
    ['0.12345678901234567', 0.12345678901234567],
    ['1e300', 1e300],
  ])('%s keeps its value', (text, value) => {
    expect(parse(text)).toBe(value);
  });

  it('of 200,000 nested arrays is refused or read, and never ends the process', () => {
    const nested = (inner: string): string => '['.repeat(200_000) + inner + ']'.repeat(200_000);
    expect(() => parse(nested('1'))).not.toThrow();
    expect(() => parse(nested('1234567890123456'))).toThrow(expect.objectContaining({ code: 'malformed_json' }));
  });

  it('of no bytes is undefined', () => {
    expect(parse('')).toBeUndefined();
  });
});
