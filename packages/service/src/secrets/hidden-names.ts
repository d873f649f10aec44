/** Owns what refusals tell of a secret that is refused: no name of a property that only the secret has. */
import {
  ConfigurationError,
  eachSubschema,
  formatPath,
  isConfigurationError,
  listOf,
  mapOf,
  parsePath,
  type Definition,
  type JsonObject,
  type Path,
} from '@strata/core';
import type { Context } from '../context.ts';

/** The names of properties that a schema knows anywhere: they tell nothing of a value. */
export function namesIn(schema: JsonObject | undefined): ReadonlySet<string> {
  const names = new Set<string>();
  eachSubschema(schema, (node) => {
    for (const name of Object.keys(mapOf(node['properties']))) names.add(name);
    const required = [node['required'], ...Object.values(mapOf(node['dependentRequired']))].flatMap(listOf);
    for (const name of required) if (typeof name === 'string') names.add(name);
  });
  return names;
}

/** A path up to the first name that a schema does not know. */
function knownPart(path: Path, names: ReadonlySet<string>): Path {
  const unknown = path.findIndex((step) => typeof step === 'string' && !names.has(step));
  return unknown === -1 ? path : path.slice(0, unknown);
}

/** A problem inside a secret, without the names that only the secret has. */
export function withoutNames<T extends { readonly path: Path; readonly text: string }>(
  problem: T,
  names: ReadonlySet<string>,
): T {
  const path = knownPart(problem.path, names);
  if (path.length === problem.path.length) return problem;
  return { ...problem, path, text: 'has a part that its schema does not allow' };
}

/** Runs what refuses the value of a key, so that its refusal tells no names that only a secret has. */
export async function tellingNoNames<T>(context: Context, key: string, run: () => T): Promise<T> {
  try {
    return run();
  } catch (error) {
    throw isConfigurationError(error) ? await withoutSecretNames(context, key, error) : error;
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
