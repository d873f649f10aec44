/** Owns the proof of the ring of keys: what is taken for one, and that nothing opens with another key or for another purpose. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../../../../test/expectations.ts';
import { newKey, parseKeyRing } from './key-ring.ts';

const context = { dataKeyId: '0123456789abcdef', purpose: 'values' };

const refusal = (text: string): unknown => errorOf(() => parseKeyRing(text, 'CONFIG_ENCRYPTION_KEY'));

describe('a ring of keys', () => {
  it('wraps with its first key and unwraps with each', () => {
    const [old, fresh] = [newKey(), newKey()];
    const before = parseKeyRing(old, 'x');
    const both = parseKeyRing(` ${fresh} , ${old} `, 'x');
    const dataKey = randomBytes(32);
    const wrapped = before.wrap(dataKey, context);
    expect(Buffer.from(both.unwrap(wrapped, context))).toEqual(dataKey);
    expect(both.wrap(dataKey, context).keyId).toBe(parseKeyRing(fresh, 'x').keyIds[0]);
    expect(both.keyIds).toEqual([parseKeyRing(fresh, 'x').keyIds[0], before.keyIds[0]]);
  });

  it('takes both alphabets of base64, with padding and without', () => {
    const bytes = randomBytes(32);
    const forms = [bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('base64').replace('=', '')];
    expect(new Set(forms.map((form) => parseKeyRing(form, 'x').keyIds[0])).size).toBe(1);
  });

  it.each([
    ['c2VjcmV0', 'it has 6 bytes instead of 32'],
    [randomBytes(33).toString('base64'), 'it has 33 bytes instead of 32'],
    [randomBytes(32).toString('hex'), 'it has 48 bytes instead of 32'],
    ['p@ssw0rd!', 'it is not base64'],
    ['', 'it is empty'],
    [`${newKey()},`, 'key 2 of 2 is empty'],
    [`${newKey()},short`, 'key 2 of 2 has 3 bytes instead of 32'],
    [Buffer.alloc(32).toString('base64'), 'it is the same byte 32 times'],
  ])('refuses %s, saying what is wrong and nothing of the key', (text, problem) => {
    const error = refusal(text);
    expect(error).toMatchObject({ code: 'encryption_key_malformed' });
    const { message } = error as Error;
    expect(message).toContain(`in CONFIG_ENCRYPTION_KEY cannot be used: ${problem}`);
    expect(message).toContain('openssl rand -base64 32');
    for (const part of text.split(',').filter((part) => part.length > 5)) expect(message).not.toContain(part);
  });

  it('refuses the same key twice', () => {
    const key = newKey();
    expect(String(refusal(`${key},${key}`))).toContain('it holds the same key twice');
  });

  it('names the key that it lacks', () => {
    const other = parseKeyRing(newKey(), 'x');
    const wrapped = other.wrap(randomBytes(32), context);
    expect(() => parseKeyRing(newKey(), 'x').unwrap(wrapped, context)).toThrow(other.keyIds[0]);
  });

  it.each<[string, (wrapped: string) => string]>([
    ['cut', (wrapped) => wrapped.slice(0, -1)],
    ['emptied', () => ''],
    ['changed', (wrapped) => `${wrapped.startsWith('A') ? 'B' : 'A'}${wrapped.slice(1)}`],
  ])('refuses a wrapped key that was %s', (_, change) => {
    const ring = parseKeyRing(newKey(), 'x');
    const { keyId, wrapped } = ring.wrap(randomBytes(32), context);
    expect(() => ring.unwrap({ keyId, wrapped: change(wrapped) }, context)).toThrow('cannot be unwrapped');
  });

  it.each([
    { ...context, purpose: 'audit' },
    { ...context, dataKeyId: 'fedcba9876543210' },
  ])('refuses a wrapped key as another one: %o', (other) => {
    const ring = parseKeyRing(newKey(), 'x');
    expect(() => ring.unwrap(ring.wrap(randomBytes(32), context), other)).toThrow('cannot be unwrapped');
  });
});
