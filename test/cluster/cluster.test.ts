/** Owns the proof of `npm run cluster`: real processes that serve one store, go on without one of them, and leave nothing behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createClient } from '@strata/client';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { createSchema } from '../databases.ts';
import { isAlive } from '../kill/cluster.ts';
import { nodeEnvironment } from '../node-environment.ts';

const root = join(import.meta.dirname, '../..');
const startTimeout = 60_000;

interface Server {
  readonly url: string;
  readonly pid: number;
}

/** A cluster as a user starts it, on free ports. */
class RunningCluster {
  readonly #child: ChildProcess;
  output = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn('npm', ['run', 'cluster', '--', '--port', '0', ...args], {
      cwd: root,
      env: { ...nodeEnvironment(), ...environment },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (data) => (this.output += String(data)));
    }
    running.push(this.#child);
  }

  async ready(): Promise<void> {
    await this.says('cluster | ready');
  }

  async says(text: string): Promise<void> {
    await vi.waitFor(() => expect(this.output).toContain(text), { timeout: startTimeout, interval: 50 });
  }

  get servers(): Server[] {
    return [...this.output.matchAll(/^cluster \| server \d+: (\S+) \(pid (\d+)\)$/gm)].map(([, url = '', pid]) => ({
      url,
      pid: Number(pid),
    }));
  }

  /** The process that npm runs, and every process that this one has started. */
  get processes(): number[] {
    const programs = childrenOf(this.#child.pid ?? 0);
    return [...programs, ...programs.flatMap(childrenOf)];
  }

  /** Ends it; its exit status. */
  async end(signal: NodeJS.Signals): Promise<unknown> {
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8').split(' ');
  return children.filter((child) => child !== '').map(Number);
}

const running: ChildProcess[] = [];
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-cluster-'));
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
  await rm(directory, { recursive: true, force: true });
});

function client({ url }: Server): ReturnType<typeof createClient> {
  return createClient({ url, actor: 'ada' });
}

/** Waits until a server answers with the value. */
async function hears(server: Server | undefined, value: number, timeout = 1000): Promise<void> {
  if (server === undefined) throw new Error('there is no such server');
  await vi.waitFor(async () => expect((await client(server).getValue('limit')).value).toBe(value), {
    timeout,
    interval: 10,
  });
}

describe('npm run cluster', () => {
  it('serves one store from three processes, goes on without one, keeps its data and leaves no process', async () => {
    const cluster = new RunningCluster(['--directory', directory]);
    await cluster.ready();
    const [first, second, third] = cluster.servers;
    if (first === undefined || second === undefined || third === undefined) throw new Error(cluster.output);
    expect(new Set(cluster.servers.map(({ pid }) => pid)).size).toBe(3);

    await client(first).set('limit', 1, { scope: 'global' });
    await hears(second, 1);
    await hears(third, 1);

    const started = cluster.processes;
    expect(started.length).toBeGreaterThanOrEqual(5);
    process.kill(second.pid, 'SIGKILL');
    await cluster.says('cluster | server 2 ended (SIGKILL); it is not started again');
    await client(third).set('limit', 2, { scope: 'global' });
    await hears(first, 2);
    expect(cluster.processes).toHaveLength(started.length - 1);

    expect(await cluster.end('SIGINT')).toBe(0);
    expect(started.filter(isAlive)).toEqual([]);
    expect(existsSync(join(directory, 'postgres/postmaster.pid'))).toBe(false);

    const again = new RunningCluster(['--directory', directory, '--servers', '1']);
    await again.ready();
    await hears(again.servers[0], 2, 5000);
    const others = again.processes;
    expect(await again.end('SIGTERM')).toBe(0);
    expect(others.filter(isAlive)).toEqual([]);
  }, 180_000);

  it('uses the PostgreSQL and the Redis that it is given, and ends when its servers have', async () => {
    const drop = await createSchema('cluster');
    const { host, port, user, password, database } = inject('postgres');
    const url = `postgres://${user}:${password}@${host}:${String(port)}/${database}?options=-c%20search_path%3Dcluster`;
    const cluster = new RunningCluster(['--directory', directory, '--servers', '2'], {
      DATABASE_URL: url,
      REDIS_URL: 'redis://127.0.0.1:1',
    });
    await cluster.ready();
    // The servers, and what started them.
    expect(cluster.processes).toHaveLength(cluster.servers.length + 1);
    expect(cluster.output).not.toContain(`${user}:${password}@`);
    expect(existsSync(join(directory, 'postgres'))).toBe(false);
    const [first, second] = cluster.servers;
    if (first === undefined || second === undefined) throw new Error(cluster.output);
    await client(first).set('limit', 3, { scope: 'global' });
    await hears(second, 3);
    for (const { pid } of cluster.servers) process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(running[0]?.exitCode).toBe(0), { timeout: 20_000 });
    await drop();
  }, 120_000);

  it('ends what it has started when a part cannot start', async () => {
    const cluster = new RunningCluster(['--directory', directory, '--servers', '2'], {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    });
    await cluster.says('ended before it was ready');
    await vi.waitFor(() => expect(running[0]?.exitCode).toBe(1), { timeout: 20_000 });
  }, 60_000);
});
