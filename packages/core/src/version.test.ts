import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../test/expectations.ts';
import {
  parseLongHash,
  parseTag,
  parseVersionReference,
  shortVersion,
  versionText,
  type VersionContent,
  type VersionReference,
} from './version.ts';

const content: VersionContent = {
  parent: null,
  environment: 'default',
  address: { key: 'branding', scope: 'org', scopeId: 'acme' },
  valueDigest: 'd1',
  operation: 'set',
  actor: 'ann',
  comment: 'first "one"',
  commit: 'c1',
};

const noTexts: readonly unknown[] = [undefined, null, 5, 5n, {}, Object.create(null), Symbol('x'), ['abcd']];

describe('versionText', () => {
  it('is one text, the same in every SDK', () => {
    expect(versionText(content)).toBe(
      '[null,"default","branding","org","acme","d1","set","ann","first \\"one\\"","c1"]',
    );
  });

  it.each<[string, VersionContent]>([
    ['parent', { ...content, parent: 'p' }],
    ['environment', { ...content, environment: 'production' }],
    ['key', { ...content, address: { ...content.address, key: 'other' } }],
    ['scope', { ...content, address: { ...content.address, scope: 'team' } }],
    ['scopeId', { ...content, address: { ...content.address, scopeId: 'other' } }],
    ['value', { ...content, valueDigest: null }],
    ['operation', { ...content, operation: 'rollback' }],
    ['actor', { ...content, actor: 'bob' }],
    ['comment', { ...content, comment: null }],
    ['commit', { ...content, commit: 'c2' }],
    ['border between two parts', { ...content, actor: 'ann","first', comment: 'one"' }],
  ])('differs with the %s', (_, other) => {
    expect(versionText(other)).not.toBe(versionText(content));
  });
});

describe('shortVersion', () => {
  it('is the first 16 digits', () => {
    expect(shortVersion('0123456789abcdef0123')).toBe('0123456789abcdef');
  });
});

describe('parseVersionReference', () => {
  it.each<[string, VersionReference]>([
    ['HEAD', { kind: 'head', back: 0 }],
    ['HEAD~0', { kind: 'head', back: 0 }],
    ['HEAD~2', { kind: 'head', back: 2 }],
    ['abcd', { kind: 'hash', prefix: 'abcd' }],
    ['ABCDEF12', { kind: 'hash', prefix: 'abcdef12' }],
    ['1234', { kind: 'hash', prefix: '1234' }],
    ['f'.repeat(64), { kind: 'hash', prefix: 'f'.repeat(64) }],
    ['f'.repeat(65), { kind: 'tag', tag: 'f'.repeat(65) }],
    ['stable-v1.0', { kind: 'tag', tag: 'stable-v1.0' }],
    ['release/2026.01:a', { kind: 'tag', tag: 'release/2026.01:a' }],
    ['abcg', { kind: 'tag', tag: 'abcg' }],
    ['@2026-01-31T12:00:00Z', { kind: 'time', at: new Date('2026-01-31T12:00:00Z') }],
    ['@2026-01-31T12:00Z', { kind: 'time', at: new Date('2026-01-31T12:00:00Z') }],
    ['@2026-01-31T12:00:00.123+01:00', { kind: 'time', at: new Date('2026-01-31T11:00:00.123Z') }],
    ['@2026-01-31T00:30:00+01:00', { kind: 'time', at: new Date('2026-01-30T23:30:00Z') }],
    ['@2026-01-31', { kind: 'time', at: new Date('2026-01-31T00:00:00Z') }],
    ['@2028-02-29', { kind: 'time', at: new Date('2028-02-29T00:00:00Z') }],
  ])('reads %s', (text, reference) => {
    expect(parseVersionReference(text)).toEqual(reference);
  });

  it.each([
    '',
    'abc',
    '1',
    'HEAD~',
    'HEAD~-1',
    'HEAD^',
    'HEAD~1234567',
    ' abcd',
    'a b',
    '-tag',
    't'.repeat(256),
    '@',
    '@yesterday',
    '@2026-01-31T12:00:00',
    '@2026-13-01',
    '@2026-02-30',
    '@2027-02-29T12:00:00Z',
    '@1769860800000',
    '@2026-01-31T25:00:00Z',
    ...noTexts,
  ])('refuses %#', (input) => {
    expect(codeOf(() => parseVersionReference(input))).toBe('invalid_version');
  });
});

describe('parseTag', () => {
  it.each(['stable', 'v1.0', 'release/2026-01', 'a:b', 'xyz', 'HEADER', '0x', 't'.repeat(255), 'f'.repeat(65)])(
    'takes %s, which also reads as a tag where a version is meant',
    (tag) => {
      expect(parseTag(tag)).toBe(tag);
      expect(parseVersionReference(tag)).toEqual({ kind: 'tag', tag });
    },
  );

  it.each([
    '',
    'abcd',
    'ABC',
    '1',
    'f'.repeat(64),
    'HEAD',
    'head',
    'HEAD~1',
    'Head~',
    '@now',
    'a b',
    '.a',
    'é',
    't'.repeat(256),
  ])('refuses %j', (tag) => {
    expect(codeOf(() => parseTag(tag))).toBe('invalid_tag');
  });

  it.each(noTexts)('refuses what is no text: %#', (tag) => {
    expect(codeOf(() => parseTag(tag))).toBe('invalid_tag');
  });
});

describe('parseLongHash', () => {
  it('takes 12 to 64 digits of either case', () => {
    expect(parseLongHash('0123456789AB')).toBe('0123456789ab');
    expect(parseLongHash('f'.repeat(64))).toBe('f'.repeat(64));
  });

  it.each(['0123456789a', 'f'.repeat(65), 'stable-version', 'HEAD', '', ...noTexts])('refuses %#', (input) => {
    expect(codeOf(() => parseLongHash(input))).toBe('invalid_version');
  });
});
