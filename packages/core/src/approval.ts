/** Owns change requests: the states that one goes through, and who may approve it. */
import type { ImpactLevel } from './impact.ts';
import { impactLevels } from './impact.ts';
import { defaultExpiry, type ApprovalPolicy } from './policy.ts';

/**
 * Where a request stands. `pending`: it waits for approvals. `approved`: it has them; it is applied in the same transaction, or
 * `scheduled` for later. `suspended`: when its time came it could not be applied as it was approved. `conflicted`: what it was shown with
 * has changed. The other four are its end.
 */
export const requestStatuses = [
  'pending',
  'approved',
  'scheduled',
  'suspended',
  'conflicted',
  'applied',
  'rejected',
  'withdrawn',
  'expired',
] as const;
export type RequestStatus = (typeof requestStatuses)[number];

/** What can happen to a request. `approve` is the last approval that was needed; the ones before it change no state. */
export const requestEvents = [
  'approve',
  'apply',
  'schedule',
  'suspend',
  'conflict',
  'edit',
  'reject',
  'withdraw',
  'expire',
] as const;
export type RequestEvent = (typeof requestEvents)[number];

const transitions: Readonly<Record<RequestStatus, Partial<Record<RequestEvent, RequestStatus>>>> = {
  pending: {
    approve: 'approved',
    conflict: 'conflicted',
    edit: 'pending',
    reject: 'rejected',
    withdraw: 'withdrawn',
    expire: 'expired',
  },
  approved: { apply: 'applied', schedule: 'scheduled', conflict: 'conflicted' },
  scheduled: {
    apply: 'applied',
    suspend: 'suspended',
    edit: 'pending',
    reject: 'rejected',
    withdraw: 'withdrawn',
  },
  suspended: { edit: 'pending', reject: 'rejected', withdraw: 'withdrawn' },
  conflicted: { edit: 'pending', reject: 'rejected', withdraw: 'withdrawn' },
  applied: {},
  rejected: {},
  withdrawn: {},
  expired: {},
};

/** The state after an event; undefined where that cannot happen. */
export function nextStatus(status: RequestStatus, event: RequestEvent): RequestStatus | undefined {
  return transitions[status][event];
}

/** What can happen to a request in a state. */
export function possibleEvents(status: RequestStatus): readonly RequestEvent[] {
  return requestEvents.filter((event) => transitions[status][event] !== undefined);
}

/** Whether a request can still be acted on. */
export function isOpenRequest(status: RequestStatus): boolean {
  return Object.keys(transitions[status]).length > 0;
}

/** What a change needs before it is applied. */
export interface Requirement {
  readonly impactLevel: ImpactLevel;
  /** What the policy asks for that asks for most. */
  readonly minimumApprovals: number;
  /** The policies that ask for approvals. Each has to be met. */
  readonly policies: readonly ApprovalPolicy[];
}

/** What several changes that are applied together need; undefined where none of them needs anything. */
export function strictest(requirements: readonly (Requirement | undefined)[]): Requirement | undefined {
  const needed = requirements.filter((one) => one !== undefined);
  if (needed.length === 0) return undefined;
  const policies = new Map(needed.flatMap((one) => one.policies).map((policy) => [policy.name, policy]));
  return {
    impactLevel: highestLevel(needed.map((one) => one.impactLevel)),
    minimumApprovals: Math.max(...needed.map((one) => one.minimumApprovals)),
    policies: [...policies.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** The highest of several levels; `none` where there are none. */
export function highestLevel(levels: readonly ImpactLevel[]): ImpactLevel {
  return impactLevels[Math.max(0, ...levels.map((level) => impactLevels.indexOf(level)))] ?? 'none';
}

/** After how many seconds a request with these policies expires. */
export function expiryOf(policies: readonly ApprovalPolicy[]): number {
  return policies.length === 0
    ? defaultExpiry
    : Math.min(...policies.map((policy) => policy.expiresIn ?? defaultExpiry));
}

/** What is known of a request when somebody wants to approve it. */
export interface Approvable {
  readonly requestedBy: string;
  /** Who has edited it. */
  readonly editors: readonly string[];
  readonly policies: readonly ApprovalPolicy[];
  /** Who has approved this edition of it. */
  readonly approvedBy: readonly string[];
}

/** Somebody who approves, with the roles that he has wherever a request is about. */
export interface Approver {
  readonly id: string;
  readonly roles: readonly string[];
}

/** Why somebody may not approve a request; undefined where he may, which is where his approval counts for any of its policies. */
export function approvalProblem(
  { requestedBy, editors, policies, approvedBy }: Approvable,
  approver: Approver,
): 'self' | 'again' | 'ineligible' | undefined {
  if (approver.id === requestedBy || editors.includes(approver.id)) return 'self';
  if (policies.length > 0 && !policies.some((policy) => isApproverOf(policy, approver))) return 'ineligible';
  return approvedBy.includes(approver.id) ? 'again' : undefined;
}

/**
 * How many more approvals a request needs at least; 0 where it has all. Each policy counts those who may approve by it, so that policies
 * with different approvers are met by different people, and one who may approve by several counts for each.
 */
export function missingApprovals(
  { minimumApprovals, policies }: Pick<Requirement, 'minimumApprovals' | 'policies'>,
  approvers: readonly Approver[],
): number {
  const lacking = policies.map(
    (policy) => policy.minimumApprovals - approvers.filter((one) => isApproverOf(policy, one)).length,
  );
  return Math.max(0, ...(policies.length === 0 ? [minimumApprovals - approvers.length] : lacking));
}

function isApproverOf({ approvers }: ApprovalPolicy, { id, roles }: Approver): boolean {
  if (approvers === undefined) return true;
  return approvers.users?.includes(id) === true || roles.some((role) => approvers.roles?.includes(role) === true);
}
