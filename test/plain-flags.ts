/** Owns evaluating flags in the plainest way: written down from what `FeatureFlag` says, slow, and sharing no code with what is tested. */
import type {
  FeatureFlag,
  FlagCondition,
  FlagContext,
  FlagEvaluation,
  FlagSegment,
  FlagServing,
  JsonValue,
} from '@strata/core';

type Outcome = Pick<FlagEvaluation, 'value' | 'on' | 'reason'> & Partial<Pick<FlagEvaluation, 'variant' | 'ruleId'>>;

/** What there is. */
export interface PlainWorld {
  readonly flags: readonly FeatureFlag[];
  readonly segments: readonly FlagSegment[];
  readonly now: string;
}

/** The result of a valid flag, whose prerequisites and segments are there, for a context that is one. */
export function evaluatePlainly(flag: FeatureFlag, context: FlagContext, world: PlainWorld): Outcome {
  const serve = (variant: string, reason: Outcome['reason'], ruleId?: string): Outcome => {
    const variants: Readonly<Record<string, JsonValue>> = flag.variants ?? { on: true, off: false };
    const value = variants[variant] ?? null;
    const on = typeof value === 'boolean' ? value : variant !== (flag.offVariant ?? 'off');
    return { value, variant, on, reason, ruleId };
  };
  const off = (reason: Outcome['reason'], ruleId?: string): Outcome => serve(flag.offVariant ?? 'off', reason, ruleId);
  const { schedule = {}, prerequisites = [], conditions = [], rules = [] } = flag;
  const now = Date.parse(world.now);

  if (flag.archived === true || !flag.enabled) return off('DISABLED');
  if (schedule.startsAt !== undefined && now < Date.parse(schedule.startsAt)) return off('DISABLED');
  if (schedule.endsAt !== undefined && now >= Date.parse(schedule.endsAt)) return off('DISABLED');
  for (const { flag: name, variants } of prerequisites) {
    const other = world.flags.find((one) => one.name === name);
    if (other === undefined) throw new Error(`no flag ${name}`);
    const outcome = evaluatePlainly(other, context, world);
    if (variants === undefined ? !outcome.on : !variants.includes(outcome.variant ?? '')) return off('DEFAULT');
  }
  if (!conditions.every((condition) => holdsPlainly(condition, context))) return off('DEFAULT');

  const rule = rules.find((one) => {
    if (!(one.conditions ?? []).every((condition) => holdsPlainly(condition, context))) return false;
    return one.segment === undefined || isInSegment(one.segment, context, world);
  });
  const serving: FlagServing = rule ?? flag;
  const steps = (schedule.steps ?? []).filter(({ at }) => Date.parse(at) <= now);
  const percentage = (rule === undefined ? steps.at(-1)?.rolloutPercentage : undefined) ?? serving.rolloutPercentage ?? 100; // prettier-ignore
  const onVariant = flag.onVariant ?? 'on';
  const fullReason =
    rule !== undefined || conditions.length > 0
      ? 'TARGETING_MATCH'
      : rules.length > 0 || prerequisites.length > 0 || flag.schedule !== undefined
        ? 'DEFAULT'
        : 'STATIC';
  const unit = unitOf(readPlainly(serving.bucketBy ?? flag.bucketBy ?? 'userId', context));
  const bucket = (seed: number): number =>
    Math.floor((plainMurmur3(unit ?? '', plainMurmur3(flag.salt ?? flag.name, seed)) * 100_000) / 2 ** 32);
  if (percentage === 0) return off('SPLIT', rule?.id);
  const full = serving.split?.find(({ weight }) => weight === 100)?.variant;
  const needsUnit = percentage < 100 || (serving.split !== undefined && full === undefined);
  if (needsUnit && unit === undefined) return off('DEFAULT', rule?.id);
  if (percentage < 100 && bucket(0) >= Math.round(percentage * 1_000)) return off('SPLIT', rule?.id);
  const reason = needsUnit ? 'SPLIT' : fullReason;
  if (serving.split === undefined) return serve(rule?.variant ?? onVariant, reason, rule?.id);
  if (full !== undefined) return serve(full, reason, rule?.id);
  let passed = 0;
  for (const { variant, weight } of serving.split) {
    passed += Math.round(weight * 1_000);
    if (bucket(1) < passed) return serve(variant, reason, rule?.id);
  }
  throw new Error('the weights do not add up');
}

function isInSegment(name: string, context: FlagContext, { segments }: PlainWorld): boolean {
  const segment = segments.find((one) => one.name === name);
  if (segment === undefined) throw new Error(`no segment ${name}`);
  const { included = [], excluded = [], conditions = [], bucketBy = 'userId' } = segment;
  const unit = unitOf(readPlainly(bucketBy, context));
  if (unit !== undefined && excluded.includes(unit)) return false;
  if (unit !== undefined && included.includes(unit)) return true;
  return conditions.length > 0 && conditions.every((condition) => holdsPlainly(condition, context));
}

