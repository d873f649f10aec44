/** Owns who may change roles and bindings: who has the permission `policy` there, and hands on no more than is permitted to himself. */
import {
  ConfigurationError,
  globalScope,
  isSubject,
  lackingFor,
  resolveChain,
  sameScope,
  type Permission,
  type RoleSubject,
  type ScopeLink,
  type ScopeRef,
} from '@strata/core';
import { notPermitted } from './access.ts';
import type { AccessRules } from './access-control.ts';
import { systemActor, type Actor } from './actor.ts';
import type { Answer } from './authorize.ts';
import type { Context } from './context.ts';
import type { Progress } from './store/counter.ts';
import { readLinks } from './store/scopes.ts';

/** What a change of roles or bindings gives to somebody: by a role that allows more, or by one that denies less. */
export interface Gift {
  readonly role: string;
  readonly to: RoleSubject;
  readonly permissions: readonly Permission[];
  readonly scope: ScopeRef;
  readonly keys: string;
}

/** The roles and bindings on which a change of them is decided: those of the very commit before it. */
export async function rulesAt({ access, db }: Context, { rulesRevision }: Progress): Promise<AccessRules> {
  const { current } = access;
  return current?.rulesRevision === rulesRevision ? current : access.load(db, rulesRevision);
}

/**
 * Requires that the bindings allow an actor to change roles or bindings at a scope, and everything that the change gives.
 * @throws ConfigurationError `not_permitted`, or `self_grant` for break-glass that somebody gives to himself.
 */
export async function requireByBindings(
  context: Context,
  rules: AccessRules,
  actor: Actor,
  scope: ScopeRef,
  gifts: readonly Gift[],
): Promise<void> {
  refuseSelfGrant(actor, gifts);
  const { access, db, environment } = context;
  if (rules.bindings.length === 0 || actor === systemActor) return;
  const grants = access.grants(rules, actor);
  const denied = grants.filter(({ isDenial }) => isDenial).map((grant) => grant.scope);
  const links = await readLinks(db, environment, [scope, ...gifts.map((gift) => gift.scope), ...denied]);
  const claims = access.claims(undefined, [resolveChain(scope, links)]);
  if (!access.isAllowedByBindings(rules, actor, 'policy', claims, 'one')) throw notPermitted(actor, 'policy', scope);
  for (const gift of gifts) {
    const { permissions, keys } = gift;
    const handover = { permissions, keys, chain: resolveChain(gift.scope, links) };
    const [lacking] = lackingFor(grants, handover, (inner, outer) => isWithin(inner, outer, links));
    if (lacking !== undefined) throw notPermitted(actor, lacking, placeOf(gift));
  }
}

/**
 * Requires the same of the hook. It is asked before the transaction, which it would keep open.
 * @throws ConfigurationError `not_permitted`.
 */
export async function requireByHook(
  context: Context,
  actor: Actor,
  scope: ScopeRef,
  gifts: readonly Gift[],
): Promise<void> {
  if (!context.access.hasHook) return;
  const refusal = await askHook(context, actor, 'policy', scope, undefined);
  if (refusal !== true) throw notPermitted(actor, 'policy', scope, refusal);
  for (const gift of gifts) {
    for (const permission of gift.permissions) {
      const answer = await askHook(context, actor, permission, gift.scope, placeOf(gift).key);
      if (answer !== true) throw notPermitted(actor, permission, placeOf(gift), answer);
    }
  }
}

async function askHook(
  { access, db, environment }: Context,
  actor: Actor,
  permission: Permission,
  scope: ScopeRef,
  key: string | undefined,
): Promise<Answer> {
  const chain = resolveChain(scope, await readLinks(db, environment, [scope]));
  return access.ask(actor, permission, access.claims(key, [chain]));
}

function placeOf({ scope, keys }: Gift): ScopeRef & { readonly key: string | undefined } {
  return { ...scope, key: keys === '*' ? undefined : keys };
}

// Whoever may break the glass is chosen by somebody else.
function refuseSelfGrant(actor: Actor, gifts: readonly Gift[]): void {
  if (actor === systemActor) return;
  const own = gifts.find(({ to, permissions }) => isSubject(to, actor) && permissions.includes('break-glass'));
  if (own !== undefined) throw new ConfigurationError('self_grant', { actor: actor.id, role: own.role });
}

/** Whether a scope lies below another by any registered links, whichever of its parents is the primary one. */
function isWithin(inner: ScopeRef, outer: ScopeRef, links: readonly ScopeLink[]): boolean {
  if (sameScope(outer, globalScope)) return true;
  const parents = links.filter(({ child }) => sameScope(child, inner)).map(({ parent }) => parent);
  return parents.some((parent) => sameScope(parent, outer) || isWithin(parent, outer, links));
}

/** What a change has to keep of who asks for it, to be decided on again when it was approved. */
export interface Asker {
  readonly isSystem?: boolean;
  readonly roles?: readonly string[];
}

/** What to keep of an actor. */
export function askerOf(actor: Actor): Asker {
  if (actor === systemActor) return { isSystem: true };
  return actor.roles === undefined ? {} : { roles: actor.roles };
}

/** The actor of a change that is decided on, maybe long after he asked for it. */
export function actorOfAsker(actor: Actor, { isSystem = false, roles }: Asker): Actor {
  if (isSystem) return systemActor;
  return roles === undefined ? actor : { ...actor, roles };
}
