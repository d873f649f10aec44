/** Owns the defaults of a schema: what they add to a value, and where. */
import { deepFreeze, isJsonObject, propertyOf, setProperty, type JsonObject, type JsonValue } from './json.ts';
import { childSchemas, eachSubschema, facetsOf, mapOf } from './json-schema.ts';
import type { Path } from './path.ts';

/** One value that a schema's default adds. */
export interface AddedDefault {
  readonly path: Path;
  readonly value: JsonValue;
}

/** Whether a schema gives any default at all. */
export function hasDefaults(schema: JsonObject): boolean {
  let found = false;
  eachSubschema(schema, (node) => {
    found ||= propertyOf(node, 'default') !== undefined;
  });
  return found;
}

/**
 * Completes a value: each absent property that has a `default` gets it, in objects that are present and in those that a default
 * adds. Defaults count where they always apply (`properties`, `additionalProperties`, through `$ref` and `allOf`), not inside arrays, nor
 * in a branch of `anyOf`, `oneOf` or `if`, nor under `patternProperties`. Added properties follow those of the value.
 * @returns the value itself when nothing is missing, else a frozen copy that shares what did not change.
 */
export function withDefaults(schema: JsonObject, value: JsonValue): JsonValue {
  return complete(schema, [schema], value, [], () => undefined);
}

/** The values that `withDefaults` would add: for each its path, never one inside another. */
export function defaultPaths(schema: JsonObject, value: JsonValue): Path[] {
  const paths: Path[] = [];
  complete(schema, [schema], value, [], (path) => paths.push(path));
  return paths;
}

function complete(
  root: JsonObject,
  schemas: readonly JsonObject[],
  value: JsonValue,
  path: Path,
  added: (path: Path) => void,
  expanding: readonly JsonValue[] = [],
): JsonValue {
  if (!isJsonObject(value) || schemas.length === 0) return value;
  const result: Record<string, JsonValue> = {};
  let changed = false;
  const childrenOf = (name: string): JsonObject[] =>
    schemas.flatMap((schema) => childSchemas(root, schema, name, 'always'));
  for (const [name, property] of Object.entries(value)) {
    const completed = complete(root, childrenOf(name), property, [...path, name], added, expanding);
    changed ||= completed !== property;
    setProperty(result, name, completed);
  }
  for (const name of namesWithin(root, schemas)) {
    if (Object.hasOwn(value, name)) continue;
    const children = childrenOf(name);
    const given = defaultOf(root, children);
    // A default that adds itself again is refused at registration; whoever meets one before that adds it once.
    if (given === undefined || expanding.includes(given)) continue;
    added([...path, name]);
    changed = true;
    setProperty(
      result,
      name,
      complete(root, children, given, [], () => undefined, [...expanding, given]),
    );
  }
  return changed ? deepFreeze<JsonValue>(result) : value;
}

/** The names of all properties that some schema describes one by one. */
function namesWithin(root: JsonObject, schemas: readonly JsonObject[]): Set<string> {
  const facets = schemas.flatMap((schema) => facetsOf(root, schema, 'always'));
  return new Set(facets.flatMap((facet) => Object.keys(mapOf(propertyOf(facet, 'properties')))));
}

/** The default of what some schemas describe together: the first that one of them gives, or that another gives to which it leads. */
export function defaultOf(root: JsonObject, schemas: readonly JsonObject[]): JsonValue | undefined {
  const facets = schemas.flatMap((schema) => facetsOf(root, schema, 'always'));
  return facets.map((facet) => propertyOf(facet, 'default')).find((value) => value !== undefined);
}
