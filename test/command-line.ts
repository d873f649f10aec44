/** Owns the `strata` command for tests: real processes, from the sources, against a real server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ConfigurationManagementService, Database, ServiceOptions } from '@strata/service';
import { startTestServer } from './http-server.ts';
import { nodeEnvironment } from './node-environment.ts';

const main = join(import.meta.dirname, '../packages/cli/src/main.ts');

/** What a command has done. */
export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** What a command gets besides its arguments. */
export interface Surroundings {
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The command with a server of its own, which it talks to as `ann`, in a directory of its own, in UTC. */
export interface CommandLine {
  readonly url: string;
  readonly directory: string;
  readonly service: ConfigurationManagementService;
  readonly database: Database;
  readonly run: (args: readonly string[], surroundings?: Surroundings) => Promise<Outcome>;
  /** The JSON that a command prints with `--json`; a failure fails the test. */
  json(args: readonly string[], surroundings?: Surroundings): Promise<unknown>;
  close(): Promise<void>;
}

/** Starts a server on an empty database in memory; `keys` as for `startTestServer`. */
export async function startCommandLine(
  settings: ServiceOptions = {},
  keys?: Pick<ServiceOptions, 'encryptionKey'>,
): Promise<CommandLine> {
  const server = await startTestServer({}, settings, keys);
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  const directory = await mkdtemp(join(tmpdir(), 'strata-test-cli-'));
  const run = (args: readonly string[], { stdin, environment = {} }: Surroundings = {}): Promise<Outcome> =>
    runCommand(args, directory, { STRATA_URL: url, STRATA_ACTOR: 'ann', TZ: 'UTC', ...environment }, stdin);
  return {
    url,
    directory,
    service: server.service,
    database: server.database,
    run,
    async json(args, surroundings) {
      const { code, out, errors } = await run([...args, '--json'], surroundings);
      if (code !== 0) throw new Error(`strata ${args.join(' ')} ended with ${String(code)}: ${errors}`);
      return JSON.parse(out) as unknown;
    },
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Runs the command with an environment that holds nothing else. */
export async function runCommand(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
  stdin = '',
): Promise<Outcome> {
  const child = spawn(process.execPath, ['--conditions=source', main, ...args], {
    cwd,
    env: { ...nodeEnvironment(), ...environment },
  });
  // A command that does not read its input has ended before all of it is written.
  child.stdin.on('error', () => undefined).end(stdin);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, errors };
}
