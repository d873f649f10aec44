/** Owns making change requests: of what the gate did not let through, and of what somebody asks others to look at. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  ApprovalRequiredError,
  ConfigurationError,
  expiryOf,
  formatAddress,
  formatScope,
  highestLevel,
  joinPaths,
  secretPaths,
  type Address,
  type ImpactAnalysis,
  type JsonValue,
  type Path,
  type Requirement,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { recordAudit } from './audit/record.ts';
import { orOneLook } from './change-request-record.ts';
import type { Binding, ProposedChange, StoredRequest } from './change-request-stored.ts';
import type { Context } from './context.ts';
import { decide } from './decide.ts';
import { commitDecision, type CommitPlan } from './decision-commit.ts';
import { digestOf } from './digest.ts';
import { levelOf, requirementDigest } from './gate.ts';
import { HeadMemory, HeadView } from './heads.ts';
import { impactOfProposal } from './impact-of-request.ts';
import type { Intent, ValueChange } from './intent.ts';
import { openRequest, sealProposed } from './secrets/proposed-secrets.ts';
import { SecretsNeeded } from './secrets/vault.ts';
import { derivedDigest, isKeyed, withSecrets } from './secrets/with-secrets.ts';
import { readRequests, storeRequest, type RequestContent } from './store/change-requests.ts';
import type { CommitOperation } from './store/commits.ts';
import { readProgress, type Progress } from './store/counter.ts';

/** What the gate has to know of a commit that is not of values. */
export interface Gate {
  readonly requires: Requirement | undefined;
  /** What it was decided on, and is shown with. */
  readonly before: JsonValue;
  /** Where a request for it is listed. */
  readonly about: Address;
}

/** What such a decision came to: nothing to do, or a commit with what the gate has to know of it. */
export type GatedPlan<T> = { readonly done: T } | (CommitPlan<T> & { readonly gate: Gate });

/** Decides on such a commit. */
export type GatedDecide<T> = (progress: Progress, context: Context) => Promise<GatedPlan<T>>;

/** What a request repeats when it is applied. */
export interface Proposal {
  readonly operation: CommitOperation;
  readonly arguments: JsonValue;
  readonly comment: string | null;
}

class Filed {
  readonly request: StoredRequest;

  constructor(request: StoredRequest) {
    this.request = request;
  }
}

/**
 * Decides and writes a commit that is not of values, or makes a request for it where it needs approvals.
 * @throws ApprovalRequiredError in that case.
 */
export async function decideGated<T>(
  context: Context,
  actor: Actor,
  proposal: Proposal,
  plan: GatedDecide<T>,
): Promise<T> {
  const call = randomUUID();
  const result = await commitDecision<T | Filed>(context, async (progress, inside) => {
    const made = await plan(progress, inside);
    if ('done' in made || made.gate.requires === undefined) return made;
    return { done: new Filed(await fileOperation(inside, actor, call, proposal, made.gate, made.gate.requires)) };
  });
  if (result instanceof Filed) throw approvalRequired(result.request);
  return result;
}

async function fileOperation(
  context: Context,
  actor: Actor,
  call: string,
  { operation, arguments: args, comment }: Proposal,
  { before, about }: Gate,
  requires: Requirement,
): Promise<StoredRequest> {
  return file(context, actor, {
    call,
    operation,
    idempotencyKey: null,
    requestDigest: digestOf([operation, actor.id, comment, args]),
    content: {
      ...about,
      changes: [],
      arguments: args,
      binding: { requirement: requirementDigest(requires), schemas: {}, chains: '', before },
      ...parts(requires),
      impact: null,
      isForced: false,
      justification: comment,
      applyAt: null,
    },
  });
}

const parts = ({ impactLevel, minimumApprovals, policies }: Requirement) => ({
  impactLevel,
  minimumApprovals,
  policies,
});

/**
 * Makes a request of an intent that needs approvals, once for each call and idempotency key.
 * @param asked what the caller says about it who asks for a request whether or not it is needed.
 * @returns undefined where no policy asks for approvals any more, and no request was asked for.
 */
export async function fileValues(
  context: Context,
  intent: Intent,
  asked?: { readonly applyAt: Date | null },
): Promise<StoredRequest | undefined> {
  const call = randomUUID();
  return withSecrets(context, intent, (given) => fileOnce(context, given, call, asked));
}

