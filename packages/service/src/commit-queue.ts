/** Owns the queue in which writes of values wait for their step: many of them share one round trip, each stands alone. */
import { ConfigurationError, isConfigurationError, type ErrorDetails } from '@strata/core';
import { applyLocally, bytesOf, hashesOf, isMoved, losers, settledOf, stepOf, type Accepted } from './commit-batch.ts';
import type { Context } from './context.ts';
import { deadlineIn, type Deadline } from './db/deadline.ts';
import { decide, isWide } from './decide.ts';
import { HeadView } from './heads.ts';
import type { Intent, Settled } from './intent.ts';
import { isCut, isOutage } from './lane.ts';
import type { Rules } from './rules.ts';
import { SecretsNeeded } from './secrets/vault.ts';
import { isKeyed } from './secrets/with-secrets.ts';
import { findCommits, type StoredCommit } from './store/commits.ts';
import { readProgress, type Progress } from './store/counter.ts';
import { patienceFor, runWriteStep, type WriteStep, type Written } from './store/write.ts';

/** How often a write is tried against other writers before it answers `busy`. */
const maxTries = 5;
/** What one step carries at most; its last intent may go beyond the bytes. */
const maxIntents = 200;
const maxVersions = 5000;
const maxBytes = 4 * 1024 * 1024;
/** How long callers wait for an answer once the connection of their step was cut, in milliseconds since the step began. */
const patienceMs = 2000;
/** With less than this left there is no point in asking again, in milliseconds. */
const leastPatienceMs = 20;

interface Waiting {
  readonly intent: Intent;
  readonly resolve: (settled: Settled) => void;
  readonly reject: (error: unknown) => void;
  isSettled: boolean;
  /** How often it was tried in vain. */
  tries: number;
  /** How many may share its next step. */
  company: number;
  /** Whether an earlier try may be stored although its answer was lost. */
  isUnknown: boolean;
}

/** An intent that was accepted, or one whose answer needs no write. */
type Decided = Accepted<Waiting> | { readonly waiting: Waiting; readonly settle: (revision: number) => void };

/** Queues intents and applies them batch by batch, in the order in which they came. An intent leaves the queue when it is settled. */
export class CommitQueue {
  #waiting: Waiting[] = [];
  #isScheduled = false;
  readonly #context: () => Context;

  constructor(context: () => Context) {
    this.#context = context;
  }

  /** Decides on an intent and writes it; resolves when it is stored. */
  submit(intent: Intent): Promise<Settled> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        intent,
        resolve: (settled) => {
          waiting.isSettled = true;
          resolve(settled);
        },
        reject: (error) => {
          waiting.isSettled = true;
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what was thrown is handed on as it is
          reject(error);
        },
        isSettled: false,
        tries: 0,
        company: maxIntents,
        isUnknown: false,
      };
      this.#waiting.push(waiting);
      this.#schedule();
    });
  }

  /** Whether any intent waits or is under way. */
  get isBusy(): boolean {
    return this.#isScheduled;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.#context()
      .lane.run(() => this.#flush())
      .catch((error: unknown) => {
        // The database does not work: whoever waits already has waited long enough.
        for (const waiting of this.#waiting) fail(waiting, error);
      })
      .finally(() => {
        this.#waiting = this.#waiting.filter((waiting) => !waiting.isSettled);
        this.#isScheduled = false;
        if (this.#waiting.length > 0) this.#schedule();
      });
  }

  /** Applies one batch, as often as it takes. @throws an outage, which is for all that wait. */
  async #flush(): Promise<void> {
    const patience = deadlineIn(patienceMs);
    let wasCut = false;
    for (let isDone = false; !isDone; this.#waiting = this.#waiting.filter((waiting) => !waiting.isSettled)) {
      const batch = this.#nextBatch();
      try {
        isDone = batch.length === 0 || (await this.#apply(batch, wasCut ? patience : undefined));
      } catch (error) {
        if (!isOutage(error)) {
          for (const waiting of batch) fail(waiting, error);
          return;
        }
        if (!isCut(error) || patience.left() < leastPatienceMs) throw error;
        wasCut = true;
        lose(batch, error);
      }
    }
  }

  #nextBatch(): readonly Waiting[] {
    const keys = new Set<string>();
    let versions = 0;
    let most = maxIntents;
    let count = 0;
    for (const { intent, company } of this.#waiting) {
      most = Math.min(most, company);
      versions += intent.changes.length;
      // A repeated call has to see what the first one did.
      if (count > 0 && (count >= most || versions > maxVersions || keys.has(intent.commit.idempotencyKey))) break;
      keys.add(intent.commit.idempotencyKey);
      count += 1;
    }
    return this.#waiting.slice(0, count);
  }

  /** Applies a batch as far as one step carries it; answers false where it has to be tried again. */
  async #apply(batch: readonly Waiting[], patience: Deadline | undefined): Promise<boolean> {
    const context = this.#context();
    for (let read = false; ; read = true) {
      if (read || !isKnown(context, batch)) {
        await load(context, batch, patience);
        read = true;
      }
      // After the heads were read: a commit that is not stored by now has no part in them.
      const open = await answerStored(context, batch);
      const progress = context.memory.progress ?? (await readProgress(context.db));
      const rules = await context.ruleBook.at(context.db, progress);
      if (rules.revision !== progress.rulesRevision) continue;
      const decided = await decideAll(context, rules, open, read);
      if (decided !== 'read again') return write(context, rules, progress, decided);
    }
  }
}

