/** Owns what of the reach of a change an actor is told: counts of what he may read, and names of it. */
import type { AffectedSamples, ImpactAnalysis, ScopeRef } from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { groupName, type Reach, type ReachedGroup } from './impact-reach.ts';
import { readUsersOf } from './store/population.ts';
import { filterPermitted } from './visibility.ts';

/** How many scopes of a kind are named. */
const named = 5;

/** The reach of a change as an actor may know it. */
export interface SeenReach {
  readonly counts: Pick<ImpactAnalysis, 'affectedUsers' | 'affectedTeams' | 'affectedOrganizations' | 'shieldedUsers'>;
  readonly samples: AffectedSamples;
  /** How many orgs, teams and users keep their values by layers of their own. */
  readonly shieldingScopes: number;
  /** Whether anything is left out. */
  readonly partial: boolean;
  /** Of whom he may know: the names of the groups, and the users who are looked at one by one. */
  readonly groups: readonly string[];
  readonly users: readonly string[];
}

/** The reach of what changes nothing. */
export const noReach: SeenReach = {
  counts: { affectedUsers: 0, affectedTeams: 0, affectedOrganizations: 0, shieldedUsers: 0 },
  samples: { organizations: [], teams: [], users: [], shielded: [] },
  shieldingScopes: 0,
  partial: false,
  groups: [],
  users: [],
};

/**
 * What an actor may know of a reach. Users are counted where he may read at the team or org that they inherit from, and those whom his bindings
 * name where he may read at them; named are only scopes at which he may read.
 */
export async function seeReach(
  context: Context,
  actor: Actor,
  keys: readonly string[],
  reach: Reach,
): Promise<SeenReach> {
  const isVisible = await sightOf(context, actor, keys, [
    ...reach.groups.flatMap(({ places }) => places),
    ...reach.scopes,
  ]);
  const groups = reach.groups.filter(({ places }) => places.every(isVisible));
  const scopes = reach.scopes.filter(isVisible);
  const count = (scope: ScopeRef['scope']): number =>
    scopes.filter((one) => one.scope === scope && one.isAffected).length;
  const users = groups.reduce((sum, one) => sum + one.users, 0) + scopes.filter(({ scope }) => scope === 'user').length;
  const affectedUsers = groups.reduce((sum, { affected }) => sum + affected, 0) + count('user');
  const shieldedGroups = groups.reduce((sum, { shielded }) => sum + shielded, 0);
  return {
    counts: {
      affectedUsers,
      affectedTeams: count('team'),
      affectedOrganizations: count('org'),
      shieldedUsers: users - affectedUsers,
    },
    samples: await sample(context, actor, keys, groups, scopes),
    shieldingScopes: shieldedGroups + scopes.filter(({ isShielded }) => isShielded).length,
    partial: groups.length < reach.groups.length || scopes.length < reach.scopes.length,
    groups: groups.map(groupName),
    users: scopes.filter(({ scope }) => scope === 'user').map(({ scopeId }) => scopeId),
  };
}

/** Whether an actor may read all of some keys at one of the scopes given. */
async function sightOf(
  context: Context,
  actor: Actor,
  keys: readonly string[],
  places: readonly ScopeRef[],
): Promise<(scope: ScopeRef) => boolean> {
  const distinct = [
    ...new Map(places.map(({ scope, scopeId }) => [nameOf({ scope, scopeId }), { scope, scopeId }])).values(),
  ];
  let seen: readonly ScopeRef[] = distinct;
  for (const key of keys) seen = await filterPermitted(context, actor, 'read', seen, (scope) => ({ ...scope, key }));
  if (seen.length === distinct.length) return () => true;
  const visible = new Set(seen.map(nameOf));
  return (scope) => visible.has(nameOf(scope));
}

const nameOf = ({ scope, scopeId }: ScopeRef): string => `${scope}\0${scopeId}`;

async function sample(
  context: Context,
  actor: Actor,
  keys: readonly string[],
  groups: readonly ReachedGroup[],
  scopes: Reach['scopes'],
): Promise<AffectedSamples> {
  const ids = (scope: ScopeRef['scope']): string[] =>
    scopes.filter((one) => one.scope === scope && one.isAffected).map(({ scopeId }) => scopeId);
  const see = async (users: readonly string[]): Promise<readonly string[]> => {
    const toPlace = (scopeId: string) => keys.map((key) => ({ key, scope: 'user', scopeId }) as const);
    let seen = users;
    for (const index of keys.keys()) {
      seen = await filterPermitted(
        context,
        actor,
        'read',
        seen,
        (user) => toPlace(user)[index] ?? { scope: 'user', scopeId: user },
      );
    }
    return seen;
  };
  const users = [...ids('user').slice(0, named)];
  for (const group of groups) {
    if (users.length >= named) break;
    if (group.affected === 0) continue;
    const missing = named - users.length;
    const own = group.examples.affected;
    const { db, environment } = context;
    const others =
      group.isAffected && own.length < missing ? await readUsersOf(db, environment, keys, group, missing) : [];
    users.push(...(await see([...own, ...others])).slice(0, missing));
  }
  const shieldedUsers = await see(groups.flatMap(({ examples }) => examples.shielded).slice(0, named));
  return {
    organizations: ids('org').slice(0, named),
    teams: ids('team').slice(0, named),
    users,
    shielded: [
      ...scopes.filter(({ isShielded }) => isShielded).map(({ scope, scopeId }) => ({ scope, scopeId })),
      ...shieldedUsers.map((scopeId) => ({ scope: 'user', scopeId }) as const),
    ].slice(0, named),
  };
}
