/** Owns checking the structure of definitions: which properties an object has, and what each must be. */
import { closestName } from '../closest.ts';
import { describeInput } from '../errors.ts';
import { isJsonArray, isJsonObject, isForbiddenName, propertyOf, type JsonObject, type JsonValue } from '../json.ts';
import { isUnset } from '../merge.ts';
import type { Path } from '../path.ts';
import { attributePath } from './attribute.ts';
import { bucketsOf, type PatternEngine } from './flag.ts';
import { parseInstant } from '../instant.ts';

/** Takes a problem: its path, and what is wrong, as the end of a sentence that begins with the path. */
export type Report = (path: Path, message: string) => void;

/** A validation under way. */
export interface Inspection {
  readonly report: Report;
  readonly patterns: PatternEngine;
  /** Whether what is checked is laid over another definition: then `$unset` may stand in place of a property. */
  readonly isLayer: boolean;
  readonly acceptUnknownOperators: boolean;
}

/** Reports everything that is wrong with a value. */
export type Check = (value: JsonValue, path: Path, inspection: Inspection) => void;

/** The properties of an object, by name. */
export type Shape = Readonly<Record<string, Check>>;

/** Checks an object: that it has what it needs, nothing that is unknown, and each property as it must be. */
export function checkObject(
  shape: Shape,
  required: readonly string[],
  value: JsonValue,
  path: Path,
  inspection: Inspection,
): value is JsonObject {
  const { report, isLayer } = inspection;
  if (!isJsonObject(value)) {
    report(path, `must be an object, and is ${shown(value)}`);
    return false;
  }
  for (const name of required) if (!Object.hasOwn(value, name)) report([...path, name], 'is missing');
  for (const [name, property] of Object.entries(value)) {
    const check = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (check === undefined) report([...path, name], unknownMessage(name, Object.keys(shape)));
    else if (!(isLayer && isUnset(property))) check(property, [...path, name], inspection);
  }
  return true;
}

function unknownMessage(name: string, known: readonly string[]): string {
  const meant = closestName(name, known);
  return meant === undefined ? `is unknown; there are ${known.join(', ')}` : `is unknown; did you mean ${meant}?`;
}

/** A list of at most so many entries. */
export function listOf(check: Check, most: number, least = 0): Check {
  return (value, path, inspection) => {
    const { report } = inspection;
    if (!isJsonArray(value)) {
      report(path, `must be a list, and is ${shown(value)}`);
      return;
    }
    if (value.length > most) {
      report(path, `must have at most ${String(most)} entries, and has ${String(value.length)}`);
      return;
    }
    if (value.length < least) report(path, `must have at least ${String(least)} entry`);
    for (const [index, item] of value.entries()) check(item, [...path, index], inspection);
  };
}

/** A text of so many characters. */
export function textOf(least: number, most: number): Check {
  return (value, path, { report }) => {
    if (typeof value !== 'string') report(path, `must be a text, and is ${shown(value)}`);
    else if (value.length < least || value.length > most)
      report(path, `must have ${String(least)} to ${String(most)} characters, and has ${String(value.length)}`);
  };
}

export const checkBoolean: Check = (value, path, { report }) => {
  if (typeof value !== 'boolean') report(path, `must be true or false, and is ${shown(value)}`);
};

/** The name of a flag, a segment or a variant. */
export const checkName: Check = (value, path, { report }) => {
  if (typeof value !== 'string' || !isDefinitionName(value)) report(path, nameMessage(value));
};

export function nameMessage(value: JsonValue): string {
  return `must have 1 to 200 characters, start with a letter or digit and go on with letters, digits and _ . : -, and is ${shown(value)}`;
}

/** Whether a text can be the name of a flag, a segment or a variant. */
export function isDefinitionName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/.test(name) && !name.split(/[.:]/).some(isForbiddenName);
}

export const checkPercentage: Check = (value, path, { report }) => {
  if (bucketsOf(value) === undefined)
    report(path, `must be a percentage from 0 to 100 in steps of 0.001, and is ${shown(value)}`);
};

export const checkTime: Check = (value, path, { report }) => {
  if (typeof value !== 'string' || parseInstant(value) === undefined)
    report(path, `must be a time in ISO 8601 with a zone, like 2026-01-31T12:00:00Z, and is ${shown(value)}`);
};

export const checkAttribute: Check = (value, path, { report }) => {
  if (attributePath(value) === undefined) report(path, attributeMessage(value));
};

export function attributeMessage(value: JsonValue | undefined): string {
  return `must be userId, organizationId, teamId, environment or a path like attributes.role, and is ${shown(value)}`;
}

/** Reports each entry whose property another entry before it has too. */
export function checkUnique(list: JsonValue | undefined, name: string, path: Path, report: Report): void {
  const seen = new Set<JsonValue>();
  for (const [index, item] of (isJsonArray(list) ? list : []).entries()) {
    const value = isJsonObject(item) ? propertyOf(item, name) : undefined;
    if (value === undefined) continue;
    if (seen.has(value)) report([...path, index, name], `is ${shown(value)} again; each needs its own`);
    seen.add(value);
  }
}

/** How a message names a value: short, whatever it is. */
export function shown(value: JsonValue | undefined): string {
  if (value === undefined) return 'missing';
  if (isJsonArray(value)) return 'a list';
  if (typeof value === 'string' && value.length > 60) return `${JSON.stringify(value.slice(0, 60))}…`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : describeInput(value);
}
