/** Owns the Redis servers of tests: on a free port of the loopback, without files, ended by their own process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import { freePort } from './postgres.setup.ts';

const binaries = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'];

/** What a user may have set otherwise. */
export interface ClientOptions {
  readonly enableOfflineQueue?: boolean;
  readonly lazyConnect?: boolean;
  readonly keyPrefix?: string;
  /** Where a proxy in front of the server listens. */
  readonly port?: number;
}

/** A Redis server of one test file. */
export interface RedisServer {
  readonly port: number;
  /** A client with the settings that a user starts with; it is ended with the server. */
  client(options?: ClientOptions): Redis;
  /** Stops it for good, or until `start`, as `kill -9` does. All that it held is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
  /** Lets it answer nothing until `resume`, with all connections open. */
  pause(): void;
  resume(): void;
  /** Ends the clients and the server. */
  close(): Promise<void>;
}

/** Starts a Redis server. @param directory where `SAVE` puts its file. */
export async function startRedis(directory = tmpdir()): Promise<RedisServer> {
  const binary = binaries.find((path) => existsSync(path));
  if (binary === undefined) {
    throw new Error('Redis is tested with a real server, and there is none here. Run: apt-get install -y redis-server');
  }
  const port = await freePort();
  const clients: Redis[] = [];
  let child: ChildProcess | undefined;

  const client = (options: ClientOptions = {}): Redis => {
    const redis = new Redis({ host: '127.0.0.1', port, ...options });
    // Without a listener the client writes every lost connection to the console.
    redis.on('error', () => undefined);
    clients.push(redis);
    return redis;
  };
  const start = async (): Promise<void> => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    child = spawn(binary, [...settings, '--dir', directory], { stdio: 'ignore' });
    const probe = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => 20 });
    probe.on('error', () => undefined);
    await vi.waitFor(async () => expect(await probe.ping()).toBe('PONG'), { timeout: 10_000, interval: 20 });
    probe.disconnect();
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running?.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    port,
    client,
    kill,
    start,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async close() {
      for (const redis of clients.splice(0)) redis.disconnect();
      await kill();
    },
  };
}