function isKnown(context: Context, batch: readonly Waiting[]): boolean {
  return batch.every(({ intent }) => intent.changes.every((change) => context.memory.knows(change)));
}

async function load(context: Context, batch: readonly Waiting[], patience: Deadline | undefined): Promise<void> {
  const addresses = batch.flatMap(({ intent }) => intent.changes);
  const options =
    patience === undefined ? patienceFor(addresses.length) : { timeoutMs: Math.max(leastPatienceMs, patience.left()) };
  await context.memory.read(context.db, context.environment, addresses, options);
  // Whoever is told what is stored now must not read an older value afterwards.
  for (const address of addresses) {
    const head = context.memory.head(address);
    if (!head) continue;
    context.cache?.layerChanged(address.key, address, head.revision);
    context.flags.apply(head);
  }
}

/** Answers those whose commit is stored already; hands back the others. */
async function answerStored(context: Context, batch: readonly Waiting[]): Promise<readonly Waiting[]> {
  const repeated = batch.filter(
    ({ intent: { commit }, isUnknown }) => isUnknown || commit.idempotencyKey !== commit.id,
  );
  if (repeated.length === 0) return batch;
  const keys = repeated.map(({ intent }) => intent.commit.idempotencyKey);
  const commits = await findCommits(context.db, context.environment, keys);
  const stored = new Map(commits.map((commit) => [commit.idempotencyKey, commit]));
  for (const waiting of repeated) {
    const commit = stored.get(waiting.intent.commit.idempotencyKey);
    if (commit !== undefined) answer(context, waiting, commit);
  }
  return batch.filter(({ isSettled }) => !isSettled);
}

function answer(context: Context, { intent, resolve, reject }: Waiting, stored: StoredCommit): void {
  const { id, revision, actor, comment, committedAt, idempotencyKey } = stored;
  if (isKeyed(stored.requestDigest) && !isKeyed(intent.commit.requestDigest)) {
    reject(new SecretsNeeded());
    return;
  }
  if (stored.requestDigest !== intent.commit.requestDigest) {
    reject(new ConfigurationError('idempotency_conflict', { idempotencyKey }));
    return;
  }
  for (const change of intent.changes) context.cache?.layerChanged(change.key, change, revision);
  resolve({ commit: { id, revision, actor, comment, at: committedAt }, hashes: [], decision: undefined });
}

