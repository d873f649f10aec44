/** Owns whom a change reaches: the registered orgs, teams and users whose effective value it changes, and what shields the others. */
import { globalScope, sameScope, type Address, type ScopeRef } from '@strata/core';
import type { HeadView } from './heads.ts';
import { ComparedLayers, type LayerPair } from './impact-layers.ts';
import type { Sql } from './db/database.ts';
import {
  countUsers,
  readBridgedTeams,
  readLayersBetween,
  readOrgs,
  readTeams,
  readUserLayers,
  readUsers,
  type Member,
  type Population,
  type UserGroup,
  type UserLayer,
} from './store/population.ts';
import { readSettings } from './store/settings.ts';

/** Users who inherit from the same, and what becomes of them. */
export interface ReachedGroup extends UserGroup {
  /** The scopes on all of which somebody has to be permitted to know of it. */
  readonly places: readonly ScopeRef[];
  /** Whether those without layers of their own are affected. */
  readonly isAffected: boolean;
  readonly affected: number;
  /** How many keep their value by a layer of their own. */
  readonly shielded: number;
  /** Some of those with layers of their own: affected ones, and ones whom their layers shield. */
  readonly examples: { readonly affected: readonly string[]; readonly shielded: readonly string[] };
}

/** An org, a team or a user that is looked at by itself. */
export interface ReachedScope extends ScopeRef {
  readonly isAffected: boolean;
  /** Whether its own layer keeps it from being affected. */
  readonly isShielded: boolean;
}

/** What there is below a change. */
export interface Reach {
  readonly groups: readonly ReachedGroup[];
  /** Orgs, teams, and those users who are asked about one by one. */
  readonly scopes: readonly ReachedScope[];
}

/** A change whose reach is measured: the views hold the heads of all its chains. */
export interface MeasuredChange {
  readonly changes: readonly Address[];
  readonly before: HeadView;
  readonly after: HeadView;
}

const pageSize = 20_000;
/** How many names of a group are kept. */
const examples = 5;

/** Who is registered below a change. */
export interface Below extends Population {
  readonly orgs: readonly string[];
  readonly teams: readonly { readonly team: string; readonly org: string | undefined }[];
  readonly users: readonly UserGroup[];
  /** Users who are looked at one by one. */
  readonly singles: readonly Member[];
  /** Whether a chain passes a scope that changes. */
  readonly contains: (chain: readonly ScopeRef[]) => boolean;
}

/** Finds who is registered below some changes. @param singles the users who are asked about one by one. */
export async function findBelow(
  sql: Sql,
  environment: string,
  changes: readonly ScopeRef[],
  singles: readonly string[],
): Promise<Below> {
  const isGlobal = changes.some(({ scope }) => scope === 'global');
  const changedAt = (scope: 'org' | 'team' | 'user'): string[] =>
    changes.filter((one) => one.scope === scope).map(({ scopeId }) => scopeId);
  const orgs = isGlobal ? undefined : changedAt('org');
  const teams = await readTeams(sql, environment, orgs === undefined ? undefined : { orgs, teams: changedAt('team') });
  const bridged = orgs === undefined || orgs.length === 0 ? [] : await readBridgedTeams(sql, environment, orgs);
  const parents = orgs && { orgs, teams: [...teams.map(({ team }) => team), ...bridged] };
  const alone = [...teams.flatMap(({ team, org }) => (org === undefined ? [team] : [])), ...bridged];
  return {
    ...{ parents, alone, teams, orgOf: new Map(teams.map(({ team, org }) => [team, org])) },
    orgs: await readOrgs(sql, environment, orgs),
    users: await countUsers(sql, environment, parents, alone),
    singles: await readUsers(sql, environment, [...new Set([...singles, ...changedAt('user')])]),
    contains: (chain) => chain.some((scope) => changes.some((one) => sameScope(one, scope))),
  };
}

/** Measures the reach of a change; all it reads it reads through `sql`, which should be of one snapshot. */
export async function measureReach(
  sql: Sql,
  environment: string,
  change: MeasuredChange,
  below: Below,
): Promise<Reach> {
  const { changes, before, after } = change;
  const { parents, teams, users, singles, contains } = below;
  const keys = [...new Set(changes.map(({ key }) => key))];
  const layers = new ComparedLayers(keys, before, after, changes);
  const from = [...users, ...singles, ...teams];
  const between = parents && {
    orgs: [...new Set(from.flatMap(({ org }) => org ?? []))],
    teams: [...new Set(from.flatMap(({ team }) => team ?? []))],
  };
  for (const layer of await readLayersBetween(sql, environment, keys, between)) layers.add(layer);
  const groups = new Groups(layers, below);
  const own = await ownLayers(sql, environment, keys, singles, layers);
  const scopes = [
    ...below.orgs.map((scopeId): ScopeRef[] => [globalScope, { scope: 'org', scopeId }]),
    ...teams.map(({ team, org }) => chainOf({ org, team })),
  ]
    .filter(contains)
    .map((chain) => look(layers, chain));
  for (const single of singles) {
    groups.leaveOut(single);
    const chain: ScopeRef[] = [...chainOf(single), { scope: 'user', scopeId: single.userId }];
    if (contains(chain)) scopes.push(look(layers, chain, own.get(single.userId)));
  }
  const isSingle = new Set(singles.map(({ userId }) => userId));
  for await (const page of layeredUsers(sql, environment, keys, below, layers)) {
    for (const user of page) if (!isSingle.has(user.userId)) groups.addLayered(user);
  }
  return { groups: groups.reached(), scopes };
}

