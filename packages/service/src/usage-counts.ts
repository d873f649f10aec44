/** Owns what was counted since the last flush: a bounded number of keys and scopes by themselves, and how much is left. */
import type { ScopeRef } from '@strata/core';
import type { ReadCount } from './store/usage.ts';

/** How often a service read a key at a scope. */
export interface CountedRead extends ReadCount {
  /** Whether the key was seen to have a value. Those that have none give way when there are too many. */
  readonly hasValue: boolean;
}

/** Everything that was counted. */
export interface Counted {
  readonly reads: readonly CountedRead[];
  /** By service: how often keys were read that were too many to be counted one by one. */
  readonly uncounted: ReadonlyMap<string, number>;
}

/** How many keys, each by each service, and how many scopes besides, are counted one by one between two flushes. */
const maxKeys = 10_000;
const maxPlaces = 10_000;
/** How many names of services are told apart in the life of a process. */
const maxServices = 100;

interface KeyCount {
  readonly service: string;
  readonly key: string;
  /** What was read at scopes that are not counted by themselves. */
  elsewhere: number;
  readonly places: Map<string, { readonly scope: ScopeRef; reads: number }>;
  hasValue: boolean;
}

/** Counts reads in bounded memory. */
export class UsageCounts {
  readonly #services = new Set<string>();
  #keys = new Map<string, KeyCount>();
  /** Those of which no value was seen. */
  #empty = new Set<KeyCount>();
  #places = 0;
  #uncounted = new Map<string, number>();

  /** Whether anything was counted. */
  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#uncounted.size === 0;
  }

  /** The name under which a service is counted: one of too many names is counted with those that have none. */
  nameOf(service: string): string {
    if (service === '' || this.#services.has(service)) return service;
    if (this.#services.size >= maxServices) return '';
    this.#services.add(service);
    return service;
  }

  /** Counts reads. */
  add({ service, key, scope, scopeId, reads, hasValue }: CountedRead): void {
    // Keys and names hold no control characters, so NUL separates them without ambiguity.
    const name = `${service}\0${key}`;
    let count = this.#keys.get(name);
    if (count === undefined) {
      if (this.#keys.size >= maxKeys && !(hasValue && this.#dropEmpty())) {
        this.leaveOut(service, reads);
        return;
      }
      count = { service, key, elsewhere: 0, places: new Map(), hasValue: false };
      this.#keys.set(name, count);
      this.#empty.add(count);
    }
    if (hasValue && !count.hasValue) {
      count.hasValue = true;
      this.#empty.delete(count);
    }
    if (scope === '') count.elsewhere += reads;
    else this.#addAt(count, { scope, scopeId }, reads);
  }

  #addAt(count: KeyCount, scope: ScopeRef, reads: number): void {
    const name = `${scope.scope}\0${scope.scopeId}`;
    const place = count.places.get(name);
    if (place !== undefined) place.reads += reads;
    else if (this.#places >= maxPlaces) count.elsewhere += reads;
    else {
      count.places.set(name, { scope, reads });
      this.#places += 1;
    }
  }

  /** Counts what is too much to be counted one by one. */
  leaveOut(service: string, reads: number): void {
    this.#uncounted.set(service, (this.#uncounted.get(service) ?? 0) + reads);
  }

  /** Makes room by dropping a key without a value; false where there is none. */
  #dropEmpty(): boolean {
    for (const count of this.#empty) {
      this.#empty.delete(count);
      this.#keys.delete(`${count.service}\0${count.key}`);
      this.#places -= count.places.size;
      this.leaveOut(count.service, sumOf(count));
      return true;
    }
    return false;
  }

  /** Hands out all that was counted, and begins anew. */
  take(): Counted {
    const reads = [...this.#keys.values()].flatMap((count) => {
      const { service, key, hasValue, elsewhere, places } = count;
      const of = (scope: CountedRead['scope'], scopeId: string, times: number): CountedRead[] =>
        times === 0 ? [] : [{ service, key, scope, scopeId, reads: times, hasValue }];
      return [...of('', '', elsewhere), ...[...places.values()].flatMap((at) => of(at.scope.scope, at.scope.scopeId, at.reads))]; // prettier-ignore
    });
    const uncounted = this.#uncounted;
    this.#keys = new Map();
    this.#empty = new Set();
    this.#places = 0;
    this.#uncounted = new Map();
    return { reads, uncounted };
  }

  /** Takes back what was handed out and could not be told. */
  putBack({ reads, uncounted }: Counted): void {
    for (const count of reads) this.add(count);
    for (const [service, times] of uncounted) this.leaveOut(service, times);
  }
}

function sumOf({ elsewhere, places }: KeyCount): number {
  let sum = elsewhere;
  for (const { reads } of places.values()) sum += reads;
  return sum;
}
