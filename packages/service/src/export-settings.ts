/** Owns what an export says of each layer or value. */
import { shortVersion, type JsonObject, type ScopeRef } from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { effectiveValues } from './export-effective.ts';
import { selectedLayers, type Selection } from './export-selection.ts';
import type { ExportedSecrets, ToldLayer } from './export-secrets.ts';

/** Some settings of an export. */
export interface SettingsPage {
  readonly settings: readonly JsonObject[];
  /** The last revision that changed any of them, or removed one; absent for effective values. */
  readonly throughRevision?: number;
}

type Pages = AsyncGenerator<SettingsPage, void, undefined>;

/** The settings of a selection, in pages. */
export function exportedSettings(
  context: Context,
  actor: Actor,
  selection: Selection,
  secrets: ExportedSecrets,
): Pages {
  return selection.values === 'own'
    ? ownSettings(context, actor, selection, secrets)
    : effectiveSettings(context, actor, selection);
}

async function* ownSettings(context: Context, actor: Actor, selection: Selection, secrets: ExportedSecrets): Pages {
  for await (const page of selectedLayers(context, actor, selection)) {
    const told = await secrets.protect(selection.deleted ? page : page.filter(({ value }) => value !== undefined));
    yield {
      settings: selection.format === 'env' ? told.flatMap(toBriefSetting) : told.map(toSetting),
      throughRevision: page.reduce((last, { revision }) => Math.max(last, revision), 0),
    };
  }
}

function toSetting(layer: ToldLayer): JsonObject {
  const { value, hash, actor, at, comment, isOmitted } = layer;
  const state = isOmitted ? { omitted: true } : { deleted: true };
  return {
    ...placeOf(layer),
    ...(value === undefined || isOmitted ? state : { value }),
    ...sealOf(layer),
    version: shortVersion(hash),
    changedBy: actor,
    changedAt: at.toISOString(),
    comment,
    ...expiryOf(layer),
  };
}

/** What a .env file has room for. */
function toBriefSetting(layer: ToldLayer): JsonObject[] {
  if (layer.isOmitted) return [];
  return [{ ...placeOf(layer), value: layer.value ?? null, ...sealOf(layer), ...expiryOf(layer) }];
}

function sealOf({ isSealed, hash }: ToldLayer): JsonObject {
  return isSealed ? { sealedVersion: hash } : {};
}

function placeOf({ key, scope, scopeId }: ScopeRef & { readonly key: string }): JsonObject {
  return { key, scope, scopeId: scope === 'global' ? null : scopeId };
}

function expiryOf({ expiresAt }: ToldLayer): JsonObject {
  return expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() };
}

async function* effectiveSettings(context: Context, actor: Actor, selection: Selection): Pages {
  for await (const values of effectiveValues(context, actor, selection)) {
    yield { settings: values.map((one) => ({ ...placeOf(one), value: one.value })) };
  }
}
