/** Owns asking for changes, changing what was asked for, and the look at what waits. */
import {
  ConfigurationError,
  expiryOf,
  nextStatus,
  parseId,
  parseKey,
  requestStatuses,
  type RequestStatus,
  type ScopeInput,
} from '@strata/core';
import { allows, requirePermission } from './access.ts';
import type { AccessRules } from './access-control.ts';
import type { Actor } from './actor.ts';
import { recordAudit } from './audit/record.ts';
import {
  expired,
  findRequest,
  maySee,
  notFound,
  placesOf,
  problemOf,
  refuseState,
  standingsOf,
} from './change-request-access.ts';
import { parseRequestId } from './change-request-decisions.ts';
import { fileValues, propose, refuseEmpty } from './change-request-filing.ts';
import { toChangeRequest, toValueChange, type ChangeRequest } from './change-request-record.ts';
import type { StoredRequest } from './change-request-stored.ts';
import { begin, type Context } from './context.ts';
import { commitDecision } from './decision-commit.ts';
import { parseCount } from './history.ts';
import { actionOf, type Intent, type ValueChange } from './intent.ts';
import { impactOfProposal, impactSeenBy } from './impact-of-request.ts';
import { newIntent, parseComment } from './new-commit.ts';
import { noteRefusals } from './refusals.ts';
import { openRequest, sealProposed } from './secrets/proposed-secrets.ts';
import { withSecrets } from './secrets/with-secrets.ts';
import { editRequest, lockRequest, readRequests } from './store/change-requests.ts';
import { readProgress } from './store/counter.ts';
import { parseTime } from './time.ts';
import { parseChanges, type CommitChange } from './write.ts';

/** One change to ask for. */
export type ChangeProposal = ScopeInput & {
  readonly key: string;
  readonly proposedValue?: unknown;
  /** Asks for the removal of the layer instead. */
  readonly delete?: boolean;
  /** When the new layer removes itself. */
  readonly expiresAt?: Date | string;
};

/** What `requestChange` takes: one change, or several that are applied together. */
export type ChangeRequestInput = (ChangeProposal | { readonly changes: readonly ChangeProposal[] }) & {
  readonly requestedBy: string;
  /** What approvers decide by. */
  readonly justification: string;
  /** When it is applied once it has its approvals. Default: at once. */
  readonly applyAt?: Date | string;
  /** Goes ahead although values below become invalid. */
  readonly force?: boolean;
  /** A key under which a repeated call makes one request. */
  readonly idempotencyKey?: string;
};

/** What `editChange` replaces: what is left out stays. */
export type ChangeEdit = (Partial<ChangeProposal> | { readonly changes: readonly ChangeProposal[] }) & {
  readonly justification?: string;
  /** `null`: at once. */
  readonly applyAt?: Date | string | null;
};

/** Asks for a change. A change that no policy asks approvals of waits for one. */
export async function requestChange(context: Context, actor: Actor, input: ChangeRequestInput): Promise<ChangeRequest> {
  begin(context);
  const changes = await parseProposals(context, input);
  const justification = parseJustification(input.justification);
  const applyAt = input.applyAt === undefined ? null : parseTime(input.applyAt, 'applyAt');
  await requireToPropose(context, actor, changes);
  const options = {
    force: input.force === true,
    ...(input.idempotencyKey === undefined ? {} : { idempotencyKey: input.idempotencyKey }),
  };
  const stored = await fileValues(context, newIntent(actor, changes, justification, options), { applyAt });
  if (stored === undefined) throw new Error('a request that was asked for was not made');
  return toChangeRequest(context, stored);
}

/** Whoever may write may also ask to; proposing alone takes less. */
async function requireToPropose(context: Context, actor: Actor, changes: readonly ValueChange[]): Promise<void> {
  for (const change of changes) {
    if (await allows(context, actor, actionOf(change), change)) continue;
    await requirePermission(context, actor, 'propose', change);
  }
}

async function parseProposals(context: Context, input: unknown): Promise<readonly ValueChange[]> {
  if (typeof input !== 'object' || input === null) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'request',
      problem: 'give it as { key, proposedValue, scope, scopeId, requestedBy, justification }',
    });
  }
  const proposals = 'changes' in input ? input.changes : [input];
  if (!Array.isArray(proposals)) return parseChanges(context, proposals as readonly CommitChange[]);
  return parseChanges(context, (proposals as ChangeProposal[]).map(toCommitChange));
}

