import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagSetOf } from '../../../../test/flag-sets.ts';
import { plainMurmur3 } from '../../../../test/plain-flags.ts';
import { readSpec } from '../../../../test/spec-cases.ts';
import { bucketOf, hashLimit, murmur3, rolloutSeed, splitSeed, unitText } from './bucket.ts';
import { bucketCount, bucketsOf, type FeatureFlag } from './flag.ts';

interface BucketTable {
  readonly hashes: { text: string; seed: number; hash: number }[];
  readonly buckets: { salt: string; unit: string | number; rollout: number; split: number }[];
  readonly none: unknown[];
  readonly rollouts: { percentage: number; bucket: number; isIn: boolean }[];
  readonly splits: { weights: number[]; bucket: number; share: number }[];
}

const table = readSpec<BucketTable>('bucket');

/** Hashes at both ends of a bucket, which is where a rounding error would show. */
const hashesOf = (bucket: number) => [hashLimit(bucket), hashLimit(bucket + 1) - 1];

describe('spec/bucket.json', () => {
  it.each(table.hashes)('$text with seed $seed hashes to $hash', ({ text, seed, hash }) => {
    expect(murmur3(text, seed)).toBe(hash);
  });

  it.each(table.buckets)('$unit with salt $salt', ({ salt, unit, rollout, split }) => {
    const text = unitText(unit) ?? '';
    expect(bucketOf(murmur3(text, rolloutSeed(salt)))).toBe(rollout);
    expect(bucketOf(murmur3(text, splitSeed(salt)))).toBe(split);
    const set = flagSetOf([
      { name: 'in', enabled: true, salt, rolloutPercentage: (rollout + 1) / 1_000 },
      { name: 'out', enabled: true, salt, rolloutPercentage: rollout / 1_000 },
      {
        name: 'split',
        enabled: true,
        salt,
        variants: { before: 1, own: 2, after: 3, off: 0 },
        onVariant: 'own',
        split: [
          { variant: 'before', weight: split / 1_000 },
          { variant: 'own', weight: 0.001 },
          { variant: 'after', weight: (bucketCount - split - 1) / 1_000 },
        ],
      },
    ]);
    const context = { userId: unit };
    expect(set.evaluate('in', context)).toMatchObject({ on: true, reason: 'SPLIT' });
    expect(set.evaluate('out', context)).toMatchObject({ on: false, reason: 'SPLIT' });
    expect(set.evaluate('split', context)).toMatchObject({ variant: 'own', reason: 'SPLIT' });
    expect(set.explain('split', context).bucket).toMatchObject({ unit: text, bucket: rollout, splitBucket: split });
  });

  it.each(table.none)('%j is no unit', (unit) => expect(unitText(unit)).toBeUndefined());

  it.each(table.rollouts)('bucket $bucket at $percentage %: $isIn', ({ percentage, bucket, isIn }) => {
    const buckets = bucketsOf(percentage) ?? Number.NaN;
    expect(bucket < buckets).toBe(isIn);
    for (const hash of hashesOf(bucket)) {
      expect(bucketOf(hash)).toBe(bucket);
      expect(hash < hashLimit(buckets)).toBe(isIn);
    }
  });

  it.each(table.splits)('bucket $bucket of $weights: share $share', ({ weights, bucket, share }) => {
    let total = 0;
    const limits = weights.map((weight) => hashLimit((total += bucketsOf(weight) ?? Number.NaN)));
    for (const hash of hashesOf(bucket)) expect(limits.findIndex((limit) => hash < limit)).toBe(share);
  });
});

