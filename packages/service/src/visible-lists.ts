/** Owns the lists and definitions of the store as one actor may see them: what he may not read is as if it did not exist. */
import { parseKey, parseScope, type ScopeInput, type ScopeRef } from '@strata/core';
import type { Place } from './access.ts';
import type { Actor } from './actor.ts';
import { begin, type Context } from './context.ts';
import * as locks from './locks.ts';
import * as schemas from './schemas.ts';
import * as scopes from './scopes.ts';
import * as tags from './tags.ts';
import { requireVisibility, takeVisible, visibilityOf } from './visibility.ts';

type ScopeFilter = Parameters<typeof scopes.listScopes>[1];

/** Tags on versions that an actor may read, newest first. */
export async function listTags(
  context: Context,
  actor: Actor,
  filter: Parameters<typeof tags.listTags>[1],
): Promise<tags.Tag[]> {
  const all = await tags.listTags(context, filter);
  const see = await requireVisibility(context, actor, 'read', filter.key);
  const seen = await see.filter(all, toPlace);
  await see.requireSome(seen);
  return [...seen];
}

/** The locks in force at addresses that an actor may read. */
export async function listLocks(
  context: Context,
  actor: Actor,
  filter: Parameters<typeof locks.listLocks>[1],
): Promise<locks.LockRecord[]> {
  const all = await locks.listLocks(context, filter);
  const see = await requireVisibility(context, actor, 'read', filter.key);
  const seen = await see.filter(all, toPlace);
  await see.requireSome(seen);
  return [...seen];
}

function toPlace({ key, scope, scopeId }: Pick<tags.Tag, 'key' | 'scope' | 'scopeId'>): Place {
  return { key, scope, scopeId: scopeId ?? '' };
}

/**
 * The registered scopes at which an actor may read anything, by kind and id. Besides the primary parent, which he inherits from, only
 * parents that he may read at are named.
 */
export async function listScopes(
  context: Context,
  actor: Actor,
  filter: ScopeFilter,
): Promise<scopes.RegisteredScope[]> {
  begin(context);
  const see = await requireVisibility(context, actor, 'read');
  const limit = filter.limit ?? 1000;
  const readPage = (size: number, last: ScopeRef | undefined): Promise<scopes.RegisteredScope[]> =>
    scopes.listScopes(context, { ...filter, limit: size, ...(last === undefined ? {} : { after: last }) });
  // Whose children are asked for has to be visible itself: else the list would tell that it has them.
  const parent = filter.parent === undefined ? undefined : parseScope(filter.parent);
  const isHidden = parent !== undefined && (await see.filter([parent], (one) => one)).length === 0;
  const seen = await takeVisible(see, limit, (one) => one, isHidden ? () => Promise.resolve([]) : readPage);
  if (filter.after === undefined) await see.requireSome(seen);
  const others = seen.flatMap(({ parents }) => parents.filter(({ primary }) => !primary));
  const visible = new Set((await see.filter(others, (one) => one)).map(nameOf));
  return seen.map((one) => ({
    ...one,
    parents: one.parents.filter((parent) => parent.primary || visible.has(nameOf(parent))),
  }));
}

const nameOf = ({ scope, scopeId }: ScopeInput): string => JSON.stringify([scope, scopeId]);

/** The definition of a key that an actor may read at any scope; null when it has none. */
export async function getSchema(context: Context, actor: Actor, key: string): Promise<schemas.RegisteredSchema | null> {
  await requireKey(context, actor, key);
  return schemas.getSchema(context, key);
}

/** Checks a whole value against the schema of a key that an actor may read at any scope. */
export async function validateConfig(
  context: Context,
  actor: Actor,
  key: string,
  value: unknown,
): Promise<schemas.ValidationResult> {
  await requireKey(context, actor, key);
  return schemas.validateConfig(context, key, value);
}

/** Requires that an actor may read a key at any scope; the hook is asked about global, since schemas are of no scope. */
async function requireKey(context: Context, actor: Actor, key: string): Promise<void> {
  begin(context);
  const see = await requireVisibility(context, actor, 'read', parseKey(key));
  await see.requireSome([]);
}

/** The definitions of the keys that an actor may read at any scope, by key. */
export async function listSchemas(context: Context, actor: Actor): Promise<schemas.RegisteredSchema[]> {
  begin(context);
  const all = await schemas.listSchemas(context);
  const seen: schemas.RegisteredSchema[] = [];
  for (const schema of all) {
    const see = await visibilityOf(context, actor, 'read', schema.key);
    if (see.isPossible && (await see.askAboutGlobal()) === true) seen.push(schema);
  }
  return seen;
}
