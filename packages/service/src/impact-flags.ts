/** Owns for whom changed flags serve something else: each registered user below is evaluated for, as the flags are and as they would be. */
import {
  collectionOf,
  entryKey,
  entryName,
  flagImpact,
  globalScope,
  isJsonObject,
  sameJson,
  unjudgedParts,
  type FeatureFlag,
  type FlagContext,
  type FlagEvaluation,
  type FlagFlip,
  type FlagImpact,
  type JsonValue,
  type ScopeRef,
  type UnjudgedPart,
} from '@strata/core';
import type { Sql } from './db/database.ts';
import { EntryLayers } from './flag-layers.ts';
import { ChainWorld } from './flag-world.ts';
import { chainOf, groupName, type Below, type MeasuredChange } from './impact-reach.ts';
import { readNow } from './store/clock.ts';
import { readLayersOf } from './store/entries.ts';
import { readMembers, type Member } from './store/population.ts';
import type { Head } from './store/settings.ts';

const pageSize = 20_000;
/** For how many chains compiled flags are kept at once. */
const maxViews = 1000;

/** Whom changed flags flip, by what users inherit from: what somebody may not know of can be left out. */
export interface FlagReach {
  /** The names of the flags that change. */
  readonly flags: readonly string[];
  /** By the name of the group that users are in. */
  readonly groups: ReadonlyMap<string, Look>;
  /** Of the users who are looked at one by one. */
  readonly users: ReadonlyMap<string, Look>;
}

/** What was found out of some users, by flag. */
interface Look {
  /** By the variants that they lead from and to. */
  readonly flips: Map<string, Map<string, FlagFlip>>;
  /** What could not be judged, in each world that one of the users is in. */
  readonly unjudged: Set<UnjudgedParts>;
}

type UnjudgedParts = ReadonlyMap<string, readonly UnjudgedPart[]>;

/** Evaluates changed flags for all below; undefined where no flag changes. All is read through `sql`, which should be of one snapshot. */
export async function measureFlags(
  sql: Sql,
  environment: string,
  change: MeasuredChange,
  below: Below,
): Promise<FlagReach | undefined> {
  const keys = [...new Set(change.changes.map(({ key }) => key))].filter(
    (key) => collectionOf(key) === 'feature_flags',
  );
  if (keys.length === 0) return undefined;
  const flags = keys.map(entryName);
  const now = (await readNow(sql)).getTime();
  const heads = await readConcerned(sql, environment, keys, change);
  const changed = change.changes.flatMap((address) => change.after.head(address) ?? []);
  const [before, after] = [new Side(flags, heads, [], now), new Side(flags, heads, changed, now)];
  const groups = new Map<string, Look>();
  const users = new Map<string, Look>();
  const places = new Places(below, before, after);
  const look = (member: Member, into: Look): void => {
    const place = places.of(member);
    if (place !== undefined) compare(flags, member, place, into);
  };
  for (const single of below.singles) look(single, lookOf(users, single.userId));
  for await (const page of membersOf(sql, environment, below)) {
    for (const member of page) {
      if (!users.has(member.userId)) look(member, lookOf(groups, groupName(member)));
    }
  }
  return { flags, groups, users };
}

/** What is told of changed flags: what was found out of the groups and users given. */
export function toFlagImpacts(
  reach: FlagReach,
  groups: readonly string[],
  users: readonly string[],
): readonly FlagImpact[] {
  const looks = [
    ...groups.flatMap((name) => reach.groups.get(name) ?? []),
    ...users.flatMap((id) => reach.users.get(id) ?? []),
  ];
  const unjudged = [...new Set(looks.flatMap((look) => [...look.unjudged]))];
  return reach.flags.map((name) => {
    const sums: Look['flips'] = new Map();
    for (const { flips } of looks) for (const flip of flips.get(name)?.values() ?? []) note(sums, name, flip);
    const parts = unjudged.flatMap((one) => one.get(name) ?? []);
    return flagImpact(name, [...(sums.get(name)?.values() ?? [])], parts);
  });
}

/** Every user below, in pages; where only users change, there are none besides those who are looked at one by one. */
async function* membersOf(sql: Sql, environment: string, below: Below): AsyncGenerator<readonly Member[]> {
  if (below.users.length === 0) return;
  let last: Member | undefined;
  for (;;) {
    const page = await readMembers(sql, environment, below, last?.userId, pageSize);
    yield page;
    last = page.at(-1);
    if (page.length < pageSize) return;
  }
}

/** The layers of flags, and of all flags and segments that these refer to, in any layer and after the change, over any number of steps. */
async function readConcerned(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  { changes, after }: MeasuredChange,
): Promise<readonly Head[]> {
  const heads: Head[] = [];
  const known = new Set(keys);
  for (let asked = [...keys]; asked.length > 0;) {
    const read = await readLayersOf(sql, environment, asked);
    heads.push(...read);
    const changed = changes.filter(({ key }) => asked.includes(key)).flatMap((address) => after.head(address) ?? []);
    asked = [...new Set([...read, ...changed].flatMap(({ value }) => referredBy(value)))].filter(
      (key) => !known.has(key),
    );
    for (const key of asked) known.add(key);
  }
  return heads;
}

/** The keys that a layer of a flag refers to. */
function referredBy(value: JsonValue | undefined): readonly string[] {
  const { prerequisites, rules } = (isJsonObject(value) ? value : {}) as Partial<FeatureFlag>;
  return [
    ...list(prerequisites).map(({ flag }) => entryKey('feature_flags', flag)),
    ...list(rules).flatMap(({ segment }) => (segment === undefined ? [] : [entryKey('flag_segments', segment)])),
  ];
}

