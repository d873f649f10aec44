/** Owns the SQL of change requests, their approvals and their comments. */
import type { ApprovalPolicy, ConfigScope, ImpactAnalysis, ImpactLevel, JsonValue, RequestStatus } from '@strata/core';
import type { Binding, ProposedChange, RequestComment, StoredRequest } from '../change-request-stored.ts';
import type { Row, Sql, SqlParameter } from '../db/database.ts';
import type { CommitOperation } from './commits.ts';

interface RequestRow extends Row {
  readonly id: string;
  readonly status: RequestStatus;
  readonly edition: number;
  readonly operation: CommitOperation;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scope_id: string;
  readonly changes: string;
  readonly arguments: string | null;
  readonly binding: string;
  readonly impact_level: ImpactLevel;
  readonly impact: string | null;
  readonly minimum_approvals: number;
  readonly policies: string;
  readonly is_forced: boolean;
  readonly requested_by: string;
  readonly requested_at: Date;
  readonly editors: readonly string[];
  readonly justification: string | null;
  readonly call: string;
  readonly idempotency_key: string | null;
  readonly request_digest: string;
  readonly apply_at: Date | null;
  readonly expires_at: Date;
  readonly reason: string | null;
  readonly closed_by: string | null;
  readonly closed_at: Date | null;
  readonly commit_id: string | null;
  readonly revision: number | null;
  readonly approvals: string | null;
  readonly comments: string | null;
}

const requestColumns = `q.id, q.status, q.edition, q.operation, q.key, q.scope, q.scope_id, q.changes::text AS changes,
  q.arguments::text AS arguments, q.binding::text AS binding, q.impact_level, q.impact::text AS impact, q.minimum_approvals, q.policies::text AS policies,
  q.is_forced, q.requested_by, q.requested_at, q.editors, q.justification, q.call, q.idempotency_key, q.request_digest, q.apply_at,
  q.expires_at, q.reason, q.closed_by, q.closed_at, q.commit_id, (
    SELECT c.revision FROM configuration_commits AS c WHERE c.id = q.commit_id
  ) AS revision, (
    SELECT json_agg(json_build_object('approver', a.approver, 'roles', a.approver_roles, 'comment', a.comment, 'at', a.approved_at,
      'call', a.call) ORDER BY a.approved_at, a.approver)
    FROM configuration_change_approvals AS a WHERE a.request_id = q.id AND a.edition = q.edition
  )::text AS approvals, (
    SELECT json_agg(json_build_object('author', m.author, 'comment', m.comment, 'at', m.created_at) ORDER BY m.id)
    FROM configuration_change_comments AS m WHERE m.request_id = q.id
  )::text AS comments`;

function toRequest(row: RequestRow): StoredRequest {
  const parse = <T>(text: string | null): T | null => (text === null ? null : (JSON.parse(text) as T));
  const dated = <T extends { readonly at: string }>(text: string | null): (Omit<T, 'at'> & { at: Date })[] =>
    (parse<T[]>(text) ?? []).map(({ at, ...rest }) => ({ ...rest, at: new Date(at) }));
  return {
    id: row.id,
    status: row.status,
    edition: row.edition,
    operation: row.operation,
    key: row.key,
    scope: row.scope,
    scopeId: row.scope_id,
    changes: JSON.parse(row.changes) as ProposedChange[],
    arguments: parse<JsonValue>(row.arguments),
    binding: JSON.parse(row.binding) as Binding,
    impactLevel: row.impact_level,
    impact: parse<ImpactAnalysis>(row.impact),
    minimumApprovals: row.minimum_approvals,
    policies: JSON.parse(row.policies) as ApprovalPolicy[],
    isForced: row.is_forced,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    editors: row.editors,
    justification: row.justification,
    call: row.call,
    idempotencyKey: row.idempotency_key,
    requestDigest: row.request_digest,
    applyAt: row.apply_at,
    expiresAt: row.expires_at,
    reason: row.reason,
    closedBy: row.closed_by,
    closedAt: row.closed_at,
    commit: row.commit_id,
    revision: row.revision,
    approvals: dated<{ approver: string; roles: string[]; comment: string | null; at: string; call: string }>(
      row.approvals,
    ),
    comments: dated<Omit<RequestComment, 'at'> & { at: string }>(row.comments),
  };
}

/** The parts of a request that an edit replaces. */
export type RequestContent = Pick<
  StoredRequest,
  | 'key'
  | 'scope'
  | 'scopeId'
  | 'changes'
  | 'arguments'
  | 'binding'
  | 'impactLevel'
  | 'impact'
  | 'minimumApprovals'
  | 'policies'
  | 'isForced'
  | 'justification'
  | 'applyAt'
