/** Owns which flags and segments are taken: everything that is wrong with one, each with its path. */
import { ConfigurationError } from '../errors.ts';
import { parseInstant } from '../instant.ts';
import { isJsonArray, isJsonObject, propertyOf, type JsonObject, type JsonValue } from '../json.ts';
import { isUnset } from '../merge.ts';
import { formatPath, type Path } from '../path.ts';
import { compileCondition, isProblems } from './condition.ts';
import { bucketCount, bucketsOf, type FlagProblem, type PatternEngine } from './flag.ts';
import { operators } from './operator.ts';
import {
  checkAttribute,
  checkBoolean,
  checkName,
  checkObject,
  checkPercentage,
  checkTime,
  checkUnique,
  isDefinitionName,
  listOf,
  nameMessage,
  shown,
  textOf,
  type Check,
  type Inspection,
  type Report,
  type Shape,
} from './shape.ts';

/** How to validate. */
export interface FlagValidation {
  /** Decides which patterns are taken. */
  readonly patterns: PatternEngine;
  /**
   * `layer`: the value is laid over others, so what it lacks may come from them, and `$unset` may stand in place of a property.
   * Default: `whole`.
   */
  readonly as?: 'whole' | 'layer' | undefined;
  /** Whether to let operators pass that are unknown here: those of a newer version. Default: false. */
  readonly acceptUnknownOperators?: boolean | undefined;
}

/** Everything that is wrong with a flag by itself. What it refers to is checked by `flagReferenceProblems`. */
export function validateFlag(flag: JsonValue, validation: FlagValidation): readonly FlagProblem[] {
  return inspect(validation, (inspection) => {
    const { isLayer, report } = inspection;
    if (!checkObject(flagShape, isLayer ? [] : ['name', 'enabled'], flag, [], inspection)) return;
    checkUnique(propertyOf(flag, 'rules'), 'id', ['rules'], report);
    checkUnique(propertyOf(flag, 'prerequisites'), 'flag', ['prerequisites'], report);
    checkSchedule(propertyOf(flag, 'schedule'), report);
    if (!isLayer) checkVariants(flag, report);
  });
}

/** Everything that is wrong with a segment. */
export function validateSegment(segment: JsonValue, validation: FlagValidation): readonly FlagProblem[] {
  return inspect(validation, (inspection) => {
    checkObject(segmentShape, inspection.isLayer ? [] : ['name'], segment, [], inspection);
  });
}

function inspect(
  { patterns, as, acceptUnknownOperators = false }: FlagValidation,
  check: (inspection: Inspection) => void,
): readonly FlagProblem[] {
  const problems: FlagProblem[] = [];
  const report: Report = (path, message) => void problems.push({ path: formatPath(path), message });
  check({ report, patterns, isLayer: as === 'layer', acceptUnknownOperators });
  return problems;
}

const objectOf =
  (shape: Shape, required: readonly string[]): Check =>
  (value, path, inspection) =>
    void checkObject(shape, required, value, path, inspection);

const anything: Check = () => undefined;
const conditionShape: Shape = { attribute: anything, operator: anything, value: anything, values: anything };

const checkCondition: Check = (value, path, inspection) => {
  if (!checkObject(conditionShape, [], value, path, inspection)) return;
  if (inspection.acceptUnknownOperators && isUnknownOperator(value)) return;
  const compiled = compileCondition(value, inspection.patterns);
  if (isProblems(compiled)) for (const { at, message } of compiled) inspection.report([...path, ...at], message);
};

const checkSplit: Check = (value, path, inspection) => {
  checkShares(value, path, inspection);
  checkUnique(value, 'variant', path, inspection.report);
  const weights = (isJsonArray(value) ? value : []).map((share) =>
    bucketsOf(isJsonObject(share) ? propertyOf(share, 'weight') : undefined),
  );
  if (weights.length === 0 || weights.includes(undefined)) return;
  const sum = weights.reduce<number>((total, weight) => total + (weight ?? 0), 0);
  if (sum !== bucketCount)
    inspection.report(path, `must have weights that add up to 100, and they add up to ${String(sum / 1_000)}`);
};

const checkVariantValues: Check = (value, path, { report, isLayer }) => {
  if (!isJsonObject(value)) {
    report(path, `must be an object of values by name, and is ${shown(value)}`);
    return;
  }
  const names = Object.keys(value);
  if (names.length > 100 || (names.length === 0 && !isLayer))
    report(path, `must have 1 to 100 variants, and has ${String(names.length)}`);
  for (const name of names) {
    if (!isDefinitionName(name)) report([...path, name], nameMessage(name));
    if (!isLayer && isUnset(value[name])) report([...path, name], 'must be a value, and is $unset');
  }
};

