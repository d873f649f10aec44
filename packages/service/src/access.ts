/** Owns the one place that answers whether an actor may do something, for every feature: by what is known here, or looked up for it. */
import {
  authorityChains,
  ConfigurationError,
  formatAddress,
  formatScope,
  type Permission,
  type ScopeRef,
  type ScopeRequest,
} from '@strata/core';
import type { AccessRules, ClaimKind } from './access-control.ts';
import type { Actor } from './actor.ts';
import type { Answer } from './authorize.ts';
import type { Context } from './context.ts';
import type { AuditEntry } from './store/audit.ts';
import { readProgress } from './store/counter.ts';
import { readLinks } from './store/scopes.ts';

/** What is acted on: a key at a scope, or without a key the scope itself. */
export interface Place extends ScopeRequest {
  readonly key?: string | undefined;
}

/** Roles and bindings as they are now. */
export async function accessNow(context: Context): Promise<AccessRules> {
  const { access, db, feed } = context;
  // What is remembered holds only while the feed runs.
  feed.start();
  if (access.current !== undefined) return access.current;
  const progress = await readProgress(db);
  feed.follow(progress.revision);
  return access.at(db, progress);
}

/**
 * Requires that an actor may do something. In a transaction it asks the database through that, so it belongs before the first write of
 * it; better still before the transaction, which the hook would keep open.
 * @param kind `list` where each entry is asked about by itself: then bindings for some keys do.
 * @returns undefined where it is known at once that nobody is asked; else a promise to await.
 * @throws ConfigurationError `not_permitted`.
 */
export function requirePermission(
  context: Context,
  actor: Actor,
  action: Permission,
  place: Place,
  kind: ClaimKind = 'one',
): Promise<void> | undefined {
  const { access } = context;
  return access.isOpen ? undefined : access.track(requireAnswer(context, actor, action, place, kind));
}

async function requireAnswer(
  context: Context,
  actor: Actor,
  action: Permission,
  place: Place,
  kind: ClaimKind,
): Promise<void> {
  const answer = await answerOn(context, actor, action, place, kind);
  if (answer === true) return;
  const refusal = notPermitted(actor, action, place, answer);
  // Reads are too many for the audit log, and what they are refused is as if it did not exist.
  if (action !== 'read') context.refusals.note(refusedEntry(actor, action, place, refusal));
  throw refusal;
}

function refusedEntry(
  actor: Actor,
  action: Permission,
  { key, scope, scopeId }: Place,
  { code }: ConfigurationError,
): AuditEntry {
  return { operation: action, about: { key, scope, scopeId }, actor, success: false, metadata: { code } };
}

/** Whether an actor may do something. */
export async function allows(context: Context, actor: Actor, action: Permission, place: Place): Promise<boolean> {
  return (await answerOn(context, actor, action, place, 'one')) === true;
}

/**
 * Requires that an actor may read a key where a scope inherited along a chain, which may be another one than it inherits along now.
 * @throws ConfigurationError `not_permitted`.
 */
export async function requireAlong(
  context: Context,
  actor: Actor,
  place: Place,
  chain: readonly ScopeRef[],
): Promise<void> {
  const answer = await answerAlong(context, actor, place.key, chain);
  if (answer !== true) throw notPermitted(actor, 'read', place, answer);
}

/** Whether an actor may read a key where a scope inherited along a chain. */
export async function answerAlong(
  context: Context,
  actor: Actor,
  key: string | undefined,
  chain: readonly ScopeRef[],
): Promise<Answer> {
  const { access } = context;
  if (access.isOpen) return true;
  const rules = await accessNow(context);
  return access.isUnasked(rules, actor) || access.decide(rules, actor, 'read', access.claims(key, [chain]));
}

/** The answer on what an actor wants to do. */
export async function answerOn(
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
export async function authorityOf(
  { db, environment }: Context,
  place: Place,
): Promise<readonly (readonly ScopeRef[])[]> {
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
