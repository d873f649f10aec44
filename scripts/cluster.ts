/** Owns `npm run cluster`: one PostgreSQL, one Redis where there is one, and servers of Strata on them, until it is told to end. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Member } from './cluster-member.ts';
import { initializePostgres, isPostgresDirectory, makePrivateDirectory, spawnPostgres } from './postgres-server.ts';

const usage = `Usage: npm run cluster -- [options]

  --port <number>       the port of the first server; the others, PostgreSQL and Redis follow (default: 7431; 0 takes free ones)
  --servers <number>    how many servers (default: 3)
  --directory <path>    where PostgreSQL keeps its data (default: ./.cluster)

DATABASE_URL and REDIS_URL name a PostgreSQL and a Redis to use instead of starting them. Without REDIS_URL a Redis is started
where redis-server is on the PATH.`;

/** How long a process may take to end before it is killed, in milliseconds. */
const grace = 15_000;
const root = resolve(import.meta.dirname, '..');

interface Options {
  readonly port: number;
  readonly servers: number;
  readonly directory: string;
}

class Cluster {
  readonly #options: Options;
  readonly #servers: Member[] = [];
  /** What the servers rest on; it ends after them, the last first, with SIGINT: to PostgreSQL that means at once and in order. */
  readonly #stores: Member[] = [];
  #ending: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Starts everything and tells the addresses. */
  async start(): Promise<void> {
    const databaseUrl = given('DATABASE_URL') ?? (await this.#startPostgres());
    const redisUrl = given('REDIS_URL') ?? (await this.#startRedis());
    const numbers = Array.from({ length: this.#options.servers }, (_, n) => n + 1);
    const urls = await Promise.all(numbers.map((number) => this.#startServer(number, databaseUrl, redisUrl)));
    say(`PostgreSQL: ${given('DATABASE_URL') === undefined ? databaseUrl : 'the one of DATABASE_URL'}`);
    const noRedis = 'none; redis-server is not on the PATH';
    say(`Redis: ${given('REDIS_URL') === undefined ? (redisUrl ?? noRedis) : 'the one of REDIS_URL'}`);
    for (const [n, url] of urls.entries())
      say(`server ${String(n + 1)}: ${url} (pid ${String(this.#servers[n]?.pid)})`);
    say('ready; Ctrl-C ends all of it');
  }

  /** Resolves when the last server has ended, or `end` was called and all is over. */
  async over(): Promise<void> {
    await Promise.all(this.#servers.map(({ ended }) => ended));
    await this.end('SIGTERM');
  }

  /** Passes a signal on to the servers, then ends the rest. A second call kills what is left. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#ending ??= this.#endAll(signal);
    await this.#ending;
  }

  /** Kills everything at once. */
  kill(): void {
    for (const member of [...this.#servers, ...this.#stores]) member.signal('SIGKILL');
  }

  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  async #endAll(signal: NodeJS.Signals): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.end(signal, grace)));
    for (const store of this.#stores.reverse()) await store.end('SIGINT', grace);
  }

  #add(members: Member[], member: Member): Member {
    members.push(member);
    void member.ended.then(() => {
      if (!this.isEnding) say(`${member.name} ended (${member.outcome}); it is not started again`);
    });
    if (!this.isEnding) return member;
    member.signal('SIGKILL');
    throw new Error('told to end');
  }

  async #startPostgres(): Promise<string> {
    const directory = join(this.#options.directory, 'postgres');
    const passwordFile = join(this.#options.directory, 'password');
    makePrivateDirectory(this.#options.directory);
    if (!isPostgresDirectory(directory)) {
      const password = randomBytes(12).toString('hex');
      writeFileSync(passwordFile, password, { mode: 0o600 });
      await initializePostgres(directory, password);
    }
    const port = await this.#port(this.#options.servers);
    const child = await spawnPostgres(directory, port, { log_checkpoints: 'off', log_min_messages: 'log' });
    await this.#add(this.#stores, new Member('postgres', child)).ready(/ready to accept connections/);
    return `postgres://postgres:${readFileSync(passwordFile, 'utf8')}@127.0.0.1:${String(port)}/postgres`;
  }

  async #startRedis(): Promise<string | undefined> {
    const program = onPath('redis-server');
    if (program === undefined) return undefined;
    const port = String(await this.#port(this.#options.servers + 1));
    const settings = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn(program, settings, { cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    await this.#add(this.#stores, new Member('redis', child)).ready(/ready to accept connections/i);
    return `redis://127.0.0.1:${port}`;
  }

  async #startServer(number: number, databaseUrl: string, redisUrl: string | undefined): Promise<string> {
    const main = join(root, 'packages/cli/src/main.ts');
    const port = this.#options.port === 0 ? 0 : this.#options.port + number - 1;
    const child = spawn(
      process.execPath,
      ['--conditions=source', '--no-warnings', main, 'serve', '--host', '127.0.0.1', '--port', String(port)],
      {
        env: {
          ...process.env,
          DATABASE_URL: databaseUrl,
          ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
        },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const server = this.#add(this.#servers, new Member(`server ${String(number)}`, child));
    const [, url = ''] = await server.ready(/listens on (http\S+)/);
    return url;
  }

  /** The port `offset` after the first server's, or a free one. */
  async #port(offset: number): Promise<number> {
    if (this.#options.port !== 0) return this.#options.port + offset;
    const probe = createServer();
    await new Promise<void>((done, fail) => probe.once('error', fail).listen(0, '127.0.0.1', done));
    const address = probe.address();
    await new Promise((done) => probe.close(done));
    if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
    return address.port;
  }
}

function say(line: string): void {
  console.log(`cluster | ${line}`);
}

function given(name: 'DATABASE_URL' | 'REDIS_URL'): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '7431' },
      servers: { type: 'string', default: '3' },
      directory: { type: 'string', default: join(root, '.cluster') },
    },
  });
  const [port, servers] = [Number(values.port), Number(values.servers)];
  if (!Number.isInteger(port) || port < 0 || port > 65_000) throw new Error(`--port: ${values.port} is no port`);
  if (!Number.isInteger(servers) || servers < 1 || servers > 100)
    throw new Error(`--servers: give a number from 1 to 100, not ${values.servers}`);
  return { port, servers, directory: resolve(values.directory) };
}

async function run(options: Options): Promise<void> {
  const cluster = new Cluster(options);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (cluster.isEnding) cluster.kill();
      else void cluster.end(signal);
    });
  }
  try {
    await cluster.start();
  } catch (error) {
    const isTold = cluster.isEnding;
    await cluster.end('SIGTERM');
    if (isTold) return;
    throw error;
  }
  await cluster.over();
}

function fail(error: unknown, ...more: string[]): void {
  console.error([`cluster | ${error instanceof Error ? error.message : String(error)}`, ...more].join('\n\n'));
  process.exitCode = 1;
}

let options: Options | undefined;
try {
  options = readOptions();
} catch (error) {
  fail(error, usage);
}
if (options !== undefined) await run(options).catch(fail);
