/** Owns "did you mean" for keys. */
import { isClientError, StrataClientError, type StrataClient } from '@strata/client';
import { closestName, type ScopeContext } from '@strata/core';
import { CommandError, exitCodes } from './exit-codes.ts';
import { adviceOf } from './message.ts';

/**
 * Runs a call on a key. When it finds nothing under a key that is not known at all, the failure names the known one that was
 * most likely meant, among those with a value at the scope and those with a schema.
 */
export async function suggestingKey<T>(
  client: StrataClient,
  key: string,
  scope: ScopeContext | undefined,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!isClientError(error) || !nothingThere.has(error.code)) throw error;
    const near = await nearestKey(client, key, scope);
    if (near === undefined) throw error;
    throw new CommandError(exitCodes.notFound, `${adviceOf(error).what} Did you mean ${near}?`);
  }
}

const nothingThere: ReadonlySet<string> = new Set(['key_not_found', 'version_not_found', 'schema_not_found']);

/** Fails as the server does for a key without a value, where its answer is an empty one instead. */
export function noValue(key: string, place: string): StrataClientError {
  return new StrataClientError('key_not_found', `There is no value for ${key} at ${place}.`, {
    status: 404,
    details: { key, scope: place },
  });
}

async function nearestKey(
  client: StrataClient,
  key: string,
  scope: ScopeContext | undefined,
): Promise<string | undefined> {
  try {
    const [{ values }, { schemas }] = await Promise.all([client.getAll(scope), client.listSchemas()]);
    const known = new Set([...Object.keys(values), ...schemas.map((schema) => schema.key)]);
    return known.has(key) ? undefined : closestName(key, known);
  } catch {
    // What was asked for has failed already and is told; a suggestion is a courtesy.
    return undefined;
  }
}
