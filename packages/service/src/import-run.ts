/** Owns what becomes of the changes of an import: written key by key or all at once, asked for where they need approvals, and counted. */
import {
  ConfigurationError,
  isConfigurationError,
  type ConfigScope,
  type Diff,
  type ErrorCode,
  type ScopeRef,
} from '@strata/core';
import type { Context } from './context.ts';
import type { Failure } from './import-changes.ts';
import { intentOf, planImport, type ImportIntent, type ImportPlan, type PlannedChange } from './import-plan.ts';
import type { ValueChange } from './intent.ts';
import { isOutage } from './lane.ts';
import { submit } from './write.ts';

/** How far an import has come. */
export interface ImportProgress {
  readonly done: number;
  readonly total: number;
}

/** A key of a document, at the scope that it goes to. */
export interface ImportPlace {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
}

/** What became of a document. */
export interface ImportResult {
  /** How many keys were written, removed ones among them; with `dryRun` how many would be. */
  readonly imported: number;
  /** How many were refused, as `errors` says. */
  readonly failed: number;
  /** How many had that value already, were gone already, or have expired since. */
  readonly skipped: number;
  readonly errors: readonly (ImportPlace & { readonly error: string; readonly code: ErrorCode })[];
  /** What waits for approvals now; a dry run makes no request, so it names none. */
  readonly pendingApproval: readonly (ImportPlace & { readonly requestId: string | null })[];
  /** The revision of the last commit of it; `null` where it made none. */
  readonly revision: number | null;
  /** With `dryRun` what would change, leaf by leaf. */
  readonly changes?: readonly (ImportPlace & { readonly diff: readonly Diff[]; readonly requiresApproval: boolean })[];
}

/** How many changes one commit of an import has that is not atomic. */
const partSize = 1000;
/** How many changes are stored or asked for at once. */
const maxAtomic = 20_000;
const maxRequested = 5000;

/** Is told how far it has come. */
type OnProgress = ((progress: ImportProgress) => void) | undefined;

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}

function placeOf({ key, scope, scopeId }: ScopeRef & { readonly key: string }): ImportPlace {
  return { key, scope, scopeId: scope === 'global' ? null : scopeId };
}

/** Changes under way, and what became of them so far. */
export class ImportRun {
  readonly #context: Context;
  readonly #importing: ImportIntent;
  readonly #onProgress: OnProgress;
  readonly #total: number;
  #done = 0;
  #imported = 0;
  #skipped = 0;
  #revision: number | null = null;
  readonly #failures: Failure[] = [];
  readonly #pending: (ImportPlace & { readonly requestId: string | null })[] = [];
  readonly #changes: (ImportPlace & Omit<PlannedChange, 'change'>)[] = [];

  constructor(context: Context, importing: ImportIntent, onProgress: OnProgress, total: number) {
    this.#context = context;
    this.#importing = importing;
    this.#onProgress = onProgress;
    this.#total = total;
  }

  fail(failures: readonly Failure[]): void {
    this.#failures.push(...failures);
  }

  skip(count: number): void {
    this.#skipped += count;
  }

  /** Tells what would become of the changes. */
  async lookAhead(changes: readonly ValueChange[], atomic: boolean): Promise<void> {
    const { planned } = await this.#plan(changes);
    const isRequest = atomic && planned.some(({ requiresApproval }) => requiresApproval);
    const isRefused = atomic && this.#failures.length > 0;
    for (const { change, diff, requiresApproval } of planned) {
      this.#changes.push({ ...placeOf(change), diff, requiresApproval });
      if (isRefused) continue;
      if (requiresApproval || isRequest) this.#pending.push({ ...placeOf(change), requestId: null });
      else this.#imported += 1;
    }
  }

