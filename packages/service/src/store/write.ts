/** Owns the call of the one write step, `configuration_write`. */
import type { Address, ImpactLevel, VersionOperation } from '@strata/core';
import type { QueryOptions, Row, Sql } from '../db/database.ts';
import type { CommitOperation } from './commits.ts';
import type { Progress } from './counter.ts';

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
  /** The counter on which it was decided. */
  readonly progress: Pick<Progress, 'decisionRevision' | 'rulesRevision'>;
  /** Whether it was decided on which scope inherits from which, and not only on schemas, locks and heads. */
  readonly reliesOnLinks: boolean;
  /** Which of what writers decide on it changes: links of scopes, or schemas or locks. */
  readonly changes: 'nothing' | 'scopes' | 'rules';
  readonly commits: readonly NewCommit[];
  /** In order. The parent of the first one of an address must still be its head. */
  readonly versions: readonly NewVersion[];
  /** The heads that were relied on at addresses of which it writes no version. */
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
  ...['text', 'bigint', 'bigint', 'boolean', 'boolean'],
  ...['uuid[]', ...Array<string>(12).fill('text[]')],
  ...['int[]', ...Array<string>(9).fill('text[]'), 'timestamptz[]', 'int[]', 'boolean[]'],
  ...['text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'bigint[]'],
];
const [environmentParameter, ...otherParameters] = parameterTypes.map(
  (type, index) => `$${String(index + 1)}::${type}`,
);
// Arguments are evaluated before the function that they are given to.
const stamped = `configuration_audit_with(${String(environmentParameter)}, $${String(parameterTypes.length + 1)}::text)`;
const writeQuery = `SELECT base_revision, committed_at FROM configuration_write(${[stamped, ...otherParameters].join(', ')})`;

/** How many addresses a statement takes within the usual time. */
const usualAddresses = 2000;

/** What a statement about many addresses is given: two milliseconds more for each beyond the usual number. */
export function patienceFor(addresses: number): QueryOptions {
  return addresses <= usualAddresses ? {} : { timeoutMs: 2000 + 2 * addresses };
}

/**
 * Runs the step: all of it or nothing.
 * @param stamp what the audit rows are authenticated with; empty for nothing.
 * @throws the database's error with SQLSTATE 40001 when something that was decided on has moved; `unavailable` when other writers hold
 *   the counter for longer than a caller waits.
 */
export async function runWriteStep(sql: Sql, step: WriteStep, stamp: string): Promise<Written> {
  const { commits, versions, seen } = step;
  const { follows, isHead } = orderOf(versions);
  const rows = await sql.query<Row & { readonly base_revision: number; readonly committed_at: Date }>(
    writeQuery,
    [
      step.environment,
      step.progress.rulesRevision,
      step.reliesOnLinks ? step.progress.decisionRevision : null,
      step.changes === 'rules',
      step.changes !== 'nothing',
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
      follows,
      isHead,
      seen.map((head) => head.key),
      seen.map((head) => head.scope),
      seen.map((head) => head.scopeId),
      seen.map((head) => head.hash),
      [...step.quiet.keys()],
      [...step.quiet.values()],
      stamp,
    ],
    'strata_write',
    patienceFor(versions.length),
  );
  const row = rows[0];
  if (row === undefined) throw new Error('configuration_write answered no row');
  return { baseRevision: row.base_revision, committedAt: row.committed_at };
}

/** For each version the number of the one of the same address before it in the step, from 1, and whether none comes after it. */
function orderOf(versions: readonly NewVersion[]): { readonly follows: (number | null)[]; readonly isHead: boolean[] } {
  const last = new Map<string, number>();
  const follows: (number | null)[] = [];
  const isHead: boolean[] = [];
  for (const [index, { key, scope, scopeId }] of versions.entries()) {
    const name = `${key}\0${scope}\0${scopeId}`;
    const before = last.get(name);
    if (before !== undefined) isHead[before - 1] = false;
    follows.push(before ?? null);
    isHead.push(true);
    last.set(name, index + 1);
  }
  return { follows, isHead };
}

/** The addresses of a step whose heads had moved, as its failure tells them; undefined when it failed for anything else. */
export function movedAddresses(error: unknown, { seen, versions }: WriteStep): readonly Address[] | undefined {
  if (!(error instanceof Error) || !('detail' in error) || typeof error.detail !== 'string') return undefined;
  const [, of, numbers] = /^(versions|heads) (\d[\d,]*)$/.exec(error.detail) ?? [];
  const addresses = of === 'versions' ? versions : seen;
  return numbers?.split(',').flatMap((number) => addresses[Number(number) - 1] ?? []);
}
