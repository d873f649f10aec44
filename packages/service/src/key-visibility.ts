/** Owns which keys an actor may know of, and what is said of them. */
import type { Dependency } from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { visibilityOf } from './visibility.ts';

/** Those of some keys that an actor may read at any scope; the hook is asked about global, since what is said of keys is of no scope. */
export async function readableKeys(
  context: Context,
  actor: Actor,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const readable = new Set<string>();
  for (const key of new Set(keys)) {
    const see = await visibilityOf(context, actor, 'read', key);
    if (see.isPossible && (await see.askAboutGlobal()) === true) readable.add(key);
  }
  return readable;
}

/** The dependencies of which an actor may read both keys: over a hidden one nothing is reached. */
export async function visibleDependencies<T extends Dependency>(
  context: Context,
  actor: Actor,
  all: readonly T[],
): Promise<readonly T[]> {
  const keys = all.flatMap(({ key, dependsOn }) => [key, dependsOn]);
  const readable = await readableKeys(context, actor, keys);
  return all.filter(({ key, dependsOn }) => readable.has(key) && readable.has(dependsOn));
}