function toCommitChange(proposal: ChangeProposal): CommitChange {
  if (typeof proposal !== 'object' || (proposal as unknown) === null) return proposal as never;
  const { key, scope, scopeId, expiresAt } = proposal as ChangeProposal & { scopeId?: string };
  if ((scope as unknown) === undefined) {
    throw new ConfigurationError('invalid_scope', {
      problem: 'a change names its scope; give scope: "global" for global',
    });
  }
  const place = { key, scope, ...(scopeId === undefined ? {} : { scopeId }) } as ScopeInput & { readonly key: string };
  if (proposal.delete === true) return { ...place, delete: true };
  if (proposal.proposedValue === undefined) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'proposedValue',
      problem: 'it is missing; to ask for a removal give delete: true',
    });
  }
  return { ...place, value: proposal.proposedValue, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

function parseJustification(input: unknown): string {
  const said = parseComment(typeof input === 'string' ? input.trim() : input);
  if (said !== null) return said;
  throw new ConfigurationError('justification_required', { problem: 'It is empty' });
}

/**
 * Replaces what a request says, on the values as they are now, and dismisses its approvals. Whoever edits it is an author of it from then on
 * and cannot approve it. Also the way on for one that is conflicted or suspended: an edit of nothing proposes it anew.
 */
export async function editChange(
  context: Context,
  actor: Actor,
  requestId: string,
  edit: ChangeEdit,
): Promise<ChangeRequest> {
  begin(context);
  const id = parseRequestId(requestId);
  const justification = edit.justification === undefined ? undefined : parseJustification(edit.justification);
  const applyAt = parseApplyAt(edit.applyAt);
  return noteRefusals(context, actor, 'edit', id, async () => {
    const shown = await findRequest(context, actor, id);
    const changes = await editedChanges(context, shown, edit);
    await requireToPropose(context, actor, changes);
    return replace(context, actor, shown, {
      changes,
      justification: justification ?? shown.justification,
      applyAt: applyAt === undefined ? shown.applyAt : applyAt,
    });
  });
}

const parseApplyAt = (input: Date | string | null | undefined): Date | null | undefined =>
  input === undefined || input === null ? input : parseTime(input, 'applyAt');

async function editedChanges(
  context: Context,
  shown: StoredRequest,
  edit: ChangeEdit,
): Promise<readonly ValueChange[]> {
  if (shown.operation !== 'change') {
    throw new ConfigurationError('invalid_argument', {
      argument: 'edit',
      problem: `a request of the operation ${shown.operation} is not edited; withdraw it and call the operation again`,
    });
  }
  if ('changes' in edit) return parseProposals(context, edit);
  const {
    key,
    scope,
    scopeId,
    proposedValue,
    delete: isRemoval,
    expiresAt,
  } = edit as Partial<ChangeProposal> & {
    readonly scopeId?: string;
  };
  const given = [key, scope, scopeId, proposedValue, isRemoval, expiresAt].some((part) => part !== undefined);
  if (!given) return (await openRequest(context, shown)).changes.map(toValueChange);
  const [only, ...others] = (await openRequest(context, shown)).changes;
  if (only === undefined || others.length > 0) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'changes',
      problem: `this request has ${String(shown.changes.length)} changes; give all of them as { changes: […] }`,
    });
  }
  const kept = {
    key: key ?? only.key,
    scope: scope ?? only.scope,
    ...(scope === undefined ? (only.scope === 'global' ? {} : { scopeId: only.scopeId }) : {}),
    ...(scopeId === undefined ? {} : { scopeId }),
    ...(isRemoval === true ? { delete: true } : { proposedValue: proposedValue ?? only.value }),
    ...(expiresAt === undefined ? (only.expiresAt === undefined ? {} : { expiresAt: only.expiresAt }) : { expiresAt }),
  };
  return parseProposals(context, kept);
}

/** Sets when a request is applied: an edit like any other, since approvers agree to that, too. `null`: at once. */
export async function scheduleChange(
  context: Context,
  actor: Actor,
  requestId: string,
  applyAt: Date | string | null,
): Promise<ChangeRequest> {
  if ((applyAt as unknown) === undefined) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'applyAt',
      problem: 'give a time, or null for at once',
    });
  }
  return editChange(context, actor, requestId, { applyAt });
}

interface Replacement {
  readonly changes: readonly ValueChange[];
  readonly justification: string | null;
  readonly applyAt: Date | null;
}

async function replace(
  context: Context,
  actor: Actor,
  shown: StoredRequest,
  edit: Replacement,
): Promise<ChangeRequest> {
  const author = { id: shown.requestedBy };
  const intent = newIntent(author, edit.changes, edit.justification ?? undefined, { force: shown.isForced });
  return withSecrets(context, intent, (given) => replaceOnce(context, actor, shown, edit, given));
}

