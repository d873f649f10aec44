/** Owns the guard against using a database's own handle inside its transaction, which would wait for itself for ever. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ConfigurationError } from '@strata/core';
import type { Sql } from './database.ts';

/** Watches over the transactions of one database. */
export interface TransactionGuard {
  /** @throws `transaction_misused` inside the work of a transaction of this database. */
  refuseInside(): void;
  /** Runs `work` as the work of a transaction; the handle it gets is refused once `work` has ended. */
  run<T>(sql: Sql, work: (sql: Sql) => Promise<T>): Promise<T>;
}

/** Makes the guard of one database. */
export function transactionGuard(): TransactionGuard {
  const current = new AsyncLocalStorage<{ open: boolean }>();
  return {
    refuseInside() {
      // What the work started and left running (a timer, say) is outside once the work has ended.
      if (current.getStore()?.open === true) {
        throw misused('its database was used inside it, where only the handle given to its work may be used');
      }
    },
    async run(sql, work) {
      const transaction = { open: true };
      try {
        return await current.run(transaction, () => work(handle(sql, transaction)));
      } finally {
        transaction.open = false;
      }
    },
  };
}

/** The error of a transaction that was to be committed although one of its statements had failed. */
export function swallowedFailure(): ConfigurationError<'transaction_misused'> {
  return misused('one of its statements failed and its work went on, so the database undid all of it');
}

function handle(sql: Sql, transaction: { readonly open: boolean }): Sql {
  const check = (): void => {
    if (!transaction.open) throw misused('its handle was used after its end');
  };
  return {
    async query(...query) {
      check();
      return sql.query(...query);
    },
    async script(text) {
      check();
      await sql.script(text);
    },
  };
}

function misused(problem: string): ConfigurationError<'transaction_misused'> {
  return new ConfigurationError('transaction_misused', { problem });
}
