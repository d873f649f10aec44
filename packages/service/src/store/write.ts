/** Owns the call of the one write step, `configuration_write`. */
import type { Address, ImpactLevel, VersionOperation } from '@strata/core';
import type { Row, Sql } from '../db/database.ts';
import type { CommitOperation } from './commits.ts';

/** A commit to write. */
export interface NewCommit {
  readonly id: string;
  readonly operation: CommitOperation;
  /** What a commit other than a change is about. */
  readonly about?: Partial<Address> | undefined;
  readonly actor: string;
  readonly comment: string | null;
  readonly idempotencyKey: string;
  readonly requestDigest: string;
  /** What the audit rows say besides version, parent, commit and comment. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

/** A version to write. */
export interface NewVersion extends Address {
  /** The place of its commit in the step, from 0. */
  readonly commit: number;
  readonly hash: string;
  readonly parent: string | null;
  readonly operation: VersionOperation;
  /** JSON text; `null` for a delete. */
  readonly value: string | null;
  readonly rollbackFrom: string | null;
  readonly impactLevel: ImpactLevel;
  readonly expiresAt: Date | null;
}

/** A head that a decision relied on; `hash` is null for an address that never had a version. */
export interface SeenHead extends Address {
  readonly hash: string | null;
}

/** Everything that one step writes, and all that must still hold when it does. */
export interface WriteStep {
  readonly environment: string;
  readonly decisionRevision: number;
  /** Whether it changes scopes, schemas or locks. */
  readonly decides: boolean;
  /** Whether it changes schemas or locks. */
  readonly rules: boolean;
  readonly commits: readonly NewCommit[];
  readonly versions: readonly NewVersion[];
  readonly seen: readonly SeenHead[];
  /** Keys of which no version may be newer than the revision given. */
  readonly quiet: ReadonlyMap<string, number>;
}

/** What a step answers: the first commit got `baseRevision + 1`. */
export interface Written {
  readonly baseRevision: number;
  readonly committedAt: Date;
}

const parameterTypes = [
  ...['text', 'bigint', 'boolean', 'boolean'],
  ...['uuid[]', ...Array<string>(12).fill('text[]')],
  ...['int[]', ...Array<string>(9).fill('text[]'), 'timestamptz[]', 'int[]'],
  ...['text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'bigint[]'],
];
const writeQuery = `SELECT base_revision, committed_at FROM configuration_write(${parameterTypes
  .map((type, index) => `$${String(index + 1)}::${type}`)
  .join(', ')})`;

/**
 * Runs the step: all of it or nothing.
 * @throws the database's error with SQLSTATE 40001 when something that was decided on has moved.
 */
export async function runWriteStep(sql: Sql, step: WriteStep): Promise<Written> {
  const { commits, versions, seen } = step;
  const last = new Map(
    versions.map((version, index) => [JSON.stringify([version.key, version.scope, version.scopeId]), index + 1]),
  );
  const rows = await sql.query<Row & { readonly base_revision: number; readonly committed_at: Date }>(
    writeQuery,
    [
      step.environment,
      step.decisionRevision,
      step.decides,
      step.rules,
      commits.map((commit) => commit.id),
      commits.map((commit) => commit.operation),
      commits.map((commit) => commit.about?.key ?? null),
      commits.map((commit) => commit.about?.scope ?? null),
      commits.map((commit) => commit.about?.scopeId ?? null),
      commits.map((commit) => commit.actor),
      commits.map((commit) => commit.comment),
      commits.map((commit) => commit.idempotencyKey),
      commits.map((commit) => commit.requestDigest),
      commits.map((commit) => JSON.stringify(commit.metadata)),
      commits.map((commit) => commit.ip),
      commits.map((commit) => commit.userAgent),
      commits.map((commit) => commit.requestId),
      versions.map((version) => version.commit + 1),
      versions.map((version) => version.hash),
      versions.map((version) => version.key),
      versions.map((version) => version.scope),
      versions.map((version) => version.scopeId),
      versions.map((version) => version.parent),
      versions.map((version) => version.operation),
      versions.map((version) => version.value),
      versions.map((version) => version.rollbackFrom),
      versions.map((version) => version.impactLevel),
      versions.map((version) => version.expiresAt?.toISOString() ?? null),
      [...last.values()],
      seen.map((head) => head.key),
      seen.map((head) => head.scope),
      seen.map((head) => head.scopeId),
      seen.map((head) => head.hash),
      [...step.quiet.keys()],
      [...step.quiet.values()],
    ],
    'strata_write',
  );
  const row = rows[0];
  if (row === undefined) throw new Error('configuration_write answered no row');
  return { baseRevision: row.base_revision, committedAt: row.committed_at };
}
