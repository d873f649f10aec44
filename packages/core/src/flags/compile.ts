/** Owns compiling: a flag becomes, once per version, a function from a context to one of its results. */
import { deepFreeze, type JsonValue } from '../json.ts';
import { parseInstant } from '../instant.ts';
import { allHold, compileConditions, type CompiledCondition } from './condition.ts';
import { FlagFault } from './fault.ts';
import {
  type FeatureFlag,
  type FlagContext,
  type FlagEvaluation,
  type FlagPrerequisite,
  type FlagRule,
  type PatternEngine,
} from './flag.ts';
import { FlagResults } from './result.ts';
import type { CompiledSegment } from './segment.ts';
import { compileServing, type Serving } from './serving.ts';
import { refuseProblems, validateFlag } from './validate.ts';

/** What a flag refers to, as it is at the time of the evaluation. */
export interface FlagWorld {
  readonly flag: (name: string) => CompiledFlag | undefined;
  readonly segment: (name: string) => CompiledSegment | undefined;
  /** Milliseconds since 1970, asked for only by flags with a schedule. */
  readonly now: () => number;
}

/** A flag that can be evaluated. */
export interface CompiledFlag {
  readonly definition: FeatureFlag;
  readonly version: string | undefined;
  /** The result for a context, whatever that is. Never throws, takes no memory unless it fails or prerequisites have prerequisites. */
  evaluate(context: FlagContext, world: FlagWorld): FlagEvaluation;
  /** What it was compiled to. */
  readonly parts: FlagParts;
}

/** What a flag is compiled to, step by step. */
export interface FlagParts {
  readonly isOff: boolean;
  /** From when until when it applies, in milliseconds since 1970. */
  readonly window: { readonly from: number; readonly until: number } | undefined;
  readonly prerequisites: readonly CompiledPrerequisite[];
  readonly conditions: readonly CompiledCondition[];
  readonly rules: readonly CompiledRule[];
  /** For whom no rule matches: the flag's own serving, then the one of each step of its schedule from that time on. */
  readonly servings: readonly TimedServing[];
  /** The result for everybody, where there is but one. */
  readonly constant: FlagEvaluation | undefined;
  readonly decide: Decide;
}

/** The parts of a flag before they are put together. */
type Steps = Omit<FlagParts, 'constant' | 'decide'>;

export interface CompiledPrerequisite {
  readonly definition: FlagPrerequisite;
  /** Whether it has prerequisites itself. */
  readonly isNested: (world: FlagWorld) => boolean;
  /** @throws FlagFault where there is no such flag, or it waits for itself. */
  readonly evaluate: (context: FlagContext, world: FlagWorld, visited: Visited) => FlagEvaluation;
  readonly isMetBy: (evaluation: FlagEvaluation) => boolean;
}

export interface CompiledRule {
  readonly definition: FlagRule;
  readonly conditions: readonly CompiledCondition[];
  /** @throws FlagFault where there is no such segment. */
  readonly isInSegment: ((context: FlagContext, world: FlagWorld) => boolean) | undefined;
  readonly serving: Serving;
}

export interface TimedServing {
  /** In milliseconds since 1970. */
  readonly from: number;
  readonly serving: Serving;
}

/** The flags that this evaluation has come to by way of prerequisites, with their results: null while one is under way. */
export type Visited = Map<string, FlagEvaluation | null> | undefined;

/** Evaluates without catching anything. @throws FlagFault, and whatever a context throws when it is read. */
export type Decide = (context: FlagContext, world: FlagWorld, visited: Visited) => FlagEvaluation;

/** How to compile. */
export interface FlagCompilation {
  readonly patterns: PatternEngine;
  /** What evaluations call the version of the definition. */
  readonly version?: string | undefined;
}

/**
 * Compiles a flag. An operator that is unknown here (of a newer version of Strata) is taken; an evaluation that comes to it fails closed:
 * it serves the off variant with `PARSE_ERROR`.
 * @throws ConfigurationError `validation_failed` with every problem, for a definition that is wrong in any other way.
 */
export function compileFlag(definition: FeatureFlag, { patterns, version }: FlagCompilation): CompiledFlag {
  refuseProblems(validateFlag(definition as unknown as JsonValue, { patterns, acceptUnknownOperators: true }));
  // Results hand parts of the definition out.
  deepFreeze(definition);
  const results = new FlagResults(definition, version);
  return new Compiled(definition, version, compileParts(definition, patterns, results), results);
}

