/** Owns the queue in which writes of values wait for their step: many of them share one round trip, each stands alone. */
import type { Decision, Intent, Settled } from './intent.ts';
import { ConfigurationError, isConfigurationError } from '@strata/core';
import type { Context } from './context.ts';
import { decide, isWide, needsAncestors } from './decide.ts';
import { HeadView } from './heads.ts';
import { findCommits, type StoredCommit } from './store/commits.ts';
import { readProgress } from './store/counter.ts';
import { runWriteStep, type NewVersion, type Written } from './store/write.ts';

/** How often a write is tried against other writers before it answers `busy`. */
const maxTries = 5;
/** What one step carries at most. */
const maxIntents = 200;
const maxVersions = 5000;

interface Waiting {
  readonly intent: Intent;
  readonly resolve: (settled: Settled) => void;
  readonly reject: (error: unknown) => void;
  tries: number;
  /** Whether an earlier try may have reached the database, or the caller may have called before. */
  repeated: boolean;
}

interface Accepted {
  readonly waiting: Waiting;
  readonly decision: Decision;
}

/** An intent that was accepted, or one whose answer needs no write. */
type Decided = Accepted | { readonly waiting: Waiting; readonly settle: () => void };

/** Queues intents and applies them batch by batch, in the order in which they came. */
export class CommitQueue {
  #waiting: Waiting[] = [];
  #scheduled = false;
  readonly #context: () => Context;

  constructor(context: () => Context) {
    this.#context = context;
  }

  /** Decides on an intent and writes it; resolves when it is stored. */
  submit(intent: Intent): Promise<Settled> {
    return new Promise((resolve, reject) => {
      const repeated = intent.commit.idempotencyKey !== intent.commit.id;
      this.#waiting.push({ intent, resolve, reject, tries: 0, repeated });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void this.#context()
      .lane.run(() => this.#flush())
      .finally(() => {
        this.#scheduled = false;
        if (this.#waiting.length > 0) this.#schedule();
      });
  }

  async #flush(): Promise<void> {
    const batch = this.#takeBatch();
    try {
      await this.#apply(batch, false);
    } catch (error) {
      // The database is away: whoever waits already has waited long enough.
      const all = isConfigurationError(error, 'unavailable') ? [...batch, ...this.#waiting.splice(0)] : batch;
      this.#waiting = this.#waiting.filter((waiting) => !all.includes(waiting));
      for (const waiting of all) waiting.reject(error);
    }
  }

  #takeBatch(): Waiting[] {
    let versions = 0;
    let count = 0;
    const keys = new Set<string>();
    for (const { intent } of this.#waiting) {
      versions += intent.changes.length;
      // A repeated call has to see what the first one did.
      if (count > 0 && (count >= maxIntents || versions > maxVersions || keys.has(intent.commit.idempotencyKey))) break;
      keys.add(intent.commit.idempotencyKey);
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Applies a batch whole, or as far as one step carries; what is left goes back to the head of the queue. */
  async #apply(batch: readonly Waiting[], fresh: boolean): Promise<void> {
    const context = this.#context();
    const open = await this.#answerRepeated(context, batch);
    if (open.length === 0) return;
    const read = await this.#load(context, open, fresh);
    const rules = await context.ruleBook.at(context.db, context.memory.progress ?? (await readProgress(context.db)));
    if (rules.revision !== context.memory.progress?.rulesRevision) {
      await this.#apply(open, true);
      return;
    }
    const view = new HeadView(context.memory, rules);
    const decided: Decided[] = [];
    for (const [index, waiting] of open.entries()) {
      const wide = isWide(waiting.intent, rules);
      if (wide && decided.length > 0) {
        this.#waiting.unshift(...open.slice(index));
        break;
      }
      const verdict = await this.#decide(context, view, waiting, read);
      if (verdict === 'read again') {
        await this.#apply(open, true);
        return;
      }
      decided.push(verdict);
      if (wide) {
        this.#waiting.unshift(...open.slice(index + 1));
        break;
      }
    }
    await this.#write(context, decided);
  }

  /** Loads what the batch decides on; answers whether it was read just now. */
  async #load(context: Context, batch: readonly Waiting[], fresh: boolean): Promise<boolean> {
    const { memory } = context;
    const addresses = batch.flatMap(({ intent }) => intent.changes);
    const rules = memory.progress === undefined ? undefined : await context.ruleBook.at(context.db, memory.progress);
    const known =
      rules !== undefined &&
      addresses.every((address) => {
        if (memory.head(address) === undefined || memory.links(address) === undefined) return false;
        if (!needsAncestors(address.key, rules)) return true;
        const chain = new HeadView(memory, rules).chain(address);
        return chain.every(({ scope, scopeId }) => memory.head({ key: address.key, scope, scopeId }) !== undefined);
      });
    if (known && !fresh) return false;
    await memory.read(context.db, context.environment, addresses);
    return true;
  }

  /**
   * Decides on one intent. An acceptance may rest on remembered heads, since the step verifies them; a refusal and a "nothing to do"
   * may not, and ask to read again.
   */
  async #decide(context: Context, view: HeadView, waiting: Waiting, read: boolean): Promise<Decided | 'read again'> {
    try {
      const { decision, after } = await decide(context, view, waiting.intent);
      if (decision.outcomes.some((outcome) => outcome.kind === 'version')) {
        view.keep(after);
        return { waiting, decision };
      }
      if (!read) return 'read again';
      return {
        waiting,
        settle: () => {
          waiting.resolve({ commit: undefined, hashes: hashesOf(decision), decision });
        },
      };
    } catch (error) {
      if (!(error instanceof ConfigurationError) || error.code === 'unavailable') throw error;
      if (!read) return 'read again';
      return {
        waiting,
        settle: () => {
          waiting.reject(error);
        },
      };
    }
  }

  /** Writes what was accepted. What was refused is told only then, since it may have been refused because of what was accepted. */
  async #write(context: Context, decided: readonly Decided[]): Promise<void> {
    const accepted = decided.filter((one) => 'decision' in one);
    try {
      if (accepted.length > 0) settle(accepted, await writeAccepted(context, accepted));
      for (const one of decided) if ('settle' in one) one.settle();
    } catch (error) {
      context.memory.clear();
      await this.#tryAgain(
        decided.map(({ waiting }) => waiting),
        error,
      );
    }
  }

