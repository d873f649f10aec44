/** Owns the look downwards: which stored layers below a change would become invalid by it. */
import { formatAddress, sameScope, type Address, type JsonValue, type ScopeRef } from '@strata/core';
import type { Context } from './context.ts';
import { effectiveValue } from './effective-value.ts';
import { HeadMemory, HeadView } from './heads.ts';
import type { ValueChange } from './intent.ts';
import { readProgress } from './store/counter.ts';
import { readLayersOfKey, type Head } from './store/settings.ts';
import type { BrokenLayer, ValidationProblem } from './validation.ts';

const pageSize = 500;
/** How many broken layers are listed. */
const listed = 20;

/** What a look downwards found, and what must stay as it is for that to hold. */
export interface Below {
  readonly broken: readonly BrokenLayer[];
  /** Keys that were looked through, with the revision before that began. */
  readonly quiet: ReadonlyMap<string, number>;
}

/**
 * Finds the stored layers whose effective value fits its schema in `before` and no longer in `after`. Nothing is read for keys whose
 * schema constrains properties one by one, since nothing below can break there.
 */
export async function findNewlyBroken(
  context: Context,
  before: HeadView,
  after: HeadView,
  changes: readonly ValueChange[],
): Promise<Below> {
  const broken: BrokenLayer[] = [];
  const quiet = new Map<string, number>();
  for (const key of new Set(changes.map((change) => change.key))) {
    const rule = after.rules.byKey.get(key);
    if (rule === undefined || rule.validator.propertywise) continue;
    const scopes = changes.filter((change) => change.key === key && change.scope !== 'user');
    if (scopes.length === 0) continue;
    quiet.set(key, (await readProgress(context.db)).revision);
    for await (const layer of layersOf(context, key, before, after)) {
      if (broken.length >= listed) break;
      if (changes.some((change) => change.key === key && sameScope(change, layer.address))) continue;
      if (!scopes.some((change) => layer.chain.some((scope) => sameScope(scope, change)))) continue;
      const problems = newProblems(layer, (value) => rule.validator.effective(value));
      if (problems.length > 0) broken.push({ ...shown(layer.address), errors: problems });
    }
  }
  return { broken, quiet };
}

function newProblems(
  layer: { readonly before: JsonValue | undefined; readonly after: JsonValue | undefined },
  check: (value: JsonValue) => readonly ValidationProblem[],
): readonly ValidationProblem[] {
  if (layer.after === undefined) return [];
  const problems = check(layer.after);
  if (problems.length === 0 || layer.before === undefined) return problems;
  return check(layer.before).length > 0 ? [] : problems;
}

/** An address as it is handed out. */
export function shown({ key, scope, scopeId }: Address): Pick<BrokenLayer, 'key' | 'scope' | 'scopeId'> {
  return { key, scope, scopeId: scope === 'global' ? null : scopeId };
}

/** The broken layers as a message names them, with what is wrong with the first of each. */
export function describeLayers(layers: readonly BrokenLayer[]): string {
  return layers
    .map(({ key, scope, scopeId, errors }) => {
      const at = formatAddress({ key, scope, scopeId: scopeId ?? '' });
      return errors[0] === undefined ? at : `${at} (${errors[0].message})`;
    })
    .join(', ');
}

interface EffectiveLayer {
  readonly address: Address;
  readonly chain: readonly ScopeRef[];
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** Every stored layer of a key with its chain and its effective values, in pages: what is stored under what the views have changed. */
async function* layersOf(
  context: Context,
  key: string,
  before: HeadView,
  after: HeadView,
): AsyncGenerator<EffectiveLayer> {
  let last: Head | undefined;
  for (;;) {
    const page = await readLayersOfKey(context.db, context.environment, key, last, pageSize);
    last = page.at(-1);
    if (last === undefined) return;
    const memory = new HeadMemory(context.vault);
    await memory.read(context.db, context.environment, page);
    const stored = new HeadView(memory, before.rules);
    const then = overlay(stored, before.changes());
    const now = overlay(stored, after.changes());
    for (const address of page) {
      const chain = now.chain(address);
      yield { address, chain, before: effectiveValue(then, key, chain), after: effectiveValue(now, key, chain) };
    }
    if (page.length < pageSize) return;
  }
}

function overlay(stored: HeadView, heads: readonly Head[]): HeadView {
  const view = stored.fork();
  for (const head of heads) view.set(head);
  return view;
}

/** Every stored layer of a key whose effective value does not fit the rules of a view: at most the first twenty. */
export async function findBroken(context: Context, key: string, rules: HeadView['rules']): Promise<BrokenLayer[]> {
  const rule = rules.byKey.get(key);
  if (rule === undefined) return [];
  const broken: BrokenLayer[] = [];
  const empty = new HeadView(new HeadMemory(context.vault), rules);
  for await (const layer of layersOf(context, key, empty, empty)) {
    const problems = layer.after === undefined ? [] : rule.validator.effective(layer.after);
    if (problems.length > 0) broken.push({ ...shown(layer.address), errors: problems });
    if (broken.length >= listed) break;
  }
  return broken;
}
