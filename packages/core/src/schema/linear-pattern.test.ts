import { expect, it } from 'vitest';
import { isLinearPattern } from './linear-pattern.ts';

it.each([
  /^a+$/,
  /^(?:a|b)*$/,
  /(?<year>\d{4})-\d{2}/,
  /[(?=a)]/,
  /\(\?=a/,
  /a{1,1000}/,
  /[\]]\d\/\\1/,
  /\bword\b/,
  /[^]|[\s\S]/,
  /\p{L}+/u,
  /\u{1F600}/u,
  /\u00e9/,
  /x/g,
  /\\(1)/,
  /{}/,
])('%s can be checked in linear time', (pattern) => {
  expect(isLinearPattern(pattern)).toBe(true);
});

it.each([
  /(?=a)/,
  /(?!a)/,
  /(?<=a)b/,
  /(?<!a)b/,
  /(a)\1/,
  /(?<n>a)\k<n>/,
  /a{1001}/,
  /a{2,5000}/,
  /a/i,
  /^a/m,
  /a.b/s,
  /a/y,
  new RegExp('[a--b]', 'v'),
  /[\b]/,
  new RegExp('\\p{L}'),
  new RegExp('\\u{61}'),
  /\p{Script=Greek}/u,
])('%s cannot, or means something else there', (pattern) => {
  expect(isLinearPattern(pattern)).toBe(false);
});
