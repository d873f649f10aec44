/** Owns what a feature flag is: its parts, and the words that an evaluation answers with. */
import type { JsonValue } from '../json.ts';

/** How a condition compares an attribute with its operand. */
export const flagOperators = [
  'equals',
  'notEquals',
  'in',
  'notIn',
  'contains',
  'startsWith',
  'endsWith',
  'gt',
  'gte',
  'lt',
  'lte',
  'before',
  'after',
  'semverEquals',
  'semverGt',
  'semverGte',
  'semverLt',
  'semverLte',
  'matches',
  'exists',
] as const;
export type FlagOperator = (typeof flagOperators)[number];

/** What a condition compares with. */
export type FlagOperand = string | number | boolean;

/**
 * One comparison of an attribute of the context. Values of different types are never equal, less or greater, and never simply
 * different: a condition on an attribute that is missing, `null` or of another type does not hold, whatever its operator, except
 * `exists` with the value false.
 */
export interface FlagCondition {
  /** `userId`, `organizationId`, `teamId`, `environment`, or a path into the attributes: `attributes.role`, or `role` for short. */
  readonly attribute: string;
  readonly operator: FlagOperator;
  /** For all operators but `in` and `notIn`. Default for `exists`: true. */
  readonly value?: FlagOperand | undefined;
  /** For `in` and `notIn`; for `contains`, `startsWith` and `endsWith` in place of `value`: any of them. */
  readonly values?: readonly FlagOperand[] | undefined;
}

/** A variant with the part of the units that get it. */
export interface FlagShare {
  readonly variant: string;
  /** In percent, in steps of 0.001. */
  readonly weight: number;
}

/** What is served to whom a flag or a rule applies. */
export interface FlagServing {
  /** The part of the units that get it, in percent, in steps of 0.001; the others get the off variant. Default: 100. */
  readonly rolloutPercentage?: number | undefined;
  /** Divides those who get it among variants; the weights add up to 100. */
  readonly split?: readonly FlagShare[] | undefined;
  /** The attribute whose value is the unit. Default: that of the flag, for a flag `userId`. */
  readonly bucketBy?: string | undefined;
}

/** Serves a variant to whom it matches. The first rule that matches decides, also for those whom its rollout leaves out. */
export interface FlagRule extends FlagServing {
  readonly id: string;
  readonly description?: string | undefined;
  /** All must hold. Default: none, so that it matches everybody. */
  readonly conditions?: readonly FlagCondition[] | undefined;
  /** A segment that the context must be in, besides. */
  readonly segment?: string | undefined;
  /** Default: the on variant of the flag. */
  readonly variant?: string | undefined;
}

/** Another flag that must be on for the same context. */
export interface FlagPrerequisite {
  readonly flag: string;
  /** The variants of it that will do. Default: all with which it is on. */
  readonly variants?: readonly string[] | undefined;
}

/** A time from which another percentage holds. */
export interface FlagRolloutStep {
  /** ISO 8601 with a zone. */
  readonly at: string;
  readonly rolloutPercentage: number;
}

/** When a flag applies. Times are ISO 8601 with a zone, or a date for its first moment in UTC. */
export interface FlagSchedule {
  /** Off before this time. */
  readonly startsAt?: string | undefined;
  /** Off from this time on. */
  readonly endsAt?: string | undefined;
  /** Each one replaces the flag's own `rolloutPercentage` from its time on, in ascending order. */
  readonly steps?: readonly FlagRolloutStep[] | undefined;
}

/**
 * A feature flag. It is evaluated in this order: off when archived, disabled or outside its schedule; off unless all prerequisites are on;
 * off unless all its conditions hold; then the first rule that matches decides; and whom none matches, its own rollout does.
 */
