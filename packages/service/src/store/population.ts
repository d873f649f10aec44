/** Owns the SQL of who there is below a change: registered users by what they inherit from, teams, orgs, and the layers between. */
import type { ConfigScope } from '@strata/core';
import type { QueryOptions, Row, Sql, SqlParameter } from '../db/database.ts';

/** Whole registries are looked through: that takes as long as it takes. */
const patience: QueryOptions = { timeoutMs: 120_000 };

/** Registered users who inherit from the same, counted. */
export interface UserGroup {
  readonly team: string | undefined;
  readonly org: string | undefined;
  readonly users: number;
}

/** A user, with what he inherits from. */
export interface Member extends Omit<UserGroup, 'users'> {
  readonly userId: string;
}

/** A layer of a user. */
export interface UserLayer extends Member {
  readonly key: string;
  /** The layer's JSON text. */
  readonly text: string;
}

/** From which orgs and teams users are looked at; undefined for all users there are. */
export type Parents = { readonly orgs: readonly string[]; readonly teams: readonly string[] } | undefined;

const ofUsers = `p.environment = $1 AND p.scope = 'user' AND p.valid_to IS NULL AND p.is_primary`;

/** The condition that a link `p` leads to one of some parents, whose ids are the parameters `$n` and `$n + 1`. */
function within(parents: Parents, first: number): string {
  if (parents === undefined) return '';
  const [orgs, teams] = [`$${String(first)}::text[]`, `$${String(first + 1)}::text[]`];
  return `AND (p.parent_scope = 'org' AND p.parent_id = ANY (${orgs}) OR p.parent_scope = 'team' AND p.parent_id = ANY (${teams}))`;
}

const idsOf = (parents: Parents): SqlParameter[] =>
  parents === undefined ? [] : [[...parents.orgs], [...parents.teams]];

/** The org that a team `parent_id` of the link `p` belongs to. */
const orgOfTeam = `SELECT t.parent_id FROM configuration_scope_parents AS t
  WHERE t.environment = $1 AND t.scope = 'team' AND t.scope_id = p.parent_id AND t.valid_to IS NULL`;

/** The org of a user's own of the link `p`: it counts where the user's team has none. */
const orgOfUser = `SELECT o.parent_id FROM configuration_scope_parents AS o
  WHERE o.environment = $1 AND o.scope = 'user' AND o.scope_id = p.scope_id AND o.parent_scope = 'org' AND o.valid_to IS NULL
  ORDER BY o.position LIMIT 1`;

/**
 * Counts registered users by the team and org that they inherit from. The org of a team is looked up once for each team, and that of a
 * user only where the team has none.
 * @param alone the teams that have no org.
 */
export async function countUsers(
  sql: Sql,
  environment: string,
  parents: Parents,
  alone: readonly string[],
): Promise<UserGroup[]> {
  const ownOrg =
    alone.length === 0
      ? 'NULL::text'
      : `CASE WHEN p.parent_scope = 'team' AND p.parent_id = ANY ($2::text[]) THEN (${orgOfUser}) END`;
  const rows = await sql.query<Row & { team: string | null; org: string | null; users: number }>(
    `WITH grouped AS (
      SELECT p.parent_scope, p.parent_id, ${ownOrg} AS own_org, count(*) AS users
      FROM configuration_scope_parents AS p WHERE ${ofUsers} AND $2::text[] IS NOT NULL ${within(parents, 3)}
      GROUP BY 1, 2, 3
    )
    SELECT CASE WHEN p.parent_scope = 'team' THEN p.parent_id END AS team,
      CASE WHEN p.parent_scope = 'org' THEN p.parent_id ELSE coalesce((${orgOfTeam}), p.own_org) END AS org, p.users
    FROM grouped AS p`,
    [environment, [...alone], ...idsOf(parents)],
    undefined,
    patience,
  );
  const groups = rows.map(({ team, org, users }) => ({ team: team ?? undefined, org: org ?? undefined, users }));
  if (parents !== undefined) return groups;
  const [all] = await sql.query<Row & { users: number }>(
    `SELECT count(*) AS users FROM configuration_scopes
    WHERE environment = $1 AND scope = 'user' AND removed_revision IS NULL`,
    [environment],
    undefined,
    patience,
  );
  const free = (all?.users ?? 0) - groups.reduce((sum, { users }) => sum + users, 0);
  return free > 0 ? [...groups, { team: undefined, org: undefined, users: free }] : groups;
}

