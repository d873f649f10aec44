/** Owns checkpoints: signed statements of how far the chain of seals has come, which can be shipped elsewhere. */
import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { globalScope, type AuditCheckpoint, type AuditStatement } from '@strata/core';
import { requirePermission } from '../access.ts';
import { systemActor, type Actor } from '../actor.ts';
import { begin, type Context } from '../context.ts';
import type { Sql } from '../db/database.ts';
import { parseCount } from '../history.ts';
import {
  readCheckpoints,
  readTime,
  storeCheckpoint,
  takeSealing,
  type StoredCheckpoint,
} from '../store/audit-seals.ts';
import { readStoreIdentity } from '../store/store-identity.ts';
import { chainEnd, sealWaiting, stated } from './seal.ts';

/** How much time a checkpoint that nobody asked for leaves to the one before it, in milliseconds. */
const interval = 5 * 60_000;

/** Seals what waits, and signs how far the chain has come. */
export async function createAuditCheckpoint(context: Context, actor: Actor): Promise<AuditCheckpoint> {
  begin(context);
  await requirePermission(context, actor, 'audit', globalScope);
  return signEnd(context, actor);
}

/** The same, for an actor who may do so. */
export async function signEnd(context: Context, actor: Actor): Promise<AuditCheckpoint> {
  await sealWaiting(context, true);
  const checkpoint = await context.db.transaction(async (sql) => {
    await takeSealing(sql, context.environment, true);
    return signNow(context, sql, actor);
  });
  await ship(context, checkpoint);
  return checkpoint;
}

/** Signs the end of the chain where no checkpoint of the last minutes does; answers whether one does now. */
export async function checkpointIfDue(context: Context): Promise<boolean> {
  const key = await context.audit.keys.require();
  const made = await context.db.transaction(async (sql) => {
    if (!(await takeSealing(sql, context.environment, false))) return 'not now';
    const [last] = await readCheckpoints(sql, context.environment, { limit: 1 });
    const end = await chainEnd(sql, context.environment, key);
    if ((last?.number ?? 0) >= end.number) return undefined;
    const age = last === undefined ? Infinity : (await readTime(sql)).getTime() - Date.parse(stated(last).createdAt);
    return age < interval ? 'not now' : signNow(context, sql, systemActor);
  });
  if (made === 'not now') return false;
  if (made !== undefined) await ship(context, made);
  return true;
}

async function signNow(context: Context, sql: Sql, actor: Actor): Promise<AuditCheckpoint> {
  const { number, chain } = await chainEnd(sql, context.environment, await context.audit.keys.require());
  return signStatement(context, sql, { kind: 'checkpoint', number, chain, by: actor.id });
}

/** Signs and stores a statement about the chain. */
export async function signStatement(
  { environment, audit }: Pick<Context, 'environment' | 'audit'>,
  sql: Sql,
  about: Pick<AuditStatement, 'kind' | 'number' | 'chain' | 'by' | 'reason' | 'revision'>,
): Promise<AuditCheckpoint> {
  const key = await audit.keys.require();
  const [last] = await readCheckpoints(sql, environment, { limit: 1 });
  const content: AuditStatement = {
    format: 'strata-audit-checkpoint/1',
    store: (await readStoreIdentity(sql)).id,
    environment,
    sequence: (last?.sequence ?? 0) + 1,
    ...about,
    createdAt: (await readTime(sql)).toISOString(),
    key: key.id,
  };
  const statement = JSON.stringify(content);
  const signature = sign(null, Buffer.from(statement), key.privateKey).toString('base64');
  const { kind, number, sequence } = content;
  const checkpoint = { sequence, kind, number, statement, signature, publicKey: key.publicKey };
  await storeCheckpoint(sql, environment, checkpoint);
  return toPublicCheckpoint(checkpoint);
}

/** Hands a checkpoint to the host. It is stored, and the next one covers what it covers: a host that fails is only reported. */
export async function ship({ audit, report }: Context, checkpoint: AuditCheckpoint): Promise<void> {
  try {
    await audit.onCheckpoint?.(checkpoint);
  } catch (error) {
    report(error);
  }
}

function toPublicCheckpoint(checkpoint: StoredCheckpoint): AuditCheckpoint {
  const { statement, signature, publicKey } = checkpoint;
  const { format: _format, ...content } = stated(checkpoint);
  return { ...content, statement, signature, publicKey };
}

/** Whether a signature is of a text, by a public key as checkpoints name it. */
export function isSigned(publicKey: string, text: string, signature: string): boolean {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return false;
  }
  return key.asymmetricKeyType === 'ed25519' && verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'));
}

/** How checkpoints are listed. */
export interface CheckpointFilter {
  /** Those of a lower sequence. */
  readonly before?: number;
  /** Default 50, at most 1,000. */
  readonly limit?: number;
}

/** The checkpoints of the environment, the newest first. */
export async function listAuditCheckpoints(
  context: Context,
  actor: Actor,
  { before, limit = 50 }: CheckpointFilter,
): Promise<AuditCheckpoint[]> {
  begin(context);
  await requirePermission(context, actor, 'audit', globalScope);
  const filter = {
    limit: parseCount(limit, 'limit', 1000),
    before: before === undefined ? undefined : parseCount(before, 'before', Number.MAX_SAFE_INTEGER),
  };
  return (await readCheckpoints(context.db, context.environment, filter)).map(toPublicCheckpoint);
}