export interface FeatureFlag extends FlagServing {
  /** 1 to 200 characters: a letter or digit, then letters, digits and `_ . : -`. */
  readonly name: string;
  readonly description?: string | undefined;
  /** The switch that beats all else: a flag that is not enabled serves its off variant to everybody. */
  readonly enabled: boolean;
  /** A flag that is done with: off for good. Its name is never used again. */
  readonly archived?: boolean | undefined;
  /** All must hold for the flag to be on, also where a rule would match. */
  readonly conditions?: readonly FlagCondition[] | undefined;
  readonly rules?: readonly FlagRule[] | undefined;
  /** Default: `on` with the value true, and `off` with the value false. */
  readonly variants?: Readonly<Record<string, JsonValue>> | undefined;
  /** What whom the flag is on for gets, where neither a rule nor a split says another. Default: `on`. */
  readonly onVariant?: string | undefined;
  /** Default: `off`. */
  readonly offVariant?: string | undefined;
  readonly prerequisites?: readonly FlagPrerequisite[] | undefined;
  readonly schedule?: FlagSchedule | undefined;
  /** Decides, with the unit, in which bucket a unit is. Default: the name. Flags with one salt put each unit into the same bucket. */
  readonly salt?: string | undefined;
  readonly owner?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** A named group of contexts. In it are the units included, and those not excluded for which all conditions (at least one) hold. */
export interface FlagSegment {
  /** Formed like the name of a flag. */
  readonly name: string;
  readonly description?: string | undefined;
  readonly included?: readonly string[] | undefined;
  /** Wins over everything else. */
  readonly excluded?: readonly string[] | undefined;
  readonly conditions?: readonly FlagCondition[] | undefined;
  /** The attribute whose value is looked for in `included` and `excluded`. Default: `userId`. */
  readonly bucketBy?: string | undefined;
}

/** For whom a flag is evaluated. Values of other types than these are taken for missing ones. */
export interface FlagContext {
  /** A text, or a whole number, which is the same unit as its digits. */
  readonly userId?: string | number | null | undefined;
  /** OpenFeature's name for the subject: stands in for an absent `userId`. */
  readonly targetingKey?: string | number | null | undefined;
  readonly organizationId?: string | number | null | undefined;
  readonly teamId?: string | number | null | undefined;
  readonly environment?: string | null | undefined;
  /** What else is known, in whatever shape: texts, numbers, booleans, dates, lists, and objects of them. */
  readonly attributes?: Readonly<Record<string, unknown>> | null | undefined;
}

/** Why a value was served, in the words of OpenFeature. */
export type FlagReason =
  /** The flag is on or off for everybody. */
  | 'STATIC'
  /** A rule, or the conditions of the flag. */
  | 'TARGETING_MATCH'
  /** The bucket of the unit. */
  | 'SPLIT'
  /** Conditions or prerequisites that do not hold, a missing unit, or that no rule matched. */
  | 'DEFAULT'
  /** It is disabled, archived or outside its schedule. */
  | 'DISABLED'
  /** See the error code. */
  | 'ERROR';

/** What kept an evaluation from its result, in the words of OpenFeature. */
export type FlagErrorCode =
  /** There is no flag of that name. */
  | 'FLAG_NOT_FOUND'
  /** The context is not an object, its attributes are not, or reading them failed. */
  | 'INVALID_CONTEXT'
  /** The definition has something that this version does not know, and the evaluation depends on it. */
  | 'PARSE_ERROR'
  /** The flags were never loaded and cannot be now. */
  | 'PROVIDER_NOT_READY'
  /** A prerequisite or a segment that is needed is missing, or prerequisites form a cycle; or the caller may not read the flag. */
  | 'GENERAL';

/** The result of an evaluation: frozen, and the same object each time wherever it can be. */
export interface FlagEvaluation {
  readonly flag: string;
  readonly value: JsonValue;
  /** Absent when the flag is not found. */
  readonly variant?: string | undefined;
  /** Whether the context has the feature: the value where it is a boolean, else whether it is of another variant than the off variant. */
  readonly on: boolean;
  readonly reason: FlagReason;
  /** The rule that decided. */
  readonly ruleId?: string | undefined;
  /** The version of the definition, where there is one. */
  readonly version?: string | undefined;
  /** Only with the reason `ERROR`. */
  readonly errorCode?: FlagErrorCode | undefined;
  readonly errorMessage?: string | undefined;
}

/** A problem of a definition with its place, as in "rules[0].split must add up to 100". */
export interface FlagProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Compiles a given pattern into a test whether it occurs in a text. The test must take time linear in the text.
 * @throws whatever tells why the pattern cannot be taken.
 */
export type PatternEngine = (pattern: string) => (text: string) => boolean;

/** The percentage that has no further effect, and the smallest step of one. */
export const wholePercentage = 100;

/** How many buckets there are: percentages have steps of 0.001. */
export const bucketCount = 100_000;

/** A percentage in buckets; `undefined` for what is none, or lies between two steps. */
export function bucketsOf(percentage: unknown): number | undefined {
  if (typeof percentage !== 'number' || !(percentage >= 0 && percentage <= wholePercentage)) return undefined;
  const buckets = Math.round(percentage * (bucketCount / wholePercentage));
  // Not the product: 8.29 * 1000 is not a whole number in binary.
  return buckets / (bucketCount / wholePercentage) === percentage ? buckets : undefined;
}
