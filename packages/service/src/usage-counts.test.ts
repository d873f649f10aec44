import { expect, it } from 'vitest';
import { UsageCounts, type CountedRead } from './usage-counts.ts';

const read = (key: string, more: Partial<CountedRead> = {}): CountedRead => ({
  service: 'web',
  key,
  scope: 'global',
  scopeId: '',
  reads: 1,
  hasValue: true,
  ...more,
});
const total = (counts: UsageCounts): number => {
  const { reads, uncounted } = counts.take();
  return [...reads.map((count) => count.reads), ...uncounted.values()].reduce((sum, one) => sum + one, 0);
};

it('adds up by service, key and scope, and begins anew when it is taken', () => {
  const counts = new UsageCounts();
  counts.add(read('k'));
  counts.add(read('k', { reads: 2 }));
  counts.add(read('k', { service: '' }));
  counts.add(read('k', { scope: 'org', scopeId: 'a', hasValue: false }));
  const taken = counts.take();
  expect(taken.reads).toEqual([
    read('k', { reads: 3 }),
    read('k', { scope: 'org', scopeId: 'a' }),
    read('k', { service: '' }),
  ]);
  expect(counts.isEmpty).toBe(true);
  counts.add(read('k'));
  counts.putBack(taken);
  expect(counts.take().reads[0]).toEqual(read('k', { reads: 4 }));
});

it('holds as much of a million keys as of a few thousand, and counts what it leaves out', () => {
  const counts = new UsageCounts();
  for (let n = 0; n < 1_000_000; n += 1) counts.add(read(`k${String(n)}`, { hasValue: n % 2 === 0 }));
  const taken = counts.take();
  expect(taken.reads).toHaveLength(10_000);
  expect(taken.reads.every(({ hasValue }) => hasValue)).toBe(true);
  expect(taken.uncounted).toEqual(new Map([['web', 990_000]]));
});

it('tells no more scopes apart than it has room for, and loses none of their reads', () => {
  const counts = new UsageCounts();
  for (let n = 0; n < 15_000; n += 1) counts.add(read('k', { scope: 'user', scopeId: String(n) }));
  const { reads } = counts.take();
  expect(reads).toHaveLength(10_001);
  expect(reads.find(({ scope }) => scope === '')?.reads).toBe(5000);
  // Room is made again.
  for (let n = 0; n < 20; n += 1) counts.add(read('k', { scope: 'user', scopeId: String(n) }));
  expect(counts.take().reads).toHaveLength(20);
});

it('gives the room of keys without a value to those that have one, and keeps the sum', () => {
  const counts = new UsageCounts();
  for (let n = 0; n < 10_000; n += 1) counts.add(read(`none${String(n)}`, { hasValue: false, reads: 3 }));
  counts.add(read('k'));
  counts.add(read('none', { hasValue: false }));
  const taken = counts.take();
  expect(taken.reads.some(({ key }) => key === 'k')).toBe(true);
  expect(taken.uncounted).toEqual(new Map([['web', 4]]));
  counts.putBack(taken);
  expect(total(counts)).toBe(30_002);
});

it('tells a hundred services apart', () => {
  const counts = new UsageCounts();
  const names = Array.from({ length: 102 }, (_, n) => counts.nameOf(`s${String(n)}`));
  expect([names[0], names[99], names[100], names[101]]).toEqual(['s0', 's99', '', '']);
  expect(counts.nameOf('s7')).toBe('s7');
});
