/** Owns what an export says of each layer or value; secrets are masked in it. */
import { maskSecrets, secretPaths, shortVersion, type JsonObject, type ScopeRef } from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { effectiveValues } from './export-effective.ts';
import { selectedLayers, type Selection } from './export-selection.ts';
import type { ExportedLayer } from './store/exports.ts';

/** Some settings of an export. */
export interface SettingsPage {
  readonly settings: readonly JsonObject[];
  /** The last revision that changed any of them, or removed one; absent for effective values. */
  readonly throughRevision?: number;
}

type Pages = AsyncGenerator<SettingsPage, void, undefined>;

/** The settings of a selection, in pages. */
export function exportedSettings(context: Context, actor: Actor, selection: Selection): Pages {
  return selection.values === 'own'
    ? ownSettings(context, actor, selection)
    : effectiveSettings(context, actor, selection);
}

async function* ownSettings(context: Context, actor: Actor, selection: Selection): Pages {
  const { byKey } = await context.ruleBook.now(context.db);
  const masked = (layer: ExportedLayer): ExportedLayer => {
    const { key, value } = layer;
    if (value === undefined) return layer;
    return { ...layer, value: maskSecrets(value, secretPaths(byKey.get(key)?.definition, value)) };
  };
  for await (const page of selectedLayers(context, actor, selection)) {
    const told = selection.deleted ? page : page.filter(({ value }) => value !== undefined);
    yield {
      settings: told.map(masked).map(selection.format === 'env' ? toBriefSetting : toSetting),
      throughRevision: page.reduce((last, { revision }) => Math.max(last, revision), 0),
    };
  }
}

function toSetting(layer: ExportedLayer): JsonObject {
  const { value, hash, actor, at, comment } = layer;
  return {
    ...placeOf(layer),
    ...(value === undefined ? { deleted: true } : { value }),
    version: shortVersion(hash),
    changedBy: actor,
    changedAt: at.toISOString(),
    comment,
    ...expiryOf(layer),
  };
}

/** What a .env file has room for. */
function toBriefSetting(layer: ExportedLayer): JsonObject {
  return { ...placeOf(layer), value: layer.value ?? null, ...expiryOf(layer) };
}

function placeOf({ key, scope, scopeId }: ScopeRef & { readonly key: string }): JsonObject {
  return { key, scope, scopeId: scope === 'global' ? null : scopeId };
}

function expiryOf({ expiresAt }: ExportedLayer): JsonObject {
  return expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() };
}

async function* effectiveSettings(context: Context, actor: Actor, selection: Selection): Pages {
  for await (const values of effectiveValues(context, actor, selection)) {
    yield { settings: values.map((one) => ({ ...placeOf(one), value: one.value })) };
  }
}
