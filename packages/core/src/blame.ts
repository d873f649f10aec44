/** Owns blame: which version of a layer last changed each of its leaves. */
import { sameJson } from './diff.ts';
import type { JsonValue } from './json.ts';
import { leavesOf, valueAt, type Leaf } from './merge.ts';
import type { Path } from './path.ts';

/** One version of a layer. */
export interface LayerVersion<O> {
  /** `undefined` where the layer was deleted. */
  readonly value: JsonValue | undefined;
  readonly origin: O;
}

/** Where the present value of one part of a layer comes from. */
export interface Blame<O> {
  /** The version that last changed this part to what it is now. */
  readonly origin: O;
  /** False when it was the same in every version given: then an older one may have set it, unless the last one given is the first. */
  readonly settled: boolean;
}

/**
 * The version that last changed each leaf of a layer. Leaves are scalars, arrays, empty objects and `$unset` markers.
 * @param history versions of one layer, newest first; it may be cut off anywhere.
 * @returns the leaves of the newest version, in its order; none where it deleted the layer or there is no history.
 */
export function blameLeaves<O>(history: readonly LayerVersion<O>[]): (Leaf & Blame<O>)[] {
  const newest = history[0]?.value;
  if (newest === undefined) return [];
  return leavesOf(newest).flatMap((leaf) => {
    const blame = blamePart(history, leaf.path);
    return blame === undefined ? [] : [{ ...leaf, ...blame }];
  });
}

/**
 * The version that last changed one part of a layer, which need not be a leaf.
 * @param history versions of one layer, newest first.
 * @returns `undefined` when the newest version has nothing at that path.
 */
export function blamePart<O>(history: readonly LayerVersion<O>[], path: Path): Blame<O> | undefined {
  const present = valueAt(history[0]?.value, path);
  if (present === undefined) return undefined;
  const before = history.findIndex((version) => !sameJson(valueAt(version.value, path), present));
  const origin = history.at(before === -1 ? -1 : before - 1);
  return origin && { origin: origin.origin, settled: before !== -1 };
}
