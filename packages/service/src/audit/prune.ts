/** Owns retention: rows go from the front of the chain, and a signed checkpoint takes their place. */
import { ConfigurationError, globalScope, type AuditCheckpoint } from '@strata/core';
import { requirePermission } from '../access.ts';
import type { Actor } from '../actor.ts';
import { begin, type Context } from '../context.ts';
import { inTransaction } from '../decision-commit.ts';
import { parseReason } from '../new-commit.ts';
import { readPrefix, readSealed, readTime, removeSealed, takeSealing } from '../store/audit-seals.ts';
import { parseTime } from '../time.ts';
import { signEnd, signStatement, ship } from './checkpoints.ts';
import { recordAudit } from './record.ts';
import { chainStart } from './seal.ts';
import { inSnapshot, verifyIn } from './verify.ts';

/** Which rows go. */
export interface AuditRetention {
  /** Rows that are older, as far as they lie before every one that is not. */
  readonly before: Date | string;
}

/** What went. */
export interface AuditPruning {
  readonly removed: number;
  /** What took their place; `null` where nothing went. */
  readonly checkpoint: AuditCheckpoint | null;
}

/** Removes the oldest rows of the log under a signed checkpoint. */
export async function pruneAudit(
  context: Context,
  actor: Actor,
  retention: AuditRetention,
  reason: string,
): Promise<AuditPruning> {
  begin(context);
  const before = parseTime(retention.before, 'before');
  const said = parseReason(reason);
  await requirePermission(context, actor, 'audit', globalScope);
  await requirePermission(context, actor, 'policy', globalScope);
  // What is to go was sealed and signed before.
  await signEnd(context, actor);
  const prefix = await verifiedPrefix(context, before);
  if (prefix === undefined) return { removed: 0, checkpoint: null };
  const pruning = await context.db.transaction(async (sql) => {
    await takeSealing(sql, context.environment, true);
    return removePrefix(inTransaction(context, sql), actor, prefix, before, said);
  });
  await ship(context, pruning.checkpoint);
  return pruning;
}

/** The front of a chain, of which everything holds. */
interface Prefix {
  /** The seal before its first one. */
  readonly start: number;
  /** Its last seal. */
  readonly through: number;
  readonly chain: string;
  /** The newest revision of its rows. */
  readonly revision: number;
}

/**
 * The rows that are older than a time. What does not hold must not be signed away.
 * @throws ConfigurationError `audit_broken`.
 */
async function verifiedPrefix(context: Context, before: Date): Promise<Prefix | undefined> {
  const { environment } = context;
  const key = await context.audit.keys.require();
  return inSnapshot(context, async (sql) => {
    if (before > (await readTime(sql))) {
      throw new ConfigurationError('invalid_argument', { argument: 'before', problem: 'give a time that has passed' });
    }
    const start = await chainStart(sql, environment);
    const last = await readPrefix(sql, environment, before);
    if (last === undefined) return undefined;
    const { findingCount, findings } = await verifyIn(context, sql, key, {});
    if (findingCount === 0) return { start: start.number, ...last };
    throw new ConfigurationError('audit_broken', { count: findingCount, first: findings[0]?.message ?? '' });
  });
}

async function removePrefix(
  context: Context,
  actor: Actor,
  prefix: Prefix,
  before: Date,
  reason: string,
): Promise<AuditPruning & { readonly checkpoint: AuditCheckpoint }> {
  const { db, environment } = context;
  const { start, through, chain, revision } = prefix;
  const [last] = await readSealed(db, environment, through - 1, 1);
  const { number } = await chainStart(db, environment);
  if (number !== start || last?.seal.chain !== chain) throw new ConfigurationError('busy', { tries: 1 });
  const about = { kind: 'retention', number: through, chain, by: actor.id, reason, revision } as const;
  const checkpoint = await signStatement(context, db, about);
  const removed = await removeSealed(db, environment, through);
  const metadata = { before: before.toISOString(), removed, number: through, checkpoint: checkpoint.sequence, reason };
  await recordAudit(context, [{ operation: 'audit-prune', about: globalScope, actor, success: true, metadata }]);
  return { removed, checkpoint };
}
