/** Owns the handing out of secrets: who may have one, and the row of the audit log that is there before it leaves. */
import type { JsonValue, ScopeRequest } from '@strata/core';
import { requirePermission } from '../access.ts';
import type { Actor } from '../actor.ts';
import type { Context } from '../context.ts';
import { refuseWhileAway } from '../read-age.ts';
import { storeReveal, type RevealReason } from '../store/audit.ts';
import type { HeldSecret } from './vault.ts';

/**
 * Hands out a value with its secrets.
 * @throws ConfigurationError `not_permitted` without `read-sensitive`; `unavailable` where the audit log cannot be written.
 */
export async function reveal(
  context: Context,
  actor: Actor,
  key: string,
  request: ScopeRequest,
  held: HeldSecret,
  why: RevealReason = {},
): Promise<JsonValue> {
  refuseWhileAway(context);
  await requirePermission(context, actor, 'read-sensitive', { ...request, key });
  await record(context, actor, key, request, why);
  return context.vault.release(held);
}

/** One row for each actor, key, scope and minute. */
async function record(
  { db, environment, reveals, audit }: Context,
  actor: Actor,
  key: string,
  { scope, scopeId }: ScopeRequest,
  why: RevealReason,
): Promise<void> {
  const name = JSON.stringify([actor.id, key, scope, scopeId]);
  if (reveals.has(name)) return;
  const about = { key, scope, scopeId };
  await audit.keys.load();
  const entry = { operation: 'reveal', about, actor, success: true, metadata: { ...why } };
  const store = (): Promise<number> => storeReveal(db, environment, entry, audit.keys.stamp());
  reveals.note(name, await storeOnce(store));
}

/** Where another process stored the same row at the same time, it is there now. */
async function storeOnce(store: () => Promise<number>): Promise<number> {
  try {
    return await store();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === '23505') return store();
    throw error;
  }
}
