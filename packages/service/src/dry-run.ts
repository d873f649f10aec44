/** Owns dry runs: what a write would do, decided as the queue would and written nowhere. */
import { diff, type ConfigScope, type Diff, type ImpactLevel } from '@strata/core';
import type { Context } from './context.ts';
import { decide } from './decide.ts';
import { effectiveValue } from './effective-value.ts';
import { HeadMemory, HeadView } from './heads.ts';
import type { Intent, Outcome, ValueChange } from './intent.ts';
import { readProgress } from './store/counter.ts';
import type { BrokenLayer } from './validation.ts';

/** What would become of one layer. */
export interface LayerPreview {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** Whether the write would make a version at all. */
  readonly changed: boolean;
  readonly impactLevel: ImpactLevel;
  /** What changes in the layer. */
  readonly diff: readonly Diff[];
  /** What changes in the effective value at this scope. */
  readonly effectiveDiff: readonly Diff[];
}

/** What would be in the way of a write. */
export interface Obstacles {
  /** The layers below that would become invalid. */
  readonly wouldBreak: readonly BrokenLayer[];
  /** Whether it would become a change request rather than a commit. */
  readonly requiresApproval: boolean;
  /** How many approvals it needs; 0 where it needs none. */
  readonly minimumApprovals: number;
}

/** What a write of one layer would do. */
export interface DryRun extends LayerPreview, Obstacles {
  readonly dryRun: true;
}

/** Decides on an intent, and says what would become of each layer, in the order of its changes. */
export async function preview(
  context: Context,
  intent: Intent,
): Promise<Obstacles & { readonly layers: readonly LayerPreview[] }> {
  const memory = new HeadMemory();
  await memory.read(context.db, context.environment, intent.changes);
  const rules = await context.ruleBook.at(context.db, memory.progress ?? (await readProgress(context.db)));
  const view = new HeadView(memory, rules);
  const { decision, after } = await decide(context, view, { ...intent, force: true, gate: 'report' });
  const { broken, outcomes, requires } = decision;
  return {
    layers: intent.changes.map((change, index) => describe(change, outcomes[index], view, after)),
    wouldBreak: broken,
    requiresApproval: requires !== undefined,
    minimumApprovals: requires?.minimumApprovals ?? 0,
  };
}

/** Says what a write of one layer would do. */
export async function dryRun(context: Context, intent: Intent): Promise<DryRun> {
  const { layers, ...obstacles } = await preview(context, intent);
  const [layer] = layers;
  if (layer === undefined) throw new Error('a dry run describes exactly one change');
  return { dryRun: true, ...layer, ...obstacles };
}

function describe(change: ValueChange, outcome: Outcome | undefined, view: HeadView, after: HeadView): LayerPreview {
  const { key, scope, scopeId } = change;
  const chain = view.chain(change);
  return {
    key,
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    changed: outcome?.kind === 'version',
    impactLevel: outcome?.kind === 'version' ? outcome.version.impactLevel : 'none',
    diff: diff(view.head(change)?.value, after.head(change)?.value),
    effectiveDiff: diff(effectiveValue(view, key, chain), effectiveValue(after, key, chain)),
  };
}
