/** Owns the opening of versions that were read from the store, with their secrets in the clear for this process alone. */
import { maskSecrets, secretPaths, type ConfigVersion, type JsonValue } from '@strata/core';
import type { Context } from '../context.ts';
import { toPublicVersion, type StoredVersion } from '../store/versions.ts';
import type { Opened } from './vault.ts';

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
