/** Owns what many tests expect alike: refusals with a code, and values that are frozen all the way down. */
import { expect } from 'vitest';
import {
  describeInput,
  isConfigurationError,
  type ConfigurationError,
  type ErrorCode,
} from '../packages/core/src/errors.ts';

/** What `run` throws, `undefined` when it throws nothing. */
export function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The code with which `run` refuses, `undefined` when it does not refuse. Any other error fails the test. */
export function codeOf(run: () => unknown): string | undefined {
  const error = errorOf(run);
  if (error === undefined) return undefined;
  return isConfigurationError(error) ? error.code : expect.fail(`no ConfigurationError: ${describeInput(error)}`);
}

/** Expects a call to be refused with a code, and answers the refusal. */
export async function expectRefusal<Code extends ErrorCode>(
  call: Promise<unknown>,
  code: Code,
): Promise<ConfigurationError<Code>> {
  const error: unknown = await call.then(
    () => expect.fail(`expected ${code}, and the call succeeded`),
    (reason: unknown) => reason,
  );
  if (isConfigurationError(error, code)) return error;
  throw error;
}

/** Expects a value and everything in it to be frozen. */
export function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.isFrozen(value)).toBe(true);
  for (const part of Object.values(value) as unknown[]) expectFrozen(part);
}
