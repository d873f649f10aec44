/** Owns the adapter for PostgreSQL over a caller's `pg` pool. */
import type { Database, QueryOptions, Row, Sql, SqlParameter } from './database.ts';
import { deadlineIn, type Deadline } from './deadline.ts';
import {
  columnTypes,
  openSessions,
  type PostgresPool,
  type PostgresResult,
  type PostgresStatement,
  type Session,
} from './postgres-pool.ts';
import { listenOn, openClient } from './postgres-listener.ts';
import { swallowedFailure, transactionGuard } from './transaction-guard.ts';
import { encodeParameter } from './wire-values.ts';

/** How the adapter uses the pool. */
export interface PostgresOptions {
  /** Prepares named statements once per connection. Default true; false behind a pooler that shares connections by transaction. */
  readonly prepare?: boolean;
  /** How long a call waits for a connection and an answer before it is `unavailable`, in milliseconds. Default 2,000. */
  readonly timeoutMs?: number;
}

const scriptTimeoutMs = 600_000;

/**
 * A database over a `pg` Pool, which is taken as it is (type parsers, time zone, search path, size) and stays the caller's. A
 * call holds one connection at most; one whose connection failed or did not answer in time is destroyed.
 */
export function postgresDatabase(pool: PostgresPool, options: PostgresOptions = {}): Database {
  const { prepare = true, timeoutMs = 2000 } = options;
  const sessions = openSessions(pool, timeoutMs, !prepare);
  const guard = transactionGuard();
  const statements = new Statements(prepare);
  const deadline = (query?: QueryOptions): Deadline => deadlineIn(query?.timeoutMs ?? timeoutMs);

  const inSession = (session: Session): Sql => ({
    async query<R extends Row>(
      text: string,
      parameters?: readonly SqlParameter[],
      name?: string,
      query?: QueryOptions,
    ) {
      return rowsOf<R>(await session.run(statements.make(text, parameters, name), deadline(query)));
    },
    async script(text) {
      await session.run({ text }, deadlineIn(scriptTimeoutMs));
    },
  });

  return {
    kind: 'postgres',
    async query<R extends Row>(
      text: string,
      parameters?: readonly SqlParameter[],
      name?: string,
      query?: QueryOptions,
    ) {
      guard.refuseInside();
      const statement = statements.make(text, parameters, name);
      const whole = deadline(query);
      return sessions.use(whole, async (session) => {
        const run = async (): Promise<R[]> => rowsOf<R>(await session.run(statement, whole));
        return session.isForeign ? inTransaction(session, whole, () => whole, run) : run();
      });
    },
    async script(text) {
      guard.refuseInside();
      await sessions.use(deadline(), async (session) => {
        try {
          await session.run({ text }, deadlineIn(scriptTimeoutMs));
        } finally {
          await session.rollback();
        }
      });
    },
    async transaction(work) {
      guard.refuseInside();
      const begin = deadline();
      return sessions.use(begin, (session) =>
        inTransaction(
          session,
          begin,
          () => deadline(),
          () => guard.run(inSession(session), work),
        ),
      );
    },
    async listen(channel, listener, url) {
      const held = url === undefined ? await sessions.hold(deadline()) : await openClient(url, timeoutMs);
      return held && listenOn(held, channel, listener, timeoutMs);
    },
    close() {
      sessions.close();
      return Promise.resolve();
    },
  };
}

async function inTransaction<T>(
  session: Session,
  begin: Deadline,
  end: () => Deadline,
  work: () => Promise<T>,
): Promise<T> {
  try {
    await session.run({ text: session.begin }, begin);
    const result = await work();
    const { command } = await session.run({ text: 'COMMIT' }, end());
    if (command !== 'COMMIT') throw swallowedFailure();
    return result;
  } catch (error) {
    await session.rollback();
    throw error;
  }
}

/** Every row came through the parsers of `columnTypes`, so it is what `Row` says. */
function rowsOf<R extends Row>(result: PostgresResult): R[] {
  return result.rows as R[];
}

/** The statements of one database; a name stands for one text for good, since `pg` fails the second one late and unclearly. */
class Statements {
  readonly #prepare: boolean;
  readonly #named = new Map<string, { readonly text: string; readonly name: string }>();

  constructor(prepare: boolean) {
    this.#prepare = prepare;
  }

  make(text: string, parameters: readonly SqlParameter[] = [], name?: string): PostgresStatement {
    const values = parameters.map(encodeParameter);
    if (name === undefined || !this.#prepare) return { text, values, types: columnTypes };
    let known = this.#named.get(name);
    if (known === undefined) {
      known = { text, name: `strata ${name}` };
      this.#named.set(name, known);
    }
    if (known.text !== text) throw new TypeError(`the statement name ${name} stands for another text already`);
    return { text, values, types: columnTypes, name: known.name };
  }
}