/** The scopes that users of a group inherit along, from global down. */
export function chainOf({ org, team }: Pick<UserGroup, 'org' | 'team'>): ScopeRef[] {
  const chain: ScopeRef[] = [globalScope];
  if (org !== undefined) chain.push({ scope: 'org', scopeId: org });
  if (team !== undefined) chain.push({ scope: 'team', scopeId: team });
  return chain;
}

/** What becomes of the scope at the end of a chain. */
function look(layers: ComparedLayers, chain: readonly ScopeRef[], own?: ReadonlyMap<string, LayerPair>): ReachedScope {
  const scope = chain.at(-1) ?? globalScope;
  const isAffected = layers.differ(chain, own);
  const hasOwn = layers.has(scope) || (own !== undefined && own.size > 0);
  return { ...scope, isAffected, isShielded: !isAffected && hasOwn && layers.differ(chain.slice(0, -1)) };
}

interface LayeredUser extends Member {
  readonly own: ReadonlyMap<string, LayerPair>;
}

/** The layers that some users have, those that change left out. */
async function ownLayers(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  users: readonly { readonly userId: string }[],
  layers: ComparedLayers,
): Promise<ReadonlyMap<string, ReadonlyMap<string, LayerPair>>> {
  const addresses = users.flatMap(({ userId }) =>
    keys.map((key) => ({ key, scope: 'user', scopeId: userId }) as const),
  );
  const own = new Map<string, Map<string, LayerPair>>();
  for (const { key, scope, scopeId, value } of await readSettings(sql, environment, addresses)) {
    if (value === undefined || layers.isChanged({ key, scope, scopeId })) continue;
    own.set(scopeId, new Map([...(own.get(scopeId) ?? []), [key, layers.read(JSON.stringify(value))]]));
  }
  return own;
}

/** Every registered user with a layer of one of the keys, in pages. */
async function* layeredUsers(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  population: Population,
  layers: ComparedLayers,
): AsyncGenerator<readonly LayeredUser[]> {
  let last: UserLayer | undefined;
  let user: (Omit<LayeredUser, 'own'> & { readonly own: Map<string, LayerPair> }) | undefined;
  for (;;) {
    const page = await readUserLayers(sql, environment, keys, population, last, pageSize);
    const whole: LayeredUser[] = [];
    for (const { userId, team, org, key, text } of page) {
      if (user?.userId !== userId) {
        // The last user of a page may have more layers on the next one.
        if (user !== undefined) whole.push(user);
        user = { userId, team, org, own: new Map<string, LayerPair>() };
      }
      user.own.set(key, layers.read(text));
    }
    yield whole;
    last = page.at(-1);
    if (page.length < pageSize) break;
  }
  if (user !== undefined) yield [user];
}

interface Group extends UserGroup {
  readonly chain: readonly ScopeRef[];
  readonly isAffected: boolean;
  /** Whether the value of somebody of the group changes who has these layers. */
  readonly differs: (own: ReadonlyMap<string, LayerPair>) => boolean;
  users: number;
  layered: number;
  affected: number;
  shielded: number;
  readonly examples: { readonly affected: string[]; readonly shielded: string[] };
}

/** The name of a group in maps; ids hold no control characters. */
export const groupName = ({ org, team }: Pick<UserGroup, 'org' | 'team'>): string => `${team ?? ''}\0${org ?? ''}`;

/** The groups below a change, filled user by user with those who have layers of their own. */
class Groups {
  readonly #orgOf: ReadonlyMap<string, string | undefined>;
  readonly #groups = new Map<string, Group>();

  constructor(layers: ComparedLayers, { orgOf, users, contains }: Below) {
    this.#orgOf = orgOf;
    for (const group of users) {
      const chain = chainOf(group);
      if (!contains(chain)) continue;
      const differs = layers.along(chain);
      this.#groups.set(groupName(group), {
        ...group,
        chain,
        isAffected: differs(),
        differs,
        layered: 0,
        affected: 0,
        shielded: 0,
        examples: { affected: [], shielded: [] },
      });
    }
  }

  /** Takes a user out who is looked at alone. */
  leaveOut(user: Pick<UserGroup, 'org' | 'team'>): void {
    const group = this.#groups.get(groupName(user));
    if (group !== undefined) group.users -= 1;
  }

  addLayered({ userId, own, team, org }: LayeredUser): void {
    const group = this.#groups.get(groupName({ team, org }));
    if (group === undefined) return;
    group.layered += 1;
    if (group.differs(own)) {
      group.affected += 1;
      if (group.examples.affected.length < examples) group.examples.affected.push(userId);
    } else if (group.isAffected) {
      group.shielded += 1;
      if (group.examples.shielded.length < examples) group.examples.shielded.push(userId);
    }
  }

  reached(): readonly ReachedGroup[] {
    return [...this.#groups.values()].map((group) => ({
      team: group.team,
      org: group.org,
      users: group.users,
      places: this.#placesOf(group),
      isAffected: group.isAffected,
      affected: group.affected + (group.isAffected ? group.users - group.layered : 0),
      shielded: group.shielded,
      examples: group.examples,
    }));
  }

  /** The end of the chain; also the org where it is the users' own and not that of their team. */
  #placesOf({ chain, team, org }: Group): readonly ScopeRef[] {
    const end = chain.slice(-1);
    const isOwn = team !== undefined && org !== undefined && this.#orgOf.get(team) !== org;
    return isOwn ? [...end, { scope: 'org', scopeId: org }] : end;
  }
}
