/** Owns how layers combine: merging them, tracing each leaf to its layer, and the marker that removes what is inherited. */
import type { MergeStrategy } from './definition.ts';
import { ConfigurationError } from './errors.ts';
import {
  deepFreeze,
  isJsonArray,
  isJsonObject,
  propertyOf,
  setProperty,
  type JsonObject,
  type JsonValue,
} from './json.ts';
import { formatPath, type Path } from './path.ts';

const unset = '$unset';

/** Whether a value is the marker `{ "$unset": true }`, which removes what is inherited in its place. */
export function isUnset(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && value[unset] === true && Object.keys(value).length === 1;
}

/**
 * Checks that `$unset` stands only where it has a meaning: alone, with the value true, in place of a property or of the whole layer.
 * @returns the same value.
 * @throws ConfigurationError `invalid_value` with the path of the object that holds a misplaced `$unset`.
 */
export function parseLayer(value: JsonValue): JsonValue {
  checkMarkers(value, [], false);
  return value;
}

function checkMarkers(value: JsonValue, path: Path, insideArray: boolean): void {
  if (isJsonArray(value)) {
    for (const [index, item] of value.entries()) checkMarkers(item, [...path, index], true);
  } else if (isJsonObject(value)) {
    if (Object.hasOwn(value, unset)) checkMarker(value, path, insideArray);
    for (const [name, property] of Object.entries(value)) checkMarkers(property, [...path, name], insideArray);
  }
}

function checkMarker(value: JsonObject, path: Path, insideArray: boolean): void {
  if (insideArray) refuse(path, '$unset has no meaning inside an array, since arrays replace each other whole');
  if (value[unset] !== true) refuse(path, '$unset takes no other value than true');
  if (!isUnset(value)) refuse(path, '$unset stands alone; leave out the other properties, or $unset itself');
}

function refuse(path: Path, problem: string): never {
  throw new ConfigurationError('invalid_value', { path: formatPath(path), problem });
}

/**
 * Merges the layers of a chain into the effective value.
 *
 * Objects merge property by property, recursively; arrays and scalars replace whole, also across types; `null` is a value. A marker
 * removes what is inherited in its place and never shows in the result. Properties keep the inherited order, new ones follow.
 * With `replace` the lowest layer counts alone.
 * @param layers those that are present, from global down, as `parseLayer` passes them.
 * @returns the value, deep-frozen, sharing with the layers every part that one of them gives alone (one layer without markers is
 *   returned itself); `undefined` when nothing is left.
 */
export function mergeLayers(layers: readonly JsonValue[], strategy: MergeStrategy): JsonValue | undefined {
  const considered = strategy === 'replace' ? layers.slice(-1) : layers;
  return deepFreeze(considered.reduce<JsonValue | undefined>(mergeInto, undefined));
}

function mergeInto(inherited: JsonValue | undefined, layer: JsonValue): JsonValue | undefined {
  if (isJsonObject(inherited) && isJsonObject(layer) && !isUnset(layer)) return mergeObjects(inherited, layer);
  return withoutMarkers(layer);
}

function mergeObjects(inherited: JsonObject, layer: JsonObject): JsonObject {
  const result: Record<string, JsonValue> = {};
  let changed = false;
  for (const [name, value] of Object.entries(inherited)) {
    const override = propertyOf(layer, name);
    const merged = override === undefined ? value : mergeInto(value, override);
    changed ||= merged !== value;
    if (merged !== undefined) setProperty(result, name, merged);
  }
  for (const [name, value] of Object.entries(layer)) {
    const added = Object.hasOwn(inherited, name) ? undefined : withoutMarkers(value);
    changed ||= added !== undefined;
    if (added !== undefined) setProperty(result, name, added);
  }
  return changed ? result : inherited;
}

/** What a layer gives where nothing is inherited. */
function withoutMarkers(value: JsonValue): JsonValue | undefined {
  if (isUnset(value)) return undefined;
  if (!isJsonObject(value) || !hasMarkers(value)) return value;
  const result: Record<string, JsonValue> = {};
  for (const [name, property] of Object.entries(value)) {
    const kept = withoutMarkers(property);
    if (kept !== undefined) setProperty(result, name, kept);
  }
  return result;
}

