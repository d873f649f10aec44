/** Owns the calls on the audit log. */
import type { AuditCheckpoint, AuditFinding, ConfigScope, JsonObject, ScopeInput } from '@strata/core';
import { scopeQuery } from './address.ts';
import type { Connection } from './connection.ts';

/** One row of the audit log: something that somebody did, or was refused. */
export interface AuditEntry {
  readonly id: number;
  readonly operation: string;
  readonly key: string | null;
  readonly scope: ConfigScope | null;
  readonly scopeId: string | null;
  readonly userId: string;
  /** `false` where it was refused. */
  readonly success: boolean;
  readonly metadata: JsonObject;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly createdAt: string;
  readonly revision: number | null;
  /** The number of its seal; `null` while it has none. */
  readonly seal: number | null;
}

/** Which rows are listed. */
export interface AuditFilter {
  readonly key?: string | undefined;
  readonly userId?: string | undefined;
  readonly operation?: string | undefined;
  readonly success?: boolean | undefined;
  readonly scope?: ScopeInput | undefined;
  /** ISO times. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** The id of the last row of the page before. */
  readonly before?: number | undefined;
  readonly limit?: number | undefined;
}

/** What was verified, and what does not hold. */
export interface AuditVerification {
  readonly ok: boolean;
  /** The first 1,000 of them. */
  readonly findings: readonly AuditFinding[];
  readonly findingCount: number;
  readonly rows: number;
  readonly sealed: number;
  readonly waiting: number;
  readonly withoutMac: number;
  readonly versions: number;
  readonly checkpoints: number;
  readonly number: number;
  readonly chain: string;
}

/** The calls on the audit log. */
export function auditCalls(connection: Connection) {
  return {
    /** The audit log, newest first: what the caller may see of it. */
    getAuditLog: ({ scope, success, ...filter }: AuditFilter = {}) =>
      connection.send<{ readonly entries: readonly AuditEntry[] }>({
        path: '/v1/audit',
        query: { ...scopeQuery(scope), ...filter, success: success === undefined ? undefined : String(success) },
      }),

    /** Proves the audit log; with checkpoints that were kept elsewhere, also that its end is there. */
    verifyAudit: (checkpoints?: readonly Pick<AuditCheckpoint, 'statement' | 'signature'>[]) =>
      connection.send<AuditVerification>({ method: 'POST', path: '/v1/audit/verify', body: { checkpoints } }),

    /** Seals what waits, and signs how far the log has come. */
    createAuditCheckpoint: () => connection.send<AuditCheckpoint>({ method: 'POST', path: '/v1/audit/checkpoints' }),

    /** The signed checkpoints, newest first. */
    listAuditCheckpoints: (page: { readonly before?: number | undefined; readonly limit?: number | undefined } = {}) =>
      connection.send<{ readonly checkpoints: readonly AuditCheckpoint[] }>({
        path: '/v1/audit/checkpoints',
        query: page,
      }),

    /** The sealed audit log as lines of JSON, from a seal on. What it holds is proven by `strata audit verify --file`. */
    exportAudit: ({ from, signal }: { readonly from?: number | undefined; readonly signal?: AbortSignal } = {}) =>
      connection.open({ path: '/v1/audit/export', query: { from }, signal }, Infinity, 'application/x-ndjson'),

    /** Removes the oldest rows under a signed checkpoint. @throws `audit_broken` where the log does not hold. */
    pruneAudit: (before: string, reason: string) =>
      connection.send<{ readonly removed: number; readonly checkpoint: AuditCheckpoint | null }>({
        method: 'POST',
        path: '/v1/audit/prune',
        body: { before, reason },
      }),
  };
}
