/** Owns what people do with change requests: approve, reject, withdraw, comment; and what time does with them. */
import { randomUUID } from 'node:crypto';
import {
  ConfigurationError,
  isConfigurationError,
  missingApprovals,
  nextStatus,
  parseId,
  type RequestEvent,
  type RequestStatus,
} from '@strata/core';
import { systemActor, type Actor } from './actor.ts';
import { recordAudit } from './audit/record.ts';
import {
  aboutOf,
  expired,
  findRequest,
  notFound,
  problemOf,
  refuseApproval,
  refuseState,
  requireForAll,
  standingsOf,
  type Standing,
} from './change-request-access.ts';
import { CannotApply, planApplication } from './change-request-apply.ts';
import { toChangeRequest, type ChangeRequest } from './change-request-record.ts';
import type { StoredRequest } from './change-request-stored.ts';
import { begin, type Context } from './context.ts';
import { commitDecision, type Plan } from './decision-commit.ts';
import { withKeys } from './secrets/with-secrets.ts';
import { parseComment, parseReason } from './new-commit.ts';
import { noteRefusals } from './refusals.ts';
import { lockRequest, moveRequest, readRequests, storeApproval, storeComment } from './store/change-requests.ts';
import { lockCounter, readProgress, type Progress } from './store/counter.ts';

/** The last argument of `approveChange`. */
export interface ApproveOptions {
  /** The edition that was looked at. It has to be given for a request that was edited. */
  readonly edition?: number;
}

/** Checks the id of a request. */
export function parseRequestId(id: unknown): string {
  return parseId(id, 'requestId');
}

/** Approves a request; the last approval that it needs applies it in the same transaction. */
export async function approveChange(
  context: Context,
  actor: Actor,
  requestId: string,
  comment: string | undefined,
  options: ApproveOptions,
): Promise<ChangeRequest> {
  begin(context);
  const id = parseRequestId(requestId);
  const said = parseComment(comment);
  const call = randomUUID();
  return noteRefusals(context, actor, 'approve', id, async () => {
    const shown = await findRequest(context, actor, id);
    await requireForAll(context, actor, 'approve', shown);
    return decideOn(context, id, 'conflict', (progress, inside, request, now) =>
      planApproval(progress, inside, request, now, { actor, comment: said, call, edition: options.edition }),
    );
  });
}

interface NewApproval {
  readonly actor: Actor;
  readonly comment: string | null;
  readonly call: string;
  readonly edition: number | undefined;
}

async function planApproval(
  progress: Progress,
  context: Context,
  request: StoredRequest,
  now: Date,
  { actor, comment, call, edition }: NewApproval,
): Promise<Plan<ChangeRequest>> {
  const { db } = context;
  const { id, applyAt } = request;
  // The answer to the first call was lost, and this is it again.
  if (request.approvals.some((one) => one.call === call)) return { done: await toChangeRequest(context, request) };
  if (nextStatus(request.status, 'approve') === undefined) refuseState(request, 'approve');
  if (edition === undefined ? request.edition > 1 : edition !== request.edition) {
    throw new ConfigurationError('request_edited', { requestId: id, edition: request.edition });
  }
  const standingOf = await standingsNow(context, progress, request);
  const standing = standingOf(actor);
  const problem = problemOf(
    standing,
    request,
    request.approvals.map(({ approver }) => approver),
  );
  if (problem !== undefined) refuseApproval(problem, actor, request);
  const approvers = [...stillCounting(standingOf, request), standing];
  const approvedBy = approvers.map((approver) => approver.id);
  // Whether or not it is the last one: nobody approves what is no longer what it says.
  const application = await planApplication(context, progress, request, approvedBy);
  const roles = actor.roles ?? [];
  await storeApproval(db, { requestId: id, edition: request.edition, approver: actor.id, roles, comment, call });
  const isLast = missingApprovals(request, approvers) === 0;
  await audit(context, 'approve', actor, request, { comment, approvals: approvedBy, isLast });
  if (!isLast) return { done: await again(context, id) };
  if (applyAt !== null && applyAt > now) {
    await moveRequest(db, id, { status: 'scheduled', isClosed: false });
    return { done: await again(context, id) };
  }
  return {
    ...application,
    store: async (sql, written) => {
      await application.store?.(sql, written);
      await moveRequest(sql, id, { status: 'applied', isClosed: true, commit: application.commit.id });
      return again(context, id);
    },
  };
}

