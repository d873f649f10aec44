/** Owns the comparison of effective values before and after a change, for as many scopes as there are below it. */
import { mergeLayers, readJson, sameJson, type Address, type JsonValue, type ScopeRef } from '@strata/core';
import { addressName, type HeadView } from './heads.ts';
import type { LayerText } from './store/population.ts';

/** One layer before and after; the same number means the same layer. */
export interface LayerPair {
  readonly number: number;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** Whether the effective value of a key changes below some layers, by the number of the layer that is there. */
type Answers = Map<number, boolean>;
/** The number of no layer. */
const none = 0;

/**
 * The layers of the keys that change. Effective values are made once for each different row of layers, however many scopes have it, so that
 * layers which many scopes have alike cost no more than one.
 */
export class ComparedLayers {
  readonly #keys: readonly string[];
  readonly #before: HeadView;
  readonly #stored = new Map<string, LayerPair>();
  readonly #changed: ReadonlySet<string>;
  readonly #texts = new Map<string, LayerPair>();
  readonly #answers = new Map<string, Answers>();
  #pairs = 0;

  /** @param changed the addresses that change, which both views hold with all that is above them. */
  constructor(keys: readonly string[], before: HeadView, after: HeadView, changed: readonly Address[]) {
    this.#keys = keys;
    this.#before = before;
    this.#changed = new Set(changed.map(addressName));
    for (const key of keys) {
      const address = { key, scope: 'global', scopeId: '' } as const;
      const value = before.head(address)?.value;
      if (value !== undefined) this.#stored.set(addressName(address), this.#pair(value, value));
    }
    for (const address of changed) {
      this.#stored.set(addressName(address), this.#pair(before.head(address)?.value, after.head(address)?.value));
    }
  }

  /** Whether a layer is one of those that change. */
  isChanged(address: Address): boolean {
    return this.#changed.has(addressName(address));
  }

  /** Takes note of a stored layer, unless it is one of those that change. */
  add({ text, ...address }: LayerText): void {
    const name = addressName(address);
    if (!this.#stored.has(name)) this.#stored.set(name, this.read(text));
  }

  /** A layer as its JSON text says it. */
  read(text: string): LayerPair {
    let pair = this.#texts.get(text);
    if (pair === undefined) {
      const value = readJson(text);
      pair = this.#pair(value, value);
      this.#texts.set(text, pair);
    }
    return pair;
  }

  /** Whether a layer of any of the keys is known there. */
  has({ scope, scopeId }: ScopeRef): boolean {
    return this.#keys.some((key) => this.#stored.has(addressName({ key, scope, scopeId })));
  }

  /**
   * Whether the effective value of any key changes at the end of a chain.
   * @param own layers below the chain, by key.
   */
  differ(chain: readonly ScopeRef[], own?: ReadonlyMap<string, LayerPair>): boolean {
    return this.along(chain)(own);
  }

  /** The same as a function of the layers below, for a chain that many have. */
  along(chain: readonly ScopeRef[]): (own?: ReadonlyMap<string, LayerPair>) => boolean {
    const rows = this.#keys.map((key) => {
      const pairs = chain.flatMap(({ scope, scopeId }) => this.#stored.get(addressName({ key, scope, scopeId })) ?? []);
      return { key, pairs, answers: this.#answersOf(key, pairs) };
    });
    return (own) => rows.some(({ key, pairs, answers }) => this.#differs(key, pairs, answers, own?.get(key)));
  }

  #answersOf(key: string, pairs: readonly LayerPair[]): Answers {
    const name = `${key} ${pairs.map(({ number }) => number).join(' ')}`;
    let answers = this.#answers.get(name);
    if (answers === undefined) this.#answers.set(name, (answers = new Map<number, boolean>()));
    return answers;
  }

  #differs(key: string, above: readonly LayerPair[], answers: Answers, own: LayerPair | undefined): boolean {
    const number = own?.number ?? none;
    let answer = answers.get(number);
    if (answer === undefined) {
      const pairs = own === undefined ? above : [...above, own];
      answer = !sameJson(this.#effective(key, pairs, 'before'), this.#effective(key, pairs, 'after'));
      answers.set(number, answer);
    }
    return answer;
  }

  /** What a read answers: null where there is nothing. */
  #effective(key: string, pairs: readonly LayerPair[], when: 'before' | 'after'): JsonValue {
    const rule = this.#before.rules.byKey.get(key);
    const layers = pairs.map((pair) => pair[when]).filter((value) => value !== undefined);
    const merged = mergeLayers(layers, rule?.definition.merge ?? 'deep');
    return merged === undefined || rule === undefined ? (merged ?? null) : rule.validator.withDefaults(merged);
  }

  #pair(before: JsonValue | undefined, after: JsonValue | undefined): LayerPair {
    this.#pairs += 1;
    return { number: this.#pairs, before, after };
  }
}
