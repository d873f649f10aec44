/** Owns where the cached values of one key are found: by the scope as a caller gives it, without anything built on the way. */
import type { ConfigScope, ScopeContext, ScopeRequest } from '@strata/core';

/** The places of one key's values: one for global, one for each id of the other scopes. */
export interface KeyPlaces<Entry> {
  global: Entry | undefined;
  readonly org: Map<string, Entry>;
  readonly team: Map<string, Entry>;
  readonly user: Map<string, Entry>;
  /** Values read with explicit parents, by scope and all ids. */
  readonly explicit: Map<string, Entry>;
}

export function newKeyPlaces<Entry>(): KeyPlaces<Entry> {
  return { global: undefined, org: new Map(), team: new Map(), user: new Map(), explicit: new Map() };
}

/** Whether there is nothing at any place. */
export function isEmpty({ global, org, team, user, explicit }: KeyPlaces<unknown>): boolean {
  return global === undefined && org.size === 0 && team.size === 0 && user.size === 0 && explicit.size === 0;
}

/** Everything at all places. */
export function* entriesIn<Entry>({ global, org, team, user, explicit }: KeyPlaces<Entry>): Generator<Entry> {
  if (global !== undefined) yield global;
  for (const places of [org, team, user, explicit]) yield* places.values();
}

/**
 * What is at the place of a scope. What a caller gives is not checked yet, so it may be no scope at all: then nothing is found, and the
 * read refuses it.
 */
export function lookUp<Entry>(places: KeyPlaces<Entry>, scope: ScopeContext | null | undefined): Entry | undefined {
  switch (scope?.scope) {
    case undefined:
      return scope === undefined ? places.global : undefined;
    case 'global':
      return isPlainGlobal(scope) ? places.global : undefined;
    // Each map by its own name: looking one up by the scope takes as long as the rest.
    case 'org':
      return isExplicit(scope) ? lookUpExplicit(places, scope) : places.org.get(scope.scopeId ?? '');
    case 'team':
      return isExplicit(scope) ? lookUpExplicit(places, scope) : places.team.get(scope.scopeId ?? '');
    case 'user':
      return isExplicit(scope) ? lookUpExplicit(places, scope) : places.user.get(scope.scopeId ?? '');
    default:
      return undefined;
  }
}

function lookUpExplicit<Entry>(places: KeyPlaces<Entry>, scope: ScopeContext): Entry | undefined {
  return places.explicit.get(explicitName(scope.scope, scope));
}

/** Whether parents are named for a scope, in place of the registered ones. */
export function isExplicit({ organizationId, teamId }: ScopeContext): boolean {
  return organizationId !== undefined || teamId !== undefined;
}

function isPlainGlobal(scope: ScopeContext): boolean {
  return (scope.scopeId ?? '') === '' && !isExplicit(scope);
}

function explicitName(scope: ConfigScope, request: ScopeContext): string {
  return JSON.stringify([scope, request.scopeId, request.organizationId ?? null, request.teamId ?? null]);
}

/** Puts an entry at the place of a checked scope, or empties the place. */
export function place<Entry>(places: KeyPlaces<Entry>, request: ScopeRequest, entry: Entry | undefined): void {
  if (request.scope === 'global') {
    places.global = entry;
    return;
  }
  const explicit = isExplicit(request);
  const map = explicit ? places.explicit : places[request.scope];
  const name = explicit ? explicitName(request.scope, request) : request.scopeId;
  if (entry === undefined) map.delete(name);
  else map.set(name, entry);
}
