/** Owns the running server: database, migration, HTTP, and the order in which they start and end. */
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigurationError } from '@strata/core';
import type { FastifyInstance } from 'fastify';
import { isEmptyStore, seedDemo } from './demo/seed.ts';
import type { LiveOptions } from './live/live.ts';
import { loopbackAddress } from './loopback.ts';
import { createServer, type ServerOptions } from './server.ts';
import { openStore, type StoreOptions } from './store.ts';

/** What `serve` takes. */
export interface ServeOptions extends StoreOptions, Pick<ServerOptions, 'requestTimeout' | keyof LiveOptions> {
  /** An address of this machine. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default: 7420; 0 takes a free one. */
  readonly port?: number | undefined;
  /**
   * How long the server goes on answering once it is told to close, in milliseconds: it is not ready (`/readyz`) and takes no new streams,
   * so that whoever sends it requests can turn elsewhere. Default: 0.
   */
  readonly drainDelay?: number | undefined;
  /** How long requests under way may take once the server closes, in milliseconds. Default: 10,000. */
  readonly closeGrace?: number;
  /** Whether an embedded database without any commit is filled with the fleet demo first. Default: false. */
  readonly demo?: boolean;
  /** Where the line goes that tells of the demo, and the one that says where it listens. Default: standard output. */
  readonly print?: (line: string) => void;
}

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  /**
   * Is no longer ready and moves its streams elsewhere, accepts nothing more, finishes the requests under way, then ends the service
   * and its database. May be called again.
   */
  close(): Promise<void>;
}

/**
 * Opens the database, migrates it and serves it over HTTP, on this machine alone. Faults are logged as JSON lines on standard
 * error.
 * @throws ConfigurationError `not_loopback`, `cannot_listen`, `unavailable` when the database is away, and what `migrate` throws;
 *   everything that was opened is closed again then.
 */
export async function serve(options: ServeOptions = {}): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 7420, closeGrace = 10_000, drainDelay = 0, print = printLine } = options;
  const address = await loopbackAddress(host);
  const logger: { onIdleError: (error: Error) => void } = { onIdleError: () => undefined };
  const store = await openStore(options, (error) => logger.onIdleError(error));
  try {
    await store.service.migrate();
    if (options.demo === true && options.databaseUrl === undefined && (await isEmptyStore(store.service))) {
      await seedDemo(store.service);
      print('The store was empty and now holds the fleet demo (docs/demo.md); --no-demo leaves it empty');
    }
    const ending = new AbortController();
    const app = createServer(store.service, {
      logger: { level: 'warn', stream: process.stderr },
      ...(options.requestTimeout === undefined ? {} : { requestTimeout: options.requestTimeout }),
      heartbeatInterval: options.heartbeatInterval,
      maxWaiting: options.maxWaiting,
      ending: ending.signal,
    });
    // The error itself carries its client, with all statements and settings.
    logger.onIdleError = (error) => app.log.warn({ problem: explain(error) }, 'a connection was lost');
    const url = await listen(app, address, port);
    print(`Strata listens on ${url} (${store.place})`);
    let closed: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      ending.abort();
      if (drainDelay > 0) await delay(drainDelay);
      await closeAll(app, closeGrace, () => store.close());
    };
    return { url, close: () => (closed ??= close()) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw new ConfigurationError('cannot_listen', { host, port, problem: explain(error) }, { cause: error });
  }
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'another program listens there. Stop that program or choose another port';
  if (code === 'EACCES') return 'this user may not use that port. Choose one above 1023';
  return error instanceof Error ? error.message : String(error);
}

async function closeAll(app: FastifyInstance, grace: number, closeStore: () => Promise<void>): Promise<void> {
  const deadline = setTimeout(() => {
    app.server.closeAllConnections();
  }, grace);
  try {
    await app.close();
  } finally {
    clearTimeout(deadline);
    await closeStore();
  }
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
