/** Owns what the command ends with, and which failure ends it how. */
import { isClientError, type StrataClientError } from '@strata/client';
import { isConfigurationError } from '@strata/core';

/** The exit codes. They are part of the interface: scripts branch on them. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  refused: 5,
  approvalNeeded: 6,
  unreachable: 7,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure that the command itself finds, told in one line. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A command line that makes no sense. */
export function usageError(message: string): CommandError {
  return new CommandError(exitCodes.usage, message);
}

/** The failures for which the HTTP status alone would say something else to a script. */
const byCode: ReadonlyMap<string, ExitCode> = new Map<string, ExitCode>([
  ['unreachable', exitCodes.unreachable],
  ['timeout', exitCodes.unreachable],
  // Another program answered, or a server without this call: nothing that the caller asked for is missing.
  ['route_not_found', exitCodes.failed],
  ['invalid_answer', exitCodes.failed],
  // The status says conflict, and what is in the way is a rule.
  ['would_break', exitCodes.refused],
  ['lock_broken', exitCodes.refused],
  ['schema_breaks_values', exitCodes.refused],
  ['schema_code_missing', exitCodes.refused],
  ['revert_unsupported', exitCodes.refused],
  ['invalid_value', exitCodes.refused],
  ['invalid_schema', exitCodes.refused],
  ['malformed_document', exitCodes.refused],
  ['replaces_everything', exitCodes.refused],
  ['store_not_empty', exitCodes.refused],
  ['idempotency_conflict', exitCodes.conflict],
  ['approval_required', exitCodes.approvalNeeded],
]);

const byStatus: ReadonlyMap<number, ExitCode> = new Map<number, ExitCode>([
  [400, exitCodes.usage],
  [403, exitCodes.refused],
  [404, exitCodes.notFound],
  [409, exitCodes.conflict],
  [412, exitCodes.conflict],
  [413, exitCodes.refused],
  [422, exitCodes.refused],
  [423, exitCodes.refused],
  [503, exitCodes.unreachable],
]);

/** The exit code of a failure. Faults of `serve` and `migrate` are `failed`, whatever their status over HTTP would be. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.exitCode;
  if (isClientError(error)) return exitCodeOfAnswer(error);
  return isConfigurationError(error, 'invalid_argument') ? exitCodes.usage : exitCodes.failed;
}

function exitCodeOfAnswer({ code, status }: StrataClientError): ExitCode {
  return byCode.get(code) ?? byStatus.get(status) ?? exitCodes.failed;
}
