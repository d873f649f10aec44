/** Owns the clients taken from a caller's pool: one at a time per call, bounded in time, given back clean or destroyed. */
import { ConfigurationError } from '@strata/core';
import { databaseFault, endsConnection, unavailable } from './database-fault.ts';
import { deadlineIn, moment, within, type Deadline } from './deadline.ts';
import { columnParser } from './wire-values.ts';

/** What is used of a `pg` Pool (8.13 or newer). */
export interface PostgresPool {
  connect(callback: (error: Error | undefined, client: PostgresClient | undefined) => void): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  readonly idleCount?: number;
  readonly options?: { readonly max?: number | undefined; connectionTimeoutMillis?: number | undefined };
}

/** What is used of a client of the pool. */
export interface PostgresClient {
  query(statement: PostgresStatement): Promise<PostgresResult>;
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'notification', listener: (message: { readonly channel: string }) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'notification', listener: (message: { readonly channel: string }) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
}

/** One statement in `pg`'s form. */
export interface PostgresStatement {
  text: string;
  values?: (string | null)[];
  name?: string;
  types?: { getTypeParser: (oid: number) => (text: string) => unknown };
}

/** What is used of the answer; a script answers with a list. */
export interface PostgresResult {
  readonly rows: unknown[];
  readonly command: string;
}

/** A client while a call has it. */
export interface Session {
  /** Begins a transaction at read committed with dates in ISO style, whatever the session has. */
  readonly begin: string;
  /** Whether statements outside a transaction have other settings than the service needs, and may not be given them. */
  readonly isForeign: boolean;
  /** Runs a statement. @throws as `Sql.query` does. */
  run(statement: PostgresStatement, deadline: Deadline): Promise<PostgresResult>;
  /** Undoes an open transaction; where that fails, the client is destroyed when it is given back. */
  rollback(): Promise<void>;
}

/** A client that was taken for good. */
export interface HeldClient {
  readonly client: PostgresClient;
  /** Gives it back; with an error the pool destroys it. */
  release(error?: Error): void;
}

/** The pool as this adapter uses it. */
export interface Sessions {
  /** Runs `work` with a client of its own. @param deadline for getting the client. */
  use<T>(deadline: Deadline, work: (session: Session) => Promise<T>): Promise<T>;
  /** Takes a client for good; undefined where the pool has only one. @throws `unavailable` when there is none in time. */
  hold(deadline: Deadline): Promise<HeldClient | undefined>;
  /** Refuses further use and takes this adapter's listener from the pool. */
  close(): void;
}

/** Takes up a pool. @param isShared whether a pooler hands its sessions to others, so that nothing may be set on them. */
export function openSessions(pool: PostgresPool, timeoutMs: number, isShared = false): Sessions {
  const stopListening = listenForErrors(pool);
  const gate = new Gate(pool.options?.max ?? Infinity);
  const connector = new Connector(pool);
  let closed = false;
  return {
    async use(deadline, work) {
      if (closed) throw new ConfigurationError('closed', {});
      await gate.enter(deadline);
      try {
        const client = await connector.connect(deadline);
        return await useClient(new CheckedOutClient(client, timeoutMs, isShared), deadline, work);
      } finally {
        gate.leave();
      }
    },
    async hold(deadline) {
      if (closed) throw new ConfigurationError('closed', {});
      if ((pool.options?.max ?? Infinity) < 2) return undefined;
      await gate.enter(deadline);
      let client: PostgresClient;
      try {
        client = await connector.connect(deadline);
      } catch (error) {
        gate.leave();
        throw error;
      }
      return {
        client,
        release(error) {
          client.release(error);
          if (error === undefined) client.off('error', ignore);
          gate.leave();
        },
      };
    },
    close() {
      if (!closed) stopListening();
      closed = true;
    },
  };
}

const watchedPools = new WeakMap<PostgresPool, { users: number; readonly listener: () => void }>();

/** An idle client that loses its connection makes the pool emit `error`, which ends the process where nobody listens. */
function listenForErrors(pool: PostgresPool): () => void {
  const watched = watchedPools.get(pool) ?? { users: 0, listener: () => undefined };
  watchedPools.set(pool, watched);
  watched.users += 1;
  if (watched.users === 1) pool.on('error', watched.listener);
  return () => {
    watched.users -= 1;
    if (watched.users === 0) pool.off('error', watched.listener);
  };
}

/**
 * Lets through as many calls as the pool has clients. A call that waits inside the pool would get a client whose connecting
 * nothing bounds; one that is stuck there would take its place in the pool for good.
 */
