/** Owns the cache of effective values in this process: what may be served from it, and until when. */
import type { JsonValue, ScopeContext, ScopeRef, ScopeRequest } from '@strata/core';
import type { Guarded } from './access-control.ts';
import { entriesIn, isEmpty, isExplicit, lookUp, newKeyPlaces, place, type KeyPlaces } from './cache-places.ts';
import { jsonSize } from './json-size.ts';
import type { HeldSecret } from './secrets/vault.ts';

/**
 * What this process knows of the last change of one thing: a layer, the definition of a key, or the links of a scope. Every cached
 * value points at the cells of all that it was made of.
 */
class Cell {
  /** The revision of the last known change; infinite once the cell was evicted, so that what points at it is never served. */
  changed = 0;
  /** For a layer: the newest revision at which this process was told the effective value there. */
  seen = 0;
}

/** A cached effective value. Who may read it holds for as long as the value does: both are of one snapshot. */
export interface CacheEntry extends Guarded {
  readonly request: ScopeRequest;
  /** `null` when no layer gives a value; masked where there is a secret. */
  readonly value: JsonValue;
  /** The value with its secrets, which is handed out only where that is asked for, permitted and recorded. */
  readonly secret: HeldSecret | undefined;
  /** A resolved promise of the value, made when it is first asked for: awaiting one that is there costs less than making one. */
  promise: Promise<JsonValue> | undefined;
  /** The revision that was read in the same snapshot as the value. */
  readonly revision: number;
  readonly cells: readonly Cell[];
  /** The tick of the clock after which it is no longer served. */
  readonly expires: number;
  readonly bytes: number;
  /** The cache's generation in which its cells were last looked at. */
  generation: number;
  /** How often it was served. */
  reads: number;
  /** How many of these there were in the last round of eviction. */
  readsBefore: number;
  /** How many of these were told to `onReads`. */
  readsTaken: number;
}

/** What a value was made of. */
export interface Provenance {
  readonly key: string;
  readonly secret?: HeldSecret | undefined;
  /** Every scope that the value inherits along. */
  readonly chain: readonly ScopeRef[];
  /** Teams beside the chain whose parents decided which team is on it, or who may read it. */
  readonly beside?: readonly ScopeRef[];
  /** The chains on all of which a reader has to be permitted. Default: the chain, unless parents were named for it. */
  readonly authority?: CacheEntry['authority'];
}

/** What else holds for a value that another process read. */
export interface SharedLimits {
  /** How long it may still be served, in seconds. */
  readonly seconds: number;
  /** The revision up to which this process knows all changes. */
  readonly followed: number;
}

/** How the cache is bounded. */
export interface CacheBounds {
  readonly maxEntries: number;
  /** By the values' size in JSON and what keeping one takes besides. Default: no bound. */
  readonly maxBytes?: number;
  /** How long a value may be served, in the unit of `advance`. */
  readonly ttl: number;
  /** Told by `takeReads`, and of what is dropped before, how often something was served. Default: nobody counts. */
  readonly onReads?: (entry: CacheEntry, reads: number) => void;
}

/** About how many bytes an entry takes besides its value. */
const entryBytes = 400;

/**
 * A bounded cache in which every entry carries the revision read with it. An entry is served only while that revision is at least
 * the last change known to this process of every layer, definition and link that the value was made of; `changed` is called
 * for own commits before a write resolves and for those of others as the feed brings them.
 */
export class EffectiveValueCache {
  readonly #keys = new Map<string, KeyPlaces<CacheEntry>>();
  readonly #cells = new Map<string, Cell>();
  readonly #entries = new Set<CacheEntry>();
  readonly #bounds: CacheBounds & { readonly maxBytes: number };
  readonly #maxCells: number;
  /** Entries of an older revision are not served, since changes up to it may have been forgotten. */
  #floor = 0;
  /** The newest revision at which a value was told whose cell was forgotten. */
  #seenFloor = 0;
  #generation = 1;
  #tick = 0;
  #bytes = 0;
  #misses = 0;
  #evictions = 0;
  #pastReads = 0;
  #forgotten = 0;

