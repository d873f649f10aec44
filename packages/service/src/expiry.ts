/** Owns layers that remove themselves: each is removed by a commit of `system` soon after its time. */
import { isConfigurationError } from '@strata/core';
import { systemActor } from './actor.ts';
import type { Context } from './context.ts';
import type { Intent } from './intent.ts';
import { readExpired } from './store/settings.ts';
import { newIntent } from './new-commit.ts';
import { submit } from './write.ts';

const pageSize = 100;

/** Removes what has expired by the database's clock. Processes at once do not disturb each other: the first one's removal counts. */
export async function removeExpired(context: Context): Promise<void> {
  for (const head of await readExpired(context.db, context.environment, pageSize)) {
    const { key, scope, scopeId, hash } = head;
    const expected = { text: hash, prefix: hash };
    const change = { key, scope, scopeId, value: undefined, expected };
    // Its end was approved with it.
    const intent: Intent = { ...newIntent(systemActor, [change], 'Expired', { force: true }), gate: 'pass' };
    try {
      await submit(context, intent);
    } catch (error) {
      // It was changed meanwhile, or this process may not remove it: neither holds up the others.
      if (!isConfigurationError(error) || error.status === 503) throw error;
    }
  }
}
