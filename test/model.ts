/** Owns the model that the service is compared with: the same promises in the plainest form, everything in memory, nothing clever. */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigScope } from '../packages/core/src/scope.ts';
import type { ErrorCode } from '../packages/core/src/errors.ts';
import type { JsonValue } from '../packages/core/src/json.ts';

/** A scope; `scopeId` is empty at global. */
export interface Place {
  readonly scope: ConfigScope;
  readonly scopeId: string;
}

/** What the model remembers of a version. */
export interface ModelVersion {
  readonly key: string;
  readonly place: Place;
  readonly operation: 'set' | 'delete' | 'rollback';
  /** `undefined` after a delete. */
  readonly value: JsonValue | undefined;
  readonly by: string;
  readonly comment: string;
  /** Counted from 1. */
  readonly revision: number;
  readonly rollbackFrom: ModelVersion | undefined;
  readonly parent: ModelVersion | undefined;
  readonly tags: string[];
  /** The hash that the service gave it. */
  hash: string;
}

/** The parents of a scope, the primary one named. */
export interface Parents {
  readonly all: readonly Place[];
  readonly primary: Place | undefined;
}

export interface ModelLock {
  readonly key: string;
  readonly place: Place;
  readonly path: readonly string[];
}

/** All that holds at one revision. */
export interface State {
  readonly heads: ReadonlyMap<string, ModelVersion>;
  readonly parents: ReadonlyMap<string, Parents>;
  readonly locks: readonly ModelLock[];
}

/** One change of one address; `value` undefined removes the layer. */
export interface ModelChange {
  readonly key: string;
  readonly place: Place;
  readonly value: JsonValue | undefined;
  readonly from?: ModelVersion;
  readonly mustExist?: boolean;
}

/** What the model expects: a refusal, or the version that each address has afterwards. */
export type Expected<T> = { readonly refused: ErrorCode } | { readonly refused?: undefined; readonly result: T };

export const samePlace = (a: Place, b: Place): boolean => a.scope === b.scope && a.scopeId === b.scopeId;
export const placeName = ({ scope, scopeId }: Place): string => `${scope} ${scopeId}`;
const addressOf = (key: string, place: Place): string => `${key} ${placeName(place)}`;

export class Model {
  /** By revision; the first is the empty store. */
  readonly states: State[] = [{ heads: new Map(), parents: new Map(), locks: [] }];
  readonly versions: ModelVersion[] = [];

  get revision(): number {
    return this.states.length - 1;
  }

  get now(): State {
    return this.at(this.revision);
  }

  at(revision: number): State {
    const state = this.states[revision];
    if (state === undefined) throw new Error(`the model has no revision ${String(revision)}`);
    return state;
  }

