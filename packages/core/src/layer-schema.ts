/** Owns the form of a JSON Schema for one layer alone: right types and bounds, any part missing, any property unset. */
import { isJsonArray, isJsonObject, propertyOf, setProperty, type JsonObject, type JsonValue } from './json.ts';
import {
  admitsObjects,
  formatReference,
  listKeywords,
  listOf,
  mapKeywords,
  mapOf,
  resolveReference,
  singleKeywords,
} from './json-schema.ts';

const marker: JsonObject = { $unset: true };

/** What only a whole value can be asked for, or says nothing of a layer. `not` may refuse a part of what it lets pass whole. */
const dropped = new Set([
  ...['required', 'dependentRequired', 'minProperties', 'maxProperties', 'not', 'default'],
  ...['$defs', 'definitions', '$ref', 'anyOf', 'oneOf', 'if', 'then', 'else', 'dependentSchemas', 'const', 'enum'],
]);

/**
 * The schema of a layer alone, from the schema of a whole value. A layer that is part of any valid whole passes it:
 * objects may lack properties at every level, alternatives are relaxed one by one (of `oneOf` more than one may fit, conditions may
 * hold or not, a constant object may be given in part), counts of properties and `not` do not count; and in place of any
 * property, or of the whole layer, `{ "$unset": true }` may stand.
 *
 * What cannot be an object is layered whole, so scalars and arrays (with all that is inside them) keep their full schema.
 * The result refers to the full schema as `#/$defs/full`, where it needs it.
 */
export function layerSchema(schema: JsonObject): JsonObject {
  const form = new LayerForm(schema);
  const root = form.position(form.relax(schema));
  const parts = form.parts();
  return Object.keys(parts).length === 0 ? asObject(root) : { ...asObject(root), $defs: parts };
}

/** A schema that is a part of another one, made to stand alone: what `path` (as by `eachSubschema`) leads to in `schema`. */
export function partOfSchema(schema: JsonObject, path: readonly (string | number)[]): JsonObject {
  const reference = formatReference(['$defs', 'full', ...path]);
  return { $ref: reference, $defs: { full: withFullReferences(schema) } };
}

class LayerForm {
  readonly #root: JsonObject;
  readonly #names = new Map<string, string>();
  #full = false;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** What stands in a property's place: its relaxed schema, or the marker. */
  position(schema: JsonValue): JsonValue {
    if (typeof schema === 'boolean' || Object.keys(mapOf(schema)).length === 0) return schema;
    return unlessUnset(schema);
  }

