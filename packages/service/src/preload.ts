/** Owns filling memory ahead of the first reads. */
import { globalScope, sameScope, type ScopeRef } from '@strata/core';
import { builtInDefinitions } from '@strata/core/schema';
import type { EffectiveValueCache } from './cache.ts';
import { begin, type Context } from './context.ts';
import { loadShared } from './read.ts';
import { readMostRead } from './store/usage.ts';

/** How many values are loaded at most. */
const maxValues = 1000;
/** How many scopes are read at at once. */
const lanes = 4;

interface Wanted {
  readonly scope: ScopeRef;
  readonly keys: string[];
}

/** Loads what was read most often in the last day, and the built-in keys at global; answers how many values were not there before. */
export async function preloadHotConfigs(context: Context): Promise<number> {
  begin(context);
  const { cache } = context;
  if (cache === undefined) return 0;
  const wanted = missingIn(cache, await mostWanted(context, Math.min(maxValues, cache.maxEntries)));
  const left = wanted[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const { scope, keys } of left) {
      await loadShared(context, keys, scope);
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return wanted.reduce((sum, { keys }) => sum + keys.length, 0);
}

/** By scope, so that the keys of one scope take one query. */
async function mostWanted({ db, environment }: Context, limit: number): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  let count = 0;
  const want = (key: string, scope: ScopeRef): void => {
    if (count >= limit) return;
    let at = wanted.find((one) => sameScope(one.scope, scope));
    if (at === undefined) wanted.push((at = { scope, keys: [] }));
    if (at.keys.includes(key)) return;
    at.keys.push(key);
    count += 1;
  };
  for (const { key, scope, scopeId } of await readMostRead(db, environment, limit)) {
    want(key, { scope, scopeId });
  }
  for (const [key, { sensitive }] of builtInDefinitions) if (sensitive !== true) want(key, globalScope);
  return wanted;
}

function missingIn(cache: EffectiveValueCache, wanted: readonly Wanted[]): Wanted[] {
  return wanted
    .map(({ scope, keys }) => ({ scope, keys: keys.filter((key) => cache.look(key, scope) === undefined) }))
    .filter(({ keys }) => keys.length > 0);
}
