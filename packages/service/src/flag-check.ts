/** Owns what is checked of flags and segments beyond each by itself: names that are taken for good, and what flags refer to. */
import {
  collectionOf,
  ConfigurationError,
  entryKey,
  entryName,
  flagReferenceProblems,
  formatScope,
  isJsonObject,
  isOn,
  isUnset,
  mergeLayers,
  propertyOf,
  resolveChain,
  sameJson,
  sameScope,
  type Address,
  type FeatureFlag,
  type JsonValue,
  type ScopeRef,
} from '@strata/core';
import { shown } from './below.ts';
import type { Context } from './context.ts';
import { told } from './entry-validation.ts';
import type { HeadView } from './heads.ts';
import type { ValueChange } from './intent.ts';
import { readLinks } from './store/scopes.ts';
import { validationError, type BrokenLayer } from './validation.ts';

/** How many layers that a change breaks are listed. */
const listed = 20;

const isFlag = (key: string): boolean => collectionOf(key) === 'feature_flags';

/**
 * Refuses a change of a flag whose name is taken for good: an archived flag stays as it is, wherever it is archived, and a flag that was
 * removed comes back as what it was or not at all.
 * @throws ConfigurationError `flag_archived`, `flag_name_used`, `validation_failed`.
 */
export function checkFlagName(view: HeadView, change: ValueChange): void {
  if (!isFlag(change.key)) return;
  const name = entryName(change.key);
  const chain = view.chain(change);
  const headAt = ({ scope, scopeId }: ScopeRef) => view.head({ key: change.key, scope, scopeId });
  const archivedAt = chain.find((scope) => partOf(headAt(scope)?.value, 'archived') === true);
  if (archivedAt !== undefined) throw new ConfigurationError('flag_archived', { name, scope: formatScope(archivedAt) });
  if (change.value === undefined) return;
  const isFirst = chain.slice(0, -1).every((scope) => headAt(scope)?.value === undefined);
  if (!isFirst && partOf(change.value, 'archived') !== undefined) {
    const message = 'archived must be left out here: a flag is archived where it begins, for all scopes below';
    throw validationError([{ path: 'archived', message }]);
  }
  const head = view.head(change);
  if (!isFirst || head === undefined || head.value !== undefined || change.rollbackFrom !== undefined) return;
  throw new ConfigurationError('flag_name_used', { name, scope: formatScope(change), revision: head.revision });
}

function partOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) ? propertyOf(value, name) : undefined;
}

/** What a look at references found. */
export interface FlagReferences {
  /** Flags other than those changed that refer to something that the change takes away. */
  readonly broken: readonly BrokenLayer[];
  /** Keys of which no layer may have changed since the revision given. */
  readonly quiet: ReadonlyMap<string, number>;
}

const nothing: FlagReferences = { broken: [], quiet: new Map() };

/**
 * Checks what flags refer to, after changes: in the changed flags it has to be there, without cycles, and no other flag may lose it.
 * @throws ConfigurationError `validation_failed` for a changed flag.
 */
export async function checkReferences(
  context: Context,
  before: HeadView,
  after: HeadView,
  changes: readonly ValueChange[],
): Promise<FlagReferences> {
  const entries = changes.filter((change) => collectionOf(change.key) !== undefined && mattersToOthers(before, change));
  if (entries.length === 0) return nothing;
  await context.flags.refresh(context.db);
  const { layers, revision } = context.flags;
  const then = new EntryView(layers, before);
  const now = new EntryView(layers, after);
  const broken: BrokenLayer[] = [];
  const looked = new Set<string>();
  for (const place of await placesOf(context, now, entries)) {
    const atPlace = entries.filter((change) => isOn(place, change));
    for (const key of keysToCheck(now, atPlace)) {
      const own = changes.some((change) => change.key === key);
      const problems = now.problems(key, place, looked);
      if (problems.length === 0) continue;
      const [scope] = place.slice(-1);
      const isOwn =
        own && changes.some((change) => change.key === key && scope !== undefined && sameScope(change, scope));
      if (isOwn) throw validationError(problems);
      if (then.problems(key, place, looked).length > 0 || broken.length >= listed || scope === undefined) continue;
      broken.push({ ...shown({ key, scope: scope.scope, scopeId: scope.scopeId }), errors: problems });
    }
  }
  return { broken, quiet: new Map([...looked].map((key) => [key, revision])) };
}

/** Whether a change can make a reference right or wrong: most changes, such as those of a percentage, cannot. */
function mattersToOthers(before: HeadView, change: ValueChange): boolean {
  const { key, value } = change;
  const earlier = before.head(change)?.value;
  if (!isJsonObject(value) || !isJsonObject(earlier) || isUnset(value) || isUnset(earlier)) return true;
  if (!isFlag(key)) return false;
  return ['archived', 'prerequisites', 'rules', 'variants'].some((part) => {
    const [one, other] = [propertyOf(earlier, part), propertyOf(value, part)];
    return one === undefined || other === undefined ? one !== other : !sameJson(one, other);
  });
}

