/** Owns the one place that answers whether an actor may do something, for every feature: by what is known here, or looked up for it. */
import {
  authorityChains,
  ConfigurationError,
  formatAddress,
  formatScope,
  globalScope,
  resolveChain,
  type Permission,
  type ScopeLink,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { AccessRules, Answer, ClaimKind } from './access-control.ts';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { readProgress } from './store/counter.ts';
import { readLinks } from './store/scopes.ts';

/** What is acted on: a key at a scope, or without a key the scope itself. */
export interface Place extends ScopeRequest {
  readonly key?: string | undefined;
}

/** Roles and bindings as they are now. */
export async function accessNow(context: Context): Promise<AccessRules> {
  const { access, db, feed } = context;
  if (access.current !== undefined) return access.current;
  const progress = await readProgress(db);
  feed.follow(progress.revision);
  return access.at(db, progress);
}

/**
 * Requires that an actor may do something.
 * @param kind `list` where each entry is asked about by itself: then bindings for some keys do.
 * @throws ConfigurationError `not_permitted`.
 */
export async function requirePermission(
  context: Context,
  actor: Actor,
  action: Permission,
  place: Place,
  kind: ClaimKind = 'one',
): Promise<void> {
  const answer = await answerOn(context, actor, action, place, kind);
  if (answer !== true) throw notPermitted(actor, action, place, answer);
}

/** Whether an actor may do something. */
export async function allows(context: Context, actor: Actor, action: Permission, place: Place): Promise<boolean> {
  return (await answerOn(context, actor, action, place, 'one')) === true;
}

async function answerOn(
  context: Context,
  actor: Actor,
  action: Permission,
  place: Place,
  kind: ClaimKind,
): Promise<Answer> {
  const { access } = context;
  if (access.isOpen) return true;
  const rules = await accessNow(context);
  if (access.isUnasked(rules, actor)) return true;
  const chains = await authorityOf(context, place);
  return access.decide(rules, actor, action, access.claims(place.key, chains), kind);
}

/** The chains on all of which an actor has to be permitted who acts at a place. */
async function authorityOf({ db, environment }: Context, place: Place): Promise<readonly (readonly ScopeRef[])[]> {
  const { scope, scopeId, teamId } = place;
  if (scope === 'global' || scope === 'org') return authorityChains(place, []);
  const asked: ScopeRef[] = [{ scope, scopeId }];
  if (teamId !== undefined) asked.push({ scope: 'team', scopeId: teamId });
  return authorityChains(place, await readLinks(db, environment, asked));
}

/** The refusal of what an actor wanted to do; the cause tells what the hook threw or answered. */
export function notPermitted(
  actor: Actor,
  action: Permission,
  place: Place,
  answer: Exclude<Answer, true> = {},
): ConfigurationError<'not_permitted'> {
  const { key, scope, scopeId } = place;
  return new ConfigurationError(
    'not_permitted',
    {
      actor: actor.id,
      action,
      resource: key === undefined ? formatScope(place) : formatAddress({ key, scope, scopeId }),
      scope: formatScope(place),
    },
    answer.cause === undefined ? {} : { cause: answer.cause },
  );
}

/** What an actor may see of things that lie at many scopes. */
export interface Visibility {
  /** Only what lies at these scopes or below them can be visible; absent: anything may be. */
  readonly roots: readonly ScopeRef[] | undefined;
  /** Those of some things that the actor may see. */
  filter<T>(items: readonly T[], toPlace: (item: T) => Place): Promise<readonly T[]>;
  /** Refuses an actor who sees nothing because everything is refused: where the hook refuses global too. */
  requireSome(seen: readonly unknown[]): Promise<void>;
}

const allVisible: Visibility = {
  roots: undefined,
  filter: (items) => Promise.resolve(items),
  requireSome: () => Promise.resolve(),
};

/**
 * What an actor may see at whichever scopes, of a key where one is given.
 * @throws ConfigurationError `not_permitted` where bindings allow nothing at all.
 */
export async function requireVisibility(
  context: Context,
  actor: Actor,
  action: Permission,
  key?: string,
): Promise<Visibility> {
  const visibility = await visibilityOf(context, actor, action, key);
  if (visibility.roots?.length === 0) throw notPermitted(actor, action, { ...globalScope, key });
  return visibility;
}

/** The same for look-ups by a name, of which nobody is told whether there is anything of that name. */
export async function visibilityOf(
  context: Context,
  actor: Actor,
  action: Permission,
  key?: string,
): Promise<Visibility> {
  const { access } = context;
  if (access.isOpen) return allVisible;
  const rules = await accessNow(context);
  if (access.isUnasked(rules, actor)) return allVisible;
  return {
    roots: access.roots(rules, actor, action, key),
    filter: (items, toPlace) => filterBy(context, rules, actor, action, items, toPlace),
    requireSome: async (seen) => {
      if (seen.length > 0) return;
      const answer = await access.ask(actor, action, access.claims(key, [[globalScope]]));
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

/** How many answers of a slow hook are waited for at once. */
const sliceSize = 64;

async function filterBy<T>(
  context: Context,
  rules: AccessRules,
  actor: Actor,
  action: Permission,
  items: readonly T[],
  toPlace: (item: T) => Place,
): Promise<readonly T[]> {
  const { access } = context;
  const places = items.map(toPlace);
  const chainOf = await chainsOf(context, places);
  const answers = new Map<string, Answer | Promise<Answer>>();
  const permitted: T[] = [];
  for (let start = 0; start < items.length; start += sliceSize) {
    const some = places.slice(start, start + sliceSize).map((place) => {
      const name = `${place.key ?? ''}\0${place.scope}\0${place.scopeId}`;
      let answer = answers.get(name);
      if (answer === undefined) {
        answer = access.decide(rules, actor, action, access.claims(place.key, [chainOf(place)]), 'list');
        answers.set(name, answer);
      }
      return answer;
    });
    const settled = await Promise.all(some);
    permitted.push(...items.slice(start, start + sliceSize).filter((_, index) => settled[index] === true));
  }
  return permitted;
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
