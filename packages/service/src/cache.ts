/** Owns the cache of effective values in this process: what may be served from it, and until when. */
import type { ConfigScope, JsonValue, ScopeContext, ScopeRef, ScopeRequest } from '@strata/core';

/**
 * What this process knows of the last change of one thing: a layer, the definition of a key, or the links of a scope. Every cached
 * value points at the cells of all that it was made of.
 */
class Cell {
  /** The revision of the last known change; infinite once the cell was evicted, so that what points at it is never served. */
  changed = 0;
}

/** A cached effective value. */
export interface CacheEntry {
  /** `null` when no layer gives a value. */
  readonly value: JsonValue;
  /** A resolved promise of the value, made when it is first asked for: awaiting one that is there costs less than making one. */
  promise: Promise<JsonValue> | undefined;
  /** The revision that was read in the same snapshot as the value. */
  readonly revision: number;
  readonly cells: readonly Cell[];
  /** The tick of the clock after which it is no longer served. */
  readonly expires: number;
  /** The cache's generation in which its cells were last looked at. */
  generation: number;
  /** Whether it was served since the last round of eviction. */
  used: boolean;
  /** Takes it out of the cache. */
  readonly drop: () => void;
}

interface KeyEntries {
  global: CacheEntry | undefined;
  readonly org: Map<string, CacheEntry>;
  readonly team: Map<string, CacheEntry>;
  readonly user: Map<string, CacheEntry>;
  /** Entries read with explicit parents, by scope and all ids. */
  readonly explicit: Map<string, CacheEntry>;
}

/** What a value was made of. */
export interface Provenance {
  readonly key: string;
  /** Every scope that the value inherits along. */
  readonly chain: readonly ScopeRef[];
}

/**
 * A bounded cache in which every entry carries the revision read with it. An entry is served only while that revision is at least
 * the last change known to this process of every layer, definition and link that the value was made of; `changed` is called
 * for own commits before a write resolves and for those of others as the feed brings them.
 */
export class EffectiveValueCache {
  readonly #keys = new Map<string, KeyEntries>();
  readonly #cells = new Map<string, Cell>();
  readonly #entries = new Set<CacheEntry>();
  readonly #maxEntries: number;
  readonly #maxCells: number;
  readonly #ttl: number;
  /** Entries of an older revision are not served, since changes up to it may have been forgotten. */
  #floor = 0;
  #generation = 1;
  #tick = 0;

  /** @param options `ttl` and `tick` in the same unit; `tick` is how long one step of `advance` stands for. */
  constructor(options: { readonly maxEntries: number; readonly ttl: number }) {
    this.#maxEntries = options.maxEntries;
    this.#maxCells = options.maxEntries * 8;
    this.#ttl = options.ttl;
  }

  /** The number of cached values. */
  get size(): number {
    return this.#entries.size;
  }

  /** Moves the cache's clock on by some seconds. */
  advance(seconds: number): void {
    this.#tick += seconds;
  }

  /** The cached value for a key at a scope as a caller gave it, if it may be served. Nothing is checked or built on the way. */
  find(key: string, scope: ScopeContext | undefined): CacheEntry | undefined {
    const entries = this.#keys.get(key);
    if (entries === undefined) return undefined;
    const entry = lookUp(entries, scope);
    return entry !== undefined && this.#isFresh(entry) ? entry : undefined;
  }

