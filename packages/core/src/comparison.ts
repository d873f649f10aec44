/** Owns what differs between two sets of values: of scopes, times, environments, stores or files. */
import { applyDiff, diff, type Diff } from './diff.ts';
import { isJsonObject, propertyOf, type JsonValue } from './json.ts';
import { isWithin, parsePath, type Path } from './path.ts';
import { globMatcher } from './glob.ts';
import { sameScope, type Address, type ScopeRef } from './scope.ts';

/** A value of one side. */
export interface ComparedSetting extends Address {
  readonly value: JsonValue;
}

/** One side of a comparison: values at a scope, and perhaps below it. */
export interface ComparedSide {
  /** The scope that takes the place of the other side's. */
  readonly top: ScopeRef;
  readonly settings: readonly ComparedSetting[];
}

/** What differs at one address. */
export interface Difference extends Address {
  /** Whether the value is only on the right side, on both, or only on the left one. */
  readonly operation: 'add' | 'modify' | 'delete';
  /** What turns the left value into the right one. */
  readonly diff: readonly Diff[];
  readonly left: JsonValue | undefined;
  readonly right: JsonValue | undefined;
}

/**
 * What turns the left side into the right one, at addresses of the left side, by scope, id and key. The scopes on top stand for each other;
 * scopes below are the same where they have the same id.
 */
export function compareSides(left: ComparedSide, right: ComparedSide): Difference[] {
  const theirs = new Map(right.settings.map((setting) => [relativeName(setting, right.top), setting]));
  const ours = new Set<string>();
  const differences: Difference[] = [];
  const add = (address: Address, before: JsonValue | undefined, after: JsonValue | undefined): void => {
    const changes = diff(before, after);
    if (changes.length === 0) return;
    const operation = before === undefined ? 'add' : after === undefined ? 'delete' : 'modify';
    const { key, scope, scopeId } = address;
    differences.push({ key, scope, scopeId, operation, diff: changes, left: before, right: after });
  };
  for (const setting of left.settings) {
    const name = relativeName(setting, left.top);
    ours.add(name);
    add(setting, setting.value, theirs.get(name)?.value);
  }
  for (const [name, setting] of theirs) {
    if (ours.has(name)) continue;
    const at = sameScope(setting, right.top) ? left.top : setting;
    add({ key: setting.key, scope: at.scope, scopeId: at.scopeId }, undefined, setting.value);
  }
  return differences.sort(byAddress);
}

function relativeName({ key, scope, scopeId }: Address, top: ScopeRef): string {
  return sameScope({ scope, scopeId }, top) ? `\0\0${key}` : `${scope}\0${scopeId}\0${key}`;
}

function byAddress(a: Address, b: Address): number {
  const names = (address: Address): readonly string[] => [address.scope, address.scopeId, address.key];
  const [left, right] = [names(a), names(b)];
  for (const [index, name] of left.entries()) {
    const other = right[index] ?? '';
    if (name !== other) return name < other ? -1 : 1;
  }
  return 0;
}

/** Which differences are meant: those of keys that match a name or glob, and with a path only the leaves there. */
export interface DifferenceFilter {
  readonly key: string;
  readonly path?: string | undefined;
}

/**
 * The value that the left side comes to when only some of a difference is taken over; the left value where nothing of it is.
 * @returns `undefined` for no value.
 */
export function takeOver(
  difference: Difference,
  filters: readonly DifferenceFilter[] | undefined,
): JsonValue | undefined {
  const { left, right } = difference;
  const meant = filters?.filter(({ key }) => globMatcher(key)(difference.key));
  if (meant === undefined || meant.some(({ path }) => path === undefined || path === '$')) return right;
  const paths = meant.map(({ path }) => parsePath(path ?? '$'));
  const isMeant = ({ path }: Diff): boolean => paths.some((under) => isWithin(parsePath(path), under));
  const base = paths.reduce((value, path) => opened(value, right, path), left);
  const chosen = diff(base, right).filter(isMeant);
  return chosen.length === 0 ? left : applyDiff(base, chosen);
}

/** The left value with an object wherever the right one has one on the way to a part, so that this part alone is a difference. */
function opened(
  left: JsonValue | undefined,
  right: JsonValue | undefined,
  [step, ...rest]: Path,
): JsonValue | undefined {
  if (typeof step !== 'string' || !isJsonObject(right)) return left;
  const object = isJsonObject(left) ? left : {};
  const inner = rest.length === 0 ? undefined : opened(propertyOf(object, step), propertyOf(right, step), rest);
  return inner === undefined ? object : { ...object, [step]: inner };
}