function hasMarkers(value: JsonValue): boolean {
  return isUnset(value) || (isJsonObject(value) && Object.values(value).some(hasMarkers));
}

/** One layer with whatever its caller knows it by: a scope, a version. */
export interface OriginatedLayer<O> {
  readonly value: JsonValue;
  readonly origin: O;
}

/** One leaf of a merged value with the layer that determines it. */
export interface TracedLeaf<O> {
  readonly path: Path;
  readonly value: JsonValue;
  /** The lowest layer that says anything about this leaf. */
  readonly origin: O;
  /** What each layer says about it, from global down; layers that say nothing are left out. See `candidateAt`. */
  readonly candidates: readonly OriginatedLayer<O>[];
}

/** A merged value with the origin of each of its leaves. */
export interface TracedValue<O> {
  readonly value: JsonValue | undefined;
  readonly leaves: readonly TracedLeaf<O>[];
}

/**
 * Merges like `mergeLayers`, and says for each leaf of the result (a scalar, an array, an empty object) which layer determines it:
 * the lowest one that says anything about it. So two layers that give the same value leave it to the lower one, and an object
 * that a marker emptied comes from the layer with that marker.
 */
export function explainLayers<O>(layers: readonly OriginatedLayer<O>[], strategy: MergeStrategy): TracedValue<O> {
  const value = mergeLayers(
    layers.map((layer) => layer.value),
    strategy,
  );
  if (value === undefined) return { value, leaves: [] };
  return { value, leaves: leavesOf(value).map((leaf) => traceLeaf(leaf, layers)) };
}

function traceLeaf<O>(leaf: Leaf, layers: readonly OriginatedLayer<O>[]): TracedLeaf<O> {
  const candidates = layers.flatMap(({ value: layer, origin }) => {
    const value = candidateAt(layer, leaf.path);
    return value === undefined ? [] : [{ origin, value }];
  });
  const lowest = candidates.at(-1);
  if (lowest === undefined) throw new TypeError(`No layer gives ${formatPath(leaf.path)}`);
  return { path: leaf.path, value: leaf.value, origin: lowest.origin, candidates };
}

/**
 * What a layer says about the part of a value at a path: the value that it has there; else what it has in place of something that
 * holds that part and which so replaces or removes it (a scalar, an array, a marker); `undefined` when it says nothing.
 */
export function candidateAt(layer: JsonValue, path: Path): JsonValue | undefined {
  let current: JsonValue | undefined = layer;
  for (const step of path) {
    // An index means a part of an array, and arrays are replaced whole, also by an object.
    if (typeof step === 'number' || !isJsonObject(current) || isUnset(current)) return current;
    current = propertyOf(current, step);
  }
  return current;
}

/** A part of a value that is not taken apart further. */
export interface Leaf {
  readonly path: Path;
  readonly value: JsonValue;
}

/** The leaves of a value in its own order: scalars, arrays (whole), empty objects and, in a layer, `$unset` markers. */
export function leavesOf(value: JsonValue): Leaf[] {
  const leaves: Leaf[] = [];
  collectLeaves(value, [], leaves);
  return leaves;
}

function collectLeaves(value: JsonValue, path: Path, leaves: Leaf[]): void {
  const properties = isJsonObject(value) && !isUnset(value) ? Object.entries(value) : [];
  if (properties.length === 0) leaves.push({ path, value });
  for (const [name, property] of properties) collectLeaves(property, [...path, name], leaves);
}

/** The part of a value at a path, `undefined` where there is none. Names mean own properties, numbers items of arrays. */
export function valueAt(value: JsonValue | undefined, path: Path): JsonValue | undefined {
  let current = value;
  for (const step of path) {
    if (typeof step === 'number') current = isJsonArray(current) ? current[step] : undefined;
    else current = isJsonObject(current) ? propertyOf(current, step) : undefined;
  }
  return current;
}
