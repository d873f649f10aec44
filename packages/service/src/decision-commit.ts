/** Owns commits that change what writers decide on (scopes, schemas, locks) and tags: decided, then written with their own rows in one transaction. */
import { ConfigurationError, isConfigurationError } from '@strata/core';
import type { Context } from './context.ts';
import type { Sql } from './db/database.ts';
import { readProgress, type Progress } from './store/counter.ts';
import { runWriteStep, type NewCommit, type SeenHead, type WriteStep } from './store/write.ts';

const maxTries = 5;

/** What a decision came to: nothing to do, or a commit. */
export type Plan<T> =
  | { readonly done: T }
  | {
      readonly commit: NewCommit;
      /** Whether writers decide on what it changes; and whether that is schemas or locks. */
      readonly changes: 'nothing' | 'scopes' | 'rules';
      readonly seen?: readonly SeenHead[];
      /** Keys of which no layer may have changed since the revision that `decide` was given. */
      readonly quietKeys?: readonly string[];
      /** Writes the commit's own rows. */
      readonly store: (sql: Sql, written: { readonly revision: number; readonly at: Date }) => Promise<T>;
      /** Runs before the call resolves, once the commit is stored. */
      readonly applied?: (revision: number) => void;
    };

/**
 * Decides and writes such a commit. It is decided again, up to five times, when anything that it was decided on has moved.
 * @throws ConfigurationError `busy` after that.
 */
export function commitDecision<T>(context: Context, decide: (progress: Progress) => Promise<Plan<T>>): Promise<T> {
  return context.lane.run(async () => {
    for (let tries = 1; ; tries += 1) {
      const progress = await readProgress(context.db);
      const plan = await decide(progress);
      if ('done' in plan) return plan.done;
      try {
        const { result, revision } = await write(context, progress, plan);
        context.memory.clear();
        plan.applied?.(revision);
        context.feed.wake();
        return result;
      } catch (error) {
        context.memory.clear();
        refuseUnlessMoved(error, tries);
      }
    }
  });
}

function refuseUnlessMoved(error: unknown, tries: number): void {
  const code = error instanceof Error && !isConfigurationError(error) && 'code' in error ? error.code : undefined;
  // 23505: another process has just stored the same row, so that the next look finds it.
  if (code !== '40001' && code !== '40P01' && code !== '23505') throw error;
  if (tries >= maxTries) throw new ConfigurationError('busy', { tries }, { cause: error });
}

async function write<T>(
  context: Context,
  progress: Progress,
  plan: Exclude<Plan<T>, { readonly done: T }>,
): Promise<{ readonly result: T; readonly revision: number }> {
  const step: WriteStep = {
    environment: context.environment,
    decisionRevision: progress.decisionRevision,
    decides: plan.changes !== 'nothing',
    rules: plan.changes === 'rules',
    commits: [plan.commit],
    versions: [],
    seen: plan.seen ?? [],
    quiet: new Map((plan.quietKeys ?? []).map((key) => [key, progress.revision])),
  };
  return context.db.transaction(async (sql) => {
    const { baseRevision, committedAt } = await runWriteStep(sql, step);
    const revision = baseRevision + 1;
    return { result: await plan.store(sql, { revision, at: committedAt }), revision };
  });
}
