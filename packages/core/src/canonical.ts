/** Owns canonical JSON: the one text of a value, over which digests are taken. */
import { isJsonArray, isJsonObject, propertyOf, type JsonArray, type JsonObject, type JsonValue } from './json.ts';

/**
 * The deterministic JSON text of a value: no whitespace, properties sorted by UTF-16 code units, numbers and strings as ECMAScript
 * prints them (-0 as 0). Two values have the same text exactly when they differ in nothing but the order of properties.
 *
 * The rules are those of RFC 8785, the JSON Canonicalization Scheme.
 */
export function canonicalJson(value: JsonValue): string {
  if (isJsonArray(value)) return arrayText(value);
  if (isJsonObject(value)) return objectText(value);
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function arrayText(array: JsonArray): string {
  let text = '[';
  for (const item of array) text += text === '[' ? canonicalJson(item) : `,${canonicalJson(item)}`;
  return `${text}]`;
}

function objectText(object: JsonObject): string {
  let text = '{';
  for (const name of Object.keys(object).sort()) {
    const value = propertyOf(object, name);
    if (value === undefined) continue;
    text += `${text === '{' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(value)}`;
  }
  return `${text}}`;
}
