import { describe, expect, it } from 'vitest';
import { flagSetOf } from '../../../../test/flag-sets.ts';
import type { FeatureFlag } from './flag.ts';

const flagCount = 200;
const unitCount = 100_000;
const names = Array.from({ length: flagCount }, (_, index) => `flag-${String(index)}`);
const contexts = Array.from({ length: unitCount }, (_, index) => ({ userId: `user-${String(index)}` }));

/** Which units a flag is on for, one bit each. */
function onFor(flag: FeatureFlag): Uint32Array {
  const set = flagSetOf([flag]);
  const bits = new Uint32Array(Math.ceil(unitCount / 32));
  for (let unit = 0; unit < unitCount; unit += 1)
    if (set.evaluate(flag.name, contexts[unit]).on) bits[unit >> 5] = (bits[unit >> 5] ?? 0) | (1 << (unit & 31));
  return bits;
}

/** How many units two flags are both on for. */
function common(a: Uint32Array, b: Uint32Array): number {
  let count = 0;
  for (let index = 0; index < a.length; index += 1) count += ones((a[index] ?? 0) & (b[index] ?? 0));
  return count;
}

function ones(bits: number): number {
  let left = bits - ((bits >>> 1) & 0x55555555);
  left = (left & 0x33333333) + ((left >>> 2) & 0x33333333);
  return Math.imul((left + (left >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The statistic of the fourfold table of two flags: 1 on average, above 37 once in a thousand million when they are independent. */
function chiSquare(both: number, one: number, other: number): number {
  const expected = (one * other) / unitCount;
  const variance = (expected * (unitCount - one) * (unitCount - other)) / unitCount / unitCount;
  return (both - expected) ** 2 / variance;
}

describe('200 flags and 100,000 units', () => {
  it('are independent of each other, each of the 19,900 pairs and all together', () => {
    const on = names.map((name) => onFor({ name, enabled: true, rolloutPercentage: 50 }));
    const counts = on.map((bits) => common(bits, bits));
    const statistics: number[] = [];
    for (let a = 0; a < flagCount; a += 1) {
      for (let b = a + 1; b < flagCount; b += 1) {
        const both = common(on[a] ?? new Uint32Array(), on[b] ?? new Uint32Array());
        statistics.push(chiSquare(both, counts[a] ?? 0, counts[b] ?? 0));
      }
    }
    expect(Math.max(...statistics)).toBeLessThan(37);
    const mean = statistics.reduce((sum, value) => sum + value, 0) / statistics.length;
    // Its standard error is 0.01.
    expect(mean).toBeGreaterThan(0.95);
    expect(mean).toBeLessThan(1.05);
  });

  it.each([0.1, 1, 10, 50, 90, 99])('get what %d %% promise, as near as chance allows', (rolloutPercentage) => {
    const part = rolloutPercentage / 100;
    const deviation = Math.sqrt((part * (1 - part)) / unitCount);
    const flags = names.slice(0, 50);
    const errors = flags.map((name) => {
      const bits = onFor({ name, enabled: true, rolloutPercentage });
      return common(bits, bits) / unitCount - part;
    });
    // Of one flag: within 0.2 points where the standard deviation of chance itself allows it, which at 50 % is 0.16 points.
    for (const error of errors) expect(Math.abs(error)).toBeLessThan(Math.max(0.0005, 4.5 * deviation));
    expect(Math.abs(errors.reduce((sum, error) => sum + error, 0) / flags.length)).toBeLessThan(0.002);
    // Spread as chance would spread them: neither worse nor suspiciously better.
    const spread = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / flags.length) / deviation;
    expect(spread).toBeGreaterThan(0.7);
    expect(spread).toBeLessThan(1.3);
  });

  it('get the variants of a split by their weights, among those in a rollout as among all', () => {
    const split = [
      { variant: 'a', weight: 20 },
      { variant: 'b', weight: 80 },
    ];
    for (const rolloutPercentage of [10, 50, 100]) {
      const set = flagSetOf([
        { name: 'f', enabled: true, variants: { a: 1, b: 2, off: 0 }, onVariant: 'a', split, rolloutPercentage },
      ]);
      const counts = new Map<string | undefined, number>();
      for (const context of contexts) {
        const { variant } = set.evaluate('f', context);
        counts.set(variant, (counts.get(variant) ?? 0) + 1);
      }
      const [a, b] = [counts.get('a') ?? 0, counts.get('b') ?? 0];
      expect(Math.abs(a / (a + b) - 0.2)).toBeLessThan(4.5 * Math.sqrt((0.2 * 0.8) / (a + b)));
    }
  });
});
