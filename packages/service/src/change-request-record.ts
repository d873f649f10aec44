/** Owns change requests as they are handed out. */
import {
  diff,
  isConfigurationError,
  joinPaths,
  maskSecrets,
  secretPaths,
  shortVersion,
  type ApprovalPolicy,
  type ConfigScope,
  type Diff,
  type ImpactAnalysis,
  type ImpactLevel,
  type JsonValue,
  type Path,
  type RequestStatus,
  type Requirement,
} from '@strata/core';
import type { ProposedChange, RequestComment, StoredRequest } from './change-request-stored.ts';
import type { Context } from './context.ts';
import type { ValueChange } from './intent.ts';
import { openProposed } from './secrets/proposed-secrets.ts';
import { maskDiffs, maskMarks } from './secrets/vault.ts';
import type { CommitOperation } from './store/commits.ts';

/** An approval of the present edition of a request. */
export interface Approval {
  readonly approverId: string;
  readonly comment: string | null;
  readonly at: Date;
}

/** One change of a value in a request, as it is handed out. */
export interface RequestedChange {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  readonly operation: 'set' | 'delete';
  /** The layer as it was when the change was requested or last edited; null where there was none. */
  readonly currentValue: JsonValue;
  /** Null for a removal. */
  readonly proposedValue: JsonValue;
  readonly diff: readonly Diff[];
  /** The version that `currentValue` is of; null where there was none. */
  readonly baseVersion: string | null;
  /** When the new layer removes itself. */
  readonly expiresAt?: Date;
}

/** A proposed commit that waits for approvals, or did. */
export interface ChangeRequest {
  readonly id: string;
  /** Of the first change; for what is about no key the name of a policy or role, or the scope. */
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** `change` for values, else what is to be done: `lock`, `schema`, `policy` … */
  readonly operation: CommitOperation;
  readonly status: RequestStatus;
  /** Counts the edits, from 1. An approval is of one edition. */
  readonly edition: number;
  readonly impactLevel: ImpactLevel;
  /** What it does, as computed when it was requested or last edited; told where one request is asked for. */
  readonly impact?: ImpactAnalysis;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly editors: readonly string[];
  readonly justification: string | null;
  /** Of the first change. */
  readonly currentValue: JsonValue;
  readonly proposedValue: JsonValue;
  /** All changes of values; empty for other operations. */
  readonly changes: readonly RequestedChange[];
  readonly approvals: readonly Approval[];
  readonly minimumApprovals: number;
  /** The policies that ask for them. */
  readonly policies: readonly ApprovalPolicy[];
  /** Whether it goes ahead although values below become invalid. */
  readonly forced: boolean;
  readonly comments: readonly RequestComment[];
  readonly expiresAt: Date;
  /** When it is applied once it has its approvals; absent: at once. */
  readonly applyAt?: Date;
  /** Why it was rejected, withdrawn, suspended or is conflicted. */
  readonly reason?: string;
  readonly closedBy?: string;
  readonly closedAt?: Date;
  /** The commit that applied it, and its revision. */
  readonly commit?: string;
  readonly revision?: number;
}

/** A request as it is handed out: secrets are masked, and told to be others where they are. */
export async function toChangeRequest(context: Context, stored: StoredRequest): Promise<ChangeRequest> {
  const changes: RequestedChange[] = [];
  for (const change of stored.changes) changes.push(toRequestedChange(context, await openedIfPossible(context, stored, change))); // prettier-ignore
  const [first] = changes;
  return {
    id: stored.id,
    key: stored.key,
    scope: stored.scope,
    scopeId: stored.scope === 'global' ? null : stored.scopeId,
    operation: stored.operation,
    status: stored.status,
    edition: stored.edition,
    impactLevel: stored.impactLevel,
    requestedBy: stored.requestedBy,
    requestedAt: stored.requestedAt,
    editors: stored.editors,
    justification: stored.justification,
    currentValue: first === undefined ? stored.binding.before : first.currentValue,
    proposedValue: first === undefined ? stored.arguments : first.proposedValue,
    changes,
    approvals: stored.approvals.map(({ approver, comment, at }) => ({ approverId: approver, comment, at })),
    minimumApprovals: stored.minimumApprovals,
    policies: stored.policies,
    forced: stored.isForced,
    comments: stored.comments,
    expiresAt: stored.expiresAt,
    ...(stored.applyAt === null ? {} : { applyAt: stored.applyAt }),
    ...(stored.reason === null ? {} : { reason: stored.reason }),
    ...(stored.closedBy === null ? {} : { closedBy: stored.closedBy }),
    ...(stored.closedAt === null ? {} : { closedAt: stored.closedAt }),
    ...(stored.commit === null ? {} : { commit: stored.commit }),
    ...(stored.revision === null ? {} : { revision: stored.revision }),
  };
}

/** What is shown of a request whose secrets are damaged is that they are there. */
async function openedIfPossible(
  context: Context,
  stored: StoredRequest,
  change: ProposedChange,
): Promise<ProposedChange> {
  try {
    return await openProposed(context, stored, change);
  } catch (error) {
    if (isConfigurationError(error, 'secret_damaged')) return change;
    throw error;
  }
}

function toRequestedChange({ vault, ruleBook }: Context, change: ProposedChange): RequestedChange {
  const { key, scope, scopeId, value, base, baseValue, expiresAt } = change;
  const definition = ruleBook.latest?.byKey.get(key)?.definition;
  const marked = (side: JsonValue | undefined, secrets: readonly Path[] = []): JsonValue | undefined =>
    side === undefined
      ? undefined
      : vault.comparable({ value: side, secrets: joinPaths(side, secretPaths(definition, side), secrets) });
  const [before, after] = [marked(baseValue, change.baseSecrets), marked(value, change.secrets)];
  const shown = (side: JsonValue | undefined): JsonValue => (side === undefined ? null : maskSecrets(maskMarks(side)));
  return {
    key,
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    operation: value === undefined ? 'delete' : 'set',
    currentValue: shown(before),
    proposedValue: shown(after),
    diff: maskDiffs(diff(before, after)),
    baseVersion: base === null ? null : shortVersion(base),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
  };
}

/** A proposed change as the write path takes it. */
export function toValueChange(change: ProposedChange): ValueChange {
  const { key, scope, scopeId, value, secrets, expiresAt, rollbackFrom, mustExist } = change;
  return {
    key,
    scope,
    scopeId,
    value,
    secrets,
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
    ...(rollbackFrom === undefined ? {} : { rollbackFrom }),
    ...(mustExist === undefined ? {} : { mustExist }),
  };
}

/** What a request asks for that no policy asks approvals of: the look of one other person. */
export function orOneLook(requires: Requirement | undefined, impactLevel: ImpactLevel): Requirement {
  return requires ?? { impactLevel, minimumApprovals: 1, policies: [] };
}
