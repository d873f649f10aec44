/** Owns what accepted intents become together: one step, and after it what each of them is told and what this process knows. */
import type { Context } from './context.ts';
import { needsLinks } from './decide.ts';
import { addressName } from './heads.ts';
import type { Decision, Intent, Settled } from './intent.ts';
import type { Rules } from './rules.ts';
import type { Progress } from './store/counter.ts';
import { movedAddresses, type NewVersion, type SeenHead, type WriteStep, type Written } from './store/write.ts';

/** An intent that was accepted, for whoever waits for it. */
export interface Accepted<Waiting extends { readonly intent: Intent }> {
  readonly waiting: Waiting;
  readonly decision: Decision;
}

type AnyAccepted = Accepted<{ readonly intent: Intent }>;

/** Puts accepted intents into one step, in their order. */
export function stepOf(
  context: Context,
  rules: Rules,
  progress: Progress,
  accepted: readonly AnyAccepted[],
): WriteStep {
  const versions: NewVersion[] = [];
  const quiet = new Map<string, number>();
  for (const [commit, { decision }] of accepted.entries()) {
    for (const outcome of decision.outcomes)
      if (outcome.kind === 'version') versions.push({ ...outcome.version, commit });
    for (const [key, revision] of decision.quiet) quiet.set(key, revision);
  }
  const written = new Set(versions.map(addressName));
  const seen = new Map<string, SeenHead>();
  for (const { decision } of accepted) {
    for (const head of decision.seen) {
      const name = addressName(head);
      // Where the step writes itself, what was seen is the parent of its first version, or a version of its own.
      if (!written.has(name)) seen.set(name, head);
    }
  }
  return {
    environment: context.environment,
    progress,
    reliesOnLinks: accepted.some(({ waiting }) => waiting.intent.changes.some(({ key }) => needsLinks(key, rules))),
    changes: 'nothing',
    commits: accepted.map(({ waiting: { intent }, decision }) =>
      decision.broken.length === 0
        ? intent.commit
        : { ...intent.commit, metadata: { ...intent.commit.metadata, forced: true, broken: decision.broken } },
    ),
    versions,
    seen: [...seen.values()],
    quiet,
  };
}

/** Whether a step failed because of other writers, so that it may succeed when it is decided anew. */
export function isMoved(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  // 40001: what was decided on has moved; 40P01: a deadlock with a foreign transaction.
  if (error.code === '40001' || error.code === '40P01') return true;
  // The commit is stored already: by an earlier try, or by another process under the same idempotency key.
  return error.code === '23505' && 'table' in error && error.table === 'configuration_commits';
}

/** The accepted intents that rest on what has moved, by themselves or by those before them; all of them where that is not known. */
export function losers<T extends AnyAccepted>(accepted: readonly T[], step: WriteStep, error: unknown): readonly T[] {
  const addresses = movedAddresses(error, step);
  if (addresses === undefined) return accepted;
  const moved = new Set(addresses.map(addressName));
  return accepted.filter(({ decision }) => decision.seen.some((head) => moved.has(addressName(head))));
}

/** For each change the full hash of the version that its address has once the decision is carried out. */
export function hashesOf(decision: Decision): string[] {
  return decision.outcomes.map((outcome) => (outcome.kind === 'version' ? outcome.version.hash : outcome.head.hash));
}

/** About how many bytes the values of a decision add to a step. */
export function bytesOf({ outcomes }: Decision): number {
  return outcomes.reduce((sum, one) => sum + (one.kind === 'version' ? (one.version.value?.length ?? 0) : 0), 0);
}

/** What the accepted intent at `index` of a step is told. */
export function settledOf({ waiting, decision }: AnyAccepted, written: Written, index: number): Settled {
  const { id, actor, comment } = waiting.intent.commit;
  const commit = { id, actor, comment, revision: written.baseRevision + index + 1, at: written.committedAt };
  return { commit, hashes: hashesOf(decision), decision };
}

/** Makes this process forget what a step made stale and remember what it left; to be called before any of its writes resolves. */
export function applyLocally(context: Context, accepted: readonly AnyAccepted[], written: Written): void {
  for (const [index, { decision }] of accepted.entries()) {
    const revision = written.baseRevision + index + 1;
    for (const outcome of decision.outcomes) {
      if (outcome.kind !== 'version') continue;
      const { key, scope, scopeId, hash, expiresAt } = outcome.version;
      context.cache?.layerChanged(key, { scope, scopeId }, revision);
      const { value, secrets } = outcome;
      const head = { key, scope, scopeId, hash, revision, value, secrets, expiresAt: expiresAt ?? undefined };
      context.memory.remember(head);
      context.flags.apply(head);
    }
  }
  context.feed.committed();
}
