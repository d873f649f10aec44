/** Owns commits that change what writers decide on (scopes, schemas, locks) and tags: decided, then written with their own rows in one transaction. */
import { ConfigurationError, isConfigurationError } from '@strata/core';
import type { Context } from './context.ts';
import type { Sql } from './db/database.ts';
import { deadlineIn, type Deadline } from './db/deadline.ts';
import { isCut } from './lane.ts';
import { findCommits } from './store/commits.ts';
import { lockCounter, readProgress, takeTurn, type Progress } from './store/counter.ts';
import { runWriteStep, type NewCommit, type SeenHead, type WriteStep, type Written } from './store/write.ts';

const maxTries = 5;
/**
 * How long after the beginning a cut connection is met with another try, in milliseconds: it was dead already, or its session was
 * ended. What fails later has used up the time that a caller waits.
 */
const cutIsPassingMs = 250;

/** A commit that was decided on. */
export interface CommitPlan<T> {
  readonly commit: NewCommit;
  /** Which of what writers decide on it changes. */
  readonly changes: WriteStep['changes'];
  readonly seen?: readonly SeenHead[];
  /** Keys of which no layer may have changed since the revision that `decide` was given. */
  readonly quietKeys?: readonly string[];
  /** The whole step, where the commit writes versions too. */
  readonly step?: WriteStep;
  /** Writes the commit's own rows. */
  readonly store: (sql: Sql, written: { readonly revision: number; readonly at: Date }) => Promise<T>;
  /** Runs before the call resolves, once the commit is stored. */
  readonly applied?: (revision: number, written: Written) => void;
}

/** What a decision came to: nothing to do, or a commit. */
export type Plan<T> = { readonly done: T } | CommitPlan<T>;

/** Decides on such a commit. What it reads it reads through the context given, whose database is the transaction of the commit. */
export type Decide<T> = (progress: Progress, context: Context) => Promise<Plan<T>>;

/**
 * Decides and writes such a commit. Those of all processes take turns, so that none of them loses to another; it is decided again, up
 * to five times, when a value that it rests on has changed, or when the connection was cut before it was stored.
 * @throws ConfigurationError `busy` or `unavailable` after that.
 */
export function commitDecision<T>(context: Context, decide: Decide<T>): Promise<T> {
  return context.lane.run(async () => {
    const patience = deadlineIn(cutIsPassingMs);
    for (let tries = 1; ; tries += 1) {
      try {
        // What it records is authenticated with keys that are looked for before.
        await context.audit.keys.load();
        return await tryOnce(context, decide);
      } catch (error) {
        refuseUnlessPassing(error, tries, patience);
      } finally {
        context.memory.clear();
      }
    }
  });
}

function refuseUnlessPassing(error: unknown, tries: number, patience: Deadline): void {
  if (isCut(error)) {
    if (tries >= maxTries || patience.left() === 0) throw error;
    return;
  }
  const code = error instanceof Error && !isConfigurationError(error) && 'code' in error ? error.code : undefined;
  // 23505: another process has stored the same row meanwhile (a tag, say), which a new decision sees.
  if (code !== '40001' && code !== '40P01' && code !== '23505') throw error;
  if (tries >= maxTries) throw code === '23505' ? error : new ConfigurationError('busy', { tries }, { cause: error });
}

async function tryOnce<T>(context: Context, decide: Decide<T>): Promise<T> {
  let written: { readonly plan: CommitPlan<T>; readonly result: T; readonly by: Written } | undefined;
  try {
    const done = await context.db.transaction(async (sql) => {
      await takeTurn(sql);
      const progress = await readProgress(sql);
      const plan = await decide(progress, inTransaction(context, sql));
      if ('done' in plan) return plan;
      const step = plan.step ?? stepOf(context, progress, plan);
      const by = await runWriteStep(sql, step, context.audit.keys.stamp());
      const result = await plan.store(sql, { revision: by.baseRevision + 1, at: by.committedAt });
      written = { plan, by, result };
      return undefined;
    });
    if (done !== undefined) return done.done;
  } catch (error) {
    // With everything written, it is the answer to COMMIT that is missing; before that, nothing is stored.
    if (written === undefined || !isCut(error) || !(await isStored(context, written.plan.commit))) throw error;
  }
  if (written === undefined) throw new Error('a decision was neither done nor written');
  written.plan.applied?.(written.by.baseRevision + 1, written.by);
  context.feed.committed();
  return written.result;
}

/** The same context for what happens in the transaction of `sql`. */
export function inTransaction(context: Context, sql: Sql): Context {
  const { db } = context;
  return {
    ...context,
    db: {
      kind: db.kind,
      query: (...query) => sql.query(...query),
      script: (text) => sql.script(text),
      transaction: (work) => work(sql),
      close: () => db.close(),
    },
  };
}

function stepOf<T>(context: Context, progress: Progress, plan: CommitPlan<T>): WriteStep {
  return {
    environment: context.environment,
    progress,
    reliesOnLinks: true,
    changes: plan.changes,
    commits: [plan.commit],
    versions: [],
    seen: plan.seen ?? [],
    quiet: new Map((plan.quietKeys ?? []).map((key) => [key, progress.revision])),
  };
}

/** Whether a commit whose connection was cut is stored. Its transaction holds the counter for as long as that is open. */
function isStored(context: Context, commit: NewCommit): Promise<boolean> {
  return context.db.transaction(async (sql) => {
    await lockCounter(sql);
    return (await findCommits(sql, context.environment, [commit.idempotencyKey])).length > 0;
  });
}