interface UserRow extends Row {
  readonly scope_id: string;
  readonly team: string | null;
  readonly org: string | null;
}

const toUser = ({ scope_id, team, org }: UserRow): Member => ({
  userId: scope_id,
  team: team ?? undefined,
  org: org ?? undefined,
});

const inheritance = `CASE WHEN p.parent_scope = 'team' THEN p.parent_id END AS team,
  CASE WHEN p.parent_scope = 'org' THEN p.parent_id WHEN p.parent_scope = 'team' THEN coalesce((${orgOfTeam}), (${orgOfUser})) END AS org`;

/** What some registered users inherit from; those who are not registered are left out. */
export async function readUsers(sql: Sql, environment: string, ids: readonly string[]): Promise<Member[]> {
  const rows = await sql.query<UserRow>(
    `SELECT r.scope_id, ${inheritance} FROM configuration_scopes AS r
    LEFT JOIN configuration_scope_parents AS p ON ${ofUsers} AND p.scope_id = r.scope_id
    WHERE r.environment = $1 AND r.scope = 'user' AND r.scope_id = ANY ($2::text[]) AND r.removed_revision IS NULL`,
    [environment, [...ids]],
    undefined,
    patience,
  );
  return rows.map(toUser);
}

/** Which users are looked at, and what is known of the teams among their parents. */
export interface Population {
  readonly parents: Parents;
  /** The orgs of teams that have one. */
  readonly orgOf: ReadonlyMap<string, string | undefined>;
  /** The teams that have no org: a user's own org counts there. */
  readonly alone: readonly string[];
}

interface MemberRow extends Row {
  readonly scope_id: string;
  readonly parent_scope: 'org' | 'team' | null;
  readonly parent_id: string | null;
  readonly own_org: string | null;
}

/** What a user inherits from, without a look at the registry for each: the orgs of teams are known. */
function parentsOf(
  { parent_scope, parent_id, own_org }: MemberRow,
  { orgOf }: Population,
): Pick<Member, 'team' | 'org'> {
  const parent = parent_id ?? undefined;
  if (parent_scope !== 'team' || parent === undefined) return { team: undefined, org: parent };
  return { team: parent, org: orgOf.get(parent) ?? own_org ?? undefined };
}

/** The columns of a link `p` that `parentsOf` reads; the parameter `$n` holds the teams without an org. */
const memberColumns = (n: number): string => `p.parent_scope, p.parent_id,
  CASE WHEN p.parent_scope = 'team' AND p.parent_id = ANY ($${String(n)}::text[]) THEN (${orgOfUser}) END AS own_org`;

// Links are bounded like what they are joined to: else each page would begin at the first of all links.

/** Reads one page of registered users, by id, after `after`. */
export async function readMembers(
  sql: Sql,
  environment: string,
  population: Population,
  after: string | undefined,
  limit: number,
): Promise<Member[]> {
  const { parents, alone } = population;
  const rows = await sql.query<MemberRow>(
    parents === undefined
      ? `SELECT r.scope_id, ${memberColumns(4)} FROM configuration_scopes AS r
        LEFT JOIN configuration_scope_parents AS p ON ${ofUsers} AND p.scope_id = r.scope_id AND p.scope_id > $2
        WHERE r.environment = $1 AND r.scope = 'user' AND r.scope_id > $2 AND r.removed_revision IS NULL
        ORDER BY r.scope_id LIMIT $3::int`
      : `SELECT p.scope_id, ${memberColumns(4)} FROM configuration_scope_parents AS p
        WHERE ${ofUsers} AND p.scope_id > $2 ${within(parents, 5)} ORDER BY p.scope_id LIMIT $3::int`,
    [environment, after ?? '', limit, [...alone], ...idsOf(parents)],
    undefined,
    patience,
  );
  return rows.map((row) => {
    const { team, org } = parentsOf(row, population);
    return { userId: row.scope_id, team, org };
  });
}