async function fileOnce(
  context: Context,
  intent: Intent,
  call: string,
  asked: { readonly applyAt: Date | null } | undefined,
): Promise<StoredRequest | undefined> {
  const { actor, commit } = intent;
  const idempotencyKey = commit.idempotencyKey === commit.id ? null : commit.idempotencyKey;
  const applyAt = asked?.applyAt ?? null;
  // When it is applied is a part of what is asked for.
  const requestDigest =
    applyAt === null ? commit.requestDigest : derivedDigest(commit.requestDigest, applyAt.toISOString());
  // Before the turn to write is taken, which it would hold up.
  const impact = await impactOfProposal(context, intent);
  return commitDecision(context, async (_progress, inside) => {
    const earlier = await findEarlier(inside, call, idempotencyKey, requestDigest);
    if (earlier !== undefined) return { done: earlier };
    const { content, isNeeded } = await propose(inside, intent, applyAt, impact);
    if (!isNeeded && asked === undefined) return { done: undefined };
    refuseEmpty(content);
    return {
      done: await file(inside, actor, { call, operation: 'change', idempotencyKey, requestDigest, content }),
    };
  });
}

async function findEarlier(
  { db, environment }: Context,
  call: string,
  idempotencyKey: string | null,
  requestDigest: string,
): Promise<StoredRequest | undefined> {
  const [same] = await readRequests(db, environment, { call, limit: 1 });
  if (same !== undefined || idempotencyKey === null) return same;
  const [repeated] = await readRequests(db, environment, { idempotencyKey, limit: 1 });
  if (repeated !== undefined && isKeyed(repeated.requestDigest) && !isKeyed(requestDigest)) throw new SecretsNeeded();
  if (repeated !== undefined && repeated.requestDigest !== requestDigest) {
    throw new ConfigurationError('idempotency_conflict', { idempotencyKey });
  }
  return repeated;
}

/** Refuses a request that would change nothing. @throws ConfigurationError `invalid_argument`. */
export function refuseEmpty({ changes }: RequestContent): void {
  if (changes.length > 0) return;
  throw new ConfigurationError('invalid_argument', {
    argument: 'changes',
    problem: 'every value is as proposed already, so there is nothing to approve',
  });
}

/** Decides on what is proposed, on the heads as they are, and says what a request for it holds. */
export async function propose(
  context: Context,
  intent: Intent,
  applyAt: Date | null,
  impact: ImpactAnalysis,
): Promise<{ readonly content: RequestContent; readonly isNeeded: boolean }> {
  const memory = new HeadMemory(context.vault);
  await memory.read(context.db, context.environment, intent.changes);
  const rules = await context.ruleBook.at(context.db, memory.progress ?? (await readProgress(context.db)));
  const view = new HeadView(memory, rules);
  const { decision } = await decide(context, view, { ...intent, gate: 'report' });
  const made = intent.changes.flatMap((change, index) => {
    const outcome = decision.outcomes[index];
    return outcome?.kind === 'version' ? [{ change, secrets: outcome.secrets }] : [];
  });
  const changed = made.map(({ change }) => change);
  const [first] = changed.length === 0 ? intent.changes : changed;
  if (first === undefined) throw new Error('a request without changes');
  const level = highestLevel(changed.map((change) => levelOf(rules, change.key, change)));
  return {
    isNeeded: decision.requires !== undefined,
    content: {
      key: first.key,
      scope: first.scope,
      scopeId: first.scopeId,
      changes: made.map(({ change, secrets }) => toProposed(view, change, secrets)),
      arguments: originOf(intent.commit.metadata),
      binding: bindingOf(view, changed, decision.requires),
      ...parts(orOneLook(decision.requires, level)),
      impact,
      isForced: intent.force,
      justification: intent.commit.comment,
      applyAt,
    },
  };
}

/** What the commit that a request becomes says of where its changes come from. */
function originOf({ reverts }: Intent['commit']['metadata']): JsonValue {
  return typeof reverts === 'string' ? { reverts } : null;
}

/** With its secrets in the clear: they are sealed where it is stored. */
function toProposed(view: HeadView, change: ValueChange, secrets: readonly Path[]): ProposedChange {
  const { key, scope, scopeId, value, expiresAt, rollbackFrom, mustExist } = change;
  const head = view.head(change);
  if (head?.fault !== undefined) throw head.fault;
  const definition = view.rules.byKey.get(key)?.definition;
  return {
    key,
    scope,
    scopeId,
    ...(value === undefined ? {} : { value }),
    ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }),
    ...(rollbackFrom === undefined ? {} : { rollbackFrom }),
    ...(mustExist === undefined ? {} : { mustExist }),
    base: head?.hash ?? null,
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(head?.value === undefined
      ? {}
      : {
          baseValue: head.value,
          baseSecrets: joinPaths(head.value, secretPaths(definition, head.value), head.secrets ?? []),
        }),
  };
}

