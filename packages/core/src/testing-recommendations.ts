/** Owns what is to be tested before a change: what follows from its differences, its schema and from who relies on it. */
import type { Diff } from './diff.ts';
import type { FlagFlip } from './impact-report.ts';
import { impactLevels, type ImpactLevel } from './impact.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { leavesOf } from './merge.ts';
import { isWithin, parsePath, formatPath, type Path } from './path.ts';
import { boundsAt, type Bound } from './schema-bounds.ts';
import { formatScope, type ScopeRef } from './scope.ts';

/** What recommendations follow from. */
export interface TestingGrounds {
  readonly key: string;
  readonly level: ImpactLevel;
  /** What changes for readers at the scope of the change. */
  readonly changes: readonly Diff[];
  /** The schema of a whole value. */
  readonly schema?: JsonObject | undefined;
  /** The parts of the values that are secret. */
  readonly secret: readonly Path[];
  /** The keys that depend on this one. */
  readonly dependents: readonly string[];
  readonly services: readonly string[];
  readonly restartNeeded: boolean;
  /** Some scope below that keeps its value, and how many do. */
  readonly shielded?: { readonly example: ScopeRef; readonly count: number } | undefined;
  /** What a flag serves differently, most users first. */
  readonly flips?: readonly FlagFlip[] | undefined;
  /** How many layers below would become invalid. */
  readonly broken: number;
  /** Some org or team below, at which it could be tried first. */
  readonly trial?: ScopeRef | undefined;
}

/** How many differences are spoken of one by one. */
const mostChanges = 10;
/** Within which part of its range, or of its bound, a value counts as near it. */
const nearness = 0.1;

/** What to test, the most telling first. Empty where nothing changes. */
export function testingRecommendations(grounds: TestingGrounds): readonly string[] {
  const { changes } = grounds;
  if (changes.length === 0) return [];
  return [...ofChanges(grounds), ...ofReaders(grounds), ...ofLevel(grounds)];
}

