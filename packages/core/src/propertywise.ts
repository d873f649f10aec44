/** Owns the question whether a schema judges each property by itself, so that layers that are valid alone merge to a valid whole. */
import { isJsonArray, isJsonObject, propertyOf, type JsonObject, type JsonValue } from './json.ts';
import { defaultOf } from './schema-default.ts';
import { admitsObjects, listOf, mapOf, resolveReference } from './json-schema.ts';

/** What ties the properties of one object together. */
const tying = [
  ...['required', 'dependentRequired', 'dependentSchemas', 'minProperties', 'maxProperties'],
  ...['anyOf', 'oneOf', 'not', 'if', 'const', 'enum'],
];

/** Keywords that say nothing of a value besides the one schema that they lead to. */
const silent = /^(?:\$ref|allOf|\$defs|definitions|\$comment|title|description|examples|x-.*)$/;

/**
 * Whether changing one layer can never make the effective value invalid at a scope below, as long as each stored layer is valid alone
 * (under `layerSchema`) and the merge is deep. A false answer is always safe; it only means that the layers below must be looked at.
 *
 * The argument, by induction over the effective value E. At each place E has either
 * - a scalar or an array: it was taken whole from one layer, whose own check applied to it the same keywords (the layer form relaxes
 *   only what concerns objects), also when it replaced an object of another layer, or an object below replaced it; or
 * - an object: each of its names comes from a layer with an object in that place. That layer's check let an object pass there, and applied
 *   to that name what the schema applies to it, since `properties`, `patternProperties`, `additionalProperties` and `propertyNames` look at
 *   one name at a time; so the name is allowed, and its value is valid by induction. An object of E may have fewer or more names than
 *   that of any layer, which only the keywords of `tying` could notice; they are refused wherever an object may stand.
 * A marker only removes names. A default is valid in its place (checked at registration) as long as one place of the schema says all of
 * it: a default to which schemas in several places apply is refused here.
 */
export function isPropertywise(schema: JsonObject): boolean {
  return eachAlone(schema, schema, true, { sole: new Set(), shared: new Set() });
}

/** The schemas seen so far, where one schema alone applies and where several do. */
interface Seen {
  readonly sole: Set<JsonValue>;
  readonly shared: Set<JsonValue>;
}

/** @param sole whether no other schema applies to the same value. */
function eachAlone(root: JsonObject, schema: JsonValue | undefined, sole: boolean, seen: Seen): boolean {
  if (!isJsonObject(schema)) return true;
  const before = sole ? seen.sole : seen.shared;
  // A schema that refers to itself is judged where it was first met.
  if (before.has(schema)) return true;
  before.add(schema);
  if (!sole && defaultOf(root, [schema]) !== undefined) return false;
  if (!admitsObjects(root, schema)) return true;
  if (tying.some((keyword) => ties(propertyOf(schema, keyword)))) return false;
  const same = sameValueSchemas(root, schema);
  const patterns = Object.values(mapOf(propertyOf(schema, 'patternProperties')));
  const named = [...Object.values(mapOf(propertyOf(schema, 'properties'))), propertyOf(schema, 'additionalProperties')];
  const onlySame = sole && same.length === 1 && Object.keys(schema).every((keyword) => silent.test(keyword));
  const onlyNamed = sole && same.length === 0 && patterns.length === 0 && !('propertyNames' in schema);
  return (
    same.every((child) => eachAlone(root, child, onlySame, seen)) &&
    patterns.every((child) => eachAlone(root, child, false, seen)) &&
    named.every((child) => eachAlone(root, child, onlyNamed, seen))
  );
}

function sameValueSchemas(root: JsonObject, schema: JsonObject): JsonValue[] {
  const reference = propertyOf(schema, '$ref');
  const target = typeof reference === 'string' ? [resolveReference(root, reference) ?? true] : [];
  return [...target, ...listOf(propertyOf(schema, 'allOf'))];
}

/** Whether a keyword says anything: `required: []` does not. */
function ties(value: JsonValue | undefined): boolean {
  return value !== undefined && !(isJsonArray(value) && value.length === 0);
}