// A class, so that the engine knows one method for all flags and can build it into its callers.
class Compiled implements CompiledFlag {
  readonly definition: FeatureFlag;
  readonly version: string | undefined;
  readonly parts: FlagParts;
  readonly #results: FlagResults;
  readonly #constant: FlagEvaluation | undefined;
  readonly #decide: Decide;

  constructor(definition: FeatureFlag, version: string | undefined, parts: FlagParts, results: FlagResults) {
    this.definition = definition;
    this.version = version;
    this.parts = parts;
    this.#results = results;
    this.#decide = parts.decide;
    this.#constant = parts.constant;
  }

  evaluate(context: FlagContext, world: FlagWorld): FlagEvaluation {
    try {
      if (!isContext(context)) return this.#results.failed('INVALID_CONTEXT', notAContext);
      return this.#constant ?? this.#decide(context, world, undefined);
    } catch (error) {
      if (error instanceof FlagFault) return this.#results.failed(error.code, error.message);
      return this.#results.failed('INVALID_CONTEXT', 'Reading the context failed.');
    }
  }
}

const notAContext = 'The context must be an object, and its attributes one too.';

/** Whether something can be evaluated for: an object whose attributes, if it has any, are an object. */
export function isContext(context: unknown): context is FlagContext {
  if (typeof context !== 'object' || context === null || Array.isArray(context)) return false;
  const { attributes } = context as { readonly attributes?: unknown };
  return (
    attributes === undefined || attributes === null || (typeof attributes === 'object' && !Array.isArray(attributes))
  );
}

function compileParts(flag: FeatureFlag, patterns: PatternEngine, results: FlagResults): FlagParts {
  const { conditions = [], rules = [], prerequisites = [], schedule, salt = flag.name, bucketBy } = flag;
  const parts = {
    isOff: flag.archived === true || !flag.enabled,
    window: windowOf(schedule),
    prerequisites: prerequisites.map(compilePrerequisite),
    conditions: compileConditions(conditions, patterns),
    rules: rules.map((rule): CompiledRule => ({
      definition: rule,
      conditions: compileConditions(rule.conditions ?? [], patterns),
      isInSegment: compileSegmentTest(rule.segment),
      serving: compileServing(
        {
          bucketBy,
          ...rule,
          salt,
          variant: rule.variant ?? results.onVariant,
          reason: 'TARGETING_MATCH',
          ruleId: rule.id,
        },
        results,
      ),
    })),
    servings: compileServings(flag, salt, results),
  };
  const constant = constantOf(parts, results);
  const decide = constant === undefined ? compileDecision(flag.name, parts, results) : () => constant;
  return { ...parts, constant, decide };
}

function compilePrerequisite(definition: FlagPrerequisite): CompiledPrerequisite {
  const { flag: name, variants } = definition;
  return {
    definition,
    isNested: (world) => (world.flag(name)?.parts.prerequisites.length ?? 0) > 0,
    isMetBy: ({ on, variant = '' }) => (variants === undefined ? on : variants.includes(variant)),
    evaluate: (context, world, visited) => {
      const found = visited?.get(name);
      if (found === null) throw new FlagFault('GENERAL', `The prerequisite ${name} waits for itself.`);
      if (found !== undefined) return found;
      const flag = world.flag(name);
      if (flag === undefined) throw new FlagFault('GENERAL', `The prerequisite ${name} is missing.`);
      if (visited === undefined) return flag.parts.decide(context, world, visited);
      visited.set(name, null);
      const evaluation = flag.parts.decide(context, world, visited);
      visited.set(name, evaluation);
      return evaluation;
    },
  };
}

function compileSegmentTest(name: string | undefined): CompiledRule['isInSegment'] {
  if (name === undefined) return undefined;
  return (context, world) => {
    const segment = world.segment(name);
    if (segment === undefined) throw new FlagFault('GENERAL', `The segment ${name} is missing.`);
    return segment.contains(context);
  };
}

function windowOf(schedule: FeatureFlag['schedule']): FlagParts['window'] {
  if (schedule?.startsAt === undefined && schedule?.endsAt === undefined) return undefined;
  return {
    from: schedule.startsAt === undefined ? -Infinity : instant(schedule.startsAt),
    until: schedule.endsAt === undefined ? Infinity : instant(schedule.endsAt),
  };
}

