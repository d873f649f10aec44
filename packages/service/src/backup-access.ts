/** Owns who may take a whole store out, or put one in: who may do so in every environment of it. */
import { globalScope, type Permission } from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { readEnvironments } from './store/exports.ts';

/**
 * Requires a permission and `audit`, at global and for every key: of this environment as everywhere, and of every other one where roles are
 * bound.
 * @throws ConfigurationError `not_permitted`.
 */
export async function requireOperator(context: Context, actor: Actor, action: Permission): Promise<void> {
  for (const permission of [action, 'audit'] as const) {
    await requirePermission(context, actor, permission, globalScope);
    for (const environment of await readEnvironments(context.db)) {
      if (environment === context.environment) continue;
      const access = context.access.inEnvironment(environment);
      await requirePermission({ ...context, environment, access }, actor, permission, globalScope);
    }
  }
}