  constructor(bounds: CacheBounds) {
    this.#bounds = { maxBytes: Number.POSITIVE_INFINITY, ...bounds };
    this.#maxCells = bounds.maxEntries * 8;
  }

  /** The number of cached values. */
  get size(): number {
    return this.#entries.size;
  }

  /** About how many bytes they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many values are kept at most. */
  get maxEntries(): number {
    return this.#bounds.maxEntries;
  }

  /** How often nothing was there that may be served. */
  get misses(): number {
    return this.#misses;
  }

  /** How many values were dropped because of the bounds. */
  get evictions(): number {
    return this.#evictions;
  }

  /** How often something was served. */
  get hits(): number {
    let hits = this.#pastReads;
    for (const { reads } of this.#entries) hits += reads;
    return hits;
  }

  /** How often values were forgotten on request: what a read that began before brings is not to be kept after it. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Moves the cache's clock on by some seconds. */
  advance(seconds: number): void {
    this.#tick += seconds;
  }

  /** The cached value for a key at a scope as a caller gave it, if it may be served. Nothing is checked or built on the way. */
  find(key: string, scope: ScopeContext | undefined): CacheEntry | undefined {
    const places = this.#keys.get(key);
    const entry = places === undefined ? undefined : lookUp(places, scope);
    if (entry === undefined || !this.#isFresh(entry)) {
      this.#misses += 1;
      return undefined;
    }
    entry.reads += 1;
    return entry;
  }

  /** What `find` would find; does not count as a read. */
  look(key: string, scope: ScopeContext): CacheEntry | undefined {
    const places = this.#keys.get(key);
    const entry = places === undefined ? undefined : lookUp(places, scope);
    return entry !== undefined && this.#isFresh(entry) ? entry : undefined;
  }

  /**
   * The cached value that may be served although its time has passed, while nothing newer can be read. For a read for which `find` found
   * nothing.
   */
  findOutlived(key: string, scope: ScopeContext | undefined): CacheEntry | undefined {
    const places = this.#keys.get(key);
    const entry = places === undefined ? undefined : lookUp(places, scope);
    if (entry === undefined || !this.#isCurrent(entry)) return undefined;
    entry.reads += 1;
    this.#misses -= 1;
    return entry;
  }

  /** Lets what was found and was not served after all not count as a read. */
  takeBack(entry: CacheEntry): void {
    entry.reads -= 1;
    this.#misses += 1;
    // It may have been told already.
    entry.readsTaken = Math.min(entry.readsTaken, entry.reads);
  }

  #isFresh(entry: CacheEntry): boolean {
    return entry.expires > this.#tick && this.#isCurrent(entry);
  }

  /** Whether nothing is known to have changed in what the value was made of. */
  #isCurrent(entry: CacheEntry): boolean {
    if (entry.generation !== this.#generation) {
      if (entry.revision < this.#floor) return false;
      for (const cell of entry.cells) if (cell.changed > entry.revision) return false;
      entry.generation = this.#generation;
    }
    return true;
  }

  /**
   * Keeps a value that was read at `revision`. Answers false, and keeps nothing, when a later change of it is already known, or, with
   * `shared`, when this process may have told a later one.
   */
  keep(
    key: string,
    request: ScopeRequest,
    value: JsonValue,
    revision: number,
    from: Provenance,
    shared?: SharedLimits,
  ): boolean {
    // More than can be watched would push out itself.
    if (from.chain.length * 2 + (from.beside?.length ?? 0) > this.#maxCells) return true;
    const { cells, self } = this.#cellsOf(from);
    if (revision < this.#floor || cells.some((cell) => cell.changed > revision)) return false;
    if (shared !== undefined && Math.max(self.seen, this.#seenFloor) > shared.followed) return false;
    self.seen = Math.max(self.seen, revision);
    const places = this.#keys.get(key);
    const held = places === undefined ? undefined : lookUp(places, request);
    if (held !== undefined) {
      // What was read earlier and arrives later does not take the place of what is newer.
      if (held.revision > revision && this.#isFresh(held)) return true;
      this.#drop(held);
    }
    const bytes = entryBytes + key.length + jsonSize(value) + (from.secret?.size ?? 0);
    if (bytes > this.#bounds.maxBytes) return true;
    const { ttl } = this.#bounds;
    this.#add({
      key,
      request,
      authority: from.authority ?? (isExplicit(request) ? undefined : [from.chain]),
      claims: undefined,
      permitted: undefined,
      permittedBy: undefined,
      value,
      secret: from.secret,
      promise: undefined,
      revision,
      cells,
      expires: this.#tick + Math.min(ttl, shared?.seconds ?? ttl),
      bytes,
      generation: this.#generation,
      reads: 0,
      readsBefore: 0,
      readsTaken: 0,
    });
    return true;
  }

  #add(entry: CacheEntry): void {
    const { key, request, bytes } = entry;
    let places = this.#keys.get(key);
    if (places === undefined) {
      places = newKeyPlaces();
      this.#keys.set(key, places);
    }
    place(places, request, entry);
    this.#entries.add(entry);
    this.#bytes += bytes;
    this.#evict();
  }

  #drop(entry: CacheEntry): void {
    const { key, request } = entry;
    this.#remove(entry);
    const places = this.#keys.get(key);
    if (places === undefined) return;
    place(places, request, undefined);
    if (isEmpty(places)) this.#keys.delete(key);
  }

  #remove(entry: CacheEntry): void {
    this.#entries.delete(entry);
    this.#bytes -= entry.bytes;
    this.#pastReads += entry.reads;
    const left = entry.reads - entry.readsTaken;
    if (left > 0) this.#bounds.onReads?.(entry, left);
  }

  // Second chance: an entry that was served since the last round goes to the end of the line instead.
  #evict(): void {
    const { maxEntries, maxBytes } = this.#bounds;
    for (const entry of this.#entries) {
      if (this.#entries.size <= maxEntries && this.#bytes <= maxBytes) return;
      if (entry.reads !== entry.readsBefore) {
        entry.readsBefore = entry.reads;
        this.#entries.delete(entry);
        this.#entries.add(entry);
      } else {
        this.#drop(entry);
        this.#evictions += 1;
      }
    }
  }

  #cellsOf({ key, chain, beside = [] }: Provenance): { readonly cells: Cell[]; readonly self: Cell } {
    let self = this.#cell('definition', key);
    const cells = [self];
    for (const scope of chain) {
      self = this.#cell('layer', key, scope);
      cells.push(self);
      if (scope.scope === 'team' || scope.scope === 'user') cells.push(this.#cell('links', '', scope));
    }
    for (const team of beside) cells.push(this.#cell('links', '', team));
    return { cells, self };
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
    this.#seenFloor = 0;
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
      this.#seenFloor = Math.max(this.#seenFloor, cell.seen);
      cell.changed = Number.POSITIVE_INFINITY;
      this.#generation += 1;
      return;
    }
  }

  /** Forgets the values of all keys for which `matches` answers true; answers where they were. */
  forget(matches: (key: string) => boolean): CacheEntry[] {
    this.#forgotten += 1;
    const forgotten: CacheEntry[] = [];
    for (const [key, places] of this.#keys) {
      if (!matches(key)) continue;
      this.#keys.delete(key);
      for (const entry of entriesIn(places)) {
        this.#remove(entry);
        forgotten.push(entry);
      }
    }
    return forgotten;
  }

  /** Tells how often each value was served since the last call. */
  takeReads(): void {
    for (const entry of this.#entries) {
      const left = entry.reads - entry.readsTaken;
      if (left === 0) continue;
      entry.readsTaken = entry.reads;
      this.#bounds.onReads?.(entry, left);
    }
  }
}
