/** Owns who may read an effective value: asked of what is in memory, before a read where its chain is evident, else of what was read. */
import type { ConfigurationError, ScopeRequest } from '@strata/core';
import { accessNow, notPermitted, requirePermission } from './access.ts';
import type { AccessRules } from './access-control.ts';
import type { Actor } from './actor.ts';
import type { Answer, Claim } from './authorize.ts';
import type { CacheEntry } from './cache.ts';
import type { Context, Loaded } from './context.ts';

/** The refusal of a value that is in memory. */
export function refusal(
  actor: Actor,
  { key, request }: CacheEntry,
  answer: Exclude<Answer, true>,
): ConfigurationError<'not_permitted'> {
  return notPermitted(actor, 'read', { ...request, key }, answer);
}

/** Whether a value in memory may be served; false where that cannot be told without the database. @throws ConfigurationError `not_permitted`. */
export async function mayServe({ access }: Context, actor: Actor, entry: CacheEntry): Promise<boolean> {
  const answer = await access.answerFor(actor, entry);
  if (answer === undefined) return false;
  if (answer !== true) throw refusal(actor, entry, answer);
  return true;
}

/**
 * Whether an actor was found to be permitted before anything is read: where no registry is needed to tell which scopes are concerned.
 * @param keys absent for a list of all.
 * @throws ConfigurationError `not_permitted`.
 */
export async function isPermittedBefore(
  context: Context,
  actor: Actor,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
): Promise<boolean> {
  const { access } = context;
  if (access.isOpen) return true;
  if (access.current === undefined || request.scope === 'team' || request.scope === 'user') return false;
  for (const key of keys ?? [undefined]) await requirePermission(context, actor, 'read', { ...request, key }, 'list');
  return true;
}

/**
 * Whether an actor may have what was loaded, by the snapshot that it was loaded from or by what is known since; false where that does not
 * tell.
 * @param keys absent for a list of all.
 * @throws ConfigurationError `not_permitted`.
 */
export async function mayHave(
  context: Context,
  actor: Actor,
  keys: readonly string[] | undefined,
  request: ScopeRequest,
  loaded: Loaded,
): Promise<boolean> {
  const { access } = context;
  const rules = await rulesOf(context, loaded);
  if (access.isUnasked(rules, actor)) return true;
  if (loaded.authority === undefined) return false;
  for (const key of keys ?? [undefined]) {
    const answer = await access.decide(rules, actor, 'read', claimsOn(context, key, loaded), 'list');
    if (answer !== true) throw notPermitted(actor, 'read', { ...request, key }, answer);
  }
  return true;
}

/** Those keys of what was loaded that an actor may read. */
export async function permittedKeys(
  context: Context,
  actor: Actor,
  keys: readonly string[],
  loaded: Loaded,
): Promise<readonly string[]> {
  const { access } = context;
  const rules = await rulesOf(context, loaded);
  if (access.isUnasked(rules, actor) || loaded.authority === undefined) return keys;
  const answers = await Promise.all(
    keys.map(async (key) => access.decide(rules, actor, 'read', claimsOn(context, key, loaded))),
  );
  return keys.filter((_, index) => answers[index] === true);
}

/** The newer of the rules that were in force where something was read, and those that are known to be in force now. */
async function rulesOf(context: Context, { progress }: Loaded): Promise<AccessRules> {
  const { access, db } = context;
  const { current } = access;
  if (current !== undefined && current.rulesRevision >= (progress?.rulesRevision ?? 0)) return current;
  return progress === undefined ? accessNow(context) : access.at(db, progress);
}

function claimsOn({ access }: Context, key: string | undefined, { authority = [] }: Loaded): readonly Claim[] {
  return access.claims(key, authority);
}
