/** Owns the secrets of a document that is to be imported: opened for who may read them where they come from. */
import {
  ConfigurationError,
  formatAddress,
  isConfigurationError,
  parseId,
  parseJsonValue,
  parseKey,
  sealedPaths,
  type Bundle,
  type BundledSetting,
  type JsonValue,
  type Path,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { requirePermission } from './access.ts';
import type { Context } from './context.ts';
import { inEnvironment } from './environments.ts';
import type { DataKey } from './secrets/data-keys.ts';
import { PassphraseSeal } from './secrets/passphrase-seal.ts';
import type { Opened, SealedPlace } from './secrets/vault.ts';

/** One setting of a document, with its secrets in the clear. */
export interface OpenedSetting extends BundledSetting {
  /** Where its secrets are. */
  readonly secrets?: readonly Path[];
  /** Why they cannot be opened. */
  readonly refusal?: ConfigurationError;
}

/**
 * The settings of a document, opened one after the other. Where secrets cannot be opened, their setting tells why.
 * @throws ConfigurationError `passphrase_wrong`, `document_unsupported`; `unavailable` where the database is away.
 */
export async function* openSettings(
  context: Context,
  actor: Actor,
  bundle: Bundle,
  passphrase: string | undefined,
): AsyncGenerator<OpenedSetting, void> {
  const { encryption, environment = context.environment } = bundle;
  const seal = encryption === undefined ? undefined : await PassphraseSeal.of(encryption, passphrase);
  const from = parseId(environment, 'environment');
  const open = (value: JsonValue, place: SealedPlace): Opened | Promise<Opened> =>
    seal === undefined ? openForeign(context, actor, bundle, from, value, place) : seal.open(value, place, from);
  for (const setting of bundle.settings) yield await openSetting(setting, open);
}

async function openSetting(
  setting: BundledSetting,
  open: (value: JsonValue, place: SealedPlace) => Opened | Promise<Opened>,
): Promise<OpenedSetting> {
  const { key, scope, value, sealedVersion } = setting;
  // A document that says nothing of where its sealed parts belong is refused with them.
  if (value === undefined || sealedVersion === undefined) return setting;
  try {
    const given = parseJsonValue(value);
    if (sealedPaths(given).length === 0) return setting;
    return { ...setting, ...(await open(given, { key: parseKey(key), ...scope, version: sealedVersion })) };
  } catch (error) {
    if (!isConfigurationError(error) || error.status === 503) throw error;
    return { ...setting, refusal: error };
  }
}

/**
 * Opens what was sealed by a store with a key that is here too. An import would otherwise open for anybody what he had come by sealed:
 * he has to be permitted to read it at its own place, as it is called here and in the environment that it comes from.
 */
async function openForeign(
  context: Context,
  actor: Actor,
  { keys }: Bundle,
  environment: string,
  value: JsonValue,
  place: SealedPlace,
): Promise<Opened> {
  const { dataKeys, vault, db } = context;
  const { key, scope, scopeId } = place;
  for (const inside of new Set([context, inEnvironment(context, environment)])) {
    await requirePermission(inside, actor, 'read-sensitive', { key, scope, scopeId });
  }
  const find = async (id: string): Promise<DataKey | undefined> => {
    const own = await dataKeys.find(id, db);
    const brought = keys.find((one) => one.id === id);
    if (own !== undefined || brought === undefined) return own;
    return dataKeys.unwrapForeign({ id, purpose: 'values', wrapped: brought.wrapped, kekId: brought.keyId });
  };
  try {
    return await vault.openWith(find, value, place, environment);
  } catch (error) {
    if (!isConfigurationError(error, 'encryption_key_missing')) throw error;
    const { keyId, has } = error.details;
    throw new ConfigurationError('secret_sealed_elsewhere', {
      address: formatAddress(place),
      keyId: String(keyId),
      has: String(has),
    });
  }
}
