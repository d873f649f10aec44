/** Owns servers of feed tests: `strata serve` in processes of their own, on ports that they keep, behind proxies that can be cut. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnvironment } from '../node-environment.ts';
import { freePort } from '../postgres.setup.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts');

/** A server that can be killed and started again. */
export class ServerProcess {
  /** Where its clients reach it. */
  readonly url: string;
  readonly proxy: TcpProxy;
  readonly #directory = mkdtempSync(join(tmpdir(), 'strata-test-server-'));
  readonly #port: number;
  readonly #databaseUrl: string;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(port: number, proxy: TcpProxy, databaseUrl: string) {
    this.#port = port;
    this.#databaseUrl = databaseUrl;
    this.proxy = proxy;
    this.url = `http://127.0.0.1:${String(proxy.port)}`;
  }

  /** Starts a server on a store. */
  static async start(databaseUrl: string): Promise<ServerProcess> {
    const port = await freePort();
    const proxy = await startTcpProxy({ host: '127.0.0.1', port });
    const server = new ServerProcess(port, proxy, databaseUrl);
    await server.start();
    return server;
  }

  /** Starts it again after `kill`. Resolves when it answers. */
  async start(): Promise<void> {
    this.#output = '';
    const child = spawn(
      process.execPath,
      ['--conditions=source', '--no-warnings', main, 'serve', '--port', String(this.#port), '--no-demo'],
      {
        cwd: this.#directory,
        env: { ...nodeEnvironment(), DATABASE_URL: this.#databaseUrl },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    const isUp = new Promise<void>((resolve, reject) => {
      const read = (data: unknown): void => {
        this.#output += String(data);
        if (this.#output.includes('listens on')) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', () => reject(new Error(`the server ended: ${this.#output}`)));
    });
    await isUp;
  }

  /** What it has printed since it was started. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal to it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Kills it for good. */
  async end(): Promise<void> {
    await this.kill();
    await this.proxy.close();
    rmSync(this.#directory, { recursive: true });
  }
}
