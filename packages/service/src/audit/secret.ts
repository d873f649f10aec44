/** Owns what the keys of the audit log are made of: a secret of the store that its database never sees. */
import { isConfigurationError } from '@strata/core';
import type { DataKeys } from '../secrets/data-keys.ts';

/** How long a process that found no key does not look again, in milliseconds. */
const interval = 60_000;

/**
 * Finds the secret; undefined while this process has no key, since rows are written without a code then.
 * @param makesKey whether a key is made where there is none and one may be made. Else rows carry codes as soon as there is one.
 */
export function auditSecret(dataKeys: DataKeys, makesKey: boolean): () => Promise<Uint8Array | undefined> {
  let lookAgain = -Infinity;
  return async () => {
    if (performance.now() < lookAgain) return undefined;
    try {
      if (makesKey || dataKeys.source.keys() !== undefined) return await dataKeys.derive('audit');
    } catch (error) {
      // A process to which the keys were given wrong is told so at its first call; one without keys writes like before there were any.
      const isWithout =
        isConfigurationError(error, 'encryption_not_configured') ||
        isConfigurationError(error, 'encryption_key_missing');
      if (!isWithout || dataKeys.source.isConfigured) throw error;
    }
    lookAgain = performance.now() + interval;
    return undefined;
  };
}
