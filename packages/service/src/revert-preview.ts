/** Owns the dry run of a revert. */
import { diff, type Address } from '@strata/core';
import type { Context } from './context.ts';
import { decide } from './decide.ts';
import { effectiveValue } from './effective-value.ts';
import { HeadMemory, HeadView } from './heads.ts';
import type { Intent, Outcome } from './intent.ts';
import { readProgress } from './store/counter.ts';
import type { DryRun } from './write.ts';

/** What a revert would do. */
export interface RevertDryRun extends Pick<DryRun, 'wouldBreak' | 'requiresApproval' | 'minimumApprovals'> {
  readonly dryRun: true;
  /** The commit that would be undone. */
  readonly commit: string;
  readonly revision: number;
  /** What would become of each layer that the commit changed. */
  readonly changes: readonly RevertedLayer[];
}

/** What a revert would do to one layer. */
export type RevertedLayer = Pick<
  DryRun,
  'key' | 'scope' | 'scopeId' | 'changed' | 'impactLevel' | 'diff' | 'effectiveDiff'
>;

/** Decides on the intent of a revert as the queue would, and says what it would do. */
export async function previewRevert(
  context: Context,
  commit: { readonly id: string; readonly revision: number },
  intent: Intent,
): Promise<RevertDryRun> {
  const memory = new HeadMemory();
  await memory.read(context.db, context.environment, intent.changes);
  const rules = await context.ruleBook.at(context.db, memory.progress ?? (await readProgress(context.db)));
  const view = new HeadView(memory, rules);
  const { decision, after } = await decide(context, view, { ...intent, force: true, gate: 'report' });
  return {
    dryRun: true,
    commit: commit.id,
    revision: commit.revision,
    changes: decision.outcomes.flatMap((outcome, index) => {
      const change = intent.changes[index];
      return change === undefined ? [] : [describe(change, outcome, view, after)];
    }),
    wouldBreak: decision.broken,
    requiresApproval: decision.requires !== undefined,
    minimumApprovals: decision.requires?.minimumApprovals ?? 0,
  };
}

function describe(address: Address, outcome: Outcome, view: HeadView, after: HeadView): RevertedLayer {
  const { key, scope, scopeId } = address;
  const chain = view.chain(address);
  return {
    key,
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    changed: outcome.kind === 'version',
    impactLevel: outcome.kind === 'version' ? outcome.version.impactLevel : 'none',
    diff: diff(view.head(address)?.value, after.head(address)?.value),
    effectiveDiff: diff(effectiveValue(view, key, chain), effectiveValue(after, key, chain)),
  };
}
