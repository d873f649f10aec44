/** Owns differences between two values: finding them, applying them, and when two values are the same. */
import { ConfigurationError } from './errors.ts';
import {
  deepFreeze,
  isJsonArray,
  isJsonObject,
  propertyOf,
  setProperty,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from './json.ts';
import { isUnset } from './merge.ts';
import { formatPath, parsePath, type Path } from './path.ts';

/** One difference. Presence is explicit: `null`, `0`, `''` and `false` are values like any other. */
export interface Diff {
  /** `a.b[0]`; `$` for the whole value. */
  readonly path: string;
  readonly operation: 'add' | 'modify' | 'delete';
  /** Absent exactly for `add`. */
  readonly oldValue?: JsonValue;
  /** Absent exactly for `delete`. */
  readonly newValue?: JsonValue;
}

/** Whether two values are the same; the order of properties never matters. */
export function sameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (isJsonArray(a)) return isJsonArray(b) && a.length === b.length && samePrefix(a, b);
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const entries = Object.entries(a);
  return (
    entries.length === Object.keys(b).length && entries.every(([name, value]) => sameJson(value, propertyOf(b, name)))
  );
}

function samePrefix(a: JsonArray, b: JsonArray): boolean {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    if (!sameJson(a[index], b[index])) return false;
  }
  return true;
}

/**
 * What changes from `before` to `after`, where `undefined` means no value at all. Empty when they are the same.
 *
 * Objects are compared property by property, in the order of UTF-16 code units; `$unset` markers count as scalars. Arrays of one length
 * are compared item by item; items added at or removed from the end are told as such, removed ones from the last on; any other
 * change of an array is one `modify` of all of it.
 */
export function diff(before: JsonValue | undefined, after: JsonValue | undefined): Diff[] {
  const changes: Diff[] = [];
  compare(before, after, [], changes);
  return changes;
}

function compare(before: JsonValue | undefined, after: JsonValue | undefined, path: Path, changes: Diff[]): void {
  if (before === after) return;
  if (before === undefined) {
    if (after !== undefined) changes.push({ path: formatPath(path), operation: 'add', newValue: after });
  } else if (after === undefined) {
    changes.push({ path: formatPath(path), operation: 'delete', oldValue: before });
  } else if (isPlainObject(before) && isPlainObject(after)) {
    compareObjects(before, after, path, changes);
  } else if (isJsonArray(before) && isJsonArray(after) && canSplit(before, after)) {
    compareArrays(before, after, path, changes);
  } else if (!sameJson(before, after)) {
    changes.push({ path: formatPath(path), operation: 'modify', oldValue: before, newValue: after });
  }
}

function isPlainObject(value: JsonValue): value is JsonObject {
  return isJsonObject(value) && !isUnset(value);
}

function compareObjects(before: JsonObject, after: JsonObject, path: Path, changes: Diff[]): void {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  for (const name of [...names].sort()) {
    compare(propertyOf(before, name), propertyOf(after, name), [...path, name], changes);
  }
}

function canSplit(before: JsonArray, after: JsonArray): boolean {
  return before.length === after.length || samePrefix(before, after);
}

function compareArrays(before: JsonArray, after: JsonArray, path: Path, changes: Diff[]): void {
  for (const [index, item] of after.entries()) compare(before[index], item, [...path, index], changes);
  for (let index = before.length - 1; index >= after.length; index -= 1) {
    compare(before[index], undefined, [...path, index], changes);
  }
}

/**
 * Applies changes in their order: `applyDiff(a, diff(a, b))` is the same as `b`. The given value stays as it is.
 * @returns the new value, deep-frozen; `undefined` when it was deleted whole.
 * @throws ConfigurationError `invalid_argument` when a path cannot be read, or the value is not the one that a change starts from.
 */
export function applyDiff(value: JsonValue | undefined, changes: readonly Diff[]): JsonValue | undefined {
  const copies: Copies = new Set();
  let result = value;
  for (const change of changes) result = applyAt(result, parsePath(change.path), change, copies);
  return deepFreeze(result);
}

/** The containers that this call made and may therefore alter: each is copied once, however many changes lie in it. */
type Copies = Set<JsonArray | JsonObject>;

function applyAt(current: JsonValue | undefined, path: Path, change: Diff, copies: Copies): JsonValue | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return applyHere(current, change);
  if (typeof step === 'number') {
    if (!isJsonArray(current) || step > current.length)
      return mismatch(change, 'there is no array that reaches so far');
    return withItem(current, step, applyAt(current[step], rest, change, copies), change, copies);
  }
  if (!isJsonObject(current)) return mismatch(change, 'there is no object to hold it');
  return withProperty(current, step, applyAt(propertyOf(current, step), rest, change, copies), copies);
}

function applyHere(
  current: JsonValue | undefined,
  { operation, oldValue, newValue, ...change }: Diff,
): JsonValue | undefined {
  if ((operation === 'add') !== (oldValue === undefined) || (operation === 'delete') !== (newValue === undefined)) {
    mismatch(change, `a change with the operation ${operation} cannot have these values`);
  }
  if (!sameJson(current, oldValue)) {
    mismatch(change, current === undefined ? 'there is no value' : 'the value there is another than the old value');
  }
  return newValue;
}

function withItem(
  array: JsonArray,
  index: number,
  item: JsonValue | undefined,
  change: Diff,
  copies: Copies,
): JsonArray {
  if (item === undefined && index !== array.length - 1)
    mismatch(change, 'only the last item of an array can be deleted');
  const copy = copies.has(array) ? (array as JsonValue[]) : [...array];
  copies.add(copy);
  if (item === undefined) copy.pop();
  else copy[index] = item;
  return copy;
}

function withProperty(object: JsonObject, name: string, value: JsonValue | undefined, copies: Copies): JsonObject {
  const copy = copies.has(object) ? (object as Record<string, JsonValue>) : { ...object };
  copies.add(copy);
  if (value === undefined) Reflect.deleteProperty(copy, name);
  else setProperty(copy, name, value);
  return copy;
}

function mismatch(change: Pick<Diff, 'path'>, problem: string): never {
  throw new ConfigurationError('invalid_argument', {
    argument: 'changes',
    problem: `the change at ${change.path} does not fit: ${problem}`,
  });
}
