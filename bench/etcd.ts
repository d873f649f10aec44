/** Owns an etcd of a benchmark: Debian's, alone on the loopback, durable as by default, removed afterwards. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from './postgres.ts';

/** An etcd that runs. */
export interface Etcd {
  readonly version: string;
  /** `host:port` for clients. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts an etcd. @throws when none is installed, saying how to get one. */
export async function startEtcd(): Promise<Etcd> {
  const version = versionOf();
  const directory = mkdtempSync(join(tmpdir(), 'strata-bench-etcd-'));
  const address = `127.0.0.1:${String(await freePort())}`;
  const peer = `http://127.0.0.1:${String(await freePort())}`;
  const server = spawn(
    'etcd',
    [
      ...['--data-dir', directory],
      ...['--listen-client-urls', `http://${address}`, '--advertise-client-urls', `http://${address}`],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
      ...['--log-level', 'error'],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  await untilHealthy(address);
  return {
    version,
    address,
    async stop() {
      server.kill();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function versionOf(): string {
  const { stdout, error } = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error('etcd is not installed: apt-get install etcd-server', { cause: error });
  return /etcd Version: (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

async function untilHealthy(address: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const healthy = await fetch(`http://${address}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (healthy) return;
    await wait(100);
  }
  throw new Error('etcd did not become healthy within ten seconds');
}