class Gate {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  async enter(deadline: Deadline): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    let enter: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => {
      enter = resolve;
      this.#waiting.add(enter);
    });
    await within(turn, deadline.left(), noClient).catch((error: unknown) => {
      // A turn that came in the same moment goes to the next.
      if (!this.#waiting.delete(enter)) this.leave();
      throw unavailable(error, false);
    });
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

const noClient = (): Error => new Error('all connections of the pool stayed in use');

/** Takes clients from the pool, in time. */
class Connector {
  readonly #pool: PostgresPool;
  /** Calls that were promised an idle client: the pool hands it out a tick later. */
  readonly #claims = new Set<Promise<PostgresClient>>();

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  async connect(deadline: Deadline): Promise<PostgresClient> {
    let connecting: Promise<PostgresClient> | undefined;
    try {
      // Checked anew right before starting, since others go on while this waits.
      for (let claim = this.#claim(); claim !== undefined; claim = this.#claim()) await settled(claim, deadline);
      const isIdle = this.#idle() > 0;
      connecting = this.#start(deadline.left());
      if (isIdle) this.#claims.add(connecting);
      return await within(connecting, deadline.left(), noConnection);
    } catch (error) {
      void connecting?.then(giveBackUnused, ignore);
      throw databaseFault(error, false);
    } finally {
      if (connecting !== undefined) this.#claims.delete(connecting);
    }
  }

  /** A call beyond the idle clients would make the pool connect on its own, later, when nothing bounds it any more. */
  #claim(): Promise<PostgresClient> | undefined {
    const [first] = this.#claims;
    return this.#idle() > this.#claims.size ? undefined : first;
  }

  #idle(): number {
    return this.#pool.idleCount ?? 0;
  }

  /**
   * Starts connecting with this deadline, where the pool has none or a longer one, so that the pool itself gives up a connection
   * that is never answered. The pool reads its option at once; for every other use it stays as the caller set it.
   */
  #start(ms: number): Promise<PostgresClient> {
    const { options } = this.#pool;
    const own = options?.connectionTimeoutMillis;
    if (options === undefined || Object.isFrozen(options) || (own !== undefined && own > 0 && own <= ms)) {
      return connected(this.#pool);
    }
    options.connectionTimeoutMillis = Math.max(moment, Math.ceil(ms));
    try {
      return connected(this.#pool);
    } finally {
      if (own === undefined) delete options.connectionTimeoutMillis;
      else options.connectionTimeoutMillis = own;
    }
  }
}

/**
 * Takes a client. It is listened to from the moment in which the pool no longer does so: a promise would come later than an error
 * that arrived in the same packet, and an error without a listener ends the process.
 */
function connected(pool: PostgresPool): Promise<PostgresClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) {
        reject(error ?? new Error('the pool gave no client'));
        return;
      }
      client.on('error', ignore);
      resolve(client);
    });
  });
}

function giveBackUnused(client: PostgresClient): void {
  client.release();
  client.off('error', ignore);
}

const ignore = (): void => undefined;

async function settled(promise: Promise<unknown>, deadline: Deadline): Promise<void> {
  const either = promise.then(
    () => undefined,
    () => undefined,
  );
  await within(either, deadline.left(), noConnection);
}

const noConnection = (): Error => new Error('no connection in time');

async function useClient<T>(
  checkedOut: CheckedOutClient,
  deadline: Deadline,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    await checkedOut.prepareSession(deadline);
    return await work(checkedOut);
  } finally {
    await checkedOut.giveBack();
  }
}

/** What a client's session is given for a call, and what gives it back its own; null where it has that already. */
interface Settings {
  readonly set: string;
  readonly reset: string;
}
const currentSettings =
  "SELECT current_setting('datestyle') AS style, current_setting('default_transaction_isolation') AS isolation";
const sessionSettings = new WeakMap<PostgresClient, Settings | null>();

/**
 * Dates in ISO style, which alone can be read without guessing; and statements outside a transaction at read committed, without which
 * a step that waited for another would fail rather than see what that one did.
 */
function settingsFor(current: { readonly style: string; readonly isolation: string }): Settings | null {
  if (current.style.startsWith('ISO') && current.isolation === 'read committed') return null;
  const isolation = 'SET default_transaction_isolation TO';
  return {
    set: `SET datestyle TO ISO; ${isolation} 'read committed'`,
    reset: `SET datestyle TO ${current.style}; ${isolation} '${current.isolation}'`,
  };
}

class CheckedOutClient implements Session {
  readonly #client: PostgresClient;
  readonly #timeoutMs: number;
  readonly #isShared: boolean;
  #failure: Error | undefined;
  isForeign = false;

  constructor(client: PostgresClient, timeoutMs: number, isShared: boolean) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#isShared = isShared;
    client.on('error', this.#onError);
    client.off('error', ignore);
  }

  async run(statement: PostgresStatement, deadline: Deadline): Promise<PostgresResult> {
    if (this.#failure !== undefined) throw unavailable(this.#failure, false);
    try {
      return await within(this.#client.query(statement), deadline.left(), () => new Error('no answer in time'));
    } catch (error) {
      if (endsConnection(error)) this.#onError(error);
      throw databaseFault(error, true);
    }
  }

  get begin(): string {
    return `BEGIN ISOLATION LEVEL READ COMMITTED${this.isForeign ? '; SET LOCAL datestyle TO ISO' : ''}`;
  }

  async rollback(): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.run({ text: 'ROLLBACK' }, deadlineIn(this.#timeoutMs)).catch(this.#onError);
  }

  /** Gives the session the settings that the service needs; `giveBack` puts back what it changes. */
  async prepareSession(deadline: Deadline): Promise<void> {
    let settings = sessionSettings.get(this.#client);
    if (settings === undefined) {
      const { rows } = await this.run({ text: currentSettings, types: columnTypes }, deadline);
      const [style, isolation] = Object.values(rows[0] ?? {}).map(String);
      settings = settingsFor({ style: style ?? '', isolation: isolation ?? '' });
      sessionSettings.set(this.#client, settings);
    }
    this.isForeign = settings !== null && this.#isShared;
    if (settings !== null && !this.#isShared) await this.run({ text: settings.set }, deadline);
  }

  async giveBack(): Promise<void> {
    const settings = sessionSettings.get(this.#client) ?? null;
    if (settings !== null && !this.#isShared && this.#failure === undefined) {
      await this.run({ text: settings.reset }, deadlineIn(this.#timeoutMs)).catch(this.#onError);
    }
    this.#client.release(this.#failure);
    // A client that was destroyed can still tell of its end, and the pool listens to it no more.
    if (this.#failure === undefined) this.#client.off('error', this.#onError);
  }

  readonly #onError = (error: unknown): void => {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
  };
}

/** Reads columns the same way whatever parsers the caller's pool has. */
export const columnTypes = { getTypeParser: columnParser };