function compileServings(flag: FeatureFlag, salt: string, results: FlagResults): readonly TimedServing[] {
  const { rolloutPercentage, split, bucketBy, conditions = [], rules = [], prerequisites = [], schedule } = flag;
  const isStatic = rules.length === 0 && prerequisites.length === 0 && schedule === undefined;
  const reason = conditions.length > 0 ? 'TARGETING_MATCH' : isStatic ? 'STATIC' : 'DEFAULT';
  const serving = (percentage: number | undefined): Serving =>
    compileServing(
      { rolloutPercentage: percentage, split, bucketBy, salt, variant: results.onVariant, reason },
      results,
    );
  const steps = schedule?.steps ?? [];
  return [
    { from: -Infinity, serving: serving(rolloutPercentage) },
    ...steps.map(({ at, rolloutPercentage }) => ({ from: instant(at), serving: serving(rolloutPercentage) })),
  ];
}

function instant(time: string): number {
  return parseInstant(time) ?? Number.NaN;
}

function constantOf(steps: Steps, results: FlagResults): FlagEvaluation | undefined {
  if (steps.isOff) return results.off('DISABLED');
  const { window, prerequisites, conditions, rules, servings } = steps;
  const [first] = servings;
  const isUnconditional =
    window === undefined && [prerequisites, conditions, rules].every(({ length }) => length === 0);
  return isUnconditional && servings.length === 1 ? first?.serving.constant : undefined;
}

/** Puts together what this flag has, from the last step to the first, so that an evaluation passes through nothing else. */
function compileDecision(name: string, parts: Steps, results: FlagResults): Decide {
  let decide = decideByServings(parts.servings);
  if (parts.rules.length > 0) decide = decideByRules(parts.rules, decide);
  if (parts.conditions.length > 0) decide = decideByConditions(parts.conditions, decide, results.off('DEFAULT'));
  if (parts.prerequisites.length > 0)
    decide = decideByPrerequisites(name, parts.prerequisites, decide, results.off('DEFAULT'));
  return parts.window === undefined ? decide : decideByWindow(parts.window, decide, results.off('DISABLED'));
}

function decideByServings(servings: readonly TimedServing[]): Decide {
  const [
    {
      serving: { serve },
    },
  ] = servings as [TimedServing];
  if (servings.length === 1) return serve;
  return (context, world) => servingNow(servings, world).serve(context);
}

/** The serving that holds now. */
export function servingNow(servings: readonly TimedServing[], world: FlagWorld): Serving {
  const [first, ...steps] = servings as [TimedServing, ...TimedServing[]];
  if (steps.length === 0) return first.serving;
  const now = world.now();
  return (steps.findLast(({ from }) => now >= from) ?? first).serving;
}

function decideByRules(rules: readonly CompiledRule[], otherwise: Decide): Decide {
  const tests = rules.map(({ conditions, isInSegment, serving }) => ({
    all: allHold(conditions),
    isInSegment,
    serve: serving.serve,
  }));
  return (context, world, visited) => {
    for (const { all, isInSegment, serve } of tests)
      if (all(context) && (isInSegment === undefined || isInSegment(context, world))) return serve(context);
    return otherwise(context, world, visited);
  };
}

function decideByConditions(conditions: readonly CompiledCondition[], next: Decide, unmet: FlagEvaluation): Decide {
  const all = allHold(conditions);
  return (context, world, visited) => (all(context) ? next(context, world, visited) : unmet);
}

function decideByPrerequisites(
  name: string,
  prerequisites: readonly CompiledPrerequisite[],
  next: Decide,
  unmet: FlagEvaluation,
): Decide {
  return (context, world, visited) => {
    const seen = visited ?? startVisit(name, prerequisites, world);
    for (const { evaluate, isMetBy } of prerequisites) if (!isMetBy(evaluate(context, world, seen))) return unmet;
    return next(context, world, visited);
  };
}

/** Only where prerequisites have prerequisites is there anything to remember: what was found, so that no flag is evaluated twice. */
export function startVisit(name: string, prerequisites: readonly CompiledPrerequisite[], world: FlagWorld): Visited {
  for (const { isNested } of prerequisites) if (isNested(world)) return new Map([[name, null]]);
  return undefined;
}

function decideByWindow({ from, until }: NonNullable<FlagParts['window']>, next: Decide, off: FlagEvaluation): Decide {
  return (context, world, visited) => {
    const now = world.now();
    return now >= from && now < until ? next(context, world, visited) : off;
  };
}
