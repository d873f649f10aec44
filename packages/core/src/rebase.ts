/** Owns carrying a change of one layer over to another state of that layer, leaf by leaf: a merge of three values. */
import { sameJson } from './diff.ts';
import { deepFreeze, isJsonObject, propertyOf, setProperty, type JsonObject, type JsonValue } from './json.ts';
import { isUnset } from './merge.ts';
import type { Path } from './path.ts';

/** A part of a layer that was changed on both sides, and not to the same. A value is absent where that state has nothing there. */
export interface RebaseConflict {
  /** The smallest part in dispute: a leaf, or an object that one side edited and the other removed or replaced. */
  readonly path: Path;
  readonly base?: JsonValue;
  readonly changed?: JsonValue;
  readonly current?: JsonValue;
}

/** What became of the current state, and what of the change could not be carried over. */
export interface Rebased {
  /** The new state, deep-frozen; `undefined` when no layer is left. At the path of each conflict it has the current value. */
  readonly value: JsonValue | undefined;
  /** In the order of the current properties, followed by those that only the change has. Empty when the whole change was applied. */
  readonly conflicts: readonly RebaseConflict[];
}

/**
 * Applies what changed from `base` to `changed` onto `current`, where `undefined` means no layer.
 *
 * Objects are merged property by property, recursively, also those that both sides added. Everything else is a leaf and counts as one:
 * scalars, arrays, `$unset` markers. A part that only one side changed takes that side's state; a part that both sides changed to the same
 * keeps it. Whatever both sides changed differently is a conflict: so is removing or replacing an object in which the other side
 * changed anything, since one of the two edits would be lost. An object whose properties all went stays, empty.
 */
export function rebase(
  base: JsonValue | undefined,
  changed: JsonValue | undefined,
  current: JsonValue | undefined,
): Rebased {
  const conflicts: RebaseConflict[] = [];
  return { value: deepFreeze(rebasePart({ base, changed, current }, [], conflicts)), conflicts };
}

/** The three states of one part. */
interface States {
  readonly base: JsonValue | undefined;
  readonly changed: JsonValue | undefined;
  readonly current: JsonValue | undefined;
}

function rebasePart(
  { base, changed, current }: States,
  path: Path,
  conflicts: RebaseConflict[],
): JsonValue | undefined {
  if (sameJson(base, changed) || sameJson(changed, current)) return current;
  if (sameJson(base, current)) return changed;
  if (isMergeable(changed) && isMergeable(current) && (base === undefined || isMergeable(base))) {
    return rebaseObject(base ?? {}, changed, current, path, conflicts);
  }
  conflicts.push({
    path,
    ...(base === undefined ? {} : { base }),
    ...(changed === undefined ? {} : { changed }),
    ...(current === undefined ? {} : { current }),
  });
  return current;
}

function isMergeable(value: JsonValue | undefined): value is JsonObject {
  return isJsonObject(value) && !isUnset(value);
}

function rebaseObject(
  base: JsonObject,
  changed: JsonObject,
  current: JsonObject,
  path: Path,
  conflicts: RebaseConflict[],
): JsonObject {
  const result: Record<string, JsonValue> = {};
  // A name that only the base has was removed on both sides.
  for (const name of new Set([...Object.keys(current), ...Object.keys(changed)])) {
    const states = {
      base: propertyOf(base, name),
      changed: propertyOf(changed, name),
      current: propertyOf(current, name),
    };
    const value = rebasePart(states, [...path, name], conflicts);
    if (value !== undefined) setProperty(result, name, value);
  }
  return result;
}
