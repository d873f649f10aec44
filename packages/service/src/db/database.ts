/** Owns the seam to SQL: what the service needs of a database, with one adapter for `pg` and one for PGlite. */

/** What a parameter of a query may be. It travels as text, so the SQL gives it its type (`$1::int`, `$1::text[]`). */
export type SqlParameter =
  string | number | boolean | null | Date | readonly (string | number | boolean | Date | null)[];

/**
 * One row, by column name. int8 arrives as a number, timestamptz as a Date (milliseconds), json and jsonb as their text, bool,
 * int2, int4, float4 and float8 as in JavaScript, arrays as arrays of these, all else as PostgreSQL's text.
 */
export type Row = Readonly<Record<string, unknown>>;

/** What one statement may ask for. */
export interface QueryOptions {
  /** How long the caller waits for a connection and the answer, in milliseconds. Default: the adapter's. */
  readonly timeoutMs?: number;
}

/** Runs statements: on any connection, or inside one transaction. */
export interface Sql {
  /**
   * Runs one statement.
   * @param name names a statement that is prepared once per connection, where the adapter prepares. One name, one text.
   * @throws `unavailable` when the database does not answer: `details.sent` tells whether the statement may have been executed.
   * `not_migrated` when a table or function of Strata is missing. Every other error of the database as it is, with its SQLSTATE
   * as `code`.
   */
  query<R extends Row = Row>(
    text: string,
    parameters?: readonly SqlParameter[],
    name?: string,
    options?: QueryOptions,
  ): Promise<R[]>;
  /** Runs a script of several statements, without parameters. Waits up to ten minutes. What it leaves open is rolled back. */
  script(text: string): Promise<void>;
}

/** What is told to who listens. */
export interface NotificationListener {
  onNotification(): void;
  /** The connection is gone: nothing is heard any more, and something may have been missed. */
  onLost(): void;
}

/** A connection that listens. */
export interface Listening {
  /** Whether it still answers. Where it does not, it is given up and `onLost` is called. */
  check(): Promise<void>;
  /** Gives the connection back. */
  stop(): Promise<void>;
}

/** A database. */
export interface Database extends Sql {
  readonly kind: 'postgres' | 'embedded';
  /**
   * Runs `work` on one connection inside a transaction (read committed); commits when it resolves, rolls back when it rejects.
   * @throws `transaction_misused` when `work` uses this handle instead of the one it is given, or when it swallowed the failure
   * of a statement, which undoes the whole transaction.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /**
   * Listens on a channel over a connection of its own, which it keeps.
   * @param url opens a connection there instead of taking one from the pool.
   * @returns what ends it; `undefined` where no connection can be spared, or where nobody else could notify.
   * @throws `unavailable` when there is no connection in time.
   */
  listen?(channel: string, listener: NotificationListener, url?: string): Promise<Listening | undefined>;
  /** Ends what the adapter itself opened, never what the caller passed in. Calls that come later are refused as `closed`. */
  close(): Promise<void>;
}
