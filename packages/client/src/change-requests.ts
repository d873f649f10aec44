/** Owns the calls on change requests, approval policies and roles. */
import type {
  ApprovalPolicy,
  Diff,
  ImpactAnalysis,
  ImpactLevel,
  JsonValue,
  Permission,
  RequestStatus,
  ScopeInput,
} from '@strata/core';
import { scopeQuery, type Place } from './address.ts';
import type { Connection } from './connection.ts';

/** One change of a value in a request. */
export interface RequestedChange extends Place {
  readonly key: string;
  readonly operation: 'set' | 'delete';
  readonly currentValue: JsonValue;
  readonly proposedValue: JsonValue;
  readonly diff: readonly Diff[];
  readonly baseVersion: string | null;
  readonly expiresAt?: string;
}

/** A proposed commit that waits for approvals, or did. */
export interface ChangeRequest extends Place {
  readonly id: string;
  /** Of the first change; for what is about no key the name of a policy or role, or the scope. */
  readonly key: string;
  /** `change` for values, else what is to be done: `lock`, `schema`, `policy` … */
  readonly operation: string;
  readonly status: RequestStatus;
  /** Counts the edits, from 1. An approval is of one edition. */
  readonly edition: number;
  readonly impactLevel: ImpactLevel;
  /** What it does, computed when it was requested or last edited; only where one request is asked for. */
  readonly impact?: ImpactAnalysis;
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly editors: readonly string[];
  readonly justification: string | null;
  readonly currentValue: JsonValue;
  readonly proposedValue: JsonValue;
  readonly changes: readonly RequestedChange[];
  readonly approvals: readonly { readonly approverId: string; readonly comment: string | null; readonly at: string }[];
  readonly minimumApprovals: number;
  readonly policies: readonly ApprovalPolicy[];
  /** Whether it goes ahead although values below become invalid. */
  readonly forced: boolean;
  readonly comments: readonly { readonly author: string; readonly comment: string; readonly at: string }[];
  readonly expiresAt: string;
  /** When it is applied once it has its approvals; absent: at once. */
  readonly applyAt?: string;
  /** Why it was rejected, withdrawn, suspended or is conflicted. */
  readonly reason?: string;
  readonly closedBy?: string;
  readonly closedAt?: string;
  /** The commit that applied it, and its revision. */
  readonly commit?: string;
  readonly revision?: number;
}

/** One change to ask for. */
export type ChangeProposal = ScopeInput & {
  readonly key: string;
  readonly proposedValue?: unknown;
  readonly delete?: boolean;
  readonly expiresAt?: string;
};

/** What `requestChange` takes: one change, or several that are applied together. */
export type ChangeRequestInput = (ChangeProposal | { readonly changes: readonly ChangeProposal[] }) & {
  readonly justification: string;
  readonly applyAt?: string;
  readonly force?: boolean;
  readonly idempotencyKey?: string;
};

/** What `editChange` replaces: what is left out stays. */
export type ChangeEdit = (Partial<ChangeProposal> | { readonly changes: readonly ChangeProposal[] }) & {
  readonly justification?: string;
  readonly applyAt?: string | null;
};

/** Which requests are listed. */
export interface ChangeRequestFilter {
  readonly status?: RequestStatus | undefined;
  readonly key?: string | undefined;
  readonly requestedBy?: string | undefined;
  readonly before?: string | undefined;
  readonly limit?: number | undefined;
}

/** Some change requests. */
export interface ChangeRequests {
  readonly requests: readonly ChangeRequest[];
}

const requestPath = (id: string, what = ''): string => `/v1/change-requests/${encodeURIComponent(id)}${what}`;

/** The calls on change requests, as the client's actor. */
export function changeRequestCalls(connection: Connection) {
  const post = (path: string, body: object) => connection.send<ChangeRequest>({ method: 'POST', path, body });
  return {
    /** Asks for a change. */
    requestChange: (request: ChangeRequestInput) => post('/v1/change-requests', request),

    /** Approves a request; the last approval applies it. A request that was edited takes the `edition` that was looked at. */
    approveChange: (id: string, comment?: string, { edition }: { readonly edition?: number | undefined } = {}) =>
      post(requestPath(id, '/approve'), { comment, edition }),

    /** Rejects a request for good. */
    rejectChange: (id: string, reason: string) => post(requestPath(id, '/reject'), { reason }),

    /** Takes one's own request back. */
    withdrawChange: (id: string, reason?: string) => post(requestPath(id, '/withdraw'), { reason }),

    /** Replaces what a request says and dismisses its approvals; an edit of nothing proposes it anew. */
    editChange: (id: string, edit: ChangeEdit) =>
      connection.send<ChangeRequest>({ method: 'PATCH', path: requestPath(id), body: edit }),

    /** Sets when a request is applied, `null` for at once. */
    scheduleChange: (id: string, applyAt: string | null) => post(requestPath(id, '/schedule'), { applyAt }),

    /** Says something about a request. */
    commentOnChange: (id: string, comment: string) => post(requestPath(id, '/comments'), { comment }),

    /** One request. @throws `request_not_found`. */
    getChangeRequest: (id: string) => connection.send<ChangeRequest>({ path: requestPath(id) }),

    /** The requests that wait for approvals; with an approver, those that he can still approve. */
    getPendingChanges: (approver?: string) =>
      connection.send<ChangeRequests>({ path: '/v1/change-requests/pending', query: { approver } }),

    /** Requests in whichever state, newest first. */
    listChangeRequests: ({ limit, ...filter }: ChangeRequestFilter = {}) =>
      connection.send<ChangeRequests>({
        path: '/v1/change-requests',
        query: { ...filter, limit: limit === undefined ? undefined : String(limit) },
      }),
  };
}