/** The entries that a check of some changes looks at: the changed flags, and those that refer to anything changed. */
function keysToCheck(now: EntryView, changes: readonly Address[]): ReadonlySet<string> {
  const keys = new Set(changes.map(({ key }) => key).filter(isFlag));
  for (const { key } of changes) for (const other of now.referringTo(key)) keys.add(other);
  return keys;
}

/** The chains along which changes are checked: their own, and those of the scopes below where a flag concerned has a layer. */
async function placesOf(
  { db, environment }: Context,
  now: EntryView,
  changes: readonly ValueChange[],
): Promise<readonly (readonly ScopeRef[])[]> {
  const own = changes.map((change) => now.view.chain(change));
  const below = new Map<string, ScopeRef>();
  for (const key of keysToCheck(now, changes)) {
    for (const scope of now.scopesOf(key)) below.set(formatScope(scope), scope);
  }
  for (const chain of own) for (const scope of chain.slice(-1)) below.delete(formatScope(scope));
  const scopes = [...below.values()].filter(({ scope }) => scope !== 'global');
  const members = scopes.filter(({ scope }) => scope === 'team' || scope === 'user');
  const links = members.length === 0 ? [] : await readLinks(db, environment, members);
  const chains = scopes.map((scope) => resolveChain(scope, links));
  return [...own, ...chains.filter((chain) => changes.some((change) => isOn(chain, change)))];
}

/** All entries as a view of heads shows them: what is known of every layer, and on top of it what the view changes. */
class EntryView {
  readonly view: HeadView;
  readonly #layers: Context['flags']['layers'];
  readonly #changed: ReadonlyMap<string, readonly (Address & { readonly value: JsonValue | undefined })[]>;

  constructor(layers: Context['flags']['layers'], view: HeadView) {
    this.view = view;
    this.#layers = layers;
    const changed = new Map<string, (Address & { readonly value: JsonValue | undefined })[]>();
    for (const head of view.changes()) {
      if (collectionOf(head.key) === undefined) continue;
      changed.set(head.key, [...(changed.get(head.key) ?? []), head]);
    }
    this.#changed = changed;
  }

  /** Everything that is wrong with what a flag refers to along a chain. @param looked takes the keys of what was looked at. */
  problems(key: string, chain: readonly ScopeRef[], looked: Set<string>) {
    const flag = this.#flag(key, chain);
    if (flag === undefined || flag.archived === true) return [];
    const at = (other: string): string => {
      looked.add(other);
      return other;
    };
    return told(
      flagReferenceProblems(flag, {
        flag: (name) => this.#flag(at(entryKey('feature_flags', name)), chain),
        hasSegment: (name) => this.#effective(at(entryKey('flag_segments', name)), chain) !== undefined,
      }),
    );
  }

  #flag(key: string, chain: readonly ScopeRef[]): FeatureFlag | undefined {
    const value = this.#effective(key, chain);
    return isJsonObject(value) ? ({ ...value, name: entryName(key) } as unknown as FeatureFlag) : undefined;
  }

  #effective(key: string, chain: readonly ScopeRef[]): JsonValue | undefined {
    const layers = chain.map((scope) => this.#valueAt(key, scope)).filter((value) => value !== undefined);
    return mergeLayers(layers, 'deep');
  }

  #valueAt(key: string, scope: ScopeRef): JsonValue | undefined {
    const changed = this.#changed.get(key)?.find((one) => sameScope(one, scope));
    return changed === undefined ? this.#layers.layerAt(key, scope)?.value : changed.value;
  }

  /** The scopes at which an entry has a layer. */
  scopesOf(key: string): readonly ScopeRef[] {
    const changed = this.#changed.get(key) ?? [];
    const stored = this.#layers.layersOf(key).filter((layer) => !changed.some((one) => sameScope(one, layer)));
    return [...stored, ...changed.filter(({ value }) => value !== undefined)].map(({ scope, scopeId }) => ({
      scope,
      scopeId,
    }));
  }

  /** The flags of which any layer refers to an entry. */
  referringTo(key: string): readonly string[] {
    const name = entryName(key);
    const keys = new Set([...this.#layers.keys(), ...this.#changed.keys()].filter(isFlag));
    return [...keys].filter((one) =>
      this.scopesOf(one).some((scope) => {
        const value = this.#valueAt(one, scope) as Partial<FeatureFlag> | undefined;
        return isFlag(key)
          ? list(value?.prerequisites).some(({ flag }) => flag === name)
          : list(value?.rules).some(({ segment }) => segment === name);
      }),
    );
  }
}

/** What stands in a layer is valid, but may be `$unset` in place of a list. */
function list<T>(given: readonly T[] | undefined): readonly T[] {
  return Array.isArray(given) ? (given as readonly T[]) : [];
}
