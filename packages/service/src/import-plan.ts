/** Owns the look ahead of an import: what would become of each change, decided one after the other on what those before it leave. */
import { diff, isConfigurationError, type Address, type Diff, type JsonValue } from '@strata/core';
import type { Actor } from './actor.ts';
import type { Context } from './context.ts';
import { decide } from './decide.ts';
import { HeadMemory, HeadView } from './heads.ts';
import type { Failure } from './import-changes.ts';
import type { Intent, ValueChange } from './intent.ts';
import { isOutage } from './lane.ts';
import { newIntent } from './new-commit.ts';
import { maskDiffs } from './secrets/vault.ts';
import { withSecrets } from './secrets/with-secrets.ts';
import { readProgress } from './store/counter.ts';
import { patienceFor } from './store/write.ts';

/** What an import is done with. */
export interface ImportIntent {
  readonly actor: Actor;
  readonly comment: string;
  readonly force: boolean;
  readonly breakGlass: string | undefined;
}

/** A change that an import would make. */
export interface PlannedChange {
  readonly change: ValueChange;
  readonly diff: readonly Diff[];
  readonly requiresApproval: boolean;
}

/** What would become of some changes. */
export interface ImportPlan {
  readonly planned: readonly PlannedChange[];
  readonly failures: readonly Failure[];
  /** How many values are there already. */
  readonly unchanged: number;
}

/** The intent of some changes of an import. */
export function intentOf({ actor, comment, force, breakGlass }: ImportIntent, changes: readonly ValueChange[]): Intent {
  return newIntent(actor, changes, comment, { force, ...(breakGlass === undefined ? {} : { breakGlass }) });
}

/** A layer with marks in the place of its secrets. */
function comparableHead({ vault }: Context, view: HeadView, at: Address): JsonValue | undefined {
  const head = view.head(at);
  return head?.value === undefined ? undefined : vault.comparable({ value: head.value, secrets: head.secrets ?? [] });
}

/** Decides on each change by itself, on the heads as they are now and on what the changes before it leave. */
export async function planImport(
  context: Context,
  importing: ImportIntent,
  changes: readonly ValueChange[],
): Promise<ImportPlan> {
  const memory = new HeadMemory(context.vault);
  await memory.read(context.db, context.environment, changes, patienceFor(changes.length));
  const rules = await context.ruleBook.at(context.db, memory.progress ?? (await readProgress(context.db)));
  const view = new HeadView(memory, rules);
  const planned: PlannedChange[] = [];
  const failures: Failure[] = [];
  let unchanged = 0;
  const intent = { ...intentOf(importing, changes.slice(0, 1)), gate: 'report' } as const;
  for (const change of changes) {
    const before = comparableHead(context, view, change);
    if (change.value === undefined && before === undefined) {
      unchanged += 1;
      continue;
    }
    try {
      const { decision, after } = await withSecrets(context, { ...intent, changes: [change] }, (given) =>
        decide(context, view, given),
      );
      if (decision.outcomes[0]?.kind !== 'version') {
        unchanged += 1;
        continue;
      }
      view.keep(after);
      const requiresApproval = decision.requires !== undefined && importing.breakGlass === undefined;
      planned.push({ change, diff: maskDiffs(diff(before, comparableHead(context, after, change))), requiresApproval });
    } catch (error) {
      if (!isConfigurationError(error) || isOutage(error)) throw error;
      const { key, scope, scopeId } = change;
      failures.push({ key, scope, scopeId, error });
    }
  }
  return { planned, failures, unchanged };
}
