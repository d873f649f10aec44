/** Owns the operators of conditions: which operands each takes, and when it holds for the value of an attribute. */
import { parseInstant } from '../instant.ts';
import type { FlagOperand, FlagOperator, PatternEngine } from './flag.ts';
import { compareSemver, parseSemver, type Semver } from './semver.ts';

/** Whether the value of an attribute passes. Is given whatever a context may hold. */
export type ValueTest = (actual: unknown) => boolean;

/** What an operator takes and does. */
export interface Operator {
  /** Whether it takes one operand, a list of them, either, or one that may be left out. */
  readonly takes: 'value' | 'values' | 'either' | 'optional';
  /** What each operand must be, as the end of a sentence. */
  readonly operand: string;
  /** Compiles the test; `undefined` when an operand is not what it must be. Throws what the engine throws. */
  readonly compile: (operands: readonly unknown[], patterns: PatternEngine) => ValueTest | undefined;
}

/** Longer texts are not searched for a pattern. */
export const longestSearchedText = 10_000;

/** Up to so many operands are compared one after the other, which is faster than a set. */
const fewOperands = 8;

const scalar = 'a text, a number, true or false';
const someText = 'a text of at least one character';
const version = 'a version like 1.2.3 or 1.2.3-beta.1';
const time = 'a time in ISO 8601 with a zone, like 2026-01-31T12:00:00Z';

/** All operators by name, and no other name. */
export const operators: ReadonlyMap<unknown, Operator> = new Map<FlagOperator, Operator>([
  ['equals', ofOne(scalar, asOperand, (expected) => (actual) => actual === expected)],
  [
    'notEquals',
    ofOne(scalar, asOperand, (expected) => {
      const isOfItsType = typeTest([expected]);
      return (actual) => actual !== expected && isOfItsType(actual);
    }),
  ],
  ['in', ofMany('values', scalar, asOperand, isAmong)],
  [
    'notIn',
    ofMany('values', scalar, asOperand, (expected) => {
      const isOneOfThem = isAmong(expected);
      const isOfTheirType = typeTest(expected);
      return (actual) => !isOneOfThem(actual) && isOfTheirType(actual);
    }),
  ],
  ['contains', ofMany('either', scalar, (operand) => (operand === '' ? undefined : asOperand(operand)), containsOne)],
  [
    'startsWith',
    ofMany(
      'either',
      someText,
      asText,
      someAffix((actual, affix) => actual.startsWith(affix)),
    ),
  ],
  [
    'endsWith',
    ofMany(
      'either',
      someText,
      asText,
      someAffix((actual, affix) => actual.endsWith(affix)),
    ),
  ],
  ['gt', ofOne('a number', asNumber, (expected) => (actual) => isNumber(actual) && actual > expected)],
  ['gte', ofOne('a number', asNumber, (expected) => (actual) => isNumber(actual) && actual >= expected)],
  ['lt', ofOne('a number', asNumber, (expected) => (actual) => isNumber(actual) && actual < expected)],
  ['lte', ofOne('a number', asNumber, (expected) => (actual) => isNumber(actual) && actual <= expected)],
  ['before', ofOne(time, asInstant, (expected) => (actual) => (asInstant(actual) ?? Infinity) < expected)],
  ['after', ofOne(time, asInstant, (expected) => (actual) => (asInstant(actual) ?? -Infinity) > expected)],
  [
    'semverEquals',
    ofOne(
      version,
      asSemver,
      ordered((order) => order === 0),
    ),
  ],
  [
    'semverGt',
    ofOne(
      version,
      asSemver,
      ordered((order) => order > 0),
    ),
  ],
  [
    'semverGte',
    ofOne(
      version,
      asSemver,
      ordered((order) => order >= 0),
    ),
  ],
  [
    'semverLt',
    ofOne(
      version,
      asSemver,
      ordered((order) => order < 0),
    ),
  ],
  [
    'semverLte',
    ofOne(
      version,
      asSemver,
      ordered((order) => order <= 0),
    ),
  ],
  ['matches', { takes: 'value', operand: 'a pattern of at most 1,000 characters', compile: compilePattern }],
  [
    'exists',
    {
      takes: 'optional',
      operand: 'true or false',
      compile: ([expected = true]) =>
        typeof expected === 'boolean' ? (actual) => isPresent(actual) === expected : undefined,
    },
  ],
] satisfies [FlagOperator, Operator][]);

function ofOne<T>(
  operand: string,
  read: (operand: unknown) => T | undefined,
  test: (expected: T) => ValueTest,
): Operator {
  return {
    takes: 'value',
    operand,
    compile: ([given]) => {
      const expected = read(given);
      return expected === undefined ? undefined : test(expected);
    },
  };
}

function ofMany<T>(
  takes: 'values' | 'either',
  operand: string,
  read: (operand: unknown) => T | undefined,
  test: (expected: readonly T[]) => ValueTest,
): Operator {
  return {
    takes,
    operand,
    compile: (given) => {
      const expected = given.map(read).filter((one) => one !== undefined);
      return expected.length === given.length ? test(expected) : undefined;
    },
  };
}

function isAmong(expected: readonly FlagOperand[]): ValueTest {
  if (expected.length > fewOperands) {
    const set = new Set<unknown>(expected);
    return (actual) => set.has(actual);
  }
  return (actual) => {
    for (const one of expected) if (one === actual) return true;
    return false;
  };
}

/** Whether a value is of the type of one of the operands, so that they can be told apart at all. */
function typeTest(expected: readonly FlagOperand[]): ValueTest {
  const types = new Set<string>(expected.map((one) => typeof one));
  return (actual) => types.has(typeof actual) && (typeof actual !== 'number' || Number.isFinite(actual));
}

/** A text that contains one of the texts, or a list that contains one of the operands. */
function containsOne(expected: readonly FlagOperand[]): ValueTest {
  const texts = expected.filter((one) => typeof one === 'string');
  return (actual) => {
    if (typeof actual === 'string') return texts.some((one) => actual.includes(one));
    return Array.isArray(actual) && expected.some((one) => actual.includes(one));
  };
}

function someAffix(has: (actual: string, affix: string) => boolean): (expected: readonly string[]) => ValueTest {
  return (expected) => (actual) => typeof actual === 'string' && expected.some((affix) => has(actual, affix));
}

function ordered(isWanted: (order: number) => boolean): (expected: Semver) => ValueTest {
  return (expected) => (actual) => {
    const version = asSemver(actual);
    return version !== undefined && isWanted(compareSemver(version, expected));
  };
}

function compilePattern([pattern]: readonly unknown[], patterns: PatternEngine): ValueTest | undefined {
  if (typeof pattern !== 'string' || pattern.length > 1_000) return undefined;
  const occurs = patterns(pattern);
  return (actual) => typeof actual === 'string' && actual.length <= longestSearchedText && occurs(actual);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** Whether an attribute is there and of a type that JSON or a date has. */
function isPresent(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'object' && value !== null);
}

function asOperand(value: unknown): FlagOperand | undefined {
  return typeof value === 'string' || typeof value === 'boolean' ? value : asNumber(value);
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function asNumber(value: unknown): number | undefined {
  return isNumber(value) ? value : undefined;
}

function asSemver(value: unknown): Semver | undefined {
  return typeof value === 'string' ? parseSemver(value) : undefined;
}

/** The milliseconds of a time, given as text or, in a context, as a date. */
function asInstant(value: unknown): number | undefined {
  if (typeof value === 'string') return parseInstant(value);
  const at = value instanceof Date ? value.getTime() : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