type StandingOf = Awaited<ReturnType<typeof standingsOf>>;

/** The standing of anybody by the roles that are bound now. */
async function standingsNow(context: Context, progress: Progress, request: StoredRequest): Promise<StandingOf> {
  return standingsOf(context, await context.access.at(context.db, progress), request);
}

/** Those whose approvals of this edition still count. */
function stillCounting(standingOf: StandingOf, request: StoredRequest): readonly Standing[] {
  return request.approvals
    .map(({ approver, roles }) => standingOf({ id: approver, roles }))
    .filter((standing) => problemOf(standing, request, []) === undefined);
}

async function again(context: Context, id: string): Promise<ChangeRequest> {
  const [request] = await readRequests(context.db, context.environment, { id, limit: 1 });
  if (request === undefined) throw notFound(id);
  return toChangeRequest(context, request);
}

/** Runs a decision on a locked request; one that cannot be applied as it was shown is marked so. */
async function decideOn(
  context: Context,
  id: string,
  onConflict: 'conflict' | 'suspend',
  plan: (progress: Progress, context: Context, request: StoredRequest, now: Date) => Promise<Plan<ChangeRequest>>,
): Promise<ChangeRequest> {
  let edition = 0;
  try {
    const decide = async (_progress: Progress, inside: Context): Promise<Plan<ChangeRequest | Expired>> => {
      await lockCounter(inside.db);
      const locked = await lockRequest(inside.db, inside.environment, id);
      if (locked === undefined) throw notFound(id);
      const { request, now } = locked;
      edition = request.edition;
      if (request.status === 'pending' && request.expiresAt <= now) {
        await move(inside, systemActor, request, 'expire', null);
        return { done: new Expired(request) };
      }
      return plan(await readProgress(inside.db), inside, request, now);
    };
    const result = await withKeys(context, () => commitDecision(context, decide));
    if (result instanceof Expired) throw expired(result.request);
    return result;
  } catch (error) {
    if (!(error instanceof CannotApply)) throw error;
    await mark(context, id, edition, onConflict, error.message);
    throw new ConfigurationError('request_conflicted', { requestId: id, problem: error.message }, { cause: error });
  }
}

class Expired {
  readonly request: StoredRequest;

  constructor(request: StoredRequest) {
    this.request = request;
  }
}

/** Writes down that a request cannot be applied as it was shown. */
async function mark(
  context: Context,
  id: string,
  edition: number,
  event: 'conflict' | 'suspend',
  problem: string,
): Promise<void> {
  await commitDecision(context, async (_progress, inside) => {
    const locked = await lockRequest(inside.db, inside.environment, id);
    if (locked?.request.edition === edition && nextStatus(locked.request.status, event) !== undefined) {
      await move(inside, systemActor, locked.request, event, problem);
    }
    return { done: undefined };
  });
}

/** Moves a locked request to the state after an event, with its audit row. */
export async function move(
  context: Context,
  actor: Actor,
  request: StoredRequest,
  event: RequestEvent,
  reason: string | null,
): Promise<void> {
  const status = nextStatus(request.status, event);
  if (status === undefined) refuseState(request, event);
  const isClosed = closed.includes(status);
  await moveRequest(context.db, request.id, { status, reason, isClosed, closedBy: isClosed ? actor.id : null });
  await audit(context, event, actor, request, { reason, status });
}

const closed: readonly RequestStatus[] = ['rejected', 'withdrawn', 'expired'];

async function audit(
  context: Context,
  operation: string,
  actor: Actor,
  request: StoredRequest,
  metadata: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { id, edition } = request;
  await recordAudit(context, [
    { operation, about: aboutOf(request), actor, success: true, metadata: { changeRequest: id, edition, ...metadata } },
  ]);
}

