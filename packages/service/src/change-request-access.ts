/** Owns who may see and handle change requests, and how one is found. */
import {
  approvalProblem,
  ConfigurationError,
  globalScope,
  isGranted,
  isOpenRequest,
  possibleEvents,
  resolveChain,
  type Approver,
  type Permission,
  type RequestEvent,
  type RequestStatus,
  type ScopeRef,
} from '@strata/core';
import { allows, requirePermission, type Place } from './access.ts';
import type { AccessRules } from './access-control.ts';
import type { Actor } from './actor.ts';
import type { StoredRequest } from './change-request-stored.ts';
import type { Context } from './context.ts';
import { roleNamesOf } from './gate.ts';
import { readRequests } from './store/change-requests.ts';
import type { CommitOperation } from './store/commits.ts';
import { readLinks } from './store/scopes.ts';

/** What a request is about: whoever handles it has to be permitted at all of them. */
export function placesOf(request: Pick<StoredRequest, 'operation' | 'changes' | 'key' | 'scope' | 'scopeId'>): Place[] {
  const { operation, changes, key, scope, scopeId } = request;
  if (operation === 'change') return changes.map((change) => ({ key: change.key, ...scopeOf(change) }));
  return [operationsOfKeys.has(operation) ? { key, scope, scopeId } : { scope, scopeId }];
}

/** What is about a key rather than about a scope, besides changes of values. */
const operationsOfKeys: ReadonlySet<CommitOperation> = new Set([
  'lock',
  'unlock',
  'tag',
  'schema',
  'definition',
  'dependency',
]);

const scopeOf = ({ scope, scopeId }: ScopeRef): ScopeRef => ({ scope, scopeId });

/**
 * A request that an actor may see.
 * @throws ConfigurationError `request_not_found`, also where he may not.
 */
export async function findRequest(context: Context, actor: Actor, id: string): Promise<StoredRequest> {
  const [request] = await readRequests(context.db, context.environment, { id, limit: 1 });
  if (request === undefined || !(await maySee(context, actor, request))) throw notFound(id);
  return request;
}

/** The refusal of an id of which there is no request, as far as the caller may know. */
export function notFound(id: string): ConfigurationError<'request_not_found'> {
  return new ConfigurationError('request_not_found', { requestId: id });
}

/** Whether an actor may see all that a request is about. */
export async function maySee(context: Context, actor: Actor, request: StoredRequest): Promise<boolean> {
  for (const place of placesOf(request)) if (!(await allows(context, actor, 'read', place))) return false;
  return true;
}

/** Requires a permission for all that a request is about. */
export async function requireForAll(
  context: Context,
  actor: Actor,
  action: Permission,
  request: Parameters<typeof placesOf>[0],
): Promise<void> {
  for (const place of placesOf(request)) await requirePermission(context, actor, action, place);
}

/** Somebody's standing towards a request: his roles wherever it is about, and whether bindings permit him to approve there. */
export interface Standing extends Approver {
  readonly isPermitted: boolean;
}

/**
 * Tells the standing of anybody towards a request, by the bindings given. Whether a hook permits it is asked before, outside of any
 * transaction.
 */
export async function standingsOf(
  { access, db, environment }: Context,
  rules: AccessRules,
  request: StoredRequest,
): Promise<(actor: Pick<Actor, 'id' | 'roles'>) => Standing> {
  const places = placesOf(request);
  const links = await readLinks(db, environment, places);
  const resources = places.map((place) => ({ key: place.key, chain: resolveChain(place, links) }));
  return (actor) => {
    const [first = [], ...others] = resources.map(({ key, chain }) => roleNamesOf(rules, actor, key, chain));
    const grants = access.grants(rules, actor);
    return {
      id: actor.id,
      roles: first.filter((role) => others.every((names) => names.includes(role))),
      isPermitted: rules.bindings.length === 0 || resources.every((resource) => isGranted(grants, 'approve', resource)),
    };
  };
}

/** Why somebody's approval of a request does not count; undefined where it does. */
export function problemOf(
  { isPermitted, ...approver }: Standing,
  { requestedBy, editors, policies }: StoredRequest,
  approvedBy: readonly string[],
): ReturnType<typeof approvalProblem> {
  const problem = approvalProblem({ requestedBy, editors, policies, approvedBy }, approver);
  return problem ?? (isPermitted ? undefined : 'ineligible');
}

/** Refuses an approval that would not count. */
export function refuseApproval(
  problem: NonNullable<ReturnType<typeof approvalProblem>>,
  actor: Actor,
  { id, approvals, minimumApprovals, policies }: StoredRequest,
): never {
  if (problem === 'self') throw new ConfigurationError('self_approval', { actor: actor.id, requestId: id });
  if (problem === 'again') {
    throw new ConfigurationError('already_approved', {
      actor: actor.id,
      requestId: id,
      approvals: approvals.length,
      minimumApprovals,
    });
  }
  const named = policies.flatMap(({ approvers }) => [
    ...(approvers?.roles ?? []).map((role) => `the role ${role}`),
    ...(approvers?.users ?? []),
  ]);
  throw new ConfigurationError('not_an_approver', {
    actor: actor.id,
    requestId: id,
    policy: policies.map(({ name }) => name).join(', '),
    approvers: named.length === 0 ? 'whoever holds the permission approve there' : named.join(' or '),
  });
}

const words: Readonly<Record<RequestEvent, string>> = {
  approve: 'approval',
  apply: 'application',
  schedule: 'scheduling',
  suspend: 'suspension',
  conflict: 'conflict',
  edit: 'edit',
  reject: 'rejection',
  withdraw: 'withdrawal',
  expire: 'expiry',
};

/** Refuses what cannot happen to a request in its state. */
export function refuseState(request: StoredRequest, event: RequestEvent): never {
  const { id, status, commit, reason } = request;
  if (status === 'applied') throw new ConfigurationError('request_applied', { requestId: id, commit: commit ?? '' });
  if (status === 'expired') throw expired(request);
  if (status === 'conflicted') {
    throw new ConfigurationError('request_conflicted', { requestId: id, problem: reason ?? '' });
  }
  if (!isOpenRequest(status))
    throw new ConfigurationError('request_closed', { requestId: id, status, event: words[event] });
  throw new ConfigurationError('request_state', {
    requestId: id,
    status,
    event: words[event],
    possible: possibleOf(status),
  });
}

function possibleOf(status: RequestStatus): string {
  const byPeople: readonly RequestEvent[] = ['approve', 'edit', 'schedule', 'reject', 'withdraw'];
  return possibleEvents(status)
    .filter((event) => byPeople.includes(event))
    .map((event) => words[event])
    .join(', ');
}

/** The refusal of what came too late. */
export function expired({ id, expiresAt }: StoredRequest): ConfigurationError<'request_expired'> {
  return new ConfigurationError('request_expired', { requestId: id, expiresAt: expiresAt.toISOString() });
}

/** What an audit row of a request is about. */
export function aboutOf({ key, scope, scopeId }: StoredRequest): ScopeRef & { readonly key: string } {
  return { key, ...(scope === 'global' ? globalScope : { scope, scopeId }) };
}
