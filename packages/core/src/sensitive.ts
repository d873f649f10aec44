/** Owns which parts of a value a schema marks as secret. */
import { isJsonArray, isJsonObject, propertyOf, type JsonObject, type JsonValue } from './json.ts';
import { childSchemas, facetsOf } from './json-schema.ts';
import type { Path } from './path.ts';

/**
 * The parts of a value that the schema marks with `x-sensitive: true`, also where only one branch of it or a pattern of names that may
 * not match says so: rather one part too many. A part inside a sensitive one is not listed again.
 */
export function sensitivePaths(schema: JsonObject, value: JsonValue): Path[] {
  const paths: Path[] = [];
  collect(schema, [schema], value, [], paths);
  return paths;
}

function collect(root: JsonObject, schemas: readonly JsonObject[], value: JsonValue, path: Path, paths: Path[]): void {
  const facets = schemas.flatMap((schema) => facetsOf(root, schema, 'maybe'));
  if (facets.some((facet) => propertyOf(facet, 'x-sensitive') === true)) {
    paths.push(path);
    return;
  }
  if (facets.length === 0) return;
  const descend = (step: string | number, part: JsonValue): void => {
    const children = schemas.flatMap((schema) => childSchemas(root, schema, step, 'maybe'));
    collect(root, children, part, [...path, step], paths);
  };
  if (isJsonArray(value)) value.forEach((item, index) => descend(index, item));
  else if (isJsonObject(value)) for (const [name, property] of Object.entries(value)) descend(name, property);
}
