/** Owns what refusals tell of a secret that is refused: no name of a property that only the secret has. */
import {
  ConfigurationError,
  eachSubschema,
  formatPath,
  isConfigurationError,
  parsePath,
  type Definition,
} from '@strata/core';
import type { Context } from '../context.ts';
import { knownPart, namesIn } from './hidden-names.ts';

/**
 * Runs what refuses the value of a key, so that its refusal tells no names that only a secret has. What is not refused takes no waiting: a write
 * is under way once it is called.
 */
export function tellingNoNames<T>(context: Context, key: string, run: () => T): T | Promise<never> {
  try {
    return run();
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return withoutSecretNames(context, key, error).then((told) => {
      throw told;
    });
  }
}

/** A refusal of the value of a key as it may be told. */
export async function withoutSecretNames(
  context: Context,
  key: string,
  error: ConfigurationError,
): Promise<ConfigurationError> {
  if (!isConfigurationError(error, 'invalid_value')) return error;
  const { byKey } = await context.ruleBook.now(context.db);
  const definition = byKey.get(key)?.definition;
  if (!holdsSecrets(definition)) return error;
  const { path: given, problem } = error.details;
  const path = String(given);
  const told = formatPath(knownPart(parsePath(path), namesIn(definition?.jsonSchema)));
  return told === path ? error : new ConfigurationError('invalid_value', { path: told, problem: String(problem) });
}

function holdsSecrets(definition: Definition | undefined): boolean {
  if (definition?.sensitive === true) return true;
  let isMarked = false;
  eachSubschema(definition?.jsonSchema, (node) => (isMarked ||= node['x-sensitive'] === true));
  return isMarked;
}