/** One leaf that changes. */
interface LeafChange {
  readonly path: Path;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

function ofChanges({ changes, schema, secret }: TestingGrounds): string[] {
  const leaves = changes.flatMap(toLeaves);
  const secrets = leaves.filter(({ path }) => secret.some((one) => isWithin(path, one) || isWithin(one, path)));
  const open = leaves.filter((leaf) => !secrets.includes(leaf));
  const spoken = open.slice(0, mostChanges);
  const added = spoken.filter(({ before }) => before === undefined);
  const removed = spoken.filter(({ after }) => after === undefined);
  const words = [
    ...spoken.flatMap(ofTypes),
    ...(removed.length === 0 ? [] : [ofRemoved(removed)]),
    ...spoken.flatMap((leaf) => ofBounds(leaf, schema)),
    ...spoken.flatMap(ofModified),
    ...(added.length === 0 ? [] : [ofAdded(added)]),
  ];
  const more = open.length - spoken.length;
  if (more > 0)
    words.push(`${String(more)} more ${more === 1 ? 'part changes' : 'parts change'}: look through the diff`);
  if (secrets.length > 0) {
    words.push(
      `${named(secrets)} ${isAre(secrets)} secret: test that the new one works where it is used before the old one is withdrawn`,
    );
  }
  return words;
}

/** The leaves of what is added or removed whole; any other change is one. */
function toLeaves({ path, oldValue, newValue }: Diff): LeafChange[] {
  const at = parsePath(path);
  const whole = oldValue === undefined ? newValue : newValue === undefined ? oldValue : undefined;
  if (whole === undefined) return [{ path: at, before: oldValue, after: newValue }];
  return leavesOf(whole).map((leaf) => ({
    path: [...at, ...leaf.path],
    before: oldValue === undefined ? undefined : leaf.value,
    after: newValue === undefined ? undefined : leaf.value,
  }));
}

function ofTypes({ path, before, after }: LeafChange): string[] {
  if (before === undefined || after === undefined || typeName(before) === typeName(after)) return [];
  return [
    `${said(path)} changes from ${typeName(before)} to ${typeName(after)}: test every reader of it, since one may expect ${typeName(before)}`,
  ];
}

function ofRemoved(removed: readonly LeafChange[]): string {
  return `${named(removed)} ${isAre(removed)} removed: test that what reads ${removed.length === 1 ? 'it' : 'them'} goes on without`;
}

function ofAdded(added: readonly LeafChange[]): string {
  return `${named(added)} ${isAre(added)} new: test what uses ${added.length === 1 ? 'it' : 'them'}, and that what does not know ${added.length === 1 ? 'it' : 'them'} goes on`;
}

function ofBounds({ path, after }: LeafChange, schema: JsonObject | undefined): string[] {
  if (after === undefined || schema === undefined) return [];
  const { least, most, measure } = boundsAt(schema, path, after);
  if (measure === undefined) return [];
  return [
    ...(isNear(measure, most, least) ? [nearBound(path, after, measure, 'maximum', most)] : []),
    ...(isNear(measure, least, most) ? [nearBound(path, after, measure, 'minimum', least)] : []),
  ];
}

/** Whether a measure is close to a bound: within a tenth of the range, or of the bound where there is no other. */
function isNear(measure: number, bound: Bound | undefined, opposite: Bound | undefined): bound is Bound {
  if (bound === undefined) return false;
  const range = opposite === undefined ? Math.abs(bound.value) : Math.abs(bound.value - opposite.value);
  return Math.abs(measure - bound.value) <= range * nearness;
}

function nearBound(path: Path, after: JsonValue, measure: number, side: 'maximum' | 'minimum', bound: Bound): string {
  const is = typeof after === 'number' ? `becomes ${String(after)}` : `gets ${String(measure)} ${bound.unit}`;
  const limit = `its ${side} of ${String(bound.value)}`;
  return measure === bound.value
    ? `${said(path)} ${is}, which is ${limit}: test it there, and what happens when it should go further`
    : `${said(path)} ${is}, near ${limit}: test it at the bound itself`;
}

function ofModified({ path, before, after }: LeafChange): string[] {
  if (before === undefined || after === undefined || typeName(before) !== typeName(after)) return [];
  if (typeof before === 'boolean') {
    const way = after === true ? 'on' : 'off';
    return [`${said(path)} is turned ${way}: test what that changes, and that turning it back undoes it`];
  }
  if (typeof before === 'number' && typeof after === 'number') return [ofNumbers(path, before, after)];
  if (isJsonArray(before) || isJsonObject(before)) return [`${said(path)} is replaced: test what reads its parts`];
  return [
    `${said(path)} goes from ${shown(before)} to ${shown(after)}: test each place that shows it or chooses by it`,
  ];
}

function ofNumbers(path: Path, before: number, after: number): string {
  const change = `${said(path)} goes from ${String(before)} to ${String(after)}`;
  if (after === 0) return `${change}: test what divides by it, waits for it or is limited by it`;
  if (before < 0 !== after < 0 && before !== 0) return `${change} and changes its sign: test what is computed from it`;
  const times = before === 0 ? undefined : after / before;
  if (times !== undefined && times >= 2)
    return `${change}, ${rounded(times)} times as much: test what is computed from it, with both`;
  if (times !== undefined && times <= 0.5)
    return `${change}, ${rounded(1 / times)} times less: test what is computed from it, with both`;
  return `${change}: test what is computed from it, with both`;
}

function ofReaders(grounds: TestingGrounds): string[] {
  const { key, dependents, services, restartNeeded, shielded, broken, flips = [] } = grounds;
  const words: string[] = [];
  const [flip] = flips;
  if (flip !== undefined) words.push(ofFlips(flip, flips.length - 1));
  if (broken > 0) words.push(`${counted(broken, 'layer')} below would become invalid: correct those first`);
  if (dependents.length > 0) words.push(`test what depends on ${key}: ${dependents.join(', ')}`);
  if (services.length > 0) {
    words.push(
      restartNeeded
        ? `start again and test: ${services.join(', ')}`
        : `test the services that use ${key}: ${services.join(', ')}`,
    );
  } else if (restartNeeded) words.push(`start again what uses ${key}, and test that`);
  if (shielded !== undefined) {
    const others = shielded.count === 1 ? 'it keeps' : `it is one of ${String(shielded.count)} scopes that keep`;
    words.push(`test at ${formatScope(shielded.example)} too: ${others} a value of its own`);
  }
  return words;
}

function ofFlips({ from, to, users }: FlagFlip, others: number): string {
  const more = others === 0 ? '' : `, and ${others === 1 ? 'the other flip' : `the ${String(others)} other flips`}`;
  const who = users === 1 ? 'one user meets' : `${String(users)} users meet`;
  return `test what ${who} in the middle of their work: the flip from ${from ?? 'no flag'} to ${to ?? 'no flag'}${more}`;
}

function ofLevel({ level, trial }: TestingGrounds): string[] {
  const words: string[] = [];
  const rank = impactLevels.indexOf(level);
  if (trial !== undefined && rank >= impactLevels.indexOf('high')) {
    words.push(`try it at one scope first, such as ${formatScope(trial)}`);
  }
  if (level === 'critical') words.push('rehearse the rollback before');
  return words;
}

const said = (path: Path): string => (path.length === 0 ? 'the value' : formatPath(path));

function named(leaves: readonly LeafChange[]): string {
  const names = leaves.map(({ path }) => said(path));
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}

const isAre = (leaves: readonly unknown[]): string => (leaves.length === 1 ? 'is' : 'are');

const counted = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`;

const rounded = (times: number): string => String(Math.round(times * 10) / 10);

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

function typeName(value: JsonValue): string {
  if (value === null) return 'null';
  if (isJsonArray(value)) return 'a list';
  if (isJsonObject(value)) return 'an object';
  return { string: 'a text', number: 'a number', boolean: 'true or false' }[typeof value as 'string'];
}
