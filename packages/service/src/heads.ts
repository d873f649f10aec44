/** Owns what the writers of this process remember of heads and links, and the view of them that a batch of writes decides on. */
import { resolveChain, type Address, type ScopeLink, type ScopeRef } from '@strata/core';
import type { QueryOptions, Sql } from './db/database.ts';
import type { Rules } from './rules.ts';
import { openHeads } from './secrets/open-heads.ts';
import type { Vault } from './secrets/vault.ts';
import type { Progress } from './store/counter.ts';
import { readHeads } from './store/heads.ts';
import type { Head } from './store/settings.ts';

/** The name of an address in maps; keys and ids hold no control characters. */
export function addressName({ key, scope, scopeId }: Address): string {
  return `${key}\0${scope}\0${scopeId}`;
}

const scopeName = ({ scope, scopeId }: ScopeRef): string => `${scope}\0${scopeId}`;

/**
 * The heads and links that writers of this process saw last. They may be out of date: an acceptance that rests on them is verified
 * by the write step, and a refusal is decided again on heads that were just read.
 */
export class HeadMemory {
  static readonly #limit = 50_000;
  readonly #heads = new Map<string, Head | null>();
  readonly #links = new Map<string, readonly ScopeLink[]>();
  #progress: Progress | undefined;
  readonly #vault: Vault;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** The counter as it was last read. */
  get progress(): Progress | undefined {
    return this.#progress;
  }

  /** The head of an address; null when it never had a version; undefined when that is not remembered. */
  head(address: Address): Head | null | undefined {
    return this.#heads.get(addressName(address));
  }

  /** The links that a scope's chain is chosen by; undefined when they are not remembered. */
  links(scope: ScopeRef): readonly ScopeLink[] | undefined {
    return scope.scope === 'global' || scope.scope === 'org' ? [] : this.#links.get(scopeName(scope));
  }

  /** The chain of a scope whose links are remembered, from global down to it. */
  chain(scope: ScopeRef): readonly ScopeRef[] {
    return resolveChain(scope, this.links(scope) ?? []);
  }

  /** Whether the head of an address and of everything above it is remembered. */
  knows(address: Address): boolean {
    if (this.links(address) === undefined) return false;
    return this.chain(address).every(
      ({ scope, scopeId }) => this.head({ key: address.key, scope, scopeId }) !== undefined,
    );
  }

  /** Reads the heads of addresses and of everything above them in one snapshot, and remembers them. */
  async read(sql: Sql, environment: string, addresses: readonly Address[], options?: QueryOptions): Promise<void> {
    const read = await readHeads(sql, environment, addresses, options);
    this.moveTo(read);
    if (this.#heads.size > HeadMemory.#limit) this.#heads.clear();
    const heads = await openHeads(this.#vault, sql, read.heads);
    const found = new Map(heads.map((head) => [addressName(head), head]));
    for (const address of addresses) {
      const links = read.links.filter((link) => link.child.scope === 'team' || link.child.scopeId === address.scopeId);
      if (address.scope === 'team' || address.scope === 'user') this.#links.set(scopeName(address), links);
      for (const scope of resolveChain(address, links)) {
        const at = { key: address.key, scope: scope.scope, scopeId: scope.scopeId };
        this.#heads.set(addressName(at), found.get(addressName(at)) ?? null);
      }
    }
  }

  /** Takes note of the counter; links are forgotten when any decision has changed. */
  moveTo(progress: Progress): void {
    if (progress.decisionRevision !== this.#progress?.decisionRevision || this.#links.size > HeadMemory.#limit) {
      this.#links.clear();
    }
    this.#progress = progress;
  }

  /** Remembers the head that an own write left. */
  remember(head: Head): void {
    this.#heads.set(addressName(head), head);
  }

  /** Forgets everything. */
  clear(): void {
    this.#heads.clear();
    this.#links.clear();
    this.#progress = undefined;
  }
}

/** What one batch of writes decides on: remembered heads, and on top of them what its accepted writes will leave. */
export class HeadView {
  readonly #memory: HeadMemory;
  readonly #below: HeadView | undefined;
  readonly #changed = new Map<string, Head>();
  readonly rules: Rules;

  constructor(memory: HeadMemory, rules: Rules, below?: HeadView) {
    this.#memory = memory;
    this.rules = rules;
    this.#below = below;
  }

  /** A view on top of this one, whose changes count only once they are kept. */
  fork(): HeadView {
    return new HeadView(this.#memory, this.rules, this);
  }

  /** Makes the changes of a forked view count here. */
  keep(fork: HeadView): void {
    for (const [name, head] of fork.#changed) this.#changed.set(name, head);
  }

  /** The head of an address that was loaded; undefined when it never had a version. */
  head(address: Address): Head | undefined {
    const own = this.#changed.get(addressName(address));
    if (own !== undefined) return own;
    return this.#below === undefined ? (this.#memory.head(address) ?? undefined) : this.#below.head(address);
  }

  /** The heads that differ from what is stored. */
  changes(): readonly Head[] {
    return [
      ...new Map([
        ...(this.#below?.changes() ?? []).map((head) => [addressName(head), head] as const),
        ...this.#changed,
      ]).values(),
    ];
  }

  /** Puts a head on top. */
  set(head: Head): void {
    this.#changed.set(addressName(head), head);
  }

  /** The chain of a scope that was loaded, from global down to it. */
  chain(scope: ScopeRef): readonly ScopeRef[] {
    return this.#memory.chain(scope);
  }
}