  async #tryAgain(batch: readonly Waiting[], error: unknown): Promise<void> {
    const fault = faultOf(error);
    if (fault === 'other' && batch.length === 1) {
      batch[0]?.reject(error);
      return;
    }
    for (const waiting of batch) {
      waiting.tries += 1;
      waiting.repeated ||= fault !== 'moved';
    }
    const tired = batch.filter((waiting) => waiting.tries >= maxTries);
    for (const waiting of tired) waiting.reject(tiredError(waiting, fault, error));
    const rest = batch.filter((waiting) => waiting.tries < maxTries);
    // A batch that fails again is split, so that one contended key does not hold up the others.
    const half =
      fault === 'other' || rest.some((waiting) => waiting.tries > 1) ? Math.ceil(rest.length / 2) : rest.length;
    for (const part of [rest.slice(0, half), rest.slice(half)])
      if (part.length > 0) await this.#applyAgain(part, fault);
  }

  async #applyAgain(batch: readonly Waiting[], fault: Fault): Promise<void> {
    try {
      await this.#apply(batch, true);
    } catch (error) {
      if (fault !== 'cut') throw error;
      for (const waiting of batch) waiting.reject(tiredError(waiting, fault, error));
    }
  }

  /** Answers those whose commit is stored already; hands back the others. */
  async #answerRepeated(context: Context, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const repeated = batch.filter((waiting) => waiting.repeated);
    if (repeated.length === 0) return batch;
    const keys = repeated.map((waiting) => waiting.intent.commit.idempotencyKey);
    const found = new Map(
      (await findCommits(context.db, context.environment, keys)).map((commit) => [commit.idempotencyKey, commit]),
    );
    return batch.filter((waiting) => {
      const stored = waiting.repeated ? found.get(waiting.intent.commit.idempotencyKey) : undefined;
      if (stored === undefined) return true;
      answerRepeated(waiting, stored);
      return false;
    });
  }
}