/** Reads one page of the layers that registered users have of some keys, by user and key, after `after`. */
export async function readUserLayers(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  population: Population,
  after: Pick<UserLayer, 'userId' | 'key'> | undefined,
  limit: number,
): Promise<UserLayer[]> {
  const { parents, alone } = population;
  const isRegistered =
    parents === undefined
      ? `(p.scope_id IS NOT NULL OR EXISTS (
          SELECT FROM configuration_scopes AS r
          WHERE r.environment = $1 AND r.scope = 'user' AND r.scope_id = s.scope_id AND r.removed_revision IS NULL))`
      : 'p.scope_id IS NOT NULL';
  const rows = await sql.query<MemberRow & { readonly key: string; readonly text: string }>(
    `SELECT s.scope_id, s.key, s.value::text AS text, ${memberColumns(6)} FROM configuration_settings AS s
    LEFT JOIN configuration_scope_parents AS p ON ${ofUsers} AND p.scope_id = s.scope_id AND p.scope_id >= $3
    WHERE s.environment = $1 AND s.key = ANY ($2::text[]) AND s.scope = 'user' AND s.value IS NOT NULL
      AND (s.scope_id, s.key) > ($3, $4) AND ${isRegistered} ${within(parents, 7)}
    ORDER BY s.scope_id, s.key LIMIT $5::int`,
    [environment, [...keys], after?.userId ?? '', after?.key ?? '', limit, [...alone], ...idsOf(parents)],
    undefined,
    patience,
  );
  return rows.map((row) => {
    const { team, org } = parentsOf(row, population);
    return { userId: row.scope_id, team, org, key: row.key, text: row.text };
  });
}

/** The registered orgs: all, or those of some ids. */
export async function readOrgs(sql: Sql, environment: string, ids: readonly string[] | undefined): Promise<string[]> {
  const rows = await sql.query<Row & { readonly scope_id: string }>(
    `SELECT r.scope_id FROM configuration_scopes AS r
    WHERE r.environment = $1 AND r.scope = 'org' AND r.removed_revision IS NULL
      AND ($2::text[] IS NULL OR r.scope_id = ANY ($2)) ORDER BY r.scope_id`,
    [environment, ids === undefined ? null : [...ids]],
    undefined,
    patience,
  );
  return rows.map(({ scope_id }) => scope_id);
}

/** The registered teams with their orgs: all, or those of some ids or orgs. */
export async function readTeams(
  sql: Sql,
  environment: string,
  which: { readonly orgs: readonly string[]; readonly teams: readonly string[] } | undefined,
): Promise<{ readonly team: string; readonly org: string | undefined }[]> {
  const rows = await sql.query<Row & { readonly scope_id: string; readonly org: string | null }>(
    `SELECT r.scope_id, p.parent_id AS org FROM configuration_scopes AS r
    LEFT JOIN configuration_scope_parents AS p
      ON p.environment = $1 AND p.scope = 'team' AND p.scope_id = r.scope_id AND p.valid_to IS NULL
    WHERE r.environment = $1 AND r.scope = 'team' AND r.removed_revision IS NULL
      AND ($2::text[] IS NULL OR r.scope_id = ANY ($2) OR p.parent_id = ANY ($3::text[])) ORDER BY r.scope_id`,
    [environment, which === undefined ? null : [...which.teams], which === undefined ? null : [...which.orgs]],
    undefined,
    patience,
  );
  return rows.map(({ scope_id, org }) => ({ team: scope_id, org: org ?? undefined }));
}

