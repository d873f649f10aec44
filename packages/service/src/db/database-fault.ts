/** Owns what an error of a database means to the service, the same for both adapters. */
import { ConfigurationError } from '@strata/core';

/** The SQLSTATE of an error that the server sent; `undefined` for every other error. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  // Codes of Node (`EPIPE`) can have five letters too; the severity stands only in what the server sends.
  return 'severity' in error && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}

/** Whether the server ended the connection with this error, so that it cannot be used again. */
export function endsConnection(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return !isProgrammingError(error);
  return severityOf(error) === 'PANIC' || /^(?:08|57P0|25P03|26000)/.test(state);
}

/**
 * How far an error of the server reaches: the statement alone (`ERROR`), the session (`FATAL`) or the whole server (`PANIC`), in
 * the server's language; `undefined` for every other error.
 */
export function severityOf(error: unknown): unknown {
  return error instanceof Error && 'severity' in error ? error.severity : undefined;
}

/**
 * What callers get for an error of the driver or the server: `unavailable` when the database cannot work now, `storage_full` when
 * its disk is full, `not_migrated` when a table or function of Strata is missing, else the error as it is.
 * @param sent whether the statement had left this process.
 */
export function databaseFault(error: unknown, sent: boolean): unknown {
  const state = sqlState(error);
  if (state === undefined) {
    return error instanceof ConfigurationError || isProgrammingError(error) ? error : unavailable(error, sent);
  }
  if (severityOf(error) === 'PANIC' || (/^(?:08|40003|57P0)/.test(state) && state !== '57P03'))
    return unavailable(error, sent);
  const isPlain = severityOf(error) === 'ERROR';
  if (state === '53100' && isPlain)
    return new ConfigurationError('storage_full', { problem: describe(error) }, { cause: error });
  // The server undid these or never began: out of resources, starting up, read-only, an error of its disk, a lock that others keep.
  if (/^(?:53|57P03|25006|58|55P03)/.test(state)) return unavailable(error, sent && !isPlain);
  return isMissingObject(error, state) ? new ConfigurationError('not_migrated', {}, { cause: error }) : error;
}

/** The error of a database that does not answer. @param sent whether the statement may have been executed. */
export function unavailable(cause: unknown, sent: boolean): ConfigurationError<'unavailable'> {
  return new ConfigurationError('unavailable', { problem: describe(cause), sent }, { cause });
}

function isProgrammingError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

function isMissingObject(error: unknown, state: string): boolean {
  // The server tells the name of what is missing only in its text.
  return (state === '42P01' || state === '42883') && error instanceof Error && error.message.includes('configuration_');
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Several addresses refused at once make an AggregateError, which has a code and no message.
  const text = cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
  return text.replace(/\.$/, '');
}
