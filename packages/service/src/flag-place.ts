/** Owns where a flag is evaluated: along which chain of scopes, by what a context says of them and by what is registered. */
import {
  globalScope,
  unitText,
  type FlagContext,
  type ScopeLink,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { Sql } from './db/database.ts';
import type { EntryLayers } from './flag-layers.ts';
import { readLinks } from './store/scopes.ts';

/** Remembers the links of scopes for which flags were evaluated, so that each is looked up once. */
export class ParentMemory {
  static readonly #limit = 50_000;
  readonly #links = new Map<string, readonly ScopeLink[]>();
  /** Counts what made links untrue: what was read before the last of it is not remembered. */
  #changes = 0;

  /** The links that the chain of a request is chosen by; undefined when they have to be looked up. */
  find(request: ScopeRequest): readonly ScopeLink[] | undefined {
    return this.#links.get(nameOf(request));
  }

  /** Looks them up. @throws ConfigurationError `unavailable`. */
  async look(sql: Sql, environment: string, request: ScopeRequest): Promise<readonly ScopeLink[]> {
    const { scope, scopeId, teamId } = request;
    const asked: ScopeRef[] = [{ scope, scopeId }];
    if (teamId !== undefined) asked.push({ scope: 'team', scopeId: teamId });
    for (;;) {
      const changes = this.#changes;
      const links = await readLinks(sql, environment, asked);
      if (changes !== this.#changes) continue;
      if (this.#links.size >= ParentMemory.#limit) this.#links.clear();
      this.#links.set(nameOf(request), links);
      return links;
    }
  }

  /** Notes that links have changed. */
  changed(): void {
    this.#changes += 1;
    this.#links.clear();
  }
}

/** Links depend on the scope and on a team that is named; keys and ids hold no control characters. */
const nameOf = ({ scope, scopeId, teamId = '' }: ScopeRequest): string => `${scope}\0${scopeId}\0${teamId}`;

/** The scope that a context is at: the user, else the team, else the org that it names; global where it names none. */
export function requestOf(context: unknown): ScopeRequest {
  try {
    const { userId, targetingKey, teamId, organizationId } = (context ?? {}) as FlagContext;
    const user = idOf(userId ?? targetingKey);
    const team = idOf(teamId);
    const org = idOf(organizationId);
    const parents = {
      ...(org === undefined ? {} : { organizationId: org }),
      ...(team === undefined || user === undefined ? {} : { teamId: team }),
    };
    if (user !== undefined) return { scope: 'user', scopeId: user, ...parents };
    if (team !== undefined) return { scope: 'team', scopeId: team, ...parents };
    return org === undefined ? globalScope : { scope: 'org', scopeId: org };
  } catch {
    // A context that cannot be read is at no scope; the evaluation says what is wrong with it.
    return globalScope;
  }
}

/** A text that could be the id of a scope; a unit may be anything else too. */
function idOf(unit: unknown): string | undefined {
  const text = unitText(unit);
  // eslint-disable-next-line no-control-regex
  if (text === undefined || text.length > 255 || /[\u0000-\u001f\u007f-\u009f]/.test(text)) return undefined;
  return text;
}

/** Whether the registry has to be asked which of the scopes with layers a request inherits from. */
export function needsLinks(layers: EntryLayers, { scope, organizationId, teamId }: ScopeRequest): boolean {
  if (scope === 'global' || scope === 'org') return false;
  const isTeamOpen = scope === 'user' && teamId === undefined && layers.isUsed('team');
  const isOrgOpen = organizationId === undefined && layers.isUsed('org');
  return isTeamOpen || isOrgOpen;
}
