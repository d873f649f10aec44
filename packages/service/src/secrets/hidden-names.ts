/** Owns which names of properties may be told of a secret: those that its schema knows. */
import { eachSubschema, listOf, mapOf, type JsonObject, type Path } from '@strata/core';

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
export function knownPart(path: Path, names: ReadonlySet<string>): Path {
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