/** Decides on intents in turn, as far as one step carries them; the others wait for the next. */
async function decideAll(
  context: Context,
  rules: Rules,
  open: readonly Waiting[],
  read: boolean,
): Promise<Decided[] | 'read again'> {
  const view = new HeadView(context.memory, rules);
  const decided: Decided[] = [];
  let bytes = 0;
  for (const waiting of open) {
    const wide = isWide(waiting.intent, rules);
    if (wide && decided.length > 0) break;
    const one = await decideOne(context, view, waiting, read);
    if (one === 'read again') return one;
    decided.push(one);
    bytes += 'decision' in one ? bytesOf(one.decision) : 0;
    if (wide || bytes >= maxBytes) break;
  }
  return decided;
}

/**
 * Decides on one intent. An acceptance may rest on remembered heads, since the step verifies them; a refusal and a "nothing to do"
 * may not, and ask to read again.
 */
async function decideOne(
  context: Context,
  view: HeadView,
  waiting: Waiting,
  read: boolean,
): Promise<Decided | 'read again'> {
  const settle = (run: (revision: number) => void): Decided | 'read again' =>
    read ? { waiting, settle: run } : 'read again';
  try {
    const { decision, after } = await decide(context, view, waiting.intent);
    if (decision.outcomes.every((outcome) => outcome.kind === 'unchanged')) {
      return settle(() => waiting.resolve({ commit: undefined, hashes: hashesOf(decision), decision }));
    }
    view.keep(after);
    return { waiting, decision };
  } catch (error) {
    if (isOutage(error)) throw error;
    return settle((revision) => waiting.reject(asOf(error, revision)));
  }
}

/** A refusal for what is stored tells the revision at which it is, so that its caller need not read anything older elsewhere. */
function asOf(error: unknown, revision: number): unknown {
  const isOfStored = isConfigurationError(error, 'conflict') || isConfigurationError(error, 'key_not_found');
  if (!isOfStored) return error;
  return new ConfigurationError(error.code, { ...(error.details as ErrorDetails<typeof error.code>), revision });
}

/**
 * Writes what was accepted, and answers whether that went well. What was refused is told only then, since it may have been refused
 * because of what was accepted.
 */
async function write(
  context: Context,
  rules: Rules,
  progress: Progress,
  decided: readonly Decided[],
): Promise<boolean> {
  const accepted = decided.filter((one) => 'decision' in one);
  let { revision } = progress;
  if (accepted.length > 0) {
    const step = stepOf(context, rules, progress, accepted);
    let written: Written;
    try {
      await context.audit.keys.load();
      written = await runWriteStep(context.db, step, context.audit.keys.stamp());
    } catch (error) {
      context.memory.clear();
      blame(decided, accepted, step, error);
      return false;
    }
    applyLocally(context, accepted, written);
    for (const [index, one] of accepted.entries()) one.waiting.resolve(settledOf(one, written, index));
    revision = written.baseRevision + accepted.length;
  }
  for (const one of decided) if ('settle' in one) one.settle(revision);
  return true;
}

/** Finds out whose fault it is that a step failed, and how it is tried again. @throws an outage as it is. */
function blame(
  decided: readonly Decided[],
  accepted: readonly Accepted<Waiting>[],
  step: WriteStep,
  error: unknown,
): void {
  const [first] = accepted;
  if (isOutage(error)) {
    if (isCut(error)) for (const { waiting } of accepted) waiting.isUnknown = true;
    throw error;
  } else if (isMoved(error)) {
    lose(
      losers(accepted, step, error).map(({ waiting }) => waiting),
      new ConfigurationError('busy', { tries: maxTries }, { cause: error }),
    );
  } else if (first !== undefined && accepted.length === 1) {
    fail(first.waiting, error);
  } else {
    // Something in it cannot be stored. Halved as often as it takes, the step leaves that alone.
    for (const { waiting } of decided) waiting.company = Math.ceil(decided.length / 2);
  }
}

/** Counts a try in vain; whoever has lost too often is given up. */
function lose(batch: readonly Waiting[], error: unknown): void {
  for (const waiting of batch) {
    waiting.tries += 1;
    if (waiting.tries >= maxTries) fail(waiting, error);
  }
}

function fail({ intent, isUnknown, reject }: Waiting, error: unknown): void {
  const { idempotencyKey } = intent.commit;
  reject(isUnknown ? new ConfigurationError('outcome_unknown', { idempotencyKey }, { cause: error }) : error);
}
