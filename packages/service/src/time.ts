/** Owns what callers may give as a point in time. */
import { ConfigurationError, isConfigurationError, parseVersionReference } from '@strata/core';

/**
 * Checks a point in time: a Date, or a text like `2026-01-31T12:00:00Z` or `2026-01-31`, in the years 1 to 9999.
 * @throws ConfigurationError `invalid_argument`.
 */
export function parseTime(input: unknown, argument: string): Date {
  const text = input instanceof Date && !Number.isNaN(input.getTime()) ? input.toISOString() : input;
  const at = typeof text === 'string' ? readIso(text) : undefined;
  if (at !== undefined) return at;
  const given = typeof text === 'string' ? JSON.stringify(text) : typeof input;
  throw new ConfigurationError('invalid_argument', {
    argument,
    problem: `${given} is not a time; give a Date, or an ISO 8601 text with a zone like 2026-01-31T12:00:00Z`,
  });
}

/** A time means the same here and in a version reference; undefined when the text is none. */
function readIso(text: string): Date | undefined {
  try {
    const reference = parseVersionReference(`@${text}`);
    return reference.kind === 'time' ? reference.at : undefined;
  } catch (error) {
    if (isConfigurationError(error, 'invalid_version')) return undefined;
    throw error;
  }
}
