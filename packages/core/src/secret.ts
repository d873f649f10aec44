/** Owns how secrets stand in values: sealed where they are stored, masked where they are shown, and which parts of a value they are. */
import type { Definition } from './definition.ts';
import { ConfigurationError } from './errors.ts';
import { isJsonArray, isJsonObject, setProperty, type JsonObject, type JsonValue } from './json.ts';
import { isUnset, valueAt } from './merge.ts';
import { formatPath, isWithin, type Path } from './path.ts';
import { sensitivePaths } from './sensitive.ts';

const sealedName = '$sealed';
const maskedName = '$masked';

/** What stands in the place of a secret wherever it is not revealed. */
export const masked: JsonObject = Object.freeze({ [maskedName]: true });

/** Whether a value is a mask. */
export function isMasked(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && value[maskedName] === true && Object.keys(value).length === 1;
}

/** The form in which a secret is stored. */
export function toSealed(text: string): JsonObject {
  return Object.freeze({ [sealedName]: text });
}

/** The text of a stored secret; undefined for any other value. */
export function sealedText(value: JsonValue | undefined): string | undefined {
  if (!isJsonObject(value) || !Object.hasOwn(value, sealedName)) return undefined;
  const text = value[sealedName];
  return typeof text === 'string' ? text : '';
}

/** Replaces parts of a value; what holds none of them stays the same object. `replace` answers undefined to look inside a part. */
export function mapParts(
  value: JsonValue,
  replace: (part: JsonValue, path: Path) => JsonValue | undefined,
  path: Path = [],
): JsonValue {
  const replaced = replace(value, path);
  if (replaced !== undefined) return replaced;
  if (isJsonArray(value)) {
    const items = value.map((item, index) => mapParts(item, replace, [...path, index]));
    return items.every((item, index) => item === value[index]) ? value : Object.freeze(items);
  }
  if (!isJsonObject(value)) return value;
  const result: Record<string, JsonValue> = {};
  let isChanged = false;
  for (const [name, property] of Object.entries(value)) {
    const part = mapParts(property, replace, [...path, name]);
    isChanged ||= part !== property;
    setProperty(result, name, part);
  }
  return isChanged ? Object.freeze(result) : value;
}

/** The places at which secrets are stored in a value. */
export function sealedPaths(value: JsonValue): Path[] {
  const paths: Path[] = [];
  mapParts(value, (part, path) => {
    if (sealedText(part) === undefined) return undefined;
    paths.push(path);
    return part;
  });
  return paths;
}

/** A value as it may be shown: with masks in the place of what is sealed in it, and of the parts that are given. */
export function maskSecrets(value: JsonValue, secrets: readonly Path[] = []): JsonValue {
  return mapParts(value, (part, path) => {
    const isSecret = sealedText(part) !== undefined || secrets.some((secret) => isSame(secret, path));
    return isSecret && !isUnset(part) ? masked : undefined;
  });
}

/** The parts of a value that are secrets by the definition of its key. What only takes away an inherited value is none. */
export function secretPaths(definition: Definition | undefined, value: JsonValue): Path[] {
  if (definition === undefined || isUnset(value)) return [];
  if (definition.sensitive === true) return [[]];
  return definition.jsonSchema === undefined
    ? []
    : sensitivePaths(definition.jsonSchema, value).filter((path) => !isUnset(valueAt(value, path)));
}

/** Paths of both lists that a value has, none of them inside another. */
export function joinPaths(value: JsonValue, one: readonly Path[], other: readonly Path[]): readonly Path[] {
  const given = [...one, ...other.filter((path) => !one.some((known) => isSame(known, path)))];
  const there = given.filter((path) => valueAt(value, path) !== undefined);
  return there.filter((path) => !there.some((outer) => outer.length < path.length && isWithin(path, outer)));
}

function isSame(one: Path, other: Path): boolean {
  return one.length === other.length && isWithin(one, other);
}

/**
 * Refuses what is no value of a caller's: a stored secret, which could be one of another place, and a mask, which would take the place
 * of the secret that it hides.
 * @returns the same value.
 * @throws ConfigurationError `invalid_value`.
 */
export function refuseSealed(value: JsonValue): JsonValue {
  return mapParts(value, (part, path) => {
    if (!isJsonObject(part)) return undefined;
    if (Object.hasOwn(part, sealedName)) refuse(path, `${sealedName} is reserved for what Strata itself has encrypted`);
    if (Object.hasOwn(part, maskedName))
      refuse(path, 'it is the mask of a secret and not the secret; give the secret itself, or leave this part out');
    return undefined;
  });
}

function refuse(path: Path, problem: string): never {
  throw new ConfigurationError('invalid_value', { path: formatPath(path), problem });
}

/** Where a JSON Schema marks secrets, as pointers into it. */
function markedPlaces(schema: JsonValue | undefined, pointer = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const own = isJsonObject(schema) && schema['x-sensitive'] === true ? [pointer] : [];
  return [...own, ...Object.entries(schema).flatMap(([name, part]) => markedPlaces(part, `${pointer}/${name}`))];
}

/** Whether a definition takes the secrecy from any part that another one gave it. */
export function lowersSecrecy(before: Definition | undefined, after: Definition): boolean {
  if (before === undefined || after.sensitive === true) return false;
  if (before.sensitive === true) return true;
  const kept = new Set(markedPlaces(after.jsonSchema));
  return markedPlaces(before.jsonSchema).some((place) => !kept.has(place));
}
