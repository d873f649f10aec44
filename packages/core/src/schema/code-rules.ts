/** Owns the run of a Zod schema for the rules that only its code holds. */
import type { ZodType } from 'zod';
import { ConfigurationError } from '../errors.ts';
import type { JsonValue } from '../json.ts';
import type { Path } from '../path.ts';

/** What a Zod schema finds wrong with a value. */
export interface CodeProblem {
  readonly path: Path;
  /** The author's words, or Zod's. */
  readonly message: string;
  /** Whether a rule in code found it: Zod finds again what JSON Schema can say too. */
  readonly custom: boolean;
}

/**
 * Runs a whole Zod schema on a value.
 * @throws ConfigurationError `invalid_schema` when a rule of it throws or is asynchronous. The reason is its `cause` only, as it may quote
 *   the value.
 */
export function codeProblems(key: string, schema: ZodType, value: JsonValue): CodeProblem[] {
  try {
    const { error } = schema.safeParse(value);
    return (error?.issues ?? []).map((issue) => ({
      path: issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
      message: issue.message,
      custom: issue.code === 'custom',
    }));
  } catch (cause) {
    const problem = 'one of its rules in code is asynchronous or failed to run';
    throw new ConfigurationError('invalid_schema', { key, problem }, { cause });
  }
}