/** What an approval of changes is bound to, besides the changes. */
export function bindingOf(view: HeadView, changes: readonly Address[], requires: Requirement | undefined): Binding {
  const keys = [...new Set(changes.map(({ key }) => key))].sort();
  return {
    requirement: requirementDigest(requires),
    schemas: Object.fromEntries(keys.map((key) => [key, view.rules.byKey.get(key)?.digest ?? null])),
    chains: digestOf(changes.map((change) => [formatAddress(change), view.chain(change).map(formatScope)])),
    before: null,
  };
}

interface NewFile extends Pick<StoredRequest, 'call' | 'operation' | 'idempotencyKey' | 'requestDigest'> {
  readonly content: RequestContent;
}

async function file(context: Context, actor: Actor, { content, ...rest }: NewFile): Promise<StoredRequest> {
  const { db, environment } = context;
  const open = await readRequests(db, environment, {
    statuses: ['pending'],
    requestedBy: actor.id,
    requestDigest: rest.requestDigest,
    limit: 1,
  });
  // Whoever calls `set` again and again waits for one request, not for many.
  if (rest.idempotencyKey === null) {
    for (const one of open) if (await isSameRequest(context, one, content)) return one;
  }
  const id = `req-${base32(randomBytes(12))}`;
  const expiresIn = expiryOf(content.policies);
  const changes = sealProposed(context, content.changes, { id, edition: 1 });
  await storeRequest(db, environment, { ...content, ...rest, changes, id, requestedBy: actor.id, expiresIn });
  const { key, scope, scopeId, minimumApprovals, impactLevel, justification } = content;
  const metadata = {
    changeRequest: id,
    operation: rest.operation,
    justification,
    impactLevel,
    minimumApprovals,
    keys: content.changes.length > 1 ? content.changes.map((change) => formatAddress(change)) : undefined,
  };
  await recordAudit(context, [
    { operation: 'request', about: { key, scope, scopeId }, actor, success: true, metadata },
  ]);
  const [stored] = await readRequests(db, environment, { id, limit: 1 });
  if (stored === undefined) throw new Error(`the change request ${id} was stored and cannot be found`);
  return stored;
}

async function isSameRequest(context: Context, one: StoredRequest, content: RequestContent): Promise<boolean> {
  if (one.edition !== 1 || one.isForced !== content.isForced || !isSame(one.binding, content.binding)) return false;
  const { changes } = await openRequest(context, one);
  return isSame(changes.map(withoutSecrets), content.changes.map(withoutSecrets));
}

/** What a change says, without where its secrets are. */
function withoutSecrets({ secrets: _secrets, baseSecrets: _baseSecrets, ...change }: ProposedChange): ProposedChange {
  return change;
}

function isSame(one: unknown, other: unknown): boolean {
  return digestOf(one as JsonValue) === digestOf(other as JsonValue);
}

/** Letters and digits that are not mistaken for each other, as in RFC 4648. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join('');
}

/** The answer to whoever wanted to make a change that waits for approvals now. */
export function approvalRequired(request: StoredRequest): ApprovalRequiredError {
  const { id, minimumApprovals, policies, expiresAt, requestedBy } = request;
  return new ApprovalRequiredError({
    requestId: id,
    status: request.status,
    minimumApprovals,
    policies: policies.map(({ name }) => name),
    approvers: policies.map(({ name, approvers }) => ({ policy: name, ...approvers })),
    expiresAt: expiresAt.toISOString(),
    hint:
      `It waits for ${approvals(minimumApprovals)} of others than ${requestedBy}${fromWhom(policies)} until ${expiresAt.toISOString()}: approveChange('${id}', approverId). ` +
      adviceOf(request),
  });
}

/** Who counts, where not everybody does who may approve. */
function fromWhom(policies: StoredRequest['policies']): string {
  const named = policies.flatMap(({ name, approvers }) => {
    const who = [
      ...(approvers?.roles ?? []).map((role) => `the role ${role}`),
      ...(approvers?.users ?? []).map((user) => `the user ${user}`),
    ];
    return who.length === 0 ? [] : [`the policy ${name} counts ${who.join(', ')}`];
  });
  return named.length === 0 ? '' : ` (${named.join('; ')})`;
}

/** How fewer approvals would do: by a policy for the key, or by another one in the place of those that ask for most. */
function adviceOf({ operation, key, policies }: StoredRequest): string {
  const names = policies.map(({ name }) => name).join(', ');
  const isOfKey =
    operation !== 'policy' && operation !== 'role' && operation !== 'binding' && !operation.startsWith('scope');
  const advice = isOfKey
    ? `setPolicy({ name: ${JSON.stringify(key)}, keys: [${JSON.stringify(key)}], minimumApprovals: 1 }, userId) says so`
    : 'setPolicy replaces a policy by one of its name';
  return `The policy ${names} asks for that; where one approval is enough, ${advice}.`;
}

const approvals = (count: number): string => (count === 1 ? 'an approval' : `${String(count)} approvals`);