function unitOf(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 53) return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function readPlainly(attribute: string, context: FlagContext): unknown {
  if (attribute === 'userId') return context.userId ?? context.targetingKey;
  if (attribute === 'organizationId') return context.organizationId;
  if (attribute === 'teamId') return context.teamId;
  if (attribute === 'environment') return context.environment;
  const steps = attribute.replace(/^attributes\./, '').split('.');
  let value: unknown = context.attributes;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step))
      return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

/** Whether a condition with a valid operator and operands holds. */
export function holdsPlainly({ attribute, operator, value, values }: FlagCondition, context: FlagContext): boolean {
  const actual = readPlainly(attribute, context);
  const present = actual !== undefined && actual !== null;
  const operands = values ?? (value === undefined ? [] : [value]);
  const sameType = operands.some((operand) => typeof operand === typeof actual);
  const some = (test: (text: string, operand: string) => boolean): boolean =>
    typeof actual === 'string' && operands.some((operand) => typeof operand === 'string' && test(actual, operand));
  const numbers = (test: (a: number, b: number) => boolean): boolean =>
    typeof actual === 'number' && typeof value === 'number' && test(actual, value);
  const order = (test: (order: number) => boolean): boolean => {
    if (typeof actual !== 'string' || typeof value !== 'string' || plainVersion(actual) === undefined) return false;
    return test(comparePlainly(actual, value));
  };
  const times = (test: (a: number, b: number) => boolean): boolean =>
    typeof actual === 'string' &&
    /^\d{4}-\d\d-\d\dT.*Z$/.test(actual) &&
    test(Date.parse(actual), Date.parse(String(value)));
  switch (operator) {
    case 'equals':
    case 'in':
      return operands.some((operand) => operand === actual);
    case 'notEquals':
    case 'notIn':
      return sameType && !operands.some((operand) => operand === actual);
    case 'contains':
      return Array.isArray(actual) ? operands.some((operand) => actual.includes(operand)) : some((text, part) => text.includes(part)); // prettier-ignore
    case 'startsWith':
      return some((text, part) => text.startsWith(part));
    case 'endsWith':
      return some((text, part) => text.endsWith(part));
    case 'gt':
      return numbers((a, b) => a > b);
    case 'gte':
      return numbers((a, b) => a >= b);
    case 'lt':
      return numbers((a, b) => a < b);
    case 'lte':
      return numbers((a, b) => a <= b);
    case 'before':
      return times((a, b) => a < b);
    case 'after':
      return times((a, b) => a > b);
    case 'semverEquals':
      return order((sign) => sign === 0);
    case 'semverGt':
      return order((sign) => sign > 0);
    case 'semverGte':
      return order((sign) => sign >= 0);
    case 'semverLt':
      return order((sign) => sign < 0);
    case 'semverLte':
      return order((sign) => sign <= 0);
    case 'matches':
      return some((text, pattern) => new RegExp(pattern, 'u').test(text));
    case 'exists':
      return present === (value ?? true);
  }
}

function plainVersion(text: string): { core: number[]; prerelease: string[] } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$/.exec(text);
  return match === null ? undefined : { core: match.slice(1, 4).map(Number), prerelease: match[4]?.split('.') ?? [] };
}

/** Sorts by the text of the standard: number by number, then a release after its prereleases, then identifier by identifier. */
function comparePlainly(a: string, b: string): number {
  const [one, other] = [plainVersion(a), plainVersion(b)];
  if (one === undefined || other === undefined) throw new Error(`${a} or ${b} is no version`);
  for (const index of [0, 1, 2]) {
    const difference = (one.core[index] ?? 0) - (other.core[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (one.prerelease.length === 0 || other.prerelease.length === 0)
    return other.prerelease.length - one.prerelease.length;
  const length = Math.max(one.prerelease.length, other.prerelease.length);
  for (let index = 0; index < length; index += 1) {
    const [x, y] = [one.prerelease[index], other.prerelease[index]];
    if (x === y) continue;
    if (x === undefined) return -1;
    if (y === undefined) return 1;
    const [isNumber, isOtherNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (isNumber && isOtherNumber) return Number(x) - Number(y);
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

/** MurmurHash3 (x86, 32 bits) over the bytes of an encoder, as it is written in its description. */
export function plainMurmur3(text: string, seed: number): number {
  const bytes = new TextEncoder().encode(text);
  const scrambled = (block: number): number => {
    const multiplied = Math.imul(block, 0xcc9e2d51);
    return Math.imul((multiplied << 15) | (multiplied >>> 17), 0x1b873593);
  };
  let hash = seed | 0;
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) {
    const block = new DataView(bytes.buffer, at, 4).getInt32(0, true);
    hash ^= scrambled(block);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  const tail = bytes.subarray(whole).reduce((block, byte, index) => block | (byte << (8 * index)), 0);
  hash ^= scrambled(tail) ^ bytes.length;
  for (const [shift, factor] of [
    [16, 0x85ebca6b],
    [13, 0xc2b2ae35],
  ] as const)
    // prettier-ignore
    hash = Math.imul(hash ^ (hash >>> shift), factor);
  return (hash ^ (hash >>> 16)) >>> 0;
}
