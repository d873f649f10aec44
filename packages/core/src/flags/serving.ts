/** Owns serving: which variant a unit gets from a rollout and a split. */
import { attributeReader, type ReadAttribute } from './attribute.ts';
import { bucketOf, murmur3, orderedHash, orderedLimit, rolloutSeed, splitSeed, unitText } from './bucket.ts';
import {
  bucketsOf,
  wholePercentage,
  type FlagContext,
  type FlagEvaluation,
  type FlagReason,
  type FlagServing,
  type FlagShare,
} from './flag.ts';
import type { FlagResults } from './result.ts';

/** Serves a context, to which all conditions already apply. */
export interface Serving {
  /** The result for everybody, where no bucket decides. */
  readonly constant: FlagEvaluation | undefined;
  readonly serve: (context: FlagContext) => FlagEvaluation;
  /** What decides, for those who want to know why. */
  readonly percentage: number;
  readonly bucketBy: string;
  /** Whether those who get it are divided among variants. */
  readonly isSplit: boolean;
  readonly buckets: (context: FlagContext) => UnitBuckets | undefined;
}

/** Where a unit stands, each from 0 to 99,999. */
export interface UnitBuckets {
  readonly unit: string;
  /** In the rollout when it is below the percentage times 1,000. */
  readonly rollout: number;
  /** Decides on the variant of a split. */
  readonly split: number;
}

/** What a serving is compiled from. */
export interface ServingParts extends FlagServing {
  readonly salt: string;
  /** What whom it is served to gets, unless there is a split. */
  readonly variant: string;
  /** Why those get it whom no bucket decided on. */
  readonly reason: FlagReason;
  readonly ruleId?: string | undefined;
}

/** Compiles a serving of a valid flag. */
export function compileServing(parts: ServingParts, results: FlagResults): Serving {
  const { rolloutPercentage = wholePercentage, bucketBy = 'userId', salt } = parts;
  const read = attributeReader(bucketBy) ?? (() => undefined);
  const constant = constantOf(parts, results);
  return {
    constant,
    serve: constant === undefined ? compileServe(parts, read, results) : () => constant,
    percentage: rolloutPercentage,
    bucketBy,
    isSplit: parts.split !== undefined,
    buckets: (context) => {
      const unit = unitText(read(context));
      if (unit === undefined) return undefined;
      return {
        unit,
        rollout: bucketOf(murmur3(unit, rolloutSeed(salt))),
        split: bucketOf(murmur3(unit, splitSeed(salt))),
      };
    },
  };
}

/** The result for everybody, where no bucket decides. */
function constantOf(parts: ServingParts, results: FlagResults): FlagEvaluation | undefined {
  const { rolloutPercentage = wholePercentage, split, variant, reason, ruleId } = parts;
  if (rolloutPercentage === 0) return results.off('SPLIT', ruleId);
  const only = split === undefined ? variant : wholeShare(split);
  return rolloutPercentage === wholePercentage && only !== undefined ? results.of(only, reason, ruleId) : undefined;
}

/** The variant of a share that is all. */
function wholeShare(split: readonly FlagShare[]): string | undefined {
  return split.find(({ weight }) => weight === wholePercentage)?.variant;
}

function compileServe(parts: ServingParts, read: ReadAttribute, results: FlagResults): Serving['serve'] {
  const { rolloutPercentage = wholePercentage, split, salt, variant, ruleId } = parts;
  const withoutUnit = results.off('DEFAULT', ruleId);
  const only = split === undefined ? variant : wholeShare(split);
  if (only !== undefined) {
    const chosen = results.of(only, 'SPLIT', ruleId);
    return serveRollout(rolloutPercentage, salt, read, () => chosen, withoutUnit, results.off('SPLIT', ruleId));
  }
  const choose = compileSplit(split ?? [], splitSeed(salt), ruleId, results);
  return serveRollout(rolloutPercentage, salt, read, choose, withoutUnit, results.off('SPLIT', ruleId));
}

function serveRollout(
  percentage: number,
  salt: string,
  read: ReadAttribute,
  choose: (unit: string) => FlagEvaluation,
  withoutUnit: FlagEvaluation,
  leftOut: FlagEvaluation,
): Serving['serve'] {
  const seed = rolloutSeed(salt);
  const limit = orderedLimit(bucketsOf(percentage) ?? 0);
  return (context) => {
    const unit = unitText(read(context));
    if (unit === undefined) return withoutUnit;
    return orderedHash(unit, seed) < limit ? choose(unit) : leftOut;
  };
}

/** Chooses the share in whose part of all hashes that of the unit lies; the shares lie one after the other. */
function compileSplit(
  split: readonly FlagShare[],
  seed: number,
  ruleId: string | undefined,
  results: FlagResults,
): (unit: string) => FlagEvaluation {
  let total = 0;
  const limits: number[] = [];
  const shares: FlagEvaluation[] = [];
  for (const { variant, weight } of split) {
    total += bucketsOf(weight) ?? 0;
    limits.push(orderedLimit(total));
    shares.push(results.of(variant, 'SPLIT', ruleId));
  }
  const last = shares.at(-1) ?? results.off('SPLIT', ruleId);
  return (unit) => {
    const hash = orderedHash(unit, seed);
    for (let index = 0; index < limits.length; index += 1)
      if (hash < (limits[index] ?? 0)) return shares[index] ?? last;
    return last;
  };
}
