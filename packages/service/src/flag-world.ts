/** Owns the flags and segments of one chain of scopes, compiled: each when it is first asked for, and again when a layer of it changed. */
import {
  collectionOf,
  compileFlag,
  compileSegment,
  entryKey,
  entryName,
  isConfigurationError,
  isJsonObject,
  shortVersion,
  type CompiledFlag,
  type CompiledSegment,
  type FeatureFlag,
  type FlagSegment,
  type FlagWorld,
  type JsonObject,
  type ScopeRef,
} from '@strata/core';
import type { EffectiveEntry, EntryLayers } from './flag-layers.ts';
import { linearPattern } from './validation-engine.ts';

/** What worlds are made of. */
export interface WorldParts {
  readonly layers: EntryLayers;
  /** Milliseconds since 1970, by the clock of the database. */
  readonly now: () => number;
  /** Tells of a definition that cannot be evaluated. */
  readonly report: (error: unknown) => void;
}

/** Something compiled, or why there is nothing. */
interface Slot<Compiled> {
  readonly compiled: Compiled | undefined;
  /** Why the definition as it is now does not compile; what is there then is the last one that did. */
  readonly fault: string | undefined;
}

/** The flags of one chain. Where a new definition does not compile, the last one that did goes on. */
export class ChainWorld implements FlagWorld {
  readonly chain: readonly ScopeRef[];
  readonly now: () => number;
  readonly #parts: WorldParts;
  readonly #flags = new Map<string, Slot<CompiledFlag>>();
  readonly #segments = new Map<string, Slot<CompiledSegment>>();
  /** What was compiled from definitions that have changed since. */
  readonly #outdated = new Map<string, Slot<unknown>>();

  constructor(chain: readonly ScopeRef[], parts: WorldParts) {
    this.chain = chain;
    this.now = parts.now;
    this.#parts = parts;
  }

  readonly flag = (name: string): CompiledFlag | undefined => (this.#flags.get(name) ?? this.#addFlag(name))?.compiled;

  readonly segment = (name: string): CompiledSegment | undefined =>
    (this.#segments.get(name) ?? this.#addSegment(name))?.compiled;

  /** Why a flag cannot be evaluated although there is one; undefined where it can, or there is none. */
  faultOf(name: string): string | undefined {
    const slot = this.#flags.get(name);
    return slot?.compiled === undefined ? slot?.fault : undefined;
  }

  /** The names of the flags that are there. */
  names(): string[] {
    const names: string[] = [];
    for (const key of this.#parts.layers.keys()) {
      const name = entryName(key);
      if (collectionOf(key) === 'feature_flags' && (this.flag(name) ?? this.faultOf(name)) !== undefined)
        names.push(name);
    }
    return names.sort();
  }

  /** Forgets what was compiled of an entry of which a layer has changed. */
  changed(key: string): void {
    const slots: Map<string, Slot<unknown>> = collectionOf(key) === 'feature_flags' ? this.#flags : this.#segments;
    const name = entryName(key);
    const slot = slots.get(name);
    if (slot === undefined) return;
    slots.delete(name);
    if (slot.compiled !== undefined) this.#outdated.set(key, slot);
  }

  #addFlag(name: string): Slot<CompiledFlag> | undefined {
    return this.#add(this.#flags, entryKey('feature_flags', name), name, (definition, version) =>
      compileFlag(definition as unknown as FeatureFlag, { patterns: linearPattern, version }),
    );
  }

  #addSegment(name: string): Slot<CompiledSegment> | undefined {
    return this.#add(this.#segments, entryKey('flag_segments', name), name, (definition) =>
      compileSegment(definition as unknown as FlagSegment, { patterns: linearPattern }),
    );
  }

  #add<Compiled>(
    slots: Map<string, Slot<Compiled>>,
    key: string,
    name: string,
    compile: (definition: JsonObject, version: string) => Compiled,
  ): Slot<Compiled> | undefined {
    const entry = this.#parts.layers.effective(key, this.chain);
    const before = this.#outdated.get(key) as Slot<Compiled> | undefined;
    this.#outdated.delete(key);
    if (entry === undefined) return undefined;
    const slot = this.#compile(key, name, entry, before, compile);
    slots.set(name, slot);
    return slot;
  }

  #compile<Compiled>(
    key: string,
    name: string,
    { value, nearest }: EffectiveEntry,
    before: Slot<Compiled> | undefined,
    compile: (definition: JsonObject, version: string) => Compiled,
  ): Slot<Compiled> {
    const version = shortVersion(nearest.hash);
    try {
      const definition: JsonObject = isJsonObject(value) ? { ...value, name } : { name };
      return { compiled: compile(definition, version), fault: undefined };
    } catch (error) {
      const problem = isConfigurationError(error) ? error.message : String(error);
      const outcome = before === undefined ? 'It is not evaluated' : 'The one before it is evaluated on';
      this.#parts.report(
        new Error(`${key} cannot be evaluated in version ${version}. ${outcome}. ${problem}`, { cause: error }),
      );
      return { compiled: before?.compiled, fault: problem };
    }
  }
}
