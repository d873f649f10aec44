/** Owns the application of an approved request: that it is still what was approved, and the commit that it becomes. */
import { randomUUID } from 'node:crypto';
import { formatAddress, formatPath, isConfigurationError, isJsonObject, rebase, type JsonValue } from '@strata/core';
import type { Actor } from './actor.ts';
import { operations } from './change-request-operations.ts';
import { bindingOf } from './change-request-filing.ts';
import { toValueChange } from './change-request-record.ts';
import type { ProposedChange, StoredRequest } from './change-request-stored.ts';
import { applyLocally, stepOf } from './commit-batch.ts';
import type { Context } from './context.ts';
import { decide } from './decide.ts';
import type { CommitPlan } from './decision-commit.ts';
import { digestOf } from './digest.ts';
import { requirementDigest } from './gate.ts';
import { HeadMemory, HeadView } from './heads.ts';
import type { Intent, ValueChange } from './intent.ts';
import { openRequest } from './secrets/proposed-secrets.ts';
import type { Progress } from './store/counter.ts';
import type { NewCommit } from './store/write.ts';

/** Says inside the service that a request can no longer be applied as it was shown, and why. */
export class CannotApply extends Error {}

/** The commit that a request becomes, without what stores it. */
export type Application = Omit<CommitPlan<unknown>, 'store'> & Partial<Pick<CommitPlan<unknown>, 'store'>>;

/**
 * Decides on the commit that a request becomes, on the state as it is now. The counter must be locked, so that nothing moves until it
 * is stored.
 * @param approvedBy who has approved it.
 * @throws CannotApply where anything that an approval is bound to has changed.
 */
export async function planApplication(
  context: Context,
  progress: Progress,
  request: StoredRequest,
  approvedBy: readonly string[],
): Promise<Application> {
  try {
    return request.operation === 'change'
      ? await planValues(context, progress, request, approvedBy)
      : await planOperation(context, progress, request, approvedBy);
  } catch (error) {
    // Another process may hold the code of the schema: the request stays as it is.
    if (isConfigurationError(error, 'schema_code_missing')) throw error;
    // What the rules refuse by now was in order when it was requested.
    if (isConfigurationError(error) && error.status < 500) throw new CannotApply(error.message, { cause: error });
    throw error;
  }
}

async function planValues(
  context: Context,
  progress: Progress,
  request: StoredRequest,
  approvedBy: readonly string[],
): Promise<Application> {
  const { binding } = request;
  const { changes } = await openRequest(context, request);
  const memory = new HeadMemory(context.vault);
  await memory.read(context.db, context.environment, changes);
  const rules = await context.ruleBook.at(context.db, progress);
  const view = new HeadView(memory, rules);
  const now = bindingOf(view, changes, undefined);
  for (const [key, digest] of Object.entries(now.schemas)) {
    if (digest !== binding.schemas[key]) throw new CannotApply(`the schema of ${key} was changed meanwhile`);
  }
  if (now.chains !== binding.chains) throw new CannotApply('the scope was moved in the scope tree meanwhile');
  const intent: Intent = {
    commit: newCommit(request, approvedBy),
    words: null,
    actor: requesterOf(request),
    changes: changes.map((change) => rebased(view, change)),
    force: request.isForced,
    gate: 'report',
  };
  const { decision } = await decide(context, view, intent);
  if (requirementDigest(decision.requires) !== binding.requirement) throw new CannotApply(policiesChanged);
  if (decision.outcomes.every(({ kind }) => kind === 'unchanged')) {
    throw new CannotApply('every value is as proposed already');
  }
  const accepted = [{ waiting: { intent }, decision }];
  return {
    commit: intent.commit,
    changes: 'nothing',
    step: stepOf(context, rules, progress, accepted),
    applied: (_revision, written) => {
      applyLocally(context, accepted, written);
    },
  };
}

const policiesChanged = 'the policies or the impact level of the change are other ones than when it was shown';

/** The change on top of what the address has now. */
function rebased(view: HeadView, change: ProposedChange): ValueChange {
  const asked = toValueChange(change);
  const head = view.head(change);
  if (head?.fault !== undefined) throw head.fault;
  if ((head?.hash ?? null) === change.base) return asked;
  const isWhole = view.rules.byKey.get(change.key)?.definition.merge === 'replace';
  const { value, conflicts } = rebase(change.baseValue, change.value, head?.value);
  if (isWhole || conflicts.length > 0) {
    const where = isWhole
      ? ''
      : ` at ${conflicts.map(({ path }) => (path.length === 0 ? 'the whole value' : formatPath(path))).join(', ')}`;
    throw new CannotApply(`${formatAddress(change)} was changed meanwhile${where}`);
  }
  const { rollbackFrom: _another, ...rest } = asked;
  return { ...rest, value, secrets: [...(change.secrets ?? []), ...(head?.secrets ?? [])] };
}

async function planOperation(
  context: Context,
  progress: Progress,
  request: StoredRequest,
  approvedBy: readonly string[],
): Promise<Application> {
  const { operation, arguments: args, binding, justification } = request;
  if (operation === 'change') throw new Error('a change of values is no operation');
  const plan = await operations[operation](progress, context, requesterOf(request), args, justification ?? undefined);
  if ('done' in plan) throw new CannotApply('it is done already');
  if (requirementDigest(plan.gate.requires) !== binding.requirement) throw new CannotApply(policiesChanged);
  if (digestOf(plan.gate.before) !== digestOf(binding.before)) {
    throw new CannotApply('what it replaces was changed meanwhile');
  }
  const { id, metadata } = plan.commit;
  return { ...plan, commit: { ...plan.commit, id, metadata: { ...metadata, ...origin(request, approvedBy) } } };
}

function requesterOf({ requestedBy }: StoredRequest): Actor {
  return { id: requestedBy };
}

function newCommit(request: StoredRequest, approvedBy: readonly string[]): NewCommit {
  const id = randomUUID();
  return {
    id,
    operation: 'change',
    actor: request.requestedBy,
    comment: request.justification,
    idempotencyKey: request.idempotencyKey ?? id,
    requestDigest: request.requestDigest,
    metadata: { ...(isJsonObject(request.arguments) ? request.arguments : {}), ...origin(request, approvedBy) },
    ip: null,
    userAgent: null,
    requestId: null,
  };
}

/** What the audit rows of a commit say of the request that it was. */
function origin({ id, edition }: StoredRequest, approvedBy: readonly string[]): Record<string, JsonValue> {
  return { changeRequest: id, edition, approvedBy: [...approvedBy] };
}
