/** Owns what change requests are as they are stored. */
import {
  type Address,
  type ApprovalPolicy,
  type ImpactAnalysis,
  type ImpactLevel,
  type JsonValue,
  type Path,
  type RequestStatus,
} from '@strata/core';
import type { CommitOperation } from './store/commits.ts';

/** One change of a value in a request, with what it was based on. */
export interface ProposedChange extends Address {
  /** Absent for a removal. */
  readonly value?: JsonValue;
  /** An ISO time. */
  readonly expiresAt?: string;
  readonly rollbackFrom?: string;
  readonly mustExist?: boolean;
  /** The full hash of the version that was there; null where there never was one. */
  readonly base: string | null;
  /** Absent where there was no value. */
  readonly baseValue?: JsonValue;
  /** Where secrets are in both values, while they are opened. Never stored. */
  readonly secrets?: readonly Path[];
  readonly baseSecrets?: readonly Path[];
}

/** What approvals of a request are bound to, besides the changes themselves; by digests. */
export interface Binding {
  /** The policies and the level. */
  readonly requirement: string;
  /** The schemas of the keys, by key; null for one that has none of its own. */
  readonly schemas: Readonly<Record<string, string | null>>;
  /** The scopes that each address inherits along. */
  readonly chains: string;
  /** What an operation other than a change of values was based on. */
  readonly before: JsonValue;
}

/** An approval as it is stored. */
export interface StoredApproval {
  readonly approver: string;
  readonly roles: readonly string[];
  readonly comment: string | null;
  readonly at: Date;
  readonly call: string;
}

/** A comment on a request. */
export interface RequestComment {
  readonly author: string;
  readonly comment: string;
  readonly at: Date;
}

/** A request as it is stored, with the approvals of its edition. */
export interface StoredRequest extends Address {
  readonly id: string;
  readonly status: RequestStatus;
  readonly edition: number;
  readonly operation: CommitOperation;
  readonly changes: readonly ProposedChange[];
  /** What an operation other than `change` was called with. */
  readonly arguments: JsonValue;
  readonly binding: Binding;
  readonly impactLevel: ImpactLevel;
  /** What was computed when it was requested or last edited, of all that there is; null for other operations. */
  readonly impact: ImpactAnalysis | null;
  readonly minimumApprovals: number;
  readonly policies: readonly ApprovalPolicy[];
  readonly isForced: boolean;
  readonly requestedBy: string;
  readonly requestedAt: Date;
  readonly editors: readonly string[];
  readonly justification: string | null;
  readonly call: string;
  readonly idempotencyKey: string | null;
  readonly requestDigest: string;
  readonly applyAt: Date | null;
  readonly expiresAt: Date;
  readonly reason: string | null;
  readonly closedBy: string | null;
  readonly closedAt: Date | null;
  readonly commit: string | null;
  /** The revision of that commit. */
  readonly revision: number | null;
  readonly approvals: readonly StoredApproval[];
  readonly comments: readonly RequestComment[];
}