>;

/** A request to store. */
export interface NewRequest extends RequestContent, Pick<StoredRequest, 'id' | 'operation' | 'requestedBy' | 'call'> {
  readonly idempotencyKey: string | null;
  readonly requestDigest: string;
  /** How long it may wait, in seconds. */
  readonly expiresIn: number;
}

const content = (request: RequestContent): SqlParameter[] => [
  request.key,
  request.scope,
  request.scopeId,
  JSON.stringify(request.changes),
  request.arguments === null ? null : JSON.stringify(request.arguments),
  JSON.stringify(request.binding),
  request.impactLevel,
  request.minimumApprovals,
  JSON.stringify(request.policies),
  request.isForced,
  request.justification,
  request.applyAt,
  request.impact === null ? null : JSON.stringify(request.impact),
];

/** Stores a request as pending. */
export async function storeRequest(sql: Sql, environment: string, request: NewRequest): Promise<void> {
  await sql.query(
    `INSERT INTO configuration_change_requests (environment, key, scope, scope_id, changes, arguments, binding, impact_level,
      minimum_approvals, policies, is_forced, justification, apply_at, impact, id, status, operation, requested_by, requested_at, call,
      idempotency_key, request_digest, expires_at)
    SELECT $1, $2, $3, $4, $5::json, $6::json, $7::json, $8, $9::int, $10::json, $11::boolean, $12, $13::timestamptz, $14::json, $15,
      'pending', $16, $17, t.now_at, $18::uuid, $19, $20, greatest(t.now_at, $13::timestamptz) + $21::int * interval '1 second'
    FROM (SELECT date_trunc('milliseconds', clock_timestamp()) AS now_at) AS t`,
    [
      environment,
      ...content(request),
      request.id,
      request.operation,
      request.requestedBy,
      request.call,
      request.idempotencyKey,
      request.requestDigest,
      request.expiresIn,
    ],
  );
}

/** Replaces what a request says; its approvals are of the edition before. */
export async function editRequest(
  sql: Sql,
  id: string,
  request: RequestContent,
  edit: { readonly editors: readonly string[]; readonly expiresIn: number },
): Promise<void> {
  await sql.query(
    `UPDATE configuration_change_requests SET key = $2, scope = $3, scope_id = $4, changes = $5::json, arguments = $6::json,
      binding = $7::json, impact_level = $8, minimum_approvals = $9::int, policies = $10::json, is_forced = $11::boolean,
      justification = $12, apply_at = $13::timestamptz, impact = $14::json, status = 'pending', edition = edition + 1, reason = NULL,
      editors = $15::text[],
      expires_at = greatest(date_trunc('milliseconds', clock_timestamp()), $13::timestamptz) + $16::int * interval '1 second'
    WHERE id = $1`,
    [id, ...content(request), [...edit.editors], edit.expiresIn],
  );
}

