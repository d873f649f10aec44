/** Owns one PostgreSQL of a pair: made new, or as a copy of another one that is running; killed whole, promoted, ended. */
import { chownSync, copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import {
  initializePostgres,
  spawnPostgres,
  unprivilegedUser,
  type OutputProcess,
} from '../../scripts/postgres-server.ts';
import { isAlive, serverProcesses } from '../kill/cluster.ts';
import { freePort, type PostgresAddress } from '../postgres.setup.ts';

const password = 'postgres';

const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '16MB',
  max_connections: '60',
  timezone: 'UTC',
  // A connection to a server that is gone is tried again soon.
  wal_retrieve_retry_interval: '100ms',
};

/** What a server keeps for itself: a copy begins without it. Of `pg_wal` only the folder is copied, since a standby streams it. */
const ownFiles = /^(?:postmaster\.(?:pid|opts)|postgresql\.auto\.conf|standby\.signal|pg_internal\.init.*)$/;
const emptyFolders = new Set(['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans']); // prettier-ignore

/** A server in a directory of its own. */
export class PostgresNode {
  readonly address: PostgresAddress;
  readonly #directory: string;
  #process: OutputProcess | undefined;
  #log = '';

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.address = { host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' };
  }

  /** Makes and starts a new one. */
  static async create(directory: string): Promise<PostgresNode> {
    await initializePostgres(directory, password, ['--wal-segsize=1', '--no-sync']);
    const node = new PostgresNode(directory, await freePort());
    await node.start();
    return node;
  }

  /** Makes and starts a standby of a running server, which follows it over a slot. @param port where the way to that server begins. */
  static async follow(primary: PostgresNode, directory: string, port: number): Promise<PostgresNode> {
    const node = new PostgresNode(directory, await freePort());
    const slot = `slot_${String(node.address.port)}`;
    await primary.query(`SELECT pg_create_physical_replication_slot('${slot}', true)`);
    const { host, user } = primary.address;
    await primary.backUp(directory);
    node.#write('standby.signal', '');
    node.#configure({
      primary_conninfo: `host=${host} port=${String(port)} user=${user} password=${password}`,
      primary_slot_name: slot,
    });
    await node.start();
    return node;
  }

  /** Copies the files of this server while it runs, as `pg_basebackup` does: what changed meanwhile is in its log. */
  async backUp(directory: string): Promise<void> {
    const client = new pg.Client(this.address);
    await client.connect();
    try {
      await client.query("SELECT pg_backup_start('copy', fast => true)");
      copyFolder(this.#directory, directory);
      const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
      const file = join(directory, 'backup_label');
      writeFileSync(file, rows[0]?.labelfile ?? '', { mode: 0o600 });
      own(file);
    } finally {
      await client.end();
    }
  }

  /** Starts it. Resolves when it takes connections, for reading at least. */
  async start(): Promise<void> {
    const child = await spawnPostgres(this.#directory, this.address.port, settings);
    this.#process = child;
    child.stdout.resume();
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (data) => {
        this.#log = `${this.#log}${String(data)}`.slice(-20_000);
        if (this.#log.includes('system is ready to accept')) resolve();
      });
      child.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${this.#log}`)));
    });
    this.#log = '';
  }

  /** Kills all its processes at once, and waits until they are gone. */
  async kill(): Promise<void> {
    const processes = serverProcesses(this.#directory);
    if (processes.length < 2) throw new Error('the server does not run');
    for (const pid of processes) process.kill(pid, 'SIGKILL');
    while (processes.some(isAlive)) await wait(2);
    this.#process = undefined;
  }

  /** Stops it as it wants to be stopped, where it runs. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    await ended;
  }

  /** Ends it and takes its files away. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Makes a standby the primary. Resolves when it takes writes. */
  async promote(): Promise<void> {
    const [row] = await this.query<{ done: boolean }>('SELECT pg_promote(true, 30) AS done');
    if (row?.done !== true) throw new Error(`the standby was not promoted:\n${this.#log}`);
  }

  /** Lets commits wait for the standby, or not. Resolves when a standby is what was asked for. */
  async setSynchronous(isSynchronous: boolean): Promise<void> {
    await this.query(`ALTER SYSTEM SET synchronous_standby_names = '${isSynchronous ? '*' : ''}'`);
    await this.query('SELECT pg_reload_conf()');
    const wanted = isSynchronous ? 'sync' : 'async';
    const state = "SELECT FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = $1";
    for (let tries = 0; (await this.query(state, [wanted])).length !== 1; tries += 1) {
      if (tries > 3000) throw new Error(`no standby is ${wanted}:\n${this.#log}`);
      await wait(10);
    }
  }

  /** Waits until no writer that was killed has a statement under way. */
  async quiet(): Promise<void> {
    const busy =
      "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()";
    while ((await this.query(busy)).length > 0) await wait(5);
  }

  /** Runs a statement as the administrator. */
  async query<R extends pg.QueryResultRow>(text: string, values: readonly string[] = []): Promise<R[]> {
    const client = new pg.Client(this.address);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<R>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  #configure(values: Readonly<Record<string, string>>): void {
    const lines = Object.entries(values).map(([name, value]) => `${name} = '${value}'\n`);
    this.#write('postgresql.auto.conf', lines.join(''));
  }

  #write(name: string, text: string): void {
    const file = join(this.#directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    own(file);
  }
}

function own(path: string): void {
  const { uid, gid } = unprivilegedUser();
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  own(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (ownFiles.test(entry.name)) continue;
    if (entry.isDirectory()) {
      if (emptyFolders.has(entry.name)) copyFolders(source, target);
      else copyFolder(source, target);
    } else {
      copyFileSync(source, target);
      own(target);
    }
  }
}

/** Copies folders alone, without what is in them. */
function copyFolders(from: string, to: string): void {
  mkdirSync(to, { mode: 0o700 });
  own(to);
  if (!from.endsWith('pg_wal')) return;
  for (const name of readdirSync(from)) {
    if (statSync(join(from, name)).isDirectory()) copyFolders(join(from, name), join(to, name));
  }
}
