/** Owns how flags and their evaluations are shown to people. */
import type { FlagExplanation, FlagRecord } from '@strata/client';
import type { ConditionTrace, FlagEvaluation } from '@strata/core';
import { brief, full, scopeName, table } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** Flags in a table, one a line. */
export function flagTable(flags: readonly FlagRecord[], colours: Colours): string {
  return table(
    colours,
    ['flag', 'state', 'rollout', 'targeting', 'from', 'version', 'description'],
    flags.map((flag) => [
      flag.name,
      stateOf(flag),
      `${String(flag.rolloutPercentage)}%`,
      targetingOf(flag),
      scopeName(flag),
      flag.version,
      flag.description === undefined ? null : printable(flag.description),
    ]),
  );
}

function stateOf({ archived, enabled }: FlagRecord): string {
  return archived ? 'archived' : enabled ? 'on' : 'off';
}

/** Whom a flag is for besides its percentage, in short. */
function targetingOf({ conditions = [], rules = [], prerequisites = [], schedule }: FlagRecord): string {
  const count = (number: number, what: string): string[] =>
    number === 0 ? [] : [`${String(number)} ${what}${number === 1 ? '' : 's'}`];
  return [
    ...count(conditions.length, 'condition'),
    ...count(rules.length, 'rule'),
    ...count(prerequisites.length, 'prerequisite'),
    ...(schedule === undefined ? [] : ['schedule']),
  ].join(', ');
}

/** One flag with all that it says. */
export function showFlag(record: FlagRecord): string {
  const { name, version, revision, scope, scopeId, archived, ...parts } = record;
  return [
    `${name}: ${stateOf(record)}, ${String(record.rolloutPercentage)}%`,
    `From ${scopeName({ scope, scopeId })}, version ${version}, revision ${String(revision)}`,
    '',
    full(JSON.parse(JSON.stringify(archived ? { ...parts, archived } : parts)) as never),
  ].join('\n');
}

/** Evaluations in a table, one a line. */
export function evaluationTable(evaluations: readonly FlagEvaluation[], colours: Colours): string {
  return table(
    colours,
    ['flag', 'on', 'value', 'variant', 'reason', 'rule'],
    evaluations.map(({ flag, on, value, variant, reason, ruleId }) => [
      printable(flag),
      on ? 'yes' : 'no',
      brief(value),
      variant ?? null,
      reason,
      ruleId ?? null,
    ]),
  );
}

/** One evaluation in a line, and what went wrong in another. */
export function showEvaluation({
  flag,
  on,
  value,
  variant,
  reason,
  ruleId,
  errorCode,
  errorMessage,
}: FlagEvaluation): string {
  const rule = ruleId === undefined ? '' : `, rule ${ruleId}`;
  const served = variant === undefined ? '' : ` (${variant})`;
  const error = errorCode === undefined ? [] : [`${errorCode}: ${printable(errorMessage ?? '')}`];
  return [`${printable(flag)} is ${on ? 'on' : 'off'}: ${brief(value)}${served}, ${reason}${rule}`, ...error].join(
    '\n',
  );
}

/** An evaluation, and below it what was asked until it was decided. */
export function showFlagExplanation(explanation: FlagExplanation): string {
  const {
    evaluation,
    decidedBy,
    origin,
    prerequisites = [],
    conditions = [],
    rules = [],
    bucket,
    layers,
  } = explanation;
  const lines = [showEvaluation(evaluation)];
  if (decidedBy !== undefined && decidedBy !== 'error') lines.push(`Decided by ${decidedBy}${describeOrigin(origin)}`);
  for (const { flag, isMet } of prerequisites) lines.push(`Prerequisite ${flag}: ${isMet ? 'met' : 'not met'}`);
  for (const condition of conditions) lines.push(describeCondition(condition));
  for (const rule of rules) {
    lines.push(`Rule ${rule.id}: ${rule.matches ? 'matches' : 'does not match'}`);
    for (const condition of rule.conditions) lines.push(`  ${describeCondition(condition)}`);
    if (rule.segment !== undefined)
      lines.push(`  Segment ${rule.segment.name}: ${rule.segment.contains ? 'contains it' : 'does not contain it'}`);
  }
  if (bucket !== undefined) lines.push(describeBucket(bucket));
  for (const layer of layers)
    lines.push(`Layer ${scopeName(layer)}${versionOf(layer)}: ${layer.parts.map(printable).join(', ')}`);
  return lines.join('\n');
}

function describeOrigin(origin: FlagExplanation['origin']): string {
  return origin === undefined ? '' : `: ${printable(origin.path)} from ${scopeName(origin)}${versionOf(origin)}`;
}

function versionOf({ version }: { readonly version: string | null }): string {
  return version === null ? '' : `, version ${version}`;
}

function describeCondition({ path, condition, actual, holds }: ConditionTrace): string {
  const { attribute, operator, value, values } = condition;
  const operand = values ?? value;
  const given = operand === undefined ? '' : ` ${brief(operand)}`;
  const found = actual === undefined ? 'missing' : brief(actual as never);
  return printable(`${path}: ${attribute} ${operator}${given}, and is ${found}: ${holds ? 'holds' : 'does not hold'}`);
}

function describeBucket({
  bucketBy,
  unit,
  bucket,
  rolloutPercentage,
  splitBucket,
}: NonNullable<FlagExplanation['bucket']>): string {
  if (unit === undefined || bucket === undefined) {
    return `Rollout ${String(rolloutPercentage)}%: the context has no ${bucketBy}, so only 100% is on`;
  }
  const split = splitBucket === undefined ? '' : `, and ${String(splitBucket)} for its variant`;
  const limit = String(Math.round(rolloutPercentage * 1000));
  return printable(
    `Rollout ${String(rolloutPercentage)}%: ${bucketBy} ${unit} is in bucket ${String(bucket)} of 100000${split}; on below ${limit}`,
  );
}
