/** Owns the effective values of a selection as they were at its revision. */
import {
  joinPaths,
  maskSecrets,
  mergeLayers,
  resolveChain,
  secretPaths,
  type Address,
  type JsonValue,
  type Path,
  type ScopeRef,
} from '@strata/core';
import { answerAlong } from './access.ts';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { permitted, type Selection } from './export-selection.ts';
import type { Rules } from './rules.ts';
import type { Opened } from './secrets/vault.ts';
import { readEveryScope, readLayersAt, readScopesBelow } from './store/exports.ts';
import { readLinks } from './store/scopes.ts';

/** What is read of a key at a scope. */
export interface EffectiveSetting extends Address {
  readonly value: JsonValue;
}

/** The own values of one scope, by key. */
type Layers = ReadonlyMap<string, Opened>;

/**
 * The effective values at each scope of a selection, by key, scope after scope; those that the actor may not export or not read, now and
 * along the scopes it inherited from then, are left out.
 */
export async function* effectiveValues(
  context: Context,
  actor: Actor,
  selection: Selection,
): AsyncGenerator<readonly EffectiveSetting[], void, undefined> {
  const { db, environment } = context;
  const { revision } = selection;
  const rules = await context.ruleBook.asOf(db, revision);
  const layersOf = rememberedLayers(context, revision);
  for (const at of await scopesOf(context, selection)) {
    const chain = resolveChain(at, await readLinks(db, environment, [at], revision));
    const layers: Layers[] = [];
    for (const scope of chain) layers.push(await layersOf(scope));
    const values = merge(rules, layers)
      .filter(({ secrets }) => selection.secrets === 'masked' || secrets.length === 0)
      .map(({ key, value }) => ({ key, scope: at.scope, scopeId: at.scopeId, value }));
    const readable = await permitted(context, actor, selection, values);
    const told: EffectiveSetting[] = [];
    for (const one of readable) if ((await answerAlong(context, actor, one.key, chain)) === true) told.push(one);
    yield told;
  }
}

async function scopesOf({ db, environment }: Context, selection: Selection): Promise<readonly ScopeRef[]> {
  const { scope, scopeId, subtree, revision } = selection;
  if (!subtree) return [{ scope, scopeId }];
  return scope === 'global'
    ? readEveryScope(db, environment, revision)
    : readScopesBelow(db, environment, { scope, scopeId }, revision);
}

const pageSize = 1000;
/** How many scopes are kept, since others inherit from them. */
const maxRemembered = 100;

function rememberedLayers({ db, environment, vault }: Context, revision: number): (at: ScopeRef) => Promise<Layers> {
  const remembered = new Map<string, Layers>();
  return async ({ scope, scopeId }) => {
    const name = `${scope}\0${scopeId}`;
    const known = remembered.get(name);
    if (known !== undefined) return known;
    const layers = new Map<string, Opened>();
    for (let after: Address | undefined; ;) {
      const page = await readLayersAt(db, environment, revision, [{ scope, scopeId }], after, pageSize);
      for (const { value, ...layer } of page) {
        if (value !== undefined) layers.set(layer.key, await vault.open(db, value, { ...layer, version: layer.hash }));
      }
      after = page.at(-1);
      if (page.length < pageSize) break;
    }
    const [oldest] = remembered.size < maxRemembered ? [] : remembered.keys();
    if (oldest !== undefined) remembered.delete(oldest);
    if (scope !== 'user') remembered.set(name, layers);
    return layers;
  };
}

/** What is read of a key, masked, and where its secrets are. */
interface Merged {
  readonly key: string;
  readonly value: JsonValue;
  readonly secrets: readonly Path[];
}

function merge(rules: Rules, chain: readonly Layers[]): Merged[] {
  const keys = [...new Set(chain.flatMap((layers) => [...layers.keys()]))].sort();
  return keys.flatMap((key): Merged[] => {
    const rule = rules.byKey.get(key);
    const layers = chain.map((one) => one.get(key)).filter((layer) => layer !== undefined);
    const merged = mergeLayers(
      layers.map((layer) => layer.value),
      rule?.definition.merge ?? 'deep',
    );
    if (merged === undefined) return [];
    const value = rule === undefined ? merged : rule.validator.withDefaults(merged);
    const stored = layers.flatMap((layer) => layer.secrets);
    const secrets = joinPaths(value, secretPaths(rule?.definition, value), stored);
    return [{ key, value: maskSecrets(value, secrets), secrets }];
  });
}