/** Rejects a request for good. */
export async function rejectChange(
  context: Context,
  actor: Actor,
  requestId: string,
  reason: string,
): Promise<ChangeRequest> {
  begin(context);
  const id = parseRequestId(requestId);
  const said = parseReason(reason);
  return noteRefusals(context, actor, 'reject', id, async () => {
    const shown = await findRequest(context, actor, id);
    await requireForAll(context, actor, 'approve', shown);
    return decideOn(context, id, 'conflict', async (progress, inside, request) => {
      if (isRepeated(request, 'rejected', actor, said)) return { done: await toChangeRequest(inside, request) };
      if (nextStatus(request.status, 'reject') === undefined) refuseState(request, 'reject');
      const standingOf = await standingsNow(inside, progress, request);
      const problem = problemOf(standingOf(actor), request, []);
      if (problem === 'ineligible') refuseApproval(problem, actor, request);
      await move(inside, actor, request, 'reject', said);
      return { done: await again(inside, id) };
    });
  });
}

/** Whether a call does again what it did before, its answer having been lost. */
function isRepeated(request: StoredRequest, status: RequestStatus, actor: Actor, reason: string | null): boolean {
  return request.status === status && request.closedBy === actor.id && request.reason === reason;
}

/** Takes a request back. Only its author can. */
export async function withdrawChange(
  context: Context,
  actor: Actor,
  requestId: string,
  reason: string | undefined,
): Promise<ChangeRequest> {
  begin(context);
  const id = parseRequestId(requestId);
  const said = parseComment(reason);
  return noteRefusals(context, actor, 'withdraw', id, async () => {
    await findRequest(context, actor, id);
    return decideOn(context, id, 'conflict', async (_progress, inside, request) => {
      if (isRepeated(request, 'withdrawn', actor, said)) return { done: await toChangeRequest(inside, request) };
      if (request.requestedBy !== actor.id) {
        throw new ConfigurationError('not_the_author', {
          actor: actor.id,
          requestId: id,
          author: request.requestedBy,
        });
      }
      await move(inside, actor, request, 'withdraw', said);
      return { done: await again(inside, id) };
    });
  });
}

/** Says something about a request, whatever its state. */
export async function commentOnChange(
  context: Context,
  actor: Actor,
  requestId: string,
  comment: string,
): Promise<ChangeRequest> {
  begin(context);
  const id = parseRequestId(requestId);
  const said = parseReason(comment, 'comment');
  const call = randomUUID();
  await findRequest(context, actor, id);
  return commitDecision(context, async (_progress, inside) => {
    const locked = await lockRequest(inside.db, inside.environment, id);
    if (locked === undefined) throw notFound(id);
    await storeComment(inside.db, { requestId: id, author: actor.id, comment: said, call });
    await audit(inside, 'comment', actor, locked.request, { comment: said });
    return { done: await again(inside, id) };
  });
}

/** Applies a request whose time has come, or closes one that waited too long. Whichever process is first does it. */
export async function settleDue(context: Context, id: string): Promise<void> {
  try {
    await decideOn(context, id, 'suspend', async (progress, inside, request, now) => {
      const { status, applyAt } = request;
      if (status !== 'scheduled' || applyAt === null || applyAt > now)
        return { done: await toChangeRequest(inside, request) };
      const approvers = stillCounting(await standingsNow(inside, progress, request), request);
      if (missingApprovals(request, approvers) > 0) {
        throw new CannotApply('some who approved it may no longer approve it');
      }
      const approvedBy = approvers.map((approver) => approver.id);
      const application = await planApplication(inside, progress, request, approvedBy);
      return {
        ...application,
        store: async (sql, written) => {
          await application.store?.(sql, written);
          await moveRequest(sql, id, { status: 'applied', isClosed: true, commit: application.commit.id });
          await recordAudit(inside, [
            {
              operation: 'apply',
              about: aboutOf(request),
              actor: systemActor,
              success: true,
              metadata: { changeRequest: id, edition: request.edition, commit: application.commit.id },
            },
          ]);
          return again(inside, id);
        },
      };
    });
  } catch (error) {
    // It was suspended, has expired or was settled by another process: all of that is written down.
    if (!isConfigurationError(error) || error.status >= 500) throw error;
  }
}
