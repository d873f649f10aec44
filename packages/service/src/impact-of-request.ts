/** Owns what change requests keep of their impact, and who is told of it. */
import { isOpenRequest, type ImpactAnalysis } from '@strata/core';
import { accessNow } from './access.ts';
import { AccessControl } from './access-control.ts';
import { systemActor, type Actor } from './actor.ts';
import { toValueChange } from './change-request-record.ts';
import type { StoredRequest } from './change-request-stored.ts';
import type { Context } from './context.ts';
import { analyzeIntent } from './impact-analysis.ts';
import type { Intent } from './intent.ts';
import { newIntent } from './new-commit.ts';
import { openRequest } from './secrets/proposed-secrets.ts';

/** What a proposal does, of all that there is: what is kept with it. */
export async function impactOfProposal(context: Context, intent: Intent): Promise<ImpactAnalysis> {
  const { environment } = context;
  // Who sees it is decided when it is told; nobody is asked now.
  const access = new AccessControl({ environment, authorize: undefined, timeoutMs: 1, isFollowed: false });
  return (await analyzeIntent({ ...context, access }, systemActor, intent, { collect: true })).analysis;
}

/**
 * The impact of a request as an actor may know it: what was kept, where he may read everything below; else, while the request is open, what it
 * does now as far as he may read.
 */
export async function impactSeenBy(
  context: Context,
  actor: Actor,
  request: StoredRequest,
): Promise<ImpactAnalysis | undefined> {
  if (request.impact === null) return undefined;
  if (await mayReadAllBelow(context, actor, request)) return request.impact;
  if (!isOpenRequest(request.status)) return undefined;
  const { changes } = await openRequest(context, request);
  const intent = newIntent(actor, changes.map(toValueChange), undefined, { force: request.isForced });
  return (await analyzeIntent(context, actor, intent, { collect: true })).analysis;
}

/** Whether an actor who may see a request may also read the keys at all scopes below: a hook is not asked about all of them. */
async function mayReadAllBelow(context: Context, actor: Actor, request: StoredRequest): Promise<boolean> {
  const { access } = context;
  if (access.isOpen) return true;
  const rules = await accessNow(context);
  if (access.isUnasked(rules, actor)) return true;
  if (access.hasHook) return false;
  const grants = access.grants(rules, actor);
  const keys = new Set(request.changes.map(({ key }) => key));
  return [...keys].every(
    (key) => !grants.some(({ isDenial, permissions, matches }) => isDenial && permissions.has('read') && matches(key)),
  );
}
