/** Owns how often which flag served which variant since the last flush, counted in bounded memory. */
import type { FlagEvaluation } from '@strata/core';
import type { EvaluationCount } from './store/evaluations.ts';

/** How many results are counted one by one before they are taken together by flag and variant. */
const maxResults = 1000;
/** How many evaluations are noted before they are counted. */
const maxNoted = 4096;
/** How many flags and variants, each for each service, are counted one by one between two flushes. */
const maxVariants = 10_000;

/** What was counted. */
export interface CountedEvaluations {
  readonly evaluations: readonly EvaluationCount[];
  /** By service: evaluations of flags that were too many to be counted one by one. */
  readonly uncounted: ReadonlyMap<string, number>;
}

/**
 * Counts evaluations. The engine hands out one frozen result for each way in which a flag can come out, again and again: what is counted is
 * how often it did. An evaluation is noted at once and looked up with many others, which costs the processor less than one by one.
 */
export class EvaluationCounts {
  readonly #results = new Map<string, Map<FlagEvaluation, { times: number }>>();
  readonly #variants = new Map<string, EvaluationCount>();
  readonly #uncounted = new Map<string, number>();
  readonly #own = new Map<FlagEvaluation, { times: number }>();
  /** Filled anew from the beginning each time; what lies beyond `#notes` was counted. */
  readonly #noted: FlagEvaluation[] = [];
  #notes = 0;

  /** @param service who evaluates, where nobody else is named. */
  constructor(service: string) {
    this.#results.set(service, this.#own);
  }

  /** Counts an evaluation by the service itself. */
  add(evaluation: FlagEvaluation): void {
    this.#noted[this.#notes] = evaluation;
    this.#notes += 1;
    if (this.#notes === maxNoted) this.#countNoted();
  }

  #countNoted(): void {
    const noted = this.#noted.slice(0, this.#notes);
    this.#notes = 0;
    for (const evaluation of noted) {
      const count = this.#own.get(evaluation);
      if (count === undefined) this.#begin(this.#own, evaluation);
      else count.times += 1;
    }
  }

  /** Counts an evaluation for another service. */
  addFor(service: string, evaluation: FlagEvaluation): void {
    let results = this.#results.get(service);
    if (results === undefined) this.#results.set(service, (results = new Map<FlagEvaluation, { times: number }>()));
    const count = results.get(evaluation);
    if (count === undefined) this.#begin(results, evaluation);
    else count.times += 1;
  }

  #begin(results: Map<FlagEvaluation, { times: number }>, evaluation: FlagEvaluation): void {
    // A flag that there is not, or that cannot be read, serves nothing.
    if (evaluation.variant === undefined) return;
    if (results.size >= maxResults) this.#fold();
    results.set(evaluation, { times: 1 });
  }

  #fold(): void {
    for (const [service, results] of this.#results) {
      for (const [{ flag, variant = '' }, { times }] of results) {
        this.#addVariant({ service, flag, variant, evaluations: times });
      }
      results.clear();
    }
  }

  #addVariant(count: EvaluationCount): void {
    const { service, flag, variant, evaluations } = count;
    const name = `${service}\0${flag}\0${variant}`;
    const held = this.#variants.get(name);
    if (held === undefined && this.#variants.size >= maxVariants) this.#leaveOut(service, evaluations);
    else this.#variants.set(name, { ...count, evaluations: evaluations + (held?.evaluations ?? 0) });
  }

  #leaveOut(service: string, times: number): void {
    this.#uncounted.set(service, (this.#uncounted.get(service) ?? 0) + times);
  }

  /** Hands out all that was counted, and begins anew. */
  take(): CountedEvaluations {
    this.#countNoted();
    this.#fold();
    const taken = { evaluations: [...this.#variants.values()], uncounted: new Map(this.#uncounted) };
    this.#variants.clear();
    this.#uncounted.clear();
    return taken;
  }

  /** Takes back what was handed out and could not be told. */
  putBack(evaluations: readonly EvaluationCount[]): void {
    for (const count of evaluations) this.#addVariant(count);
  }
}
