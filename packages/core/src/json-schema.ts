/** Owns JSON Schema as data: how subschemas hang together, and where local references lead. */
import { isJsonArray, isJsonObject, propertyOf, type JsonObject, type JsonValue } from './json.ts';
import type { Path } from './path.ts';

/** Keywords that hold subschemas by name. */
export const mapKeywords: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
  '$defs',
  'definitions',
]);
/** Keywords that hold a list of subschemas. */
export const listKeywords: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
/** Keywords that hold one subschema. */
export const singleKeywords: ReadonlySet<string> = new Set([
  'items',
  'contains',
  'additionalProperties',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
  'contentSchema',
]);

/** The formats that are checked; any other is an annotation. */
export const knownFormats: ReadonlySet<string> = new Set([
  ...['date-time', 'date', 'time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid', 'regex'],
  ...['uri', 'uri-reference', 'uri-template', 'json-pointer', 'relative-json-pointer'],
]);

/** Calls `visit` for a schema and every subschema in it (booleans left out), with the path from the root of the schema to it. */
export function eachSubschema(
  schema: JsonValue | undefined,
  visit: (node: JsonObject, path: Path) => void,
  path: Path = [],
): void {
  if (!isJsonObject(schema)) return;
  visit(schema, path);
  for (const [keyword, value] of Object.entries(schema)) {
    if (singleKeywords.has(keyword)) eachSubschema(value, visit, [...path, keyword]);
    else if (listKeywords.has(keyword) && isJsonArray(value)) {
      for (const [index, item] of value.entries()) eachSubschema(item, visit, [...path, keyword, index]);
    } else if (mapKeywords.has(keyword) && isJsonObject(value)) {
      for (const [name, item] of Object.entries(value)) eachSubschema(item, visit, [...path, keyword, name]);
    }
  }
}

/** Writes the path to a subschema as a reference: `#/$defs/a`. */
export function formatReference(path: Path): string {
  const tokens = path.map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'));
  return ['#', ...tokens.map((token) => encodeURIComponent(token).replaceAll('%24', '$'))].join('/');
}

/** What a local reference (`#`, `#/$defs/a`) leads to in `root`; `undefined` when it leads nowhere or is none. */
export function resolveReference(root: JsonObject, reference: string): JsonValue | undefined {
  const path = parseReference(reference);
  let current: JsonValue | undefined = path === undefined ? undefined : root;
  for (const token of path ?? []) {
    if (isJsonArray(current)) current = /^(0|[1-9]\d*)$/.test(token) ? current[Number(token)] : undefined;
    else current = isJsonObject(current) ? propertyOf(current, token) : undefined;
  }
  return current;
}

function parseReference(reference: string): string[] | undefined {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined;
  try {
    const tokens = reference.split('/').slice(1);
    return tokens.map((token) => decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~'));
  } catch {
    return undefined;
  }
}

/**
 * A subschema with all others that describe the same value: those that always do (`$ref`, `allOf`), and with `maybe` also those
 * that may (`anyOf`, `oneOf`, `if`, `then`, `else`, `dependentSchemas`). Booleans are left out.
 */
export function facetsOf(root: JsonObject, schema: JsonValue | undefined, which: 'always' | 'maybe'): JsonObject[] {
  const facets: JsonObject[] = [];
  const pending: (JsonValue | undefined)[] = [schema];
  while (pending.length > 0) {
    const facet = pending.shift();
    if (!isJsonObject(facet) || facets.includes(facet)) continue;
    facets.push(facet);
    pending.push(...inPlace(root, facet, which));
  }
  return facets;
}

/** The subschemas that a schema applies to the same value itself. */
export function inPlace(root: JsonObject, schema: JsonObject, which: 'always' | 'maybe'): JsonValue[] {
  const reference = propertyOf(schema, '$ref');
  const found = typeof reference === 'string' ? [resolveReference(root, reference)] : [];
  found.push(...listOf(propertyOf(schema, 'allOf')));
  if (which === 'maybe') {
    found.push(...listOf(propertyOf(schema, 'anyOf')), ...listOf(propertyOf(schema, 'oneOf')));
    found.push(...['if', 'then', 'else'].map((keyword) => propertyOf(schema, keyword)));
    found.push(...Object.values(mapOf(propertyOf(schema, 'dependentSchemas'))));
  }
  return found.filter((item) => item !== undefined);
}

/**
 * The subschemas that describe one part of a value: the property or item `step` of what `schema` describes. Whether a name matches a
 * pattern is not decided here (these rules have no engine for given patterns): with `maybe` all of `patternProperties` count, and
 * with `always` none, nor what depends on them.
 */
export function childSchemas(
  root: JsonObject,
  schema: JsonValue | undefined,
  step: string | number,
  which: 'always' | 'maybe',
): JsonObject[] {
  const children = facetsOf(root, schema, which).flatMap((facet) =>
    typeof step === 'number' ? itemSchemas(facet, step) : propertySchemas(facet, step, which),
  );
  return children.filter((child) => isJsonObject(child));
}

function itemSchemas(schema: JsonObject, index: number): (JsonValue | undefined)[] {
  const prefix = listOf(propertyOf(schema, 'prefixItems'));
  const own = index < prefix.length ? prefix[index] : propertyOf(schema, 'items');
  return [own, propertyOf(schema, 'contains')];
}

function propertySchemas(schema: JsonObject, name: string, which: 'always' | 'maybe'): (JsonValue | undefined)[] {
  const own = propertyOf(mapOf(propertyOf(schema, 'properties')), name);
  const patterns = Object.values(mapOf(propertyOf(schema, 'patternProperties')));
  const other = propertyOf(schema, 'additionalProperties');
  if (which === 'maybe') return [own ?? other, ...patterns];
  return [own ?? (patterns.length === 0 ? other : undefined)];
}

/** The subschemas of a list keyword; none when it is absent. */
export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return isJsonArray(value) ? value : [];
}

/** The subschemas of a map keyword; none when it is absent. */
export function mapOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/**
 * Whether a schema lets an object pass. False only where that is certain, so that a value in its place is always a scalar or an array,
 * which layers replace whole.
 */
export function admitsObjects(
  root: JsonObject,
  schema: JsonValue | undefined,
  seen: readonly JsonValue[] = [],
): boolean {
  if (schema === false) return false;
  if (!isJsonObject(schema) || seen.includes(schema)) return true;
  const admits = (item: JsonValue): boolean => admitsObjects(root, item, [...seen, schema]);
  const type = propertyOf(schema, 'type');
  if (typeof type === 'string' && type !== 'object') return false;
  if (isJsonArray(type) && !type.includes('object')) return false;
  const constant = propertyOf(schema, 'const');
  const values = constant === undefined ? propertyOf(schema, 'enum') : [constant];
  if (isJsonArray(values) && !values.some((value) => isJsonObject(value))) return false;
  if (!inPlace(root, schema, 'always').every(admits)) return false;
  return ['anyOf', 'oneOf'].every((keyword) => {
    const branches = listOf(propertyOf(schema, keyword));
    return branches.length === 0 || branches.some(admits);
  });
}