/** A policy in force. */
export interface PolicyRecord extends ApprovalPolicy {
  readonly setBy?: string;
  readonly setAt?: string;
  readonly comment?: string | null;
  readonly revision: number;
}

/** The calls on approval policies. */
export function policyCalls(connection: Connection) {
  const path = (name: string): string => `/v1/policies/${encodeURIComponent(name)}`;
  return {
    /** The policies in force, the built-in one included. */
    listPolicies: () => connection.send<{ readonly policies: readonly PolicyRecord[] }>({ path: '/v1/policies' }),

    /** Sets a policy, in the place of the one of its name. @throws `approval_required`. */
    setPolicy: ({ name, ...policy }: ApprovalPolicy, comment?: string) =>
      connection.send<PolicyRecord>({ method: 'PUT', path: path(name), body: { ...policy, comment } }),

    /** Takes a policy away. @throws `policy_not_found`, `approval_required`. */
    removePolicy: async (name: string, comment?: string): Promise<void> => {
      await connection.send({ method: 'DELETE', path: path(name), query: { comment } });
    },
  };
}

/** A role. */
export interface RoleRecord {
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly builtIn: boolean;
  readonly setBy?: string;
  readonly setAt?: string;
  readonly comment?: string | null;
  readonly revision: number;
}

/** Who has a role, where and for which keys. */
export interface RoleBindingRecord extends Place {
  readonly id: string;
  readonly subject: { readonly user?: string; readonly group?: string };
  readonly role: string;
  readonly keys: string;
  readonly effect: 'allow' | 'deny';
  readonly boundBy: string;
  readonly boundAt: string;
  readonly comment: string | null;
  readonly revision: number;
}

/** A role to give to somebody. */
export type RoleBindingInput = ScopeInput & {
  readonly subject: { readonly user?: string; readonly group?: string };
  readonly role: string;
  readonly keys?: string | undefined;
  readonly effect?: 'allow' | 'deny' | undefined;
};

/** Which bindings are listed. */
export interface RoleBindingFilter {
  readonly scope?: ScopeInput | undefined;
  readonly role?: string | undefined;
  readonly subject?: { readonly user?: string | undefined; readonly group?: string | undefined } | undefined;
}

/** The calls on roles, and on who has them. */
export function roleCalls(connection: Connection) {
  const path = (name: string): string => `/v1/roles/${encodeURIComponent(name)}`;
  return {
    /** The roles there are, the built-in ones included. */
    listRoles: () => connection.send<{ readonly roles: readonly RoleRecord[] }>({ path: '/v1/roles' }),

    /** Sets a role, in the place of the one of its name. @throws `approval_required`, `not_permitted`, `self_grant`. */
    setRole: (
      { name, permissions }: { readonly name: string; readonly permissions: readonly Permission[] },
      comment?: string,
    ) => connection.send<RoleRecord>({ method: 'PUT', path: path(name), body: { permissions, comment } }),

    /** Takes a role away that nobody has. @throws `role_in_use`, `role_not_found`. */
    removeRole: async (name: string, comment?: string): Promise<void> => {
      await connection.send({ method: 'DELETE', path: path(name), query: { comment } });
    },

    /** Who has which role. */
    listRoleBindings: ({ scope, role, subject }: RoleBindingFilter = {}) =>
      connection.send<{ readonly bindings: readonly RoleBindingRecord[] }>({
        path: '/v1/role-bindings',
        query: { ...scopeQuery(scope), role, user: subject?.user, group: subject?.group },
      }),

    /** Gives a role to a user or a group, at a scope and all below it. */
    bindRole: (binding: RoleBindingInput, comment?: string) =>
      connection.send<RoleBindingRecord>({ method: 'POST', path: '/v1/role-bindings', body: { ...binding, comment } }),

    /** Takes a role from somebody again. @throws `binding_not_found`. */
    unbindRole: async (id: string, comment?: string): Promise<void> => {
      await connection.send({
        method: 'DELETE',
        path: `/v1/role-bindings/${encodeURIComponent(id)}`,
        query: { comment },
      });
    },
  };
}
