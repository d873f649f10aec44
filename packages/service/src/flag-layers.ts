/** Owns what a process holds of flags and segments: every layer of each, at every scope, and what they come to along a chain. */
import {
  collectionOf,
  globalScope,
  mergeLayers,
  sameScope,
  type Address,
  type JsonValue,
  type ScopeRef,
} from '@strata/core';
import type { Head } from './store/settings.ts';

/** The current layer of one address. */
export type EntryLayer = Pick<Head, 'scope' | 'scopeId' | 'hash' | 'revision' | 'value'>;

const scopeName = ({ scope, scopeId }: ScopeRef): string => `${scope}\0${scopeId}`;

/** What holds of an entry along a chain. */
export interface EffectiveEntry {
  readonly value: JsonValue;
  /** The layer nearest to the end of the chain. */
  readonly nearest: EntryLayer;
  /** The revision of the newest layer. */
  readonly revision: number;
}

/** All layers of all entries, by key and scope. Layers that were deleted are in it without a value. */
export class EntryLayers {
  readonly #byKey = new Map<string, Map<string, EntryLayer>>();
  /** At how many entries each scope has a layer. */
  readonly #scopes = new Map<string, { readonly scope: ScopeRef; count: number }>();
  readonly #kinds = { global: 0, org: 0, team: 0, user: 0 };

  /** The keys of which anything is known. */
  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  /** Whether any entry has a layer at any scope of a kind. */
  isUsed(kind: ScopeRef['scope']): boolean {
    return this.#kinds[kind] > 0;
  }

  /** Whether any entry has a layer at a scope. */
  hasLayersAt(scope: ScopeRef): boolean {
    return (this.#scopes.get(scopeName(scope))?.count ?? 0) > 0;
  }

  /** Takes note of the head of an address, unless a newer one is known. Answers whether that changes anything. */
  note({ key, ...head }: Address & EntryLayer): boolean {
    if (collectionOf(key) === undefined) return false;
    let ofKey = this.#byKey.get(key);
    if (ofKey === undefined) this.#byKey.set(key, (ofKey = new Map<string, EntryLayer>()));
    const name = scopeName(head);
    const before = ofKey.get(name);
    if (before !== undefined && before.revision >= head.revision) return false;
    const { scope, scopeId, hash, revision, value } = head;
    ofKey.set(name, { scope, scopeId, hash, revision, value });
    this.#count(head, Number(value !== undefined) - Number(before?.value !== undefined));
    return before !== undefined || value !== undefined;
  }

  #count({ scope, scopeId }: ScopeRef, change: number): void {
    if (change === 0) return;
    this.#kinds[scope] += change;
    const name = scopeName({ scope, scopeId });
    const known = this.#scopes.get(name);
    if (known === undefined) this.#scopes.set(name, { scope: { scope, scopeId }, count: change });
    else if ((known.count += change) === 0) this.#scopes.delete(name);
  }

  /** The layers of an entry that have a value, at whichever scopes. */
  layersOf(key: string): readonly EntryLayer[] {
    return [...(this.#byKey.get(key)?.values() ?? [])].filter(({ value }) => value !== undefined);
  }

  /** The layer of an entry at a scope, if it has one there. */
  layerAt(key: string, scope: ScopeRef): EntryLayer | undefined {
    const layer = this.#byKey.get(key)?.get(scopeName(scope));
    return layer?.value === undefined ? undefined : layer;
  }

  /** Whether an entry has a layer below global. */
  isOverridden(key: string): boolean {
    for (const { scope, value } of this.#byKey.get(key)?.values() ?? []) {
      if (scope !== 'global' && value !== undefined) return true;
    }
    return false;
  }

  /** What an entry comes to along a chain; undefined where nothing is left of it. */
  effective(key: string, chain: readonly ScopeRef[]): EffectiveEntry | undefined {
    const ofKey = this.#byKey.get(key);
    if (ofKey === undefined) return undefined;
    const layers = chain
      .flatMap((scope) => ofKey.get(scopeName(scope)) ?? [])
      .filter(({ value }) => value !== undefined);
    const nearest = layers.at(-1);
    if (nearest === undefined) return undefined;
    const value = mergeLayers(
      layers.flatMap((layer) => (layer.value === undefined ? [] : [layer.value])),
      'deep',
    );
    if (value === undefined) return undefined;
    return { value, nearest, revision: Math.max(...layers.map(({ revision }) => revision)) };
  }

  /** The scopes of a chain besides global at which any entry has a layer. */
  usedOn(chain: readonly ScopeRef[]): readonly ScopeRef[] {
    return chain.filter((scope) => !sameScope(scope, globalScope) && this.hasLayersAt(scope));
  }
}