/** The teams without an org of whose users some have an org of their own among those given: these inherit from it. */
export async function readBridgedTeams(sql: Sql, environment: string, orgs: readonly string[]): Promise<string[]> {
  const rows = await sql.query<Row & { readonly parent_id: string }>(
    `SELECT DISTINCT p.parent_id FROM configuration_scope_parents AS o
    JOIN configuration_scope_parents AS p ON ${ofUsers} AND p.scope_id = o.scope_id AND p.parent_scope = 'team'
    WHERE o.environment = $1 AND o.scope = 'user' AND o.parent_scope = 'org' AND o.parent_id = ANY ($2::text[])
      AND o.valid_to IS NULL AND NOT EXISTS (${orgOfTeam})`,
    [environment, [...orgs]],
    undefined,
    patience,
  );
  return rows.map(({ parent_id }) => parent_id);
}

/** A layer at an org or team, as its JSON text. */
export interface LayerText {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string;
  readonly text: string;
}

/** The layers of some keys at orgs and teams: all, or those at some. */
export async function readLayersBetween(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  at: { readonly orgs: readonly string[]; readonly teams: readonly string[] } | undefined,
): Promise<LayerText[]> {
  const rows = await sql.query<Row & { key: string; scope: ConfigScope; scope_id: string; text: string }>(
    `SELECT s.key, s.scope, s.scope_id, s.value::text AS text FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.key = ANY ($2::text[]) AND s.scope IN ('org', 'team') AND s.value IS NOT NULL
      ${at === undefined ? '' : `AND (s.scope = 'org' AND s.scope_id = ANY ($3::text[]) OR s.scope = 'team' AND s.scope_id = ANY ($4::text[]))`}`,
    [environment, [...keys], ...idsOf(at)],
    undefined,
    patience,
  );
  return rows.map(({ key, scope, scope_id, text }) => ({ key, scope, scopeId: scope_id, text }));
}

/** Some of the users of a group who have no layer of their own of some keys. */
export async function readUsersOf(
  sql: Sql,
  environment: string,
  keys: readonly string[],
  { team, org }: Omit<UserGroup, 'users'>,
  limit: number,
): Promise<string[]> {
  const free = `NOT EXISTS (SELECT FROM configuration_settings AS s
    WHERE s.environment = $1 AND s.key = ANY ($2::text[]) AND s.scope = 'user' AND s.scope_id = p.scope_id AND s.value IS NOT NULL)`;
  const parent = team ?? org;
  const [text, parameters]: [string, SqlParameter[]] =
    parent === undefined
      ? [
          `SELECT p.scope_id FROM configuration_scopes AS p
          WHERE p.environment = $1 AND p.scope = 'user' AND p.removed_revision IS NULL AND NOT EXISTS (
            SELECT FROM configuration_scope_parents AS l WHERE l.environment = $1 AND l.scope = 'user'
              AND l.scope_id = p.scope_id AND l.valid_to IS NULL) AND ${free} LIMIT $3::int`,
          [],
        ]
      : [
          `SELECT p.scope_id FROM configuration_scope_parents AS p
          WHERE ${ofUsers} AND p.parent_scope = $4 AND p.parent_id = $5 AND ${free}
            ${team === undefined ? '' : `AND coalesce((${orgOfTeam}), (${orgOfUser})) IS NOT DISTINCT FROM $6`} LIMIT $3::int`,
          [team === undefined ? 'org' : 'team', parent, ...(team === undefined ? [] : [org ?? null])],
        ];
  const rows = await sql.query<Row & { readonly scope_id: string }>(
    text,
    [environment, [...keys], limit, ...parameters],
    undefined,
    patience,
  );
  return rows.map(({ scope_id }) => scope_id);
}