/** Which requests are read. */
export interface RequestFilter {
  readonly id?: string | undefined;
  readonly call?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly statuses?: readonly RequestStatus[] | undefined;
  readonly key?: string | undefined;
  readonly requestedBy?: string | undefined;
  readonly requestDigest?: string | undefined;
  /** Those older than this one. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** Reads requests, the newest first. */
export async function readRequests(sql: Sql, environment: string, filter: RequestFilter): Promise<StoredRequest[]> {
  const conditions = ['q.environment = $1'];
  const parameters: SqlParameter[] = [environment];
  const where = (condition: (name: string) => string, value: SqlParameter | undefined): void => {
    if (value === undefined) return;
    parameters.push(value);
    conditions.push(condition(`$${String(parameters.length)}`));
  };
  where((name) => `q.id = ${name}`, filter.id);
  where((name) => `q.call = ${name}::uuid`, filter.call);
  where((name) => `q.idempotency_key = ${name}`, filter.idempotencyKey);
  where((name) => `q.status = ANY (${name}::text[])`, filter.statuses === undefined ? undefined : [...filter.statuses]);
  where((name) => `q.requested_by = ${name}`, filter.requestedBy);
  where((name) => `q.request_digest = ${name}`, filter.requestDigest);
  where(
    (name) =>
      `(q.key = ${name} OR EXISTS (SELECT FROM json_array_elements(q.changes) AS e WHERE e ->> 'key' = ${name}))`,
    filter.key,
  );
  where(
    (name) =>
      `(q.requested_at, q.id) < (SELECT p.requested_at, p.id FROM configuration_change_requests AS p WHERE p.id = ${name})`,
    filter.before,
  );
  parameters.push(filter.limit);
  const rows = await sql.query<RequestRow>(
    `SELECT ${requestColumns} FROM configuration_change_requests AS q WHERE ${conditions.join(' AND ')}
    ORDER BY q.requested_at DESC, q.id DESC LIMIT $${String(parameters.length)}`,
    parameters,
  );
  return rows.map(toRequest);
}

/** Locks a request until the transaction ends, and reads it with the database's time. */
export async function lockRequest(
  sql: Sql,
  environment: string,
  id: string,
): Promise<{ readonly request: StoredRequest; readonly now: Date } | undefined> {
  await sql.query('SELECT FROM configuration_change_requests WHERE environment = $1 AND id = $2 FOR UPDATE', [
    environment,
    id,
  ]);
  // Read by a statement of its own: one that waited for the lock would still see the approvals from before.
  const [request] = await readRequests(sql, environment, { id, limit: 1 });
  const [time] = await sql.query<Row & { readonly now_at: Date }>(
    `SELECT date_trunc('milliseconds', clock_timestamp()) AS now_at`,
  );
  return request === undefined || time === undefined ? undefined : { request, now: time.now_at };
}

/** Moves a request to another state. */
export async function moveRequest(
  sql: Sql,
  id: string,
  to: {
    readonly status: RequestStatus;
    readonly reason?: string | null;
    readonly closedBy?: string | null;
    readonly isClosed: boolean;
    readonly commit?: string | undefined;
  },
): Promise<void> {
  await sql.query(
    `UPDATE configuration_change_requests SET status = $2, reason = $3, closed_by = $4, commit_id = $6::uuid,
      closed_at = CASE WHEN $5::boolean THEN date_trunc('milliseconds', clock_timestamp()) END WHERE id = $1`,
    [id, to.status, to.reason ?? null, to.closedBy ?? null, to.isClosed, to.commit ?? null],
  );
}

/** Stores an approval of an edition. */
export async function storeApproval(
  sql: Sql,
  approval: {
    readonly requestId: string;
    readonly edition: number;
    readonly approver: string;
    readonly roles: readonly string[];
    readonly comment: string | null;
    readonly call: string;
  },
): Promise<void> {
  const { requestId, edition, approver, roles, comment, call } = approval;
  await sql.query(
    `INSERT INTO configuration_change_approvals (request_id, edition, approver, approver_roles, comment, approved_at, call)
    VALUES ($1, $2, $3, $4::text[], $5, date_trunc('milliseconds', clock_timestamp()), $6::uuid)`,
    [requestId, edition, approver, [...roles], comment, call],
  );
}

/** Stores a comment, once for each call. */
export async function storeComment(
  sql: Sql,
  comment: { readonly requestId: string; readonly author: string; readonly comment: string; readonly call: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO configuration_change_comments (request_id, author, comment, created_at, call)
    VALUES ($1, $2, $3, date_trunc('milliseconds', clock_timestamp()), $4::uuid) ON CONFLICT (call) DO NOTHING`,
    [comment.requestId, comment.author, comment.comment, comment.call],
  );
}

/** Reads the ids of requests whose time has come, by the database's clock: to expire, or to be applied. */
export async function readDueRequests(
  sql: Sql,
  environment: string,
  limit: number,
): Promise<{ readonly id: string; readonly status: RequestStatus }[]> {
  return sql.query<Row & { readonly id: string; readonly status: RequestStatus }>(
    `SELECT q.id, q.status FROM configuration_change_requests AS q
    WHERE q.environment = $1 AND (q.status = 'pending' AND q.expires_at <= clock_timestamp()
      OR q.status = 'scheduled' AND q.apply_at <= clock_timestamp())
    ORDER BY coalesce(q.apply_at, q.expires_at), q.id LIMIT $2`,
    [environment, limit],
  );
}

/** Whether any request can still be acted on. */
export async function hasOpenRequest(sql: Sql, environment: string): Promise<boolean> {
  const rows = await sql.query<Row & { readonly is_open: boolean }>(
    `SELECT EXISTS (SELECT FROM configuration_change_requests
      WHERE environment = $1 AND status IN ('pending', 'scheduled', 'suspended', 'conflicted')) AS is_open`,
    [environment],
  );
  return rows[0]?.is_open === true;
}

/** The keys of which there are layers. */
export async function readLayeredKeys(sql: Sql, environment: string): Promise<string[]> {
  const rows = await sql.query<Row & { readonly key: string }>(
    'SELECT DISTINCT key FROM configuration_settings WHERE environment = $1 AND value IS NOT NULL',
    [environment],
  );
  return rows.map(({ key }) => key);
}
