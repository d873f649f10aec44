/** Owns who may go past approvals in an emergency. */
import type { Address } from '@strata/core';
import { accessNow, notPermitted, requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';

/**
 * Requires the permission `break-glass` for every address, where a reason to use it was given.
 * @throws ConfigurationError `not_permitted`, also where neither roles are bound nor `authorize` is set: then nobody was given it.
 */
export async function requireBreakGlass(
  context: Context,
  actor: Actor,
  addresses: readonly Address[],
  reason: string | undefined,
): Promise<void> {
  if (reason === undefined) return;
  const { access } = context;
  for (const address of addresses) {
    if (!access.hasHook && (await accessNow(context)).bindings.length === 0) {
      throw notPermitted(actor, 'break-glass', address);
    }
    await requirePermission(context, actor, 'break-glass', address);
  }
}
