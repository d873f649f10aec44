import { StrataClientError } from '@strata/client';
import { ConfigurationError, errorCatalogue, type ErrorCode } from '@strata/core';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, usageError } from './exit-codes.ts';

function answered(code: ErrorCode, status: number = errorCatalogue[code].status): StrataClientError {
  return new StrataClientError(code, 'refused', { status });
}

describe('the exit code', () => {
  it.each([
    ['invalid_key', 2],
    ['invalid_version', 2],
    ['key_not_found', 3],
    ['version_not_found', 3],
    ['scope_not_found', 3],
    ['lock_not_found', 3],
    ['flag_not_found', 3],
    ['flag_archived', 4],
    ['flag_name_used', 4],
    ['conflict', 4],
    ['tag_exists', 4],
    ['lock_exists', 4],
    ['ambiguous_version', 4],
    ['validation_failed', 5],
    ['scope_not_allowed', 5],
    ['would_break', 5],
    ['locked', 5],
    ['lock_broken', 5],
    ['schema_breaks_values', 5],
    ['invalid_value', 5],
    ['value_too_large', 5],
    ['approval_required', 6],
    ['request_not_found', 3],
    ['policy_not_found', 3],
    ['binding_not_found', 3],
    ['self_approval', 5],
    ['not_an_approver', 5],
    ['not_permitted', 5],
    ['already_approved', 4],
    ['request_edited', 4],
    ['request_conflicted', 4],
    ['justification_required', 2],
    ['unavailable', 7],
    ['busy', 7],
    ['route_not_found', 1],
    ['internal_error', 1],
  ] as const)('of %s is %i', (code, expected) => {
    expect(exitCodeOf(answered(code))).toBe(expected);
  });

  it('goes by the code where HTTP has a status of its own', () => {
    expect(exitCodeOf(answered('conflict', 412))).toBe(4);
    expect(exitCodeOf(answered('idempotency_conflict', 422))).toBe(4);
  });

  it.each(['unreachable', 'timeout'] as const)('of %s is 7', (code) => {
    expect(exitCodeOf(new StrataClientError(code, 'away'))).toBe(7);
  });

  it('is 1 for faults of this machine, and 2 for what the command itself finds wrong in the command line', () => {
    expect(exitCodeOf(new ConfigurationError('database_in_use', { dataDir: 'x', pid: 1 }))).toBe(1);
    expect(exitCodeOf(new Error('no'))).toBe(1);
    expect(exitCodeOf(usageError('no'))).toBe(2);
  });
});