async function replaceOnce(
  context: Context,
  actor: Actor,
  shown: StoredRequest,
  edit: Replacement,
  intent: Intent,
): Promise<ChangeRequest> {
  const { id } = shown;
  const impact = await impactOfProposal(context, intent);
  return commitDecision(context, async (_progress, inside) => {
    const locked = await lockRequest(inside.db, inside.environment, id);
    if (locked === undefined) throw notFound(id);
    const { request, now } = locked;
    if (request.status === 'pending' && request.expiresAt <= now) throw expired(request);
    if (nextStatus(request.status, 'edit') === undefined) refuseState(request, 'edit');
    if (request.edition !== shown.edition) {
      throw new ConfigurationError('request_edited', { requestId: id, edition: request.edition });
    }
    const { content: proposed } = await propose(inside, intent, edit.applyAt, impact);
    refuseEmpty(proposed);
    const changes = sealProposed(inside, proposed.changes, { id, edition: request.edition + 1 });
    const content = { ...proposed, changes };
    const editors = [...new Set([...request.editors, actor.id])];
    await editRequest(inside.db, id, content, { editors, expiresIn: expiryOf(content.policies) });
    const [edited] = await readRequests(inside.db, inside.environment, { id, limit: 1 });
    if (edited === undefined) throw notFound(id);
    const { key, scope, scopeId } = edited;
    await recordAudit(inside, [
      {
        operation: 'edit',
        about: { key, scope, scopeId },
        actor,
        success: true,
        metadata: { changeRequest: id, edition: edited.edition, justification: edited.justification },
      },
    ]);
    return { done: await toChangeRequest(inside, edited) };
  });
}

/** One request, with what it does as far as the actor may know. @throws ConfigurationError `request_not_found`. */
export async function getChangeRequest(context: Context, actor: Actor, requestId: string): Promise<ChangeRequest> {
  begin(context);
  const stored = await findRequest(context, actor, parseRequestId(requestId));
  const impact = await impactSeenBy(context, actor, stored);
  return { ...(await toChangeRequest(context, stored)), ...(impact === undefined ? {} : { impact }) };
}

/** Which requests are listed. */
export interface ChangeRequestFilter {
  readonly status?: RequestStatus | readonly RequestStatus[];
  /** Those with a change of this key. */
  readonly key?: string;
  readonly requestedBy?: string;
  /** Those older than the request of this id. */
  readonly before?: string;
  /** How many at most, 1 to 1,000. Default: 50. */
  readonly limit?: number;
}

/** Requests that the actor may see, the newest first. */
export async function listChangeRequests(
  context: Context,
  actor: Actor,
  filter: ChangeRequestFilter,
): Promise<ChangeRequest[]> {
  begin(context);
  const limit = parseCount(filter.limit ?? 50, 'limit', 1000);
  const parsed = {
    statuses: parseStatuses(filter.status),
    key: filter.key === undefined ? undefined : parseKey(filter.key),
    requestedBy: filter.requestedBy === undefined ? undefined : parseId(filter.requestedBy, 'requestedBy'),
  };
  let before = filter.before === undefined ? undefined : parseRequestId(filter.before);
  const seen: StoredRequest[] = [];
  // A page of which some are hidden is filled from the next one.
  for (;;) {
    const page = await readRequests(context.db, context.environment, { ...parsed, before, limit });
    for (const request of page) if (await maySee(context, actor, request)) seen.push(request);
    before = page.at(-1)?.id;
    if (page.length < limit || seen.length >= limit) return shown(context, seen.slice(0, limit));
  }
}

function parseStatuses(input: ChangeRequestFilter['status']): readonly RequestStatus[] | undefined {
  if (input === undefined) return undefined;
  const given: readonly unknown[] = Array.isArray(input) ? (input as readonly unknown[]) : [input];
  return given.map((one) => {
    const status = requestStatuses.find((known) => known === one);
    if (status !== undefined) return status;
    throw new ConfigurationError('invalid_argument', {
      argument: 'status',
      problem: `${JSON.stringify(one)} is none of ${requestStatuses.join(', ')}`,
    });
  });
}

async function shown(context: Context, requests: readonly StoredRequest[]): Promise<ChangeRequest[]> {
  const list: ChangeRequest[] = [];
  for (const request of requests) list.push(await toChangeRequest(context, request));
  return list;
}

const mostPending = 1000;

/** The requests that wait for approvals, the newest first; those that `approver` can still approve, where one is given. */
export async function getPendingChanges(
  context: Context,
  actor: Actor,
  approver: Actor | undefined,
): Promise<ChangeRequest[]> {
  begin(context);
  const { db, environment } = context;
  const access = await context.access.at(db, await readProgress(db));
  const found: StoredRequest[] = [];
  let before: string | undefined;
  do {
    const page = await readRequests(db, environment, { statuses: ['pending'], before, limit: mostPending });
    for (const request of page) {
      if (!(await maySee(context, actor, request))) continue;
      if (approver === undefined || (await canApprove(context, access, approver, request))) found.push(request);
    }
    before = page.length < mostPending ? undefined : page.at(-1)?.id;
  } while (before !== undefined);
  return shown(context, found);
}

async function canApprove(
  context: Context,
  access: AccessRules,
  approver: Actor,
  request: StoredRequest,
): Promise<boolean> {
  for (const place of placesOf(request)) if (!(await allows(context, approver, 'approve', place))) return false;
  const standingOf = await standingsOf(context, access, request);
  const approvedBy = request.approvals.map((approval) => approval.approver);
  return problemOf(standingOf(approver), request, approvedBy) === undefined;
}
