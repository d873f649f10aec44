/** Owns what this process knows of flags and segments: loaded once, kept up with the feed, compiled for each chain that is evaluated along. */
import {
  collectionOf,
  entryKey,
  entryName,
  globalScope,
  type Address,
  type CompiledFlag,
  type FlagEvaluation,
  type ScopeRef,
} from '@strata/core';
import type { Actor } from './actor.ts';
import type { Sql } from './db/database.ts';
import { EntryLayers, type EntryLayer } from './flag-layers.ts';
import { ParentMemory } from './flag-place.ts';
import { ChainWorld, type WorldParts } from './flag-world.ts';
import { readEntries } from './store/entries.ts';

/** What it needs of the service. */
export interface FlagSource {
  readonly db: Sql;
  readonly environment: string;
  /** Starts the background work. @throws ConfigurationError `closed`. */
  readonly begin: () => void;
  /** Has the feed tell of all changes after a revision. */
  readonly follow: (revision: number) => void;
  readonly report: (error: unknown) => void;
}

/** For how many chains compiled flags are kept. */
const maxWorlds = 1000;

/** Holds all layers of all flags and segments. Nothing is read for an evaluation once it is loaded. */
export class FlagMemory {
  /** Told of every evaluation that a caller asked for, while somebody counts them. */
  onEvaluated: ((evaluation: FlagEvaluation, actor: Actor) => void) | undefined;
  /** Whom scopes inherit from, as far as it was looked up. */
  readonly parents = new ParentMemory();
  readonly #source: FlagSource;
  #layers = new EntryLayers();
  /** Everything up to here is known; undefined before the first load. */
  #revision: number | undefined;
  /** The newest revision at which an entry is known to have changed. */
  #wanted = 0;
  #loading: Promise<void> | undefined;
  /** How far the clock of the database is ahead of that of this process, in milliseconds. */
  #clockOffset = 0;
  #global: ChainWorld;
  readonly #worlds = new Map<string, ChainWorld>();
  /** The flags whose evaluation may differ from scope to scope; undefined where that has to be found out again. */
  #scoped: ReadonlySet<string> | undefined;

  constructor(source: FlagSource) {
    this.#source = source;
    this.#global = this.#makeWorld([globalScope]);
  }

  /** Whether flags can be evaluated without the database. */
  get isLoaded(): boolean {
    return this.#revision !== undefined;
  }

  /** Everything up to this revision is known. */
  get revision(): number {
    return this.#revision ?? 0;
  }

  /** All layers. */
  get layers(): EntryLayers {
    return this.#layers;
  }

  /** The flags at global. */
  get global(): ChainWorld {
    return this.#global;
  }

  /** The flag of a name, where it is the same for every scope; undefined also before the first load. */
  everywhere(name: string): CompiledFlag | undefined {
    if (this.#revision === undefined || (this.#scoped ??= this.#findScoped()).has(name)) return undefined;
    return this.#global.flag(name);
  }

  /** Whether a flag may be another one, or be there at all, for some scopes. */
  isScoped(name: string): boolean {
    return (this.#scoped ??= this.#findScoped()).has(name);
  }

  /** The flags along a chain. Scopes at which no entry has a layer make no difference. */
  worldOf(chain: readonly ScopeRef[]): ChainWorld {
    const used = this.#layers.usedOn(chain);
    if (used.length === 0) return this.#global;
    const name = JSON.stringify(used.map(({ scope, scopeId }) => [scope, scopeId]));
    let world = this.#worlds.get(name);
    if (world === undefined) {
      world = this.#makeWorld([globalScope, ...used]);
      const [oldest] = this.#worlds.keys();
      if (oldest !== undefined && this.#worlds.size >= maxWorlds) this.#worlds.delete(oldest);
      this.#worlds.set(name, world);
    }
    return world;
  }

  #makeWorld(chain: readonly ScopeRef[]): ChainWorld {
    const parts: WorldParts = {
      layers: this.#layers,
      now: () => Date.now() + this.#clockOffset,
      report: this.#source.report,
    };
    return new ChainWorld(chain, parts);
  }

  /** Loads everything, if that was not done before. @throws ConfigurationError `unavailable`, … */
  load(): Promise<void> | undefined {
    if (this.#revision !== undefined) return undefined;
    this.#source.begin();
    return (this.#loading ??= this.refresh(this.#source.db).finally(() => {
      this.#loading = undefined;
    }));
  }

  /** Reads what has changed since, and all there is the first time. In a transaction through that of it. */
  async refresh(sql: Sql): Promise<void> {
    const layers = this.#layers;
    const { progress, heads, now } = await readEntries(sql, this.#source.environment, this.#revision ?? 0);
    // It was reset meanwhile, and what was read may be of the store before.
    if (layers !== this.#layers) return this.refresh(sql);
    this.#source.follow(progress.revision);
    this.#clockOffset = now - Date.now();
    for (const head of heads) this.apply(head);
    this.#revision = Math.max(this.#revision ?? 0, progress.revision);
    // What cannot be evaluated is told when it arrives, not when somebody asks for it.
    for (const { key } of heads) if (collectionOf(key) === 'feature_flags') this.#global.flag(entryName(key));
  }

  /** Takes note of the head of an address: what is evaluated from then on is made of it. */
  apply(head: Address & EntryLayer): void {
    if (!this.#layers.note(head)) return;
    this.#global.changed(head.key);
    for (const world of this.#worlds.values()) world.changed(head.key);
    this.#scoped = undefined;
  }

  /** Notes that a layer has changed, which `catchUp` then reads. */
  layerChanged(key: string, revision: number): void {
    if (collectionOf(key) !== undefined) this.#wanted = Math.max(this.#wanted, revision);
  }

  /** Notes that anything may have changed up to a revision. */
  everythingChanged(revision: number): void {
    this.#wanted = Math.max(this.#wanted, revision);
  }

  /** Reads what is known to have changed. */
  async catchUp(): Promise<void> {
    if (this.#revision !== undefined && this.#revision < this.#wanted) await this.refresh(this.#source.db);
  }

  /** Forgets everything: the store is another one than before. What is asked for next is loaded. */
  reset(): void {
    this.#layers = new EntryLayers();
    this.#revision = undefined;
    this.#wanted = 0;
    this.#global = this.#makeWorld([globalScope]);
    this.#worlds.clear();
    this.#scoped = undefined;
    this.parents.changed();
  }

  /** Flags with layers below global, and those that refer to such a flag or segment, by whatever way. */
  #findScoped(): ReadonlySet<string> {
    const scoped = new Set<string>();
    const layers = this.#layers;
    if (!layers.isUsed('org') && !layers.isUsed('team') && !layers.isUsed('user')) return scoped;
    const waiting: string[] = [];
    const referring = new Map<string, string[]>();
    for (const key of layers.keys()) {
      if (layers.isOverridden(key)) waiting.push(key);
      if (collectionOf(key) !== 'feature_flags') continue;
      const { prerequisites = [], rules = [] } = this.#global.flag(entryName(key))?.definition ?? {};
      const referred = [
        ...prerequisites.map(({ flag }) => entryKey('feature_flags', flag)),
        ...rules.flatMap(({ segment }) => (segment === undefined ? [] : entryKey('flag_segments', segment))),
      ];
      for (const other of referred) referring.set(other, [...(referring.get(other) ?? []), key]);
    }
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      const name = entryName(key);
      if (collectionOf(key) === 'feature_flags') {
        if (scoped.has(name)) continue;
        scoped.add(name);
      }
      waiting.push(...(referring.get(key) ?? []));
    }
    return scoped;
  }
}
