/** Owns the proof of the audit log: every row, every link, every checkpoint, and the versions and values that it is about, in one snapshot. */
import { globalScope, type AuditCheckpoint, type AuditFinding } from '@strata/core';
import { requirePermission } from '../access.ts';
import type { Actor } from '../actor.ts';
import { begin, type Context } from '../context.ts';
import type { Sql } from '../db/database.ts';
import { verifyChain, verifyUnsealed } from './chain-check.ts';
import { verifyCheckpoints } from './checkpoint-check.ts';
import { Findings } from './findings.ts';
import type { AuditKey } from './key-ring.ts';
import { verifyVersions } from './version-check.ts';

/** What is verified besides what the store holds. */
export interface AuditVerifyOptions {
  /** Checkpoints that were shipped elsewhere: the chain has to go as far as they say, and be the one that they signed. */
  readonly checkpoints?: readonly Pick<AuditCheckpoint, 'statement' | 'signature'>[];
}

/** What was verified, and what does not hold. */
export interface AuditVerification {
  /** Whether everything holds. */
  readonly ok: boolean;
  /** What does not hold: the first 1,000 by name. */
  readonly findings: readonly AuditFinding[];
  /** How many there are. */
  readonly findingCount: number;
  /** How many rows were looked at. */
  readonly rows: number;
  /** How many of them carry a seal, and how many still wait for theirs. */
  readonly sealed: number;
  readonly waiting: number;
  /** How many of them carry no code, since they are of before there was a key. */
  readonly withoutMac: number;
  readonly versions: number;
  readonly checkpoints: number;
  /** The last seal. */
  readonly number: number;
  /** The link of it: a later verification that sees another one at this number saw another log. */
  readonly chain: string;
}

/** Verifies the audit log of the environment. */
export async function verifyAudit(
  context: Context,
  actor: Actor,
  options: AuditVerifyOptions,
): Promise<AuditVerification> {
  begin(context);
  await requirePermission(context, actor, 'audit', globalScope);
  // Without any key nothing could be told.
  const key = await context.audit.keys.require();
  return inSnapshot(context, (sql) => verifyIn(context, sql, key, options));
}

/** Runs work that sees one moment: what is written or pruned meanwhile is no finding. */
export function inSnapshot<T>({ db }: Pick<Context, 'db'>, work: (sql: Sql) => Promise<T>): Promise<T> {
  return db.transaction(async (sql) => {
    await sql.script('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return work(sql);
  });
}

/** The same as of the transaction given. */
export async function verifyIn(
  { environment, vault }: Pick<Context, 'environment' | 'vault'>,
  sql: Sql,
  key: AuditKey,
  { checkpoints: shipped = [] }: AuditVerifyOptions,
): Promise<AuditVerification> {
  const findings = new Findings();
  const at = { sql, environment, vault, key, findings };
  const signed = await verifyCheckpoints(at, shipped);
  const chain = await verifyChain(at, signed);
  const unsealed = await verifyUnsealed(at, chain.hasBegun);
  const versions = await verifyVersions(at, signed.retention?.revision ?? 0);
  return {
    ok: findings.count === 0,
    findings: findings.named,
    findingCount: findings.count,
    rows: chain.rows + unsealed.rows,
    sealed: chain.rows,
    waiting: unsealed.waiting,
    withoutMac: chain.withoutMac + unsealed.withoutMac,
    versions,
    checkpoints: signed.count,
    number: chain.number,
    chain: chain.chain,
  };
}
