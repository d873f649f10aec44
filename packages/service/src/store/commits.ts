/** Owns the SQL of configuration_commits. */
import type { Row, Sql } from '../db/database.ts';

/** What a commit is about. */
export type CommitOperation =
  | 'change'
  | 'scope'
  | 'scope-removal'
  | 'schema'
  | 'lock'
  | 'unlock'
  | 'tag'
  | 'policy'
  | 'role'
  | 'binding'
  | 'definition'
  | 'dependency';

export interface StoredCommit {
  readonly id: string;
  readonly revision: number;
  readonly actor: string;
  readonly comment: string | null;
  readonly idempotencyKey: string;
  readonly requestDigest: string;
  readonly committedAt: Date;
}

interface CommitRow extends Row {
  readonly id: string;
  readonly revision: number;
  readonly actor: string;
  readonly comment: string | null;
  readonly idempotency_key: string;
  readonly request_digest: string;
  readonly committed_at: Date;
}

function toCommit(row: CommitRow): StoredCommit {
  return {
    id: row.id,
    revision: row.revision,
    actor: row.actor,
    comment: row.comment,
    idempotencyKey: row.idempotency_key,
    requestDigest: row.request_digest,
    committedAt: row.committed_at,
  };
}

/** Reads the commits that bear one of these idempotency keys. */
export async function findCommits(
  sql: Sql,
  environment: string,
  idempotencyKeys: readonly string[],
): Promise<StoredCommit[]> {
  const rows = await sql.query<CommitRow>(
    `SELECT id, revision, actor, comment, idempotency_key, request_digest, committed_at FROM configuration_commits
    WHERE environment = $1 AND idempotency_key = ANY ($2::text[])`,
    [environment, [...idempotencyKeys]],
  );
  return rows.map(toCommit);
}

/** The revision of the last commit at or before a time; 0 when there was none. */
export async function revisionAt(sql: Sql, at: Date): Promise<number> {
  const rows = await sql.query<Row & { readonly revision: number }>(
    `SELECT revision FROM configuration_commits WHERE committed_at <= $1::timestamptz
    ORDER BY committed_at DESC, revision DESC LIMIT 1`,
    [at],
  );
  return rows[0]?.revision ?? 0;
}
