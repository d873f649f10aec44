/** Owns the results of one flag: built once, frozen, and handed out again and again. */
import type { JsonValue } from '../json.ts';
import type { FeatureFlag, FlagErrorCode, FlagEvaluation, FlagReason } from './flag.ts';

/** Builds and keeps the results of a flag. */
export class FlagResults {
  readonly #flag: FeatureFlag;
  readonly #version: string | undefined;
  readonly onVariant: string;
  readonly offVariant: string;

  constructor(flag: FeatureFlag, version: string | undefined) {
    this.#flag = flag;
    this.#version = version;
    this.onVariant = flag.onVariant ?? 'on';
    this.offVariant = flag.offVariant ?? 'off';
  }

  /** The result of serving a variant. */
  of(variant: string, reason: FlagReason, ruleId?: string): FlagEvaluation {
    return this.#build(variant, reason, ruleId);
  }

  /** The result of serving the off variant. */
  off(reason: FlagReason, ruleId?: string): FlagEvaluation {
    return this.#build(this.offVariant, reason, ruleId);
  }

  /** The off variant, served because the evaluation failed. */
  failed(code: FlagErrorCode, message: string): FlagEvaluation {
    return this.#build(this.offVariant, 'ERROR', undefined, code, message);
  }

  #build(
    variant: string,
    reason: FlagReason,
    ruleId?: string,
    errorCode?: FlagErrorCode,
    errorMessage?: string,
  ): FlagEvaluation {
    const value = this.#valueOf(variant);
    // All results have the same properties in the same order, so that the engine reads each of them in the same way.
    return Object.freeze({
      flag: this.#flag.name,
      value,
      variant,
      on: typeof value === 'boolean' ? value : variant !== this.offVariant,
      reason,
      ruleId,
      version: this.#version,
      errorCode,
      errorMessage,
    });
  }

  #valueOf(variant: string): JsonValue {
    const { variants } = this.#flag;
    return variants === undefined ? variant === 'on' : (variants[variant] ?? null);
  }
}

/** The result for a flag that there is not: what the caller wants then. */
export function notFound(name: unknown, fallback: JsonValue): FlagEvaluation {
  const flag = typeof name === 'string' ? name : '';
  return Object.freeze({
    flag,
    value: fallback,
    variant: undefined,
    on: fallback === true,
    reason: 'ERROR',
    ruleId: undefined,
    version: undefined,
    errorCode: 'FLAG_NOT_FOUND',
    errorMessage: `There is no flag ${JSON.stringify(flag)}.`,
  });
}
