/** Owns the calls on the scope tree. */
import type { ConfigScope, ScopeContext, ScopeInput, ScopeRef } from '@strata/core';
import { scopeQuery, type Place } from './address.ts';
import type { Connection } from './connection.ts';

/** A registered scope. */
export interface RegisteredScope extends ScopeRef {
  readonly name: string | null;
  readonly parents: readonly (ScopeRef & { readonly primary: boolean })[];
  readonly revision: number;
}

/** One page of registered scopes, by kind and id. */
export interface ScopePage {
  readonly scopes: readonly RegisteredScope[];
  /** What to give as `cursor` for the next page; `null` on the last one. */
  readonly nextCursor: string | null;
}

/** Which scopes are asked for. */
export interface ScopeFilter {
  readonly scope?: ConfigScope | undefined;
  readonly parent?: ScopeInput | undefined;
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
}

/** What a scope is registered with. */
export interface ScopeOptions {
  readonly name?: string | undefined;
  /** Absent: it inherits from global directly. A user may have several. */
  readonly parents?: readonly ScopeInput[] | undefined;
  /** Which of the parents a user inherits from. Default: the first. */
  readonly primary?: ScopeInput | undefined;
}

/** The calls on scopes. */
export function scopeCalls(connection: Connection) {
  return {
    /** The registered scopes, page by page. */
    listScopes: ({ scope, parent, cursor, limit }: ScopeFilter = {}) =>
      connection.send<ScopePage>({
        path: '/v1/scopes',
        query: { scope, parentScope: parent?.scope, parentId: parent?.scopeId, cursor, limit },
      }),

    /** Registers a scope and its parents, or replaces what was registered. */
    registerScope: (scope: ScopeInput, { name, parents, primary }: ScopeOptions = {}) =>
      connection.send<RegisteredScope>({
        method: 'PUT',
        path: '/v1/scopes',
        query: scopeQuery(scope),
        body: { name, parents, primary },
      }),

    /** Removes a registered scope. @throws `scope_in_use` while it has children or layers, `scope_not_found`. */
    removeScope: async (scope: ScopeInput): Promise<void> => {
      await connection.send({ method: 'DELETE', path: '/v1/scopes', query: scopeQuery(scope) });
    },

    /** The scopes that a read at `scope` inherits along, from global down. */
    getScopeChain: (scope?: ScopeContext) =>
      connection.send<{ readonly chain: readonly Place[] }>({ path: '/v1/chain', query: scopeQuery(scope) }),
  };
}
