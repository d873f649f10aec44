/** Owns the opening of what was read from the store: layers and versions, with their secrets in the clear for this process alone. */
import { isConfigurationError, maskSecrets, secretPaths, type ConfigVersion, type JsonValue } from '@strata/core';
import type { Context } from '../context.ts';
import type { Sql } from '../db/database.ts';
import type { Head } from '../store/settings.ts';
import { toPublicVersion, type StoredVersion } from '../store/versions.ts';
import type { Opened, Vault } from './vault.ts';

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

/** A layer that some version left, with its secrets opened; undefined where it left none. */
export async function openLayer({ vault, db }: Context, version: StoredVersion): Promise<Opened | undefined> {
  if (version.deleted) return undefined;
  return vault.open(db, version.value, { ...version, scopeId: version.scopeId ?? '', version: version.hash });
}

/** A layer with marks in the place of its secrets, for comparisons; undefined where there is none. */
export async function comparableLayer(context: Context, version: StoredVersion): Promise<JsonValue | undefined> {
  const opened = await openLayer(context, version);
  return opened === undefined ? undefined : context.vault.comparable(opened);
}

/** Versions as they are handed out: what is a secret in them, by what was stored or by what the key is defined as now, is masked. */
export async function toShownVersions(context: Context, versions: readonly StoredVersion[]): Promise<ConfigVersion[]> {
  if (versions.length === 0) return [];
  const { byKey } = await context.ruleBook.now(context.db);
  return versions.map((version) => {
    const definition = byKey.get(version.key)?.definition;
    return { ...toPublicVersion(version), value: maskSecrets(version.value, secretPaths(definition, version.value)) };
  });
}
