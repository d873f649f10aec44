/** Owns what readers of this process remember of the chains that scopes inherit along, so that most reads need no registry. */
import { globalScope, type ScopeRef, type ScopeRequest } from '@strata/core';

/** A chain that need not be looked up. */
export interface KnownChain {
  readonly chain: readonly ScopeRef[];
  /** It holds for a read at this decision revision alone; undefined: for every read. */
  readonly decisionRevision: number | undefined;
}

/**
 * The chains that were read last. They may be out of date: whoever uses one reads the counter with the layers, in one snapshot, and
 * takes the chain only if no scope has changed since.
 */
export class ChainMemory {
  static readonly #limit = 50_000;
  readonly #teams = new Map<string, KnownChain>();
  readonly #users = new Map<string, KnownChain>();
  /** The newest decision revision seen: chains of an older one are forgotten. */
  #decisionRevision = 0;

  /** The chain of a scope to read at; undefined when it has to be looked up. */
  find(request: ScopeRequest): KnownChain | undefined {
    return withoutRegistry(request) ?? this.#remembered(request)?.get(request.scopeId);
  }

  /** Remembers a chain that was read at a decision revision. */
  remember(request: ScopeRequest, chain: readonly ScopeRef[], decisionRevision: number): void {
    this.moveTo(decisionRevision);
    if (decisionRevision < this.#decisionRevision) return;
    const chains = this.#remembered(request);
    if (chains === undefined) return;
    if (chains.size >= ChainMemory.#limit) chains.clear();
    chains.set(request.scopeId, { chain, decisionRevision });
  }

  /** Takes note of a decision revision; where it is newer, what was remembered of an older one is forgotten. */
  moveTo(decisionRevision: number): void {
    if (decisionRevision <= this.#decisionRevision) return;
    this.#decisionRevision = decisionRevision;
    this.#teams.clear();
    this.#users.clear();
  }

  /** Forgets everything: the store is another one than before. */
  reset(): void {
    this.#decisionRevision = 0;
    this.#teams.clear();
    this.#users.clear();
  }

  // With explicit parents, too many different chains could begin at one scope.
  #remembered({ scope, organizationId, teamId }: ScopeRequest): Map<string, KnownChain> | undefined {
    if (organizationId !== undefined || teamId !== undefined) return undefined;
    return scope === 'team' ? this.#teams : scope === 'user' ? this.#users : undefined;
  }
}

/** The chain of a scope that says all of it: global, an org, or one with every parent given. */
function withoutRegistry({ scope, scopeId, organizationId, teamId }: ScopeRequest): KnownChain | undefined {
  if (scope === 'global') return { chain: [globalScope], decisionRevision: undefined };
  const self: ScopeRef = { scope, scopeId };
  if (scope === 'org') return { chain: [globalScope, self], decisionRevision: undefined };
  if (organizationId === undefined) return undefined;
  const org: ScopeRef = { scope: 'org', scopeId: organizationId };
  if (scope === 'team') return { chain: [globalScope, org, self], decisionRevision: undefined };
  if (teamId === undefined) return undefined;
  return { chain: [globalScope, org, { scope: 'team', scopeId: teamId }, self], decisionRevision: undefined };
}