describe('hashing', () => {
  it('is that of the bytes in UTF-8, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer(), (text, seed) => {
        expect(murmur3(text, seed)).toBe(plainMurmur3(text, seed));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes half a surrogate pair for U+FFFD, as encoders do', () => {
    for (const text of ['\ud83d', 'ab\ude00', '\ude00\ud83d', 'abcd\ud83d', '\ud83dx']) {
      expect(murmur3(text, 5)).toBe(plainMurmur3(text, 5));
      expect(murmur3(text, 5)).toBe(murmur3(text.toWellFormed(), 5));
    }
  });

  it('puts exactly the hashes below the limit into the buckets below it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.integer({ min: 0, max: bucketCount }),
        (hash, bucket) => {
          expect(hash < hashLimit(bucket)).toBe(bucketOf(hash) < bucket);
          // Whole numbers beyond doubt, as other languages would write it.
          expect(BigInt(bucketOf(hash))).toBe((BigInt(hash) * BigInt(bucketCount)) >> 32n);
        },
      ),
    );
  });

  it('knows every percentage in steps of 0.001, and nothing between', () => {
    for (let buckets = 0; buckets <= bucketCount; buckets += 1) {
      if (bucketsOf(Number((buckets / 1_000).toFixed(3))) !== buckets) expect(buckets).toBe('known');
    }
    for (const none of [-0.001, 100.001, 0.0001, 50.0005, Number.NaN, Infinity, '5', null, undefined])
      expect(bucketsOf(none)).toBeUndefined();
  });
});

describe('rollouts', () => {
  const salt = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  const steps = fc.integer({ min: 0, max: bucketCount });
  const unit = fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.maxSafeInteger());
  const rollout = (saltOf: string, buckets: number) =>
    flagSetOf([{ name: 'f', enabled: true, salt: saltOf.toWellFormed(), rolloutPercentage: buckets / 1_000 }]);

  it('never take a unit out when they grow, and give the same ones back when they shrink and grow again', () => {
    fc.assert(
      fc.property(salt, steps, steps, fc.array(unit, { minLength: 1, maxLength: 50 }), (saltOf, one, other, units) => {
        const [small, large] = one < other ? [one, other] : [other, one];
        const on = (buckets: number): boolean[] => {
          const set = rollout(saltOf, buckets);
          return units.map((userId) => set.evaluate('f', { userId }).on);
        };
        const [before, grown, again] = [on(small), on(large), on(small)];
        before.forEach((isOn, index) => expect(!isOn || grown[index]).toBe(true));
        expect(again).toEqual(before);
        expect(on(large)).toEqual(grown);
        expect(on(0)).not.toContain(true);
        expect(on(bucketCount)).not.toContain(false);
      }),
    );
  });

  it('keep each variant as they grow: only who was left out gets another one', () => {
    const flag: FeatureFlag = {
      name: 'f',
      enabled: true,
      variants: { a: 1, b: 2, off: 0 },
      onVariant: 'a',
      split: [
        { variant: 'a', weight: 30 },
        { variant: 'b', weight: 70 },
      ],
    };
    fc.assert(
      fc.property(steps, steps, fc.array(unit, { minLength: 1 }), (one, other, units) => {
        const variants = (buckets: number) => {
          const set = flagSetOf([{ ...flag, rolloutPercentage: buckets / 1_000 }]);
          return units.map((userId) => set.evaluate('f', { userId }).variant);
        };
        const [small, large] = [variants(Math.min(one, other)), variants(Math.max(one, other))];
        small.forEach((variant, index) => expect(variant === 'off' || variant === large[index]).toBe(true));
      }),
    );
  });

  it('take 1 and "1" for the same unit', () => {
    fc.assert(
      fc.property(salt, steps, fc.maxSafeInteger(), (saltOf, buckets, number) => {
        const set = rollout(saltOf, buckets);
        expect(set.evaluate('f', { userId: number })).toEqual(set.evaluate('f', { userId: String(number) }));
      }),
    );
  });

  it('are on for nobody in particular at 100 % alone', () => {
    const nobody = fc.constantFrom<unknown[]>(
      undefined,
      null,
      '',
      true,
      {},
      [],
      1.5,
      Number.NaN,
      () => 'u',
      Symbol('u'),
    );
    fc.assert(
      fc.property(salt, steps, nobody, (saltOf, buckets, userId) => {
        expect(rollout(saltOf, buckets).evaluate('f', { userId: userId as string }).on).toBe(buckets === bucketCount);
      }),
    );
  });
});