function answerRepeated({ intent, resolve, reject }: Waiting, stored: StoredCommit): void {
  if (stored.requestDigest !== intent.commit.requestDigest) {
    reject(new ConfigurationError('idempotency_conflict', { idempotencyKey: stored.idempotencyKey }));
    return;
  }
  const { id, revision, actor, comment, committedAt } = stored;
  resolve({ commit: { id, revision, actor, comment, at: committedAt }, hashes: [], decision: undefined });
}

function hashesOf(decision: Decision): string[] {
  return decision.outcomes.map((outcome) => (outcome.kind === 'version' ? outcome.version.hash : outcome.head.hash));
}

/** How a failed step is to be taken: something moved, the connection was cut with the outcome unknown, or anything else. */
type Fault = 'moved' | 'cut' | 'other';

function faultOf(error: unknown): Fault {
  if (isConfigurationError(error, 'unavailable')) {
    if (error.details['sent'] === true) return 'cut';
    throw error;
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // 40001: what was decided on has moved; 40P01: a deadlock with a foreign transaction; 23505: the same commit is stored already.
  return code === '40001' || code === '40P01' || code === '23505' ? 'moved' : 'other';
}

function tiredError({ intent, tries }: Waiting, fault: Fault, error: unknown): unknown {
  if (fault === 'cut') {
    return new ConfigurationError(
      'outcome_unknown',
      { idempotencyKey: intent.commit.idempotencyKey },
      { cause: error },
    );
  }
  return fault === 'moved' ? new ConfigurationError('busy', { tries }, { cause: error }) : error;
}

async function writeAccepted(context: Context, accepted: readonly Accepted[]): Promise<Written> {
  const written = await runStep(context, accepted);
  applyLocally(context, accepted, written);
  return written;
}

function settle(accepted: readonly Accepted[], written: Written): void {
  for (const [index, { waiting, decision }] of accepted.entries()) {
    const { id, actor, comment } = waiting.intent.commit;
    const commit = { id, actor, comment, revision: written.baseRevision + index + 1, at: written.committedAt };
    waiting.resolve({ commit, hashes: hashesOf(decision), decision });
  }
}

async function runStep(context: Context, accepted: readonly Accepted[]): Promise<Written> {
  const versions: NewVersion[] = [];
  const quiet = new Map<string, number>();
  for (const [commit, { decision }] of accepted.entries()) {
    for (const outcome of decision.outcomes)
      if (outcome.kind === 'version') versions.push({ ...outcome.version, commit });
    for (const [key, revision] of decision.quiet) quiet.set(key, revision);
  }
  const made = new Set(versions.map((version) => version.hash));
  // A head that an earlier write of the same step leaves is not stored yet, so it is not compared.
  const seen = accepted.flatMap(({ decision }) => decision.seen).filter(({ hash }) => hash === null || !made.has(hash));
  return runWriteStep(context.db, {
    environment: context.environment,
    decisionRevision: context.memory.progress?.decisionRevision ?? 0,
    decides: false,
    rules: false,
    commits: accepted.map(({ waiting: { intent }, decision }) =>
      decision.broken.length === 0
        ? intent.commit
        : { ...intent.commit, metadata: { ...intent.commit.metadata, forced: true, broken: decision.broken } },
    ),
    versions,
    seen,
    quiet,
  });
}

// Before a write resolves, this process has forgotten what it made stale and remembers what it left.
function applyLocally(context: Context, accepted: readonly Accepted[], written: Written): void {
  for (const [index, { decision }] of accepted.entries()) {
    const revision = written.baseRevision + index + 1;
    for (const outcome of decision.outcomes) {
      if (outcome.kind !== 'version') continue;
      const { key, scope, scopeId, hash, expiresAt } = outcome.version;
      context.cache?.layerChanged(key, { scope, scopeId }, revision);
      context.memory.remember({
        key,
        scope,
        scopeId,
        hash,
        revision,
        value: outcome.value,
        expiresAt: expiresAt ?? undefined,
      });
    }
  }
  context.feed.wake();
}