  #isFresh(entry: CacheEntry): boolean {
    if (entry.expires <= this.#tick) return false;
    if (entry.generation !== this.#generation) {
      if (entry.revision < this.#floor) return false;
      for (const cell of entry.cells) if (cell.changed > entry.revision) return false;
      entry.generation = this.#generation;
    }
    entry.used = true;
    return true;
  }

  /** Keeps a value that was read at `revision`. Answers false, and keeps nothing, when a later change of it is already known. */
  keep(key: string, request: ScopeRequest, value: JsonValue, revision: number, from: Provenance): boolean {
    const cells = this.#cellsOf(from);
    if (revision < this.#floor || cells.some((cell) => cell.changed > revision)) return false;
    const held = this.#keys.get(key);
    if (held !== undefined) lookUp(held, request)?.drop();
    const entries = this.#keys.get(key) ?? newKeyEntries();
    this.#keys.set(key, entries);
    const entry: CacheEntry = {
      value,
      promise: undefined,
      revision,
      cells,
      expires: this.#tick + this.#ttl,
      generation: this.#generation,
      used: false,
      drop: () => {
        this.#entries.delete(entry);
        place(entries, request, undefined);
        if (isEmpty(entries) && this.#keys.get(key) === entries) this.#keys.delete(key);
      },
    };
    place(entries, request, entry);
    this.#entries.add(entry);
    this.#evict();
    return true;
  }

  #cellsOf({ key, chain }: Provenance): Cell[] {
    const cells = [this.#cell('definition', key)];
    for (const scope of chain) {
      cells.push(this.#cell('layer', key, scope));
      if (scope.scope === 'team' || scope.scope === 'user') cells.push(this.#cell('links', '', scope));
    }
    return cells;
  }

  /** Notes that the layer of a key at a scope was changed by the commit of `revision`. */
  layerChanged(key: string, scope: ScopeRef, revision: number): void {
    this.#changed(this.#cell('layer', key, scope), revision);
  }

  /** Notes that the definition of a key was changed by the commit of `revision`. */
  definitionChanged(key: string, revision: number): void {
    this.#changed(this.#cell('definition', key), revision);
  }

  /** Notes that the parents of a scope were changed by the commit of `revision`. */
  linksChanged(scope: ScopeRef, revision: number): void {
    this.#changed(this.#cell('links', '', scope), revision);
  }

  /** Notes that anything may have changed up to `revision`. */
  everythingChanged(revision: number): void {
    this.#floor = Math.max(this.#floor, revision);
    this.#generation += 1;
  }

  /** Forgets everything: the store is another one than before, and its revisions say nothing of what was kept. */
  reset(revision: number): void {
    this.forget(() => true);
    // Reads under way hold cells of the old store.
    for (const cell of this.#cells.values()) cell.changed = Number.POSITIVE_INFINITY;
    this.#cells.clear();
    this.#floor = revision;
    this.#generation += 1;
  }

  #changed(cell: Cell, revision: number): void {
    if (cell.changed >= revision) return;
    cell.changed = revision;
    this.#generation += 1;
  }

  // Keys and ids hold no control characters, so NUL separates them without ambiguity.
  #cell(kind: 'layer' | 'definition' | 'links', key: string, scope?: ScopeRef): Cell {
    const name = scope === undefined ? `${kind}\0${key}` : `${kind}\0${key}\0${scope.scope}\0${scope.scopeId}`;
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = new Cell();
      this.#cells.set(name, cell);
      if (this.#cells.size > this.#maxCells) this.#forgetOldestCell();
    }
    return cell;
  }

  #forgetOldestCell(): void {
    for (const [name, cell] of this.#cells) {
      this.#cells.delete(name);
      this.#floor = Math.max(this.#floor, cell.changed);
      cell.changed = Number.POSITIVE_INFINITY;
      this.#generation += 1;
      return;
    }
  }

  // Second chance: an entry that was served since the last round goes to the end of the line instead.
  #evict(): void {
    for (const entry of this.#entries) {
      if (this.#entries.size <= this.#maxEntries) return;
      if (entry.used) {
        entry.used = false;
        this.#entries.delete(entry);
        this.#entries.add(entry);
      } else entry.drop();
    }
  }

  /** Forgets the values of all keys for which `matches` answers true. */
  forget(matches: (key: string) => boolean): void {
    for (const [key, entries] of this.#keys) {
      if (!matches(key)) continue;
      this.#keys.delete(key);
      for (const entry of [
        entries.global,
        ...entries.org.values(),
        ...entries.team.values(),
        ...entries.user.values(),
        ...entries.explicit.values(),
      ]) {
        if (entry !== undefined) this.#entries.delete(entry);
      }
    }
  }
}

function newKeyEntries(): KeyEntries {
  return { global: undefined, org: new Map(), team: new Map(), user: new Map(), explicit: new Map() };
}

function isEmpty({ global, org, team, user, explicit }: KeyEntries): boolean {
  return global === undefined && org.size === 0 && team.size === 0 && user.size === 0 && explicit.size === 0;
}

// What a caller gives is not checked yet, so it may be no scope at all: then nothing is found, and the read refuses it.
function lookUp(entries: KeyEntries, scope: ScopeContext | null | undefined): CacheEntry | undefined {
  switch (scope?.scope) {
    case undefined:
      return scope === undefined ? entries.global : undefined;
    case 'global':
      return isPlainGlobal(scope) ? entries.global : undefined;
    // Each map by its own name: looking one up by the scope takes as long as the rest.
    case 'org':
      return isExplicit(scope) ? lookUpExplicit(entries, scope) : entries.org.get(scope.scopeId ?? '');
    case 'team':
      return isExplicit(scope) ? lookUpExplicit(entries, scope) : entries.team.get(scope.scopeId ?? '');
    case 'user':
      return isExplicit(scope) ? lookUpExplicit(entries, scope) : entries.user.get(scope.scopeId ?? '');
    default:
      return undefined;
  }
}

function lookUpExplicit(entries: KeyEntries, scope: ScopeContext): CacheEntry | undefined {
  return entries.explicit.get(explicitName(scope.scope, scope));
}

function isExplicit({ organizationId, teamId }: ScopeContext): boolean {
  return organizationId !== undefined || teamId !== undefined;
}

function isPlainGlobal(scope: ScopeContext): boolean {
  return (scope.scopeId ?? '') === '' && !isExplicit(scope);
}

function explicitName(scope: ConfigScope, request: ScopeContext): string {
  return JSON.stringify([scope, request.scopeId, request.organizationId ?? null, request.teamId ?? null]);
}

function place(entries: KeyEntries, request: ScopeRequest, entry: CacheEntry | undefined): void {
  if (request.scope === 'global') {
    entries.global = entry;
    return;
  }
  const explicit = isExplicit(request);
  const map = explicit ? entries.explicit : entries[request.scope];
  const name = explicit ? explicitName(request.scope, request) : request.scopeId;
  if (entry === undefined) map.delete(name);
  else map.set(name, entry);
}
