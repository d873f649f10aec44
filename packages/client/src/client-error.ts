/** Owns the error of every call that does not succeed. */
import type { ErrorCode } from '@strata/core';

/** One thing that is wrong with what was sent. */
export interface ReportedProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * The code of a `StrataClientError`: that of the server's error catalogue; `unreachable` when no server answered, `timeout` when it took
 * too long, `aborted` when the caller's signal ended the call, `invalid_answer` when something else than Strata answered. A newer server
 * may send codes that this list does not have yet.
 */
export type ClientErrorCode = ErrorCode | 'unreachable' | 'timeout' | 'aborted' | 'invalid_answer';

/** What a `StrataClientError` tells besides its message. */
export interface ClientErrorFacts {
  readonly status?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly errors?: readonly ReportedProblem[] | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** Every refusal and fault that a client meets: branch on `code`, show `message`. */
export class StrataClientError extends Error {
  override readonly name = 'StrataClientError';
  /** A stable word for programs. */
  readonly code: ClientErrorCode;
  /** The HTTP status of the answer; 0 when there was none. */
  readonly status: number;
  /** What the message was built from. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Every single thing that is wrong, by path; empty where the message says it all. */
  readonly errors: readonly ReportedProblem[];
  /** The id under which the server's log knows the request; `undefined` when there was no answer. */
  readonly requestId: string | undefined;

  constructor(code: ClientErrorCode, message: string, facts: ClientErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.status = facts.status ?? 0;
    this.details = facts.details ?? {};
    this.errors = facts.errors ?? [];
    this.requestId = facts.requestId;
  }
}

/** Whether `error` is a `StrataClientError`, of the given code where one is given; also across copies of this package. */
export function isClientError(error: unknown, code?: ClientErrorCode): error is StrataClientError {
  return (
    error instanceof Error &&
    error.name === 'StrataClientError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  );
}
