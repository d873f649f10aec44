/** Owns the opening of heads that were read from the store, with their secrets in the clear for this process alone. */
import { isConfigurationError } from '@strata/core';
import type { Sql } from '../db/database.ts';
import type { Head } from '../store/settings.ts';
import type { Vault } from './vault.ts';

/** Heads with their secrets opened. One that does not open says why, so that it can still be replaced. */
export async function openHeads(vault: Vault, sql: Sql, heads: readonly Head[]): Promise<Head[]> {
  const opened: Head[] = [];
  for (const head of heads) opened.push(await openHead(vault, sql, head));
  return opened;
}

async function openHead(vault: Vault, sql: Sql, head: Head): Promise<Head> {
  if (head.value === undefined) return head;
  try {
    const { value, secrets } = await vault.open(sql, head.value, { ...head, version: head.hash });
    return secrets.length === 0 ? head : { ...head, value, secrets };
  } catch (error) {
    if (isConfigurationError(error, 'secret_damaged')) return { ...head, fault: error };
    throw error;
  }
}
