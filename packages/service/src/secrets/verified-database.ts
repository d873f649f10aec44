/** Owns the refusal to work on a store whose secrets the configured keys do not open: no read answers anything in their place. */
import { isConfigurationError } from '@strata/core';
import type { Database } from '../db/database.ts';
import type { DataKeys } from './data-keys.ts';

/** The same database, on which the first statement waits until the keys are found to be the right ones. */
export function verifiedDatabase(db: Database, dataKeys: DataKeys): Database {
  let isVerified = false;
  let verifying: Promise<void> | undefined;
  const verify = async (): Promise<void> => {
    try {
      await dataKeys.verify();
      isVerified = true;
    } catch (error) {
      // Nothing is encrypted yet.
      if (!isConfigurationError(error, 'not_migrated')) throw error;
    }
  };
  const verified = (): Promise<void> =>
    (verifying ??= verify().finally(() => {
      verifying = undefined;
    }));
  return {
    kind: db.kind,
    async query(...query) {
      if (!isVerified) await verified();
      return db.query(...query);
    },
    async script(text) {
      if (!isVerified) await verified();
      return db.script(text);
    },
    async transaction(work) {
      if (!isVerified) await verified();
      return db.transaction(work);
    },
    ...(db.listen === undefined ? {} : { listen: (...args) => db.listen?.(...args) ?? Promise.resolve(undefined) }),
    close: () => db.close(),
  };
}
