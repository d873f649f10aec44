/** Owns what a value may be: plain JSON, checked once at the edge, copied and frozen. */
import { ConfigurationError } from './errors.ts';
import { formatPath, type Path } from './path.ts';

export type JsonPrimitive = string | number | boolean | null;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}
export type JsonArray = readonly JsonValue[];
/** A value as Strata stores and hands it out: plain JSON, deep-frozen. */
export type JsonValue = JsonPrimitive | JsonArray | JsonObject;

/** What one value may measure: nesting depth, and bytes of its JSON text in UTF-8. */
export const valueLimits = { depth: 32, bytes: 256 * 1024 } as const;

const forbiddenNames = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a name may never be a property (at any depth) or a segment of a key, since assigning it could alter a prototype. */
export function isForbiddenName(name: string): boolean {
  return forbiddenNames.has(name);
}

/** Whether `value` is a JSON object: neither null nor an array. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value` is a JSON array. */
export function isJsonArray(value: JsonValue | undefined): value is JsonArray {
  return Array.isArray(value);
}

/** The own property of an object, `undefined` when it has none: names like `toString` are never looked up in the prototype. */
export function propertyOf(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Sets an own property of an object under construction, whatever its name; assigning `__proto__` would set the prototype. */
export function setProperty(object: Record<string, JsonValue>, name: string, value: JsonValue): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

/** An object without inherited members, so that no property name means anything special while it is built. */
export function emptyObject<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

/**
 * Checks an unknown input and returns it as a deep-frozen copy of ordinary objects and arrays.
 * @throws ConfigurationError `invalid_value` with the path, for whatever JSON cannot hold (undefined, functions, symbols, BigInt, NaN,
 *   Infinity, class instances, cycles, lone surrogates, U+0000), for forbidden property names and for nesting deeper than 32.
 */
export function parseJsonValue(input: unknown): JsonValue {
  return copy(input, [], 0);
}

function copy(input: unknown, path: Path, depth: number): JsonValue {
  switch (typeof input) {
    case 'string':
      return checkText(input, path, 'the text');
    case 'boolean':
      return input;
    case 'number':
      if (!Number.isFinite(input)) refuse(path, `${String(input)} is not a number in JSON`);
      return input === 0 ? 0 : input;
    case 'object':
      if (input === null) return null;
      if (depth >= valueLimits.depth) refuse(path, `it is nested deeper than ${String(valueLimits.depth)} levels`);
      return Array.isArray(input) ? copyArray(input, path, depth) : copyObject(input, path, depth);
    default:
      return refuse(path, `${typeof input} is not JSON; use null or leave the property out`);
  }
}

function copyArray(input: readonly unknown[], path: Path, depth: number): JsonValue {
  const result: JsonValue[] = [];
  for (let index = 0; index < input.length; index += 1) {
    result.push(copy(input[index], [...path, index], depth + 1));
  }
  return Object.freeze(result);
}

function copyObject(input: object, path: Path, depth: number): JsonValue {
  const prototype: unknown = Object.getPrototypeOf(input);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    const name = (input as { constructor?: { name?: string } }).constructor?.name ?? 'this object';
    refuse(path, `${name} is not a plain object; convert it to JSON first`);
  }
  const result: Record<string, JsonValue> = {};
  for (const name of Object.keys(input)) {
    if (isForbiddenName(name)) refuse(path, `a property may not be called ${name}`);
    checkText(name, path, 'a property name');
    result[name] = copy((input as Record<string, unknown>)[name], [...path, name], depth + 1);
  }
  return Object.freeze(result);
}

function checkText(text: string, path: Path, what: string): string {
  if (text.includes('\u0000')) refuse(path, `${what} contains U+0000, which PostgreSQL cannot store`);
  if (!text.isWellFormed()) refuse(path, `${what} contains half of a surrogate pair`);
  return text;
}

function refuse(path: Path, problem: string): never {
  throw new ConfigurationError('invalid_value', { path: formatPath(path), problem });
}

/** The number of bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00) {
      bytes += 4;
      index += 1;
    } else bytes += 3;
  }
  return bytes;
}

/**
 * The JSON text under which a value is stored; its properties keep the order in which they were given.
 * @throws ConfigurationError `value_too_large` beyond 256 KiB.
 */
export function jsonText(value: JsonValue): string {
  const text = JSON.stringify(value);
  const bytes = utf8Length(text);
  if (bytes > valueLimits.bytes) {
    throw new ConfigurationError('value_too_large', { bytes, limit: valueLimits.bytes });
  }
  return text;
}

/**
 * Reads JSON text, as `JSON.parse` should. That of V8 13.6 (Node 24) misreads a name that ends with an escape, when an object that it
 * read before has a name there that ends with a backslash instead: after `{"a":1,"\\":2}` it takes `{"a":1,"\n":2}` for the same.
 * @throws SyntaxError when the text is not JSON.
 */
export function readJson(text: string): JsonValue {
  if (!text.includes('\\')) return JSON.parse(text) as JsonValue;
  const mark = absentFrom(text);
  // Every backslash begins an escape, so that taking them one after the other finds the ends of names and nothing else.
  const marked = text.replaceAll(/(\\(?:u[0-9a-f]{4}|.))("\s*:)?/gis, (_, escape: string, end: string | undefined) =>
    end === undefined ? escape : `${escape}${mark}${end}`,
  );
  const value = JSON.parse(marked) as JsonValue;
  return marked === text ? value : withoutMark(value, mark);
}

function absentFrom(text: string): string {
  const decoded = text.replaceAll(/\\ue000/gi, '\ue000');
  let mark = '\ue000';
  while (decoded.includes(mark)) mark += mark;
  return mark;
}

function withoutMark(value: JsonValue, mark: string): JsonValue {
  if (isJsonArray(value)) return value.map((item) => withoutMark(item, mark));
  if (!isJsonObject(value)) return value;
  const result: Record<string, JsonValue> = {};
  for (const [name, property] of Object.entries(value)) {
    setProperty(result, name.endsWith(mark) ? name.slice(0, -mark.length) : name, withoutMark(property, mark));
  }
  return result;
}

/** Freezes a value that was just parsed from trusted JSON text, all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const name of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[name]);
    Object.freeze(value);
  }
  return value;
}
