/** Owns what an actor may see of things that lie at many scopes: the rest is as if it did not exist. */
import { globalScope, resolveChain, type Permission, type ScopeLink, type ScopeRef } from '@strata/core';
import { accessNow, notPermitted, type Place } from './access.ts';
import type { AccessRules, ClaimKind } from './access-control.ts';
import type { Actor } from './actor.ts';
import { isFault, type Answer } from './authorize.ts';
import type { Context } from './context.ts';
import { readLinks } from './store/scopes.ts';

/** What an actor may see of things that lie at many scopes. */
export interface Visibility {
  /** Whether bindings may allow the actor to see anything at all. */
  readonly isPossible: boolean;
  /** Those of some things that the actor may see. */
  filter<T>(items: readonly T[], toPlace: (item: T) => Place): Promise<readonly T[]>;
  /** What the hook answers about global, which is asked about what lies at no scope; allowed where there is none. */
  askAboutGlobal(): Promise<Answer>;
  /** Refuses an actor who sees nothing because everything is refused: where the hook refuses global too. */
  requireSome(seen: readonly unknown[]): Promise<void>;
}

/** The sight of whom nobody asks. */
export const everything: Visibility = {
  isPossible: true,
  filter: (items) => Promise.resolve(items),
  askAboutGlobal: () => Promise.resolve(true),
  requireSome: () => Promise.resolve(),
};

/**
 * What an actor may see at whichever scopes, of a key where one is given.
 * @param kind `one` where bindings for some keys do not show what is about none.
 * @throws ConfigurationError `not_permitted` where bindings allow nothing at all.
 */
export async function requireVisibility(
  context: Context,
  actor: Actor,
  action: Permission,
  key?: string,
  kind: ClaimKind = 'list',
): Promise<Visibility> {
  const visibility = await visibilityOf(context, actor, action, key, kind);
  if (!visibility.isPossible) throw notPermitted(actor, action, { ...globalScope, key });
  return visibility;
}

/** The same for look-ups by a name, of which nobody is told whether there is anything of that name. */
export async function visibilityOf(
  context: Context,
  actor: Actor,
  action: Permission,
  key?: string,
  kind: ClaimKind = 'list',
): Promise<Visibility> {
  const { access } = context;
  if (access.isOpen) return everything;
  const rules = await accessNow(context);
  if (access.isUnasked(rules, actor)) return everything;
  const askAboutGlobal = async (): Promise<Answer> => access.ask(actor, action, access.claims(key, [[globalScope]]));
  return {
    isPossible: access.isPossible(rules, actor, action, key),
    filter: (items, toPlace) => filterBy(context, rules, actor, action, items, toPlace, kind),
    askAboutGlobal,
    requireSome: async (seen) => {
      if (seen.length > 0) return;
      const answer = await askAboutGlobal();
      if (answer !== true) throw notPermitted(actor, action, { ...globalScope, key }, answer);
    },
  };
}

/** Those of some things for which an actor has a permission. */
export async function filterPermitted<T>(
  context: Context,
  actor: Actor,
  action: Permission,
  items: readonly T[],
  toPlace: (item: T) => Place,
): Promise<readonly T[]> {
  const { access } = context;
  if (access.isOpen) return items;
  const rules = await accessNow(context);
  return access.isUnasked(rules, actor) ? items : filterBy(context, rules, actor, action, items, toPlace);
}

/** How many things are looked at at once, where those that are looked for are among many that the actor may not see. */
const pageSize = 1000;

/**
 * The first of some things that an actor may see, at most `limit`.
 * @param readPage reads at most `size` things after the last one that was read, the `offset`th of all.
 */
export async function takeVisible<T>(
  see: Visibility,
  limit: number,
  toPlace: (item: T) => Place,
  readPage: (size: number, last: T | undefined, offset: number) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const taken: T[] = [];
  let last: T | undefined;
  for (let offset = 0, size = limit; ; size = pageSize) {
    const page = await readPage(size, last, offset);
    taken.push(...(await see.filter(page, toPlace)));
    if (taken.length >= limit || page.length < size) return taken.slice(0, limit);
    offset += page.length;
    last = page.at(-1);
  }
}

/** How many answers of a slow hook are waited for at once. */
const sliceSize = 64;

async function filterBy<T>(
  context: Context,
  rules: AccessRules,
  actor: Actor,
  action: Permission,
  items: readonly T[],
  toPlace: (item: T) => Place,
  kind: ClaimKind = 'list',
): Promise<readonly T[]> {
  const { access } = context;
  const places = items.map(toPlace);
  const chainOf = await chainsOf(context, places);
  const answers = new Map<string, Promise<Answer>>();
  const permitted: T[] = [];
  for (let start = 0; start < items.length; start += sliceSize) {
    const some = places.slice(start, start + sliceSize).map((place) => {
      const name = `${place.key ?? ''}\0${place.scope}\0${place.scopeId}`;
      let answer = answers.get(name);
      if (answer === undefined) {
        answer = Promise.resolve(access.decide(rules, actor, action, access.claims(place.key, [chainOf(place)]), kind));
        answers.set(name, answer);
      }
      return answer;
    });
    const settled = await Promise.all(some);
    reportFaults(context, actor, action, settled, places.slice(start, start + sliceSize));
    permitted.push(...items.slice(start, start + sliceSize).filter((_, index) => settled[index] === true));
  }
  return permitted;
}

/** Tells of the first thing that is left out because the hook failed: who asks is told nothing of it. */
function reportFaults(
  { report }: Context,
  actor: Actor,
  action: Permission,
  answers: readonly Answer[],
  places: readonly Place[],
): void {
  const failed = answers.findIndex(isFault);
  const answer = answers[failed];
  const place = places[failed];
  if (answer === undefined || answer === true || place === undefined) return;
  report(notPermitted(actor, action, place, answer));
}

/** The registered chains of some scopes. */
async function chainsOf(
  { db, environment }: Context,
  places: readonly ScopeRef[],
): Promise<(scope: ScopeRef) => readonly ScopeRef[]> {
  const name = ({ scope, scopeId }: ScopeRef): string => `${scope}\0${scopeId}`;
  const wanted = new Map(
    places.filter(({ scope }) => scope === 'team' || scope === 'user').map((scope) => [name(scope), scope]),
  );
  const links = new Map<string, ScopeLink[]>();
  if (wanted.size > 0) {
    for (const link of await readLinks(db, environment, [...wanted.values()])) {
      const child = name(link.child);
      links.set(child, [...(links.get(child) ?? []), link]);
    }
  }
  return ({ scope, scopeId }) => {
    const own = links.get(name({ scope, scopeId })) ?? [];
    return resolveChain({ scope, scopeId }, [...own, ...own.flatMap(({ parent }) => links.get(name(parent)) ?? [])]);
  };
}