const description = textOf(0, 2_000);
const shortText = textOf(1, 255);
const conditions = listOf(checkCondition, 100);
const checkShares = listOf(objectOf({ variant: checkName, weight: checkPercentage }, ['variant', 'weight']), 100, 1);
const serving: Shape = { rolloutPercentage: checkPercentage, split: checkSplit, bucketBy: checkAttribute };
const rule: Shape = { id: checkName, description, conditions, segment: checkName, variant: checkName, ...serving };
const prerequisite: Shape = { flag: checkName, variants: listOf(checkName, 100, 1) };
const step: Shape = { at: checkTime, rolloutPercentage: checkPercentage };
const schedule: Shape = {
  startsAt: checkTime,
  endsAt: checkTime,
  steps: listOf(objectOf(step, ['at', 'rolloutPercentage']), 100),
};

const flagShape: Shape = {
  name: checkName,
  description,
  enabled: checkBoolean,
  archived: checkBoolean,
  conditions,
  rules: listOf(objectOf(rule, ['id']), 500),
  variants: checkVariantValues,
  onVariant: checkName,
  offVariant: checkName,
  ...serving,
  prerequisites: listOf(objectOf(prerequisite, ['flag']), 50),
  schedule: objectOf(schedule, []),
  salt: shortText,
  owner: shortText,
  tags: listOf(shortText, 50),
};

const segmentShape: Shape = {
  name: checkName,
  description,
  included: listOf(shortText, 10_000),
  excluded: listOf(shortText, 10_000),
  conditions,
  bucketBy: checkAttribute,
};

function isUnknownOperator(condition: JsonObject): boolean {
  const operator = propertyOf(condition, 'operator');
  return typeof operator === 'string' && !operators.has(operator);
}

/** Every variant that a flag serves must be one that it has. */
function checkVariants(flag: JsonObject, report: Report): void {
  const variants = propertyOf(flag, 'variants');
  if (variants !== undefined && !isJsonObject(variants)) return;
  const known = variants === undefined ? ['on', 'off'] : Object.keys(variants);
  const check = (variant: JsonValue | undefined, path: Path, isDefault = false): void => {
    if (typeof variant !== 'string' || known.includes(variant)) return;
    const hint = isDefault ? 'is missing, and there is no variant' : 'must be one of the variants, and there is no';
    report(path, `${hint} ${shown(variant)}; there are ${known.join(', ')}`);
  };
  for (const [name, fallback] of [
    ['offVariant', 'off'],
    ['onVariant', 'on'],
  ] as const) {
    const given = propertyOf(flag, name);
    check(given ?? fallback, [name], given === undefined);
  }
  const checkSplitVariants = (serving: JsonObject, path: Path): void => {
    for (const [index, share] of entriesOf(serving, 'split'))
      check(propertyOf(share, 'variant'), [...path, 'split', index, 'variant']);
  };
  checkSplitVariants(flag, []);
  for (const [index, rule] of entriesOf(flag, 'rules')) {
    check(propertyOf(rule, 'variant'), ['rules', index, 'variant']);
    checkSplitVariants(rule, ['rules', index]);
    if (Object.hasOwn(rule, 'variant') && Object.hasOwn(rule, 'split'))
      report(['rules', index, 'variant'], 'must be left out where there is a split');
  }
}

function entriesOf(object: JsonObject, name: string): [number, JsonObject][] {
  const list = propertyOf(object, name);
  return [...(isJsonArray(list) ? list : []).entries()].filter((entry): entry is [number, JsonObject] =>
    isJsonObject(entry[1]),
  );
}

function checkSchedule(schedule: JsonValue | undefined, report: Report): void {
  if (!isJsonObject(schedule)) return;
  const start = instantOf(propertyOf(schedule, 'startsAt'));
  const end = instantOf(propertyOf(schedule, 'endsAt'));
  if (start !== undefined && end !== undefined && end <= start)
    report(['schedule', 'endsAt'], 'must be later than startsAt');
  let previous = -Infinity;
  for (const [index, step] of entriesOf(schedule, 'steps')) {
    const at = instantOf(propertyOf(step, 'at'));
    if (at === undefined) continue;
    if (at <= previous) report(['schedule', 'steps', index, 'at'], 'must be later than that of the step before');
    previous = at;
  }
}

function instantOf(value: JsonValue | undefined): number | undefined {
  return typeof value === 'string' ? parseInstant(value) : undefined;
}

/** @throws ConfigurationError `validation_failed` when there are problems. */
export function refuseProblems(problems: readonly FlagProblem[]): void {
  if (problems.length === 0) return;
  throw new ConfigurationError('validation_failed', {
    problems: problems.map(({ path, message }) => `${path} ${message}`).join(', '),
    errors: problems,
  });
}