  relax(schema: JsonValue): JsonValue {
    if (!isJsonObject(schema)) return schema;
    if (!admitsObjects(this.#root, schema)) return this.#keep(standing(schema));
    const relaxed: Record<string, JsonValue> = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (!dropped.has(keyword)) relaxed[keyword] = this.#keyword(keyword, value);
    }
    const reference = propertyOf(schema, '$ref');
    if (typeof reference === 'string') relaxed['$ref'] = this.#refer(reference);
    const conditions = [...listOf(relaxed['allOf']), ...this.#alternatives(schema)];
    const [first, ...others] = conditions;
    if (first === undefined) return relaxed;
    // A lone alternative stays beside the other keywords, so that an error names the schema that people wrote.
    if (others.length > 0 || 'allOf' in relaxed) return { ...relaxed, allOf: conditions };
    return { ...relaxed, ...asObject(first) };
  }

  /** The definitions that the relaxed schemas refer to. */
  parts(): Record<string, JsonValue> {
    const parts: Record<string, JsonValue> = {};
    // Relaxing one part can name further ones: a Map hands them out too.
    for (const [reference, name] of this.#names)
      parts[name] = this.relax(resolveReference(this.#root, reference) ?? true);
    return this.#full ? { full: withFullReferences(this.#root), ...parts } : parts;
  }

  #keyword(keyword: string, value: JsonValue): JsonValue {
    if (keyword === 'properties' || keyword === 'patternProperties') {
      return mapValues(mapOf(value), (item) => this.position(this.relax(item)));
    }
    if (keyword === 'additionalProperties') return this.position(this.relax(value));
    if (keyword === 'allOf') return listOf(value).map((item) => this.relax(item));
    return this.#keep({ [keyword]: value })[keyword] ?? value;
  }

  /** Each keyword that chooses between schemas, as one that asks only for a part of any choice. */
  #alternatives(schema: JsonObject): JsonObject[] {
    const anyOf = (branches: readonly JsonValue[]): JsonObject => ({ anyOf: branches.map((item) => this.relax(item)) });
    const found = ['anyOf', 'oneOf'].map((keyword) => listOf(propertyOf(schema, keyword)));
    const { if: condition, then, else: otherwise } = schema;
    if (condition !== undefined && then !== undefined && otherwise !== undefined) {
      found.push([{ allOf: [condition, then] }, otherwise]);
    }
    const values = 'const' in schema ? [schema['const'] ?? null] : listOf(propertyOf(schema, 'enum'));
    const constants = values.length === 0 ? [] : [{ anyOf: values.map((value) => partOf(value)) }];
    return [...found.filter((branches) => branches.length > 0).map(anyOf), ...constants];
  }

  #refer(reference: string): string {
    const name = this.#names.get(reference) ?? `layer${String(this.#names.size)}`;
    this.#names.set(reference, name);
    return formatReference(['$defs', name]);
  }

  /** What is layered whole stays as it is, and goes on referring to the full schema. */
  #keep(schema: JsonObject): JsonObject {
    const kept = withFullReferences(schema);
    if (kept !== schema) this.#full = true;
    return kept;
  }
}

function unlessUnset(schema: JsonValue): JsonObject {
  return { if: { const: marker }, else: schema };
}

/** The schema of any part of a constant: its objects in part, all else whole. */
function partOf(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return { const: value };
  const properties = mapValues(value, (item) => unlessUnset(partOf(item)));
  return { type: 'object', properties, additionalProperties: false };
}

/** A schema without what matters only to a whole value or to the root. */
function standing(schema: JsonObject): JsonObject {
  const { default: _default, $defs: _defs, definitions: _definitions, ...rest } = schema;
  return rest;
}

/** A schema whose references lead to itself as `#/$defs/full`; the same object where it has none. */
function withFullReferences(schema: JsonObject): JsonObject {
  return asObject(rewriteReferences(schema, (reference) => `#/$defs/full${reference.slice(1)}`));
}

// Walks keywords that hold schemas, so that a constant that looks like a reference stays.
function rewriteReferences(schema: JsonValue, rewrite: (reference: string) => string): JsonValue {
  if (!isJsonObject(schema)) return schema;
  return sharing(
    schema,
    mapValues(schema, (value, keyword) => rewriteKeyword(keyword, value, rewrite)),
  );
}

function rewriteKeyword(keyword: string, value: JsonValue, rewrite: (reference: string) => string): JsonValue {
  const inner = (item: JsonValue): JsonValue => rewriteReferences(item, rewrite);
  if (keyword === '$ref' && typeof value === 'string') return rewrite(value);
  if (singleKeywords.has(keyword)) return inner(value);
  if (mapKeywords.has(keyword) && isJsonObject(value)) return sharing(value, mapValues(value, inner));
  if (!listKeywords.has(keyword) || !isJsonArray(value)) return value;
  const items = value.map(inner);
  return items.some((item, index) => item !== value[index]) ? items : value;
}

/** The object itself where none of its properties has changed. */
function sharing(object: JsonObject, mapped: JsonObject): JsonObject {
  return Object.entries(mapped).some(([name, value]) => value !== propertyOf(object, name)) ? mapped : object;
}

function mapValues(object: JsonObject, map: (value: JsonValue, name: string) => JsonValue): JsonObject {
  const result: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(object)) setProperty(result, name, map(value, name));
  return result;
}

function asObject(schema: JsonValue): JsonObject {
  return isJsonObject(schema) ? schema : { allOf: [schema] };
}
