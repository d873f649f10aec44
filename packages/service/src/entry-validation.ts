/** Owns what entries of collections have to be: a flag or a segment, checked as a layer and merged. */
import {
  deepFreeze,
  isJsonObject,
  isUnset,
  propertyOf,
  validateFlag,
  validateSegment,
  type Collection,
  type Definition,
  type FlagProblem,
  type FlagValidation,
  type JsonValue,
} from '@strata/core';
import type { ValidationProblem, Validator } from './validation.ts';
import { linearPattern } from './validation-engine.ts';

/** What is known of entries besides their values. */
export const entryDefinitions: Readonly<Record<Collection, Definition>> = {
  feature_flags: Object.freeze<Definition>({
    description: 'A feature flag: for whom it is on, and what they get.',
    baseImpact: 'medium',
  }),
  flag_segments: Object.freeze<Definition>({
    description: 'A named group of contexts, which rules of flags refer to.',
    baseImpact: 'medium',
  }),
};

const checks: Readonly<Record<Collection, (value: JsonValue, validation: FlagValidation) => readonly FlagProblem[]>> = {
  feature_flags: validateFlag,
  flag_segments: validateSegment,
};

/** The checks of an entry, by the name that its key gives it. */
export function entryValidator(collection: Collection, name: string): Validator {
  const check = checks[collection];
  const withName = (value: JsonValue): JsonValue =>
    isJsonObject(value) && !Object.hasOwn(value, 'name') ? deepFreeze({ name, ...value }) : value;
  return {
    layer: (value) =>
      isUnset(value)
        ? []
        : [...nameProblems(value, name), ...told(check(value, { patterns: linearPattern, as: 'layer' }))],
    effective: (value) => told(check(withName(value), { patterns: linearPattern })),
    withDefaults: withName,
    propertywise: false,
    enforcedHere: true,
    check: () => undefined,
  };
}

/** The name in an entry is that of its key, or left out. */
function nameProblems(value: JsonValue, name: string): readonly ValidationProblem[] {
  const given = isJsonObject(value) ? propertyOf(value, 'name') : undefined;
  if (given === undefined || given === name) return nameOfKeyProblems(value, name);
  return [{ path: 'name', message: `name must be ${name}, which its key says` }];
}

/** A key may hold more than a name may. */
function nameOfKeyProblems(value: JsonValue, name: string): readonly ValidationProblem[] {
  if (!isJsonObject(value) || !name.includes('/')) return [];
  return [{ path: 'name', message: `name must be without /, and is ${JSON.stringify(name)}` }];
}

/** Problems as every value has them: each message begins with its path. */
export function told(problems: readonly FlagProblem[]): ValidationProblem[] {
  return problems.map(({ path, message }) => ({ path, message: `${path === '$' ? 'the value' : path} ${message}` }));
}
