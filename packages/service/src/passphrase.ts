/** Owns what a passphrase may be. */
import { ConfigurationError } from '@strata/core';

/** With fewer characters somebody who has the file would guess it. */
const leastLength = 8;

/** Checks a passphrase where one is given. @throws ConfigurationError `invalid_argument`, which never shows it. */
export function parsePassphrase(passphrase: unknown): string | undefined {
  if (passphrase === undefined) return undefined;
  if (typeof passphrase === 'string' && passphrase.length >= leastLength && passphrase.isWellFormed())
    return passphrase;
  throw new ConfigurationError('invalid_argument', {
    argument: 'passphrase',
    problem: `give a text of ${String(leastLength)} or more characters`,
  });
}
