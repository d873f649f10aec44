/** Owns the adapter for PGlite: the same promises as the one for PostgreSQL, over one connection inside this process. */
import { messages, protocol, type PGlite } from '@electric-sql/pglite';
import { ConfigurationError } from '@strata/core';
import type { Database, Row, Sql, SqlParameter } from './database.ts';
import { databaseFault, severityOf, sqlState, unavailable } from './database-fault.ts';
import { swallowedFailure, transactionGuard } from './transaction-guard.ts';
import { columnParser, encodeParameter } from './wire-values.ts';

/** How the adapter uses the instance. */
export interface PGliteOptions {
  /** Asked before and after every statement: an error says that the instance can no longer keep what it acknowledges. */
  readonly failure?: () => Error | undefined;
}

/** A database over an instance, which can come to its end by itself. */
export interface PGliteDatabase extends Database {
  /** Why the instance does nothing more, closing it included; `undefined` while it works. */
  failure(): Error | undefined;
}

type Messages = Awaited<ReturnType<PGlite['execProtocolStream']>>;
const { serialize } = protocol;

/** A database over a PGlite instance, which stays the caller's. Statements and transactions wait for each other. */
export function pgliteDatabase(pglite: PGlite, options: PGliteOptions = {}): PGliteDatabase {
  const connection = new Connection(pglite, options.failure ?? (() => undefined));
  const guard = transactionGuard();
  const sql: Sql = {
    query: async <R extends Row>(text: string, parameters?: readonly SqlParameter[], name?: string) =>
      rowsOf<R>(await connection.query(text, parameters, name)),
    script: async (text) => {
      await connection.script(text);
    },
  };
  return {
    kind: 'embedded',
    async query<R extends Row>(text: string, parameters?: readonly SqlParameter[], name?: string) {
      guard.refuseInside();
      return connection.exclusive(() => sql.query<R>(text, parameters, name));
    },
    async script(text) {
      guard.refuseInside();
      await connection.exclusive(async () => {
        try {
          await connection.script(text);
        } finally {
          await connection.rollback();
        }
      });
    },
    async transaction(work) {
      guard.refuseInside();
      return connection.exclusive(async () => {
        try {
          await connection.script('BEGIN ISOLATION LEVEL READ COMMITTED');
          const result = await guard.run(sql, work);
          if (commandOf(await connection.script('COMMIT')) !== 'COMMIT') throw swallowedFailure();
          return result;
        } catch (error) {
          await connection.rollback();
          throw error;
        }
      });
    },
    close() {
      connection.closed = true;
      return Promise.resolve();
    },
    failure: () => connection.failure(),
  };
}

/** Speaks the wire protocol with the instance: one call per statement, where its own `query` makes six. */
class Connection {
  closed = false;
  readonly #pglite: PGlite;
  readonly #filesFailure: () => Error | undefined;
  #failure: Error | undefined;
  /** The statements that are prepared, by name. */
  readonly #prepared = new Map<string, string>();

  constructor(pglite: PGlite, failure: () => Error | undefined) {
    this.#pglite = pglite;
    this.#filesFailure = failure;
  }

  /** Runs `work` when no other statement or transaction of the instance runs, those of its own methods included. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed) throw new ConfigurationError('closed', {});
    return this.#pglite._runExclusiveTransaction(work);
  }

  async query(text: string, parameters: readonly SqlParameter[] = [], name = ''): Promise<Messages> {
    const values = parameters.map(encodeParameter);
    const isPrepared = name !== '' && this.#prepared.get(name) === text;
    const parse = isPrepared ? [] : [serialize.close({ type: 'S', name }), serialize.parse({ name, text })];
    const execute = [
      serialize.bind({ statement: name, values }),
      serialize.describe({ type: 'P' }),
      serialize.execute(),
      serialize.sync(),
    ];
    try {
      const answer = await this.#send(joined([...parse, ...execute]));
      if (name !== '') this.#prepared.set(name, text);
      return answer;
    } catch (error) {
      this.#prepared.delete(name);
      throw error;
    }
  }

  async script(text: string): Promise<Messages> {
    return this.#send(serialize.query(text));
  }

  /** Undoes an open transaction. */
  async rollback(): Promise<void> {
    if (this.failure() === undefined && this.#pglite.isInTransaction()) await this.script('ROLLBACK');
  }

  failure(): Error | undefined {
    return (this.#failure ??= this.#filesFailure());
  }

  async #send(message: Uint8Array): Promise<Messages> {
    this.#checkHealth(false);
    try {
      return await this.#pglite.runExclusive(() => this.#pglite.execProtocolStream(message, { syncToFs: false }));
    } catch (error) {
      // An instance that panicked or crashed would never return from another call.
      if (severityOf(error) !== 'ERROR') this.#failure ??= error instanceof Error ? error : new Error(String(error));
      if (sqlState(error) === undefined) throw unavailable(error, true);
      throw databaseFault(error, true);
    } finally {
      this.#checkHealth(true);
    }
  }

  #checkHealth(sent: boolean): void {
    const failure = this.failure();
    if (failure === undefined) return;
    const problem = `${failure.message}; the embedded database has stopped and must be opened again`;
    throw unavailable(new Error(problem, { cause: failure }), sent);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Every value went through the parser of its column, so each row is what `Row` says. */
function rowsOf<R extends Row>(answer: Messages): R[] {
  const rows: R[] = [];
  let columns: { readonly name: string; readonly parse: (text: string) => unknown }[] = [];
  for (const message of answer) {
    if (message instanceof messages.RowDescriptionMessage) {
      columns = message.fields.map(({ name, dataTypeID }) => ({ name, parse: columnParser(dataTypeID) }));
    } else if (message instanceof messages.DataRowMessage) {
      const row: Record<string, unknown> = {};
      for (const [index, { name, parse }] of columns.entries()) {
        const text = message.fields[index] ?? null;
        row[name] = text === null ? null : parse(text);
      }
      rows.push(row as R);
    }
  }
  return rows;
}

function commandOf(answer: Messages): string | undefined {
  return answer.find((message) => message instanceof messages.CommandCompleteMessage)?.text;
}
