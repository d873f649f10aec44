/** Owns the bounds that a schema sets for one part of a value. */
import { childSchemas, facetsOf } from './json-schema.ts';
import { isJsonArray, propertyOf, type JsonObject, type JsonValue } from './json.ts';
import type { Path } from './path.ts';

/** A bound of a number, or of how long something is. */
export interface Bound {
  readonly value: number;
  /** What is counted: empty for a number itself. */
  readonly unit: '' | 'characters' | 'items';
}

/** The bounds of a value with what of it is measured; without a measure it has none. */
export interface Bounds {
  readonly least?: Bound | undefined;
  readonly most?: Bound | undefined;
  /** The number itself, or how long the text or list is. */
  readonly measure?: number | undefined;
}

/** The narrowest bounds that a schema always sets for the value at a path. */
export function boundsAt(schema: JsonObject, path: Path, value: JsonValue): Bounds {
  const facets = path
    .reduce<readonly JsonObject[]>(
      (schemas, step) => schemas.flatMap((one) => childSchemas(schema, one, step, 'always')),
      [schema],
    )
    .flatMap((one) => facetsOf(schema, one, 'always'));
  const narrowest = (unit: Bound['unit'], pick: (...values: number[]) => number, keywords: readonly string[]) => {
    const given = facets.flatMap((facet) => keywords.map((keyword) => propertyOf(facet, keyword)));
    const numbers = given.filter((bound) => typeof bound === 'number');
    return numbers.length === 0 ? undefined : { value: pick(...numbers), unit };
  };
  const between = (
    unit: Bound['unit'],
    measure: number,
    least: readonly string[],
    most: readonly string[],
  ): Bounds => ({
    least: narrowest(unit, Math.max, least),
    most: narrowest(unit, Math.min, most),
    measure,
  });
  if (typeof value === 'number')
    return between('', value, ['minimum', 'exclusiveMinimum'], ['maximum', 'exclusiveMaximum']);
  // As JSON Schema counts: by characters, not by UTF-16 code units.
  if (typeof value === 'string') return between('characters', Array.from(value).length, ['minLength'], ['maxLength']);
  if (isJsonArray(value)) return between('items', value.length, ['minItems'], ['maxItems']);
  return {};
}