/** What a layer gives may be `$unset` in place of a list. */
function list<T>(given: readonly T[] | undefined): readonly T[] {
  return Array.isArray(given) ? (given as readonly T[]) : [];
}

/** The flags along a chain, with what of them cannot be judged. */
interface View {
  readonly world: ChainWorld;
  readonly unjudged: UnjudgedParts;
}

/** The flags as they are, or as they would be. */
class Side {
  readonly #flags: readonly string[];
  readonly #layers = new EntryLayers();
  readonly #now: number;
  readonly #views = new Map<string, View>();

  /** @param changed heads that take the place of those stored. */
  constructor(flags: readonly string[], heads: readonly Head[], changed: readonly Head[], now: number) {
    this.#flags = flags;
    this.#now = now;
    for (const head of heads) this.#layers.note(head);
    for (const head of changed) this.#layers.note({ ...head, revision: Number.MAX_SAFE_INTEGER });
  }

  /** Whether any of the flags concerned, or what they refer to, has a layer at a scope. */
  hasLayersAt(scope: ScopeRef): boolean {
    return this.#layers.isUsed(scope.scope) && this.#layers.hasLayersAt(scope);
  }

  /** The flags along a chain. Chains that the same layers are on have the same ones. */
  viewAlong(chain: readonly ScopeRef[]): View {
    const used = this.#layers.usedOn(chain);
    const name = used.map(({ scope, scopeId }) => `${scope}\0${scopeId}`).join('\0');
    let view = this.#views.get(name);
    if (view === undefined) {
      view = this.#makeView([globalScope, ...used]);
      const [oldest] = this.#views.keys();
      if (oldest !== undefined && this.#views.size >= maxViews) this.#views.delete(oldest);
      this.#views.set(name, view);
    }
    return view;
  }

  #makeView(chain: readonly ScopeRef[]): View {
    // What does not compile is refused by the write; here it is no flag.
    const world = new ChainWorld(chain, { layers: this.#layers, now: () => this.#now, report: () => undefined });
    const unjudged = new Map<string, readonly UnjudgedPart[]>();
    for (const name of this.#flags) {
      const flag = world.flag(name);
      const parts = flag === undefined ? [] : unjudgedParts(flag, world);
      if (parts.length > 0) unjudged.set(name, parts);
    }
    return { world, unjudged };
  }
}

/** Where users are evaluated for: the flags there, before and after. */
interface FlagPlace {
  readonly before: View;
  readonly after: View;
}

/** The places of users. All of a group who have no layer of their own are at one place. */
class Places {
  static readonly #limit = 10_000;
  readonly #below: Below;
  readonly #before: Side;
  readonly #after: Side;
  readonly #ofGroups = new Map<string, FlagPlace | undefined>();

  constructor(below: Below, before: Side, after: Side) {
    this.#below = below;
    this.#before = before;
    this.#after = after;
  }

  /** The place of a user; undefined where he is not below what changes. */
  of(member: Member): FlagPlace | undefined {
    const user: ScopeRef = { scope: 'user', scopeId: member.userId };
    const isAlone = this.#before.hasLayersAt(user) || this.#after.hasLayersAt(user) || this.#below.contains([user]);
    if (isAlone) return this.#along([...chainOf(member), user]);
    const name = groupName(member);
    if (this.#ofGroups.has(name)) return this.#ofGroups.get(name);
    if (this.#ofGroups.size >= Places.#limit) this.#ofGroups.clear();
    const place = this.#along(chainOf(member));
    this.#ofGroups.set(name, place);
    return place;
  }

  #along(chain: readonly ScopeRef[]): FlagPlace | undefined {
    if (!this.#below.contains(chain)) return undefined;
    return { before: this.#before.viewAlong(chain), after: this.#after.viewAlong(chain) };
  }
}

/** Evaluates the flags for a user before and after, and notes what differs. */
function compare(flags: readonly string[], member: Member, { before, after }: FlagPlace, into: Look): void {
  if (before.unjudged.size > 0) into.unjudged.add(before.unjudged);
  if (after.unjudged.size > 0) into.unjudged.add(after.unjudged);
  const context: FlagContext = { userId: member.userId, teamId: member.team, organizationId: member.org };
  for (const name of flags) {
    const [is, would] = [evaluate(before, name, context), evaluate(after, name, context)];
    const isSame = is?.variant === would?.variant && sameValue(is, would);
    if (!isSame) note(into.flips, name, { from: is?.variant ?? null, to: would?.variant ?? null, users: 1 });
  }
}

const evaluate = ({ world }: View, name: string, context: FlagContext): FlagEvaluation | undefined =>
  world.flag(name)?.evaluate(context, world);

function sameValue(one: FlagEvaluation | undefined, other: FlagEvaluation | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.value === other.value || sameJson(one.value, other.value);
}

function lookOf(looks: Map<string, Look>, name: string): Look {
  let look = looks.get(name);
  if (look === undefined) looks.set(name, (look = { flips: new Map(), unjudged: new Set() }));
  return look;
}

function note(flips: Look['flips'], name: string, { from, to, users }: FlagFlip): void {
  let ofFlag = flips.get(name);
  if (ofFlag === undefined) flips.set(name, (ofFlag = new Map<string, FlagFlip>()));
  const way = JSON.stringify([from, to]);
  ofFlag.set(way, { from, to, users: (ofFlag.get(way)?.users ?? 0) + users });
}