  /** Writes all changes as one commit, or asks for all of them, or does neither where one of them is refused. */
  async atOnce(changes: readonly ValueChange[]): Promise<void> {
    const { planned } = await this.#plan(changes);
    if (this.#failures.length > 0 || planned.length === 0) return;
    if (planned.length > maxAtomic) {
      refuse(
        'atomic',
        `${String(planned.length)} changes are more than the ${String(maxAtomic)} of one commit; leave it out`,
      );
    }
    const wanted = planned.map(({ change }) => change);
    if (planned.some(({ requiresApproval }) => requiresApproval)) await this.#ask(wanted);
    else await this.#write(wanted);
  }

  /** Writes what can be written part by part, and asks for the rest together. */
  async keyByKey(changes: readonly ValueChange[]): Promise<void> {
    const guarded: ValueChange[] = [];
    for (let start = 0; start < changes.length; start += partSize) {
      const { planned } = await this.#plan(changes.slice(start, start + partSize));
      guarded.push(...planned.filter(({ requiresApproval }) => requiresApproval).map(({ change }) => change));
      await this.#writeApart(planned.filter(({ requiresApproval }) => !requiresApproval).map(({ change }) => change));
    }
    if (guarded.length > 0) await this.#ask(guarded);
  }

  async #plan(changes: readonly ValueChange[]): Promise<ImportPlan> {
    const plan = await planImport(this.#context, this.#importing, changes);
    this.fail(plan.failures);
    this.skip(plan.unchanged);
    this.#progress(plan.failures.length + plan.unchanged);
    return plan;
  }

  /** Writes changes as one commit; where that is refused, the halves of them, until what is refused stands alone. */
  async #writeApart(changes: readonly ValueChange[]): Promise<void> {
    const [first] = changes;
    if (first === undefined) return;
    try {
      await this.#write(changes);
    } catch (error) {
      if (!isConfigurationError(error) || isOutage(error) || faults.has(error.code)) throw error;
      if (changes.length === 1) {
        this.fail([{ key: first.key, scope: first.scope, scopeId: first.scopeId, error }]);
        this.#progress(1);
        return;
      }
      const middle = Math.ceil(changes.length / 2);
      await this.#writeApart(changes.slice(0, middle));
      await this.#writeApart(changes.slice(middle));
    }
  }

  /** Writes changes as one commit. Where somebody has protected one of them meanwhile, all of them wait. */
  async #write(changes: readonly ValueChange[]): Promise<void> {
    try {
      const { revision } = await submit(this.#context, intentOf(this.#importing, changes));
      this.#revision = Math.max(this.#revision ?? 0, revision);
      this.#imported += changes.length;
    } catch (error) {
      if (!isConfigurationError(error, 'approval_required')) throw error;
      this.#await(changes, String(error.details['requestId']));
    }
    this.#progress(changes.length);
  }

  /** Makes one request of changes. */
  async #ask(changes: readonly ValueChange[]): Promise<void> {
    if (changes.length > maxRequested) {
      const problem = `${String(changes.length)} of them need approvals, and a change request has ${String(maxRequested)} at most; import them in parts`;
      const error = new ConfigurationError('invalid_argument', { argument: 'data', problem });
      this.fail(changes.map(({ key, scope, scopeId }) => ({ key, scope, scopeId, error })));
      return;
    }
    try {
      await this.#write(changes);
    } catch (error) {
      if (!isConfigurationError(error) || isOutage(error) || faults.has(error.code)) throw error;
      this.fail(changes.map(({ key, scope, scopeId }) => ({ key, scope, scopeId, error })));
    }
  }

  #await(changes: readonly ValueChange[], requestId: string): void {
    this.#pending.push(...changes.map((change) => ({ ...placeOf(change), requestId })));
  }

  #progress(count: number): void {
    if (count === 0) return;
    this.#done += count;
    this.#onProgress?.({ done: this.#done, total: this.#total });
  }

  result(dryRun: boolean): ImportResult {
    return {
      imported: this.#imported,
      failed: this.#failures.length,
      skipped: this.#skipped,
      errors: this.#failures.map((failure) => ({
        ...placeOf(failure),
        error: failure.error.message,
        code: failure.error.code,
      })),
      pendingApproval: this.#pending,
      revision: this.#revision,
      ...(dryRun ? { changes: this.#changes } : {}),
    };
  }
}

/** What concerns the whole import and not one key of it. */
const faults: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['busy', 'closed', 'outcome_unknown', 'reason_required']);
