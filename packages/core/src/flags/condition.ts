/** Owns conditions: compiling them to tests of a context, and everything that can be wrong with one. */
import { closestName } from '../closest.ts';
import { isJsonArray, type JsonObject, type JsonValue } from '../json.ts';
import { attributeReader, attributeTest, type ReadAttribute } from './attribute.ts';
import { FlagFault } from './fault.ts';
import { flagOperators, type FlagCondition, type FlagContext, type PatternEngine } from './flag.ts';
import { operators, type Operator, type ValueTest } from './operator.ts';
import { attributeMessage, shown } from './shape.ts';

/** A condition that can be evaluated. */
export interface CompiledCondition {
  readonly definition: FlagCondition;
  readonly read: ReadAttribute;
  readonly holds: (context: FlagContext) => boolean;
}

/** A problem of a condition: the step to its place in it, if it is not the whole of it, and what is wrong, as the end of a sentence. */
export interface ConditionProblem {
  readonly at: readonly (string | number)[];
  readonly message: string;
}

/** A condition whose parts may be of any type. */
type GivenCondition = { readonly [Name in keyof FlagCondition]?: JsonValue };

/** At most so many operands. */
const mostOperands = 10_000;

/** Compiles a condition, or tells everything that is wrong with it. */
export function compileCondition(
  definition: FlagCondition | JsonObject,
  patterns: PatternEngine,
): CompiledCondition | readonly ConditionProblem[] {
  const condition = definition as GivenCondition;
  const problems: ConditionProblem[] = [];
  const read = attributeReader(condition.attribute);
  if (read === undefined) {
    problems.push({
      at: ['attribute'],
      message: attributeMessage(condition.attribute),
    });
  }
  const operator = operators.get(condition.operator);
  if (operator === undefined) problems.push({ at: ['operator'], message: operatorMessage(condition.operator) });
  const test = operator === undefined ? undefined : compileOperands(operator, condition, patterns, problems);
  if (read === undefined || test === undefined || problems.length > 0) return problems;
  return { definition: definition as FlagCondition, read, holds: attributeTest(condition.attribute, read, test) };
}

/** Whether compiling found problems. */
export function isProblems(
  compiled: CompiledCondition | readonly ConditionProblem[],
): compiled is readonly ConditionProblem[] {
  return Array.isArray(compiled);
}

function operatorMessage(operator: JsonValue | undefined): string {
  const meant = typeof operator === 'string' ? closestName(operator, flagOperators) : undefined;
  const hint = meant === undefined ? `there are ${flagOperators.join(', ')}` : `did you mean ${meant}?`;
  return `is ${shown(operator)}, which is no operator; ${hint}`;
}

function compileOperands(
  operator: Operator,
  condition: GivenCondition,
  patterns: PatternEngine,
  problems: ConditionProblem[],
): ValueTest | undefined {
  const name = shown(condition.operator);
  const isList =
    operator.takes === 'values' ||
    (operator.takes === 'either' && condition.value === undefined && condition.values !== undefined);
  const [place, other] = isList ? (['values', 'value'] as const) : (['value', 'values'] as const);
  if (condition[other] !== undefined)
    problems.push({ at: [other], message: `must be left out, since ${name} is given a ${place}` });
  const given = condition[place];
  if (given === undefined && operator.takes !== 'optional') {
    problems.push({ at: [place], message: `is missing: ${name} needs ${operator.operand}` });
    return undefined;
  }
  if (isList && (!isJsonArray(given) || given.length === 0 || given.length > mostOperands)) {
    problems.push({ at: [place], message: 'must be a list of 1 to 10,000 entries' });
    return undefined;
  }
  const operands = isList ? (given as readonly JsonValue[]) : given === undefined ? [] : [given];
  return compileTest(operator, operands, (index) => (isList ? [place, index] : [place]), patterns, problems);
}

function compileTest(
  operator: Operator,
  operands: readonly JsonValue[],
  placeOf: (index: number) => ConditionProblem['at'],
  patterns: PatternEngine,
  problems: ConditionProblem[],
): ValueTest | undefined {
  try {
    const test = operator.compile(operands, patterns);
    if (test !== undefined) return test;
    for (const [index, operand] of operands.entries()) {
      if (operator.compile([operand], patterns) !== undefined) continue;
      problems.push({ at: placeOf(index), message: `must be ${operator.operand}, and is ${shown(operand)}` });
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it was refused';
    problems.push({ at: placeOf(0), message: `is a pattern that cannot be searched for in linear time: ${reason}` });
  }
  return undefined;
}

/** Compiles conditions; one with an unknown operator throws when an evaluation comes to it. */
export function compileConditions(
  conditions: readonly FlagCondition[],
  patterns: PatternEngine,
): readonly CompiledCondition[] {
  return conditions.map((definition) => {
    const compiled = compileCondition(definition, patterns);
    if (!isProblems(compiled)) return compiled;
    const holds = (): never => {
      throw new FlagFault('PARSE_ERROR', `The operator ${definition.operator} is unknown to this version of Strata.`);
    };
    return { definition, read: () => undefined, holds };
  });
}

/** Whether all of some conditions hold, asked in their order until one does not. */
export function allHold(conditions: readonly CompiledCondition[]): CompiledCondition['holds'] {
  const [first, second, third, ...others] = conditions.map(({ holds }) => holds);
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  // Calls that stand in the source are faster than a loop, and most flags have no more conditions than these.
  if (third === undefined) return (context) => first(context) && second(context);
  if (others.length === 0) return (context) => first(context) && second(context) && third(context);
  const rest = allHold(conditions.slice(3));
  return (context) => first(context) && second(context) && third(context) && rest(context);
}
