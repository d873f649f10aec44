/** Owns the trace of an evaluation: what was asked, in which order, and what decided. */
import type { CompiledCondition } from './condition.ts';
import {
  isContext,
  servingNow,
  startVisit,
  type CompiledFlag,
  type CompiledRule,
  type FlagWorld,
  type Visited,
} from './compile.ts';
import type { FlagCondition, FlagContext, FlagEvaluation } from './flag.ts';
import type { Serving } from './serving.ts';

/** What an evaluation was decided by. */
export type FlagDecision =
  | 'archived'
  | 'disabled'
  | 'schedule'
  | 'prerequisite'
  | 'conditions'
  | 'rule'
  | 'rollout'
  /** See the error code of the evaluation. */
  | 'error';

/** A condition that was asked for: those after one that does not hold are not. */
export interface ConditionTrace {
  /** Its place in the definition, as in `rules[0].conditions[1]`; that of a segment begins with `segment`. */
  readonly path: string;
  readonly condition: FlagCondition;
  /** What the context has there; absent when it has nothing that a condition knows. */
  readonly actual?: unknown;
  readonly holds: boolean;
}

/** A rule that was asked. */
export interface RuleTrace {
  readonly id: string;
  readonly matches: boolean;
  readonly conditions: readonly ConditionTrace[];
  readonly segment?: { readonly name: string; readonly contains: boolean } | undefined;
}

/** A prerequisite that was asked. */
export interface PrerequisiteTrace {
  readonly flag: string;
  readonly isMet: boolean;
  readonly evaluation: FlagEvaluation;
}

/** Where the unit stands. */
export interface BucketTrace {
  /** The attribute that is the unit. */
  readonly bucketBy: string;
  /** Absent when the context has none. */
  readonly unit?: string | undefined;
  /** 0 to 99,999: the unit gets it when this is below the percentage times 1,000. */
  readonly bucket?: number | undefined;
  readonly rolloutPercentage: number;
  /** Decides, where there is a split, on its variant: the shares lie one after the other. */
  readonly splitBucket?: number | undefined;
}

/** An evaluation with the way to it. What was not asked is absent. */
export interface FlagTrace {
  readonly evaluation: FlagEvaluation;
  /** Absent when the flag is not found. */
  readonly decidedBy?: FlagDecision | undefined;
  readonly prerequisites?: readonly PrerequisiteTrace[] | undefined;
  readonly conditions?: readonly ConditionTrace[] | undefined;
  readonly rules?: readonly RuleTrace[] | undefined;
  /** The condition that kept the flag, or the last rule asked, from applying. */
  readonly failed?: ConditionTrace | undefined;
  readonly bucket?: BucketTrace | undefined;
}

/** A trace under way. */
type Draft = { -readonly [Name in keyof Omit<FlagTrace, 'evaluation'>]: FlagTrace[Name] };

/** Evaluates a flag and tells how. The evaluation is the one that `evaluate` gives. */
export function explainEvaluation(flag: CompiledFlag, context: FlagContext, world: FlagWorld): FlagTrace {
  const evaluation = flag.evaluate(context, world);
  const draft: Draft = {};
  if (isContextSafely(context)) {
    try {
      draft.decidedBy = follow(flag, context, world, draft);
    } catch {
      // What stopped the evaluation stops its trace at the same place; the evaluation says what it was.
    }
  }
  if (evaluation.errorCode !== undefined) draft.decidedBy = 'error';
  return { evaluation, ...draft };
}

function isContextSafely(context: unknown): context is FlagContext {
  try {
    return isContext(context);
  } catch {
    return false;
  }
}

function follow(
  { definition, parts }: CompiledFlag,
  context: FlagContext,
  world: FlagWorld,
  draft: Draft,
): FlagDecision {
  if (definition.archived === true) return 'archived';
  if (parts.isOff) return 'disabled';
  const { window, prerequisites, conditions, rules, servings } = parts;
  if (window !== undefined && !(world.now() >= window.from && world.now() < window.until)) return 'schedule';
  if (prerequisites.length > 0 && !followPrerequisites(definition.name, parts.prerequisites, context, world, draft))
    return 'prerequisite';
  if (conditions.length > 0) {
    const traces: ConditionTrace[] = (draft.conditions = []);
    draft.failed = followConditions('conditions', conditions, context, traces);
    if (draft.failed !== undefined) return 'conditions';
  }
  const rule = followRules(rules, context, world, draft);
  const serving = rule?.serving ?? servingNow(servings, world);
  draft.bucket = bucketTrace(serving, context);
  return rule === undefined ? 'rollout' : 'rule';
}

function followPrerequisites(
  name: string,
  prerequisites: CompiledFlag['parts']['prerequisites'],
  context: FlagContext,
  world: FlagWorld,
  draft: Draft,
): boolean {
  const visited: Visited = startVisit(name, prerequisites, world);
  const traces: PrerequisiteTrace[] = (draft.prerequisites = []);
  return prerequisites.every(({ definition, evaluate, isMetBy }) => {
    const evaluation = evaluate(context, world, visited);
    traces.push({ flag: definition.flag, isMet: isMetBy(evaluation), evaluation });
    return isMetBy(evaluation);
  });
}

function followRules(
  rules: readonly CompiledRule[],
  context: FlagContext,
  world: FlagWorld,
  draft: Draft,
): CompiledRule | undefined {
  if (rules.length === 0) return undefined;
  const traces: RuleTrace[] = (draft.rules = []);
  return rules.find((rule, index) => {
    const { id, segment: name } = rule.definition;
    const conditions: ConditionTrace[] = [];
    const trace = { id, matches: false, conditions };
    traces.push(trace);
    draft.failed = followConditions(`rules[${String(index)}].conditions`, rule.conditions, context, conditions);
    if (draft.failed !== undefined) return false;
    const contains = rule.isInSegment?.(context, world) ?? true;
    traces[index] = { ...trace, matches: contains, ...(name === undefined ? {} : { segment: { name, contains } }) };
    return contains;
  });
}

/** The condition that does not hold, if one does not. */
function followConditions(
  path: string,
  conditions: readonly CompiledCondition[],
  context: FlagContext,
  traces: ConditionTrace[],
): ConditionTrace | undefined {
  for (const [index, { definition, read, holds }] of conditions.entries()) {
    const actual = read(context);
    const trace = {
      path: `${path}[${String(index)}]`,
      condition: definition,
      ...(actual === undefined ? {} : { actual }),
      holds: holds(context),
    };
    traces.push(trace);
    if (!trace.holds) return trace;
  }
  return undefined;
}

function bucketTrace({ percentage, bucketBy, buckets, isSplit }: Serving, context: FlagContext): BucketTrace {
  const found = buckets(context);
  return {
    bucketBy,
    rolloutPercentage: percentage,
    ...(found === undefined ? {} : { unit: found.unit, bucket: found.rollout }),
    ...(found !== undefined && isSplit ? { splitBucket: found.split } : {}),
  };
}
