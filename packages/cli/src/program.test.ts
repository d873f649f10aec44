import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createSchema } from '../../../test/databases.ts';
import { nodeEnvironment } from '../../../test/node-environment.ts';

const main = join(import.meta.dirname, 'main.ts');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'strata-test-cli-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts `strata` from its sources, in a directory of this test and without the environment of whoever runs it. */
function start(args: readonly string[], environment: Record<string, string> = {}): ReturnType<typeof spawnStrata> {
  const child = spawnStrata(args, environment);
  children.push(child);
  return child;
}

function spawnStrata(args: readonly string[], environment: Record<string, string>) {
  return spawn(process.execPath, ['--conditions=source', main, ...args], {
    cwd: directory,
    env: { ...nodeEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const child = start(args, environment);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, errors };
}

/** Starts `strata serve` on a free port and waits until it says where it listens; `told` is all that it said. */
async function serve(
  args: readonly string[] = ['--no-demo'],
): Promise<{ readonly child: ReturnType<typeof spawnStrata>; readonly told: string; readonly url: string }> {
  const child = start(['serve', '--port', '0', ...args]);
  child.stdout.setEncoding('utf8');
  let told = '';
  let url: string | undefined;
  while (url === undefined) {
    told += ((await once(child.stdout, 'data')) as [string])[0];
    url = /listens on (http:\S+) .*\n/.exec(told)?.[1];
  }
  return { child, told, url };
}

describe('strata', () => {
  it('prints its version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: '0.1.0\n', errors: '' });
  });

  it('explains itself with examples and exit codes', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const part of ['serve', 'migrate', 'Examples:', 'Exit codes:']) expect(out).toContain(part);
  });

  it.each([
    [['unknown'], "unknown command 'unknown'"],
    [['serve', '--unknown'], "unknown option '--unknown'"],
    [['serve', '--port', 'http'], 'A port is a number from 0 to 65535.'],
    [['serve', '--port', '65536'], 'A port is a number from 0 to 65535.'],
    [['migrate', 'now'], 'too many arguments'],
  ])('ends %j with exit code 2', async (args, message) => {
    const { code, out, errors } = await run(args);
    expect([code, out]).toEqual([2, '']);
    expect(errors).toContain(message);
  });

  it('without a command shows its help and ends with exit code 2', async () => {
    const { code, errors } = await run([]);
    expect(code).toBe(2);
    expect(errors).toContain('Usage: strata');
  });

  it.each([
    [['serve', '--host', '0.0.0.0'], {}, 'so it listens only on this machine: "0.0.0.0" is not a loopback address'],
    [['serve'], { HOST: '10.0.0.1' }, '"10.0.0.1" is not a loopback address'],
    [['serve'], { DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:9/none' }, 'The database did not answer'],
    [['migrate'], { DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:9/none' }, 'The database did not answer'],
  ])('ends %j with exit code 1 and one line when it fails', async (args, environment, message) => {
    const { code, out, errors } = await run(args, environment);
    expect([code, out]).toEqual([1, '']);
    expect(errors).toContain(message);
    expect(errors).toMatch(/^strata: [^\n]*\n$/);
    expect(errors).not.toContain('hunter2');
  });
});

describe('strata migrate', () => {
  it('applies what is missing, and nothing the second time', async () => {
    const { host, port, user, password, database } = inject('postgres');
    const schema = 'test_cli_migrate';
    const drop = await createSchema(schema);
    const url = `postgres://${user}:${password}@${host}:${String(port)}/${database}?options=-c%20search_path%3D${schema}`;
    const first = await run(['migrate'], { DATABASE_URL: url });
    const done = `PostgreSQL at ${host}:${String(port)}/${database} is up to date with`;
    expect([first.code, first.errors]).toEqual([0, '']);
    expect(first.out).toMatch(/^applied 001_configuration_management/);
    expect(first.out).toContain(done);
    const second = await run(['migrate'], { DATABASE_URL: url });
    expect([second.code, second.out.startsWith(done), second.out.split('\n').length]).toEqual([0, true, 2]);
    await drop();
  });

  it('takes --data-dir over DATABASE_URL', async () => {
    const environment = { DATABASE_URL: 'postgres://127.0.0.1:9/none' };
    const { code, out } = await run(['migrate', '--data-dir', 'data'], environment);
    expect(code).toBe(0);
    expect(out).toMatch(/^the embedded database in data is up to date with \d{3}_\w+\n$/);
  });
});

describe('strata demo', () => {
  it('migrates a store and fills it, also with DATABASE_URL', async () => {
    const { host, port, user, password, database } = inject('postgres');
    const drop = await createSchema('test_cli_demo');
    const address = `${host}:${String(port)}/${database}`;
    const url = `postgres://${user}:${password}@${address}?options=-c%20search_path%3Dtest_cli_demo`;
    expect(await run(['demo'], { DATABASE_URL: url })).toEqual({
      code: 0,
      out: `PostgreSQL at ${address} now holds the fleet demo: 3 organizations, 7 teams, 11 users, 8 keys, 17 commits (docs/demo.md)\n`,
      errors: '',
    });
    await drop();
  });

  it('ends with exit code 1 and the reason where it would meet other values', async () => {
    const server = await serve(['--no-demo', '--data-dir', 'taken']);
    await fetch(`${server.url}/v1/layers/branding`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"value":{"tagline":"Mine"}}',
    });
    server.child.kill('SIGTERM');
    await once(server.child, 'close');
    const { code, out, errors } = await run(['demo', '--data-dir', 'taken']);
    expect([code, out]).toEqual([1, '']);
    expect(errors).toMatch(
      /^strata: The fleet demo was not added, since this store already holds branding at global\.[^\n]*\n$/,
    );
  });
});

describe('strata serve', () => {
  it('uses ./.strata, says so in one line, answers, and ends on SIGTERM with exit code 0', async () => {
    const { child, told, url } = await serve();
    expect(told).toBe(`Strata listens on ${url} (the embedded database in ./.strata)\n`);
    const put = await fetch(`${url}/v1/layers/theme`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"value":"kept"}',
    });
    expect(put.status).toBe(200);
    child.kill('SIGTERM');
    const errors = text(child.stderr);
    await once(child, 'close');
    expect([child.exitCode, await errors]).toEqual([0, '']);

    const again = await serve();
    expect(await (await fetch(`${again.url}/v1/values/theme`)).json()).toMatchObject({ value: 'kept' });
    again.child.kill('SIGINT');
    await once(again.child, 'close');
    expect(again.child.exitCode).toBe(0);
  });

  it('fills a fresh store with the demo, which `strata demo` then leaves as it is', async () => {
    const { child, told, url } = await serve(['--data-dir', 'fresh']);
    expect(told).toBe(
      `The store was empty and now holds the fleet demo (docs/demo.md); --no-demo leaves it empty\nStrata listens on ${url} (the embedded database in fresh)\n`,
    );
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(await run(['demo', '--data-dir', 'fresh'])).toEqual({
      code: 0,
      out: 'the embedded database in fresh holds the fleet demo already: nothing was changed\n',
      errors: '',
    });
  });

  it('ends at once on the second signal', async () => {
    const { child, url } = await serve();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'PUT /v1/layers/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    await fetch(`${url}/healthz`);
    child.kill('SIGTERM');
    await expect
      .poll(() =>
        fetch(`${url}/healthz`).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    await once(child, 'close');
    expect(child.exitCode).toBe(130);
    socket.destroy();
  });

  it('says that its port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = String((other.address() as AddressInfo).port);
    const { code, errors } = await run(['serve'], { PORT: port });
    other.close();
    expect(code).toBe(1);
    expect(errors).toMatch(
      /^strata: The server cannot listen on 127\.0\.0\.1, port \d+: another program listens there\.[^\n]*\n$/,
    );
  });
});
