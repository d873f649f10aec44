import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson, type ScopeRequest } from '@strata/core';
import { EntryCodec, type SharedEntry } from './shared-entry.ts';

const identity = { id: '11111111-1111-4111-8111-111111111111', cacheSecret: 'ab'.repeat(32) };
const codec = new EntryCodec(identity, 'default');
const request: ScopeRequest = { scope: 'user', scopeId: 'u' };
const name = codec.nameOf('k', request);
const entry: SharedEntry = {
  value: { a: [1, null, 'é\u2028"\\'], __proto__x: true },
  revision: 12,
  commit: '22222222-2222-4222-8222-222222222222',
  chain: [
    { scope: 'global', scopeId: '' },
    { scope: 'user', scopeId: 'u:"1' },
  ],
  beside: [{ scope: 'team', scopeId: 't' }],
  readAt: 1_700_000_000_000,
  reader: 'r',
  forgotten: 3,
};

describe('an entry outside the process', () => {
  it('reads as it was written, whatever the value', () => {
    expect(codec.read(name, codec.write(name, entry))).toEqual(entry);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const plain = readJson(JSON.stringify(value));
        const read = codec.read(name, codec.write(name, { ...entry, value: plain }));
        expect(read).toStrictEqual({ ...entry, value: plain });
      }),
    );
  });

  it('is frozen all the way down', () => {
    const read = codec.read(name, codec.write(name, entry));
    if (typeof read === 'string') throw new Error(read);
    expect(Object.isFrozen(read.value) && Object.isFrozen((read.value as { a: unknown }).a)).toBe(true);
  });

  it('has a name of its own for each key, scope, parents, environment and store', () => {
    const part = fc.constantFrom('a', 'b', 'a:b', ':', '1:a', '-', 'a1:b', '', 'ab');
    const asked = fc.record({
      key: part,
      scope: fc.constantFrom('org' as const, 'team' as const, 'user' as const),
      scopeId: part,
      organizationId: fc.option(part, { nil: undefined }),
      teamId: fc.option(part, { nil: undefined }),
      environment: part,
      id: part,
    });
    const nameOf = ({ key, environment, id, ...scope }: Asked): string =>
      new EntryCodec({ ...identity, id }, environment).nameOf(key, scope as ScopeRequest);
    fc.assert(
      fc.property(asked, asked, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(nameOf(one) === nameOf(other)).toBe(same);
      }),
      { numRuns: 3000 },
    );
  });

  it('tells nothing of the key and the scope by its name', () => {
    expect(codec.nameOf('secret-key', { scope: 'user', scopeId: 'jane' })).toMatch(/^strata:[\w-]{43}$/);
  });

  it('is refused when any part of it is changed, cut or added to', () => {
    const text = codec.write(name, entry);
    for (let at = 0; at < text.length; at += 1) {
      const other = text[at] === 'x' ? 'y' : 'x';
      for (const changed of [
        text.slice(0, at) + other + text.slice(at + 1),
        text.slice(0, at),
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at) + other + text.slice(at),
      ]) {
        expect(codec.read(name, changed)).toMatch(/malformed|forged/);
      }
    }
  });

  it('is refused under another name, in another environment, of another store and of another secret', () => {
    const text = codec.write(name, entry);
    expect(codec.read(codec.nameOf('k2', request), text)).toBe('forged');
    const elsewhere = [
      new EntryCodec(identity, 'other'),
      new EntryCodec({ ...identity, id: '33333333-3333-4333-8333-333333333333' }, 'default'),
      new EntryCodec({ ...identity, cacheSecret: 'ac'.repeat(32) }, 'default'),
    ];
    for (const other of elsewhere) expect(other.read(other.nameOf('k', request), text)).toBe('forged');
  });

  it.each([null, undefined, 7, {}, '', 'short', 'é'.repeat(60)])(
    'is refused when it is no entry at all: %j',
    (text) => {
      expect(codec.read(name, text)).toMatch(/malformed|forged/);
    },
  );
});

interface Asked {
  readonly key: string;
  readonly scope: 'org' | 'team' | 'user';
  readonly scopeId: string;
  readonly organizationId: string | undefined;
  readonly teamId: string | undefined;
  readonly environment: string;
  readonly id: string;
}