  #commit(change: Partial<State>): void {
    this.states.push({ ...this.now, ...change });
  }

  /** Applies changes, all or none; a commit that changes nothing makes no revision. */
  change(changes: readonly ModelChange[], by: string, comment: string): Expected<ModelVersion[]> {
    const heads = new Map(this.now.heads);
    const made: ModelVersion[] = [];
    const result: ModelVersion[] = [];
    for (const { key, place, value, from, mustExist } of changes) {
      const head = this.head(key, place);
      if (value === undefined && head?.value === undefined && (head === undefined || mustExist === true))
        return { refused: 'key_not_found' };
      if (head !== undefined && isDeepStrictEqual(head.value, value)) {
        result.push(head);
        continue;
      }
      if (this.lockAgainst(key, place, value)) return { refused: 'locked' };
      const version: ModelVersion = {
        ...{ key, place, value, by, comment, hash: '', tags: [] },
        operation: value === undefined ? 'delete' : from === undefined ? 'set' : 'rollback',
        revision: this.revision + 1,
        rollbackFrom: from,
        parent: head,
      };
      heads.set(addressOf(key, place), version);
      made.push(version);
      result.push(version);
    }
    this.versions.push(...made);
    if (made.length > 0) this.#commit({ heads });
    return { result };
  }

  head(key: string, place: Place, state: State = this.now): ModelVersion | undefined {
    return state.heads.get(addressOf(key, place));
  }

  layer(key: string, place: Place, state: State = this.now): JsonValue | undefined {
    return this.head(key, place, state)?.value;
  }

  /** What puts a scope back to what it was at a revision. */
  changesBackTo(revision: number, place: Place): ModelChange[] {
    return [...this.now.heads.values()]
      .filter((head) => samePlace(head.place, place))
      .flatMap(({ key, value: current }): ModelChange[] => {
        const then = this.head(key, place, this.at(revision));
        if (then !== undefined) return [{ key, place, value: then.value, from: then }];
        return current === undefined ? [] : [{ key, place, value: undefined }];
      });
  }

  registerScope(child: Place, parents: Parents): Expected<undefined> {
    const existing = this.now.parents.get(placeName(child));
    if (isDeepStrictEqual(existing, parents)) return { result: undefined };
    const known = new Map(this.now.parents);
    for (const parent of parents.all)
      if (!known.has(placeName(parent))) known.set(placeName(parent), { all: [], primary: undefined });
    known.set(placeName(child), parents);
    const next = { ...this.now, parents: known };
    for (const { key, place, value } of this.now.heads.values())
      if (this.lockAgainst(key, place, value, next)) return { refused: 'locked' };
    this.#commit(next);
    return { result: undefined };
  }

  removeScope(place: Place): Expected<undefined> {
    if (!this.now.parents.has(placeName(place))) return { refused: 'scope_not_found' };
    const used =
      this.now.locks.some((lock) => samePlace(lock.place, place)) ||
      [...this.now.heads.values()].some((head) => samePlace(head.place, place) && head.value !== undefined) ||
      [...this.now.parents.values()].some(({ all }) => all.some((parent) => samePlace(parent, place)));
    if (used) return { refused: 'scope_in_use' };
    const parents = new Map(this.now.parents);
    parents.delete(placeName(place));
    this.#commit({ parents });
    return { result: undefined };
  }

  lock(lock: ModelLock): Expected<undefined> {
    if (this.now.locks.some((one) => isDeepStrictEqual(one, lock))) return { refused: 'lock_exists' };
    const next = { ...this.now, locks: [...this.now.locks, lock] };
    for (const { key, place, value } of this.now.heads.values())
      if (key === lock.key && this.lockAgainst(key, place, value, { ...next, locks: [lock] }))
        return { refused: 'lock_broken' };
    this.#commit(next);
    return { result: undefined };
  }

  unlock(lock: ModelLock): Expected<undefined> {
    const locks = this.now.locks.filter((one) => !isDeepStrictEqual(one, lock));
    if (locks.length === this.now.locks.length) return { refused: 'lock_not_found' };
    this.#commit({ locks });
    return { result: undefined };
  }

  tag(tag: string, version: ModelVersion): Expected<undefined> {
    if (version.tags.includes(tag)) return { result: undefined };
    const others = this.versions.filter(({ key, place }) => key === version.key && samePlace(place, version.place));
    if (others.some(({ tags }) => tags.includes(tag))) return { refused: 'tag_exists' };
    version.tags.push(tag);
    this.#commit({});
    return { result: undefined };
  }

  /** Whether a layer there would say something that a scope above has locked. */
  lockAgainst(key: string, place: Place, value: JsonValue | undefined, state: State = this.now): boolean {
    const above = this.chain(place, state).filter((one) => !samePlace(one, place));
    return state.locks.some(
      (lock) => lock.key === key && above.some((one) => samePlace(one, lock.place)) && speaksOf(value, lock.path),
    );
  }

  /** From global down. */
  chain(place: Place, { parents }: State = this.now): Place[] {
    const parentsOf = (one: Place): Parents => parents.get(placeName(one)) ?? { all: [], primary: undefined };
    const global: Place = { scope: 'global', scopeId: '' };
    if (place.scope === 'global') return [global];
    if (place.scope === 'org') return [global, place];
    if (place.scope === 'team') return [global, ...parentsOf(place).all, place];
    const { all, primary } = parentsOf(place);
    if (primary === undefined) return [global, place];
    if (primary.scope === 'org') return [global, primary, place];
    const [org = all.find((one) => one.scope === 'org')] = parentsOf(primary).all;
    return org === undefined ? [global, primary, place] : [global, org, primary, place];
  }

  /** The effective value; null when nothing is left. */
  effective(key: string, place: Place, state: State = this.now): JsonValue {
    return this.merged(key, place, state) ?? null;
  }

  /** The layers merged; `undefined` when nothing is left. */
  merged(key: string, place: Place, state: State = this.now): JsonValue | undefined {
    let result: JsonValue | undefined;
    for (const one of this.chain(place, state)) {
      const layer = this.layer(key, one, state);
      if (layer !== undefined) result = combine(result, layer);
    }
    return result;
  }

  /** The scope whose layer gives a leaf of an effective value: the lowest that speaks of it. */
  originOf(key: string, place: Place, path: readonly string[], state: State = this.now): Place | undefined {
    return this.chain(place, state).findLast((one) => speaksOf(this.layer(key, one, state), path));
  }

  /** The version that last changed a part of a layer to what it is. */
  lastChange(key: string, place: Place, path: readonly string[], state: State = this.now): ModelVersion | undefined {
    const present = partAt(this.layer(key, place, state), path);
    let version = this.head(key, place, state);
    while (version?.parent !== undefined && isDeepStrictEqual(partAt(version.parent.value, path), present))
      version = version.parent;
    return version;
  }
}

function isObject(value: JsonValue | undefined): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value is the marker that removes what is inherited. */
export function isMarker(value: JsonValue | undefined): boolean {
  return isDeepStrictEqual(value, { $unset: true });
}

function combine(inherited: JsonValue | undefined, layer: JsonValue): JsonValue | undefined {
  if (isMarker(layer)) return undefined;
  if (!isObject(layer)) return layer;
  const base = isObject(inherited) ? inherited : {};
  const names = [...new Set([...Object.keys(base), ...Object.keys(layer)])];
  const entries = names.flatMap((name): [string, JsonValue][] => {
    const before = Object.hasOwn(base, name) ? base[name] : undefined;
    const own = Object.hasOwn(layer, name) ? layer[name] : undefined;
    const value = own === undefined ? before : combine(before, own);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(entries);
}

/** Whether a layer says anything at a path: a value there, or something in place of what holds it. */
function speaksOf(layer: JsonValue | undefined, path: readonly string[]): boolean {
  if (layer === undefined) return false;
  const [step, ...rest] = path;
  if (step === undefined || !isObject(layer) || isMarker(layer)) return true;
  return speaksOf(Object.hasOwn(layer, step) ? layer[step] : undefined, rest);
}

/** The part of a value at a path of names. */
export function partAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  return isObject(value) && Object.hasOwn(value, step) ? partAt(value[step], rest) : undefined;
}

/** The paths of a value's leaves: scalars, arrays, empty objects, markers. */
export function leafPaths(value: JsonValue, path: readonly string[] = []): (readonly string[])[] {
  if (!isObject(value) || isMarker(value) || Object.keys(value).length === 0) return [path];
  return Object.entries(value).flatMap(([name, part]) => leafPaths(part, [...path, name]));
}
