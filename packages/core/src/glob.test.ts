import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from './glob.ts';

describe('a glob', () => {
  it.each([
    ['pm_*', 'pm_intervals', true],
    ['pm_*', 'pm_', true],
    ['pm*', 'pmx/secret', true],
    ['pm_*', 'pmx', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*.*', 'a.b', true],
    ['*ab*ab', 'abxabab', true],
    ['a*b', 'abc', false],
    ['feature_flags/*', 'feature_flags/new', true],
    ['a.b', 'axb', false],
    ['[a]', 'a', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(globMatcher(pattern)(text)).toBe(expected);
  });

  it('agrees with the regular expression that means the same', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }), (pattern, subject) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(globMatcher(pattern)(subject)).toBe(expression.test(subject));
      }),
    );
  });
});
