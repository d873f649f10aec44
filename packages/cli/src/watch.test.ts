/** Owns the promises of `strata watch`, with real processes. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';
import { nodeEnvironment } from '../../../test/node-environment.ts';
import { freePort } from '../../../test/postgres.setup.ts';

const main = join(import.meta.dirname, 'main.ts');
const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;
const soon = { timeout: 15_000, interval: 10 };

let strata: CommandLine;
let directory: string;
beforeAll(async () => {
  strata = await startCommandLine();
  directory = await mkdtemp(join(tmpdir(), 'strata-test-watch-'));
});
afterAll(async () => {
  await strata.close();
  await rm(directory, { recursive: true, force: true });
});

type Process = ChildProcessByStdio<null, Readable, Readable>;
const children: Process[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A command that goes on, with all that it has printed. */
function start(args: readonly string[], url = strata.url) {
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', main, ...args], {
    cwd: directory,
    env: { ...nodeEnvironment(), STRATA_URL: url, STRATA_ACTOR: 'ann', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const told = { out: '', errors: '' };
  child.stdout.on('data', (data) => (told.out += String(data)));
  child.stderr.on('data', (data) => (told.errors += String(data)));
  return {
    told,
    until: (pattern: RegExp, where: keyof typeof told = 'out') =>
      vi.waitFor(() => expect(told[where]).toMatch(pattern), soon),
    end: async (signal: NodeJS.Signals): Promise<number | null> => {
      child.kill(signal);
      if (child.exitCode === null) await once(child, 'close');
      return child.exitCode;
    },
    ended: async (): Promise<number | null> => {
      if (child.exitCode === null) await once(child, 'close');
      return child.exitCode;
    },
  };
}

const withoutTimes = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '<time>');

describe('strata watch', () => {
  it('prints when, what, where, by whom, why and each leaf that changed, and ends with SIGINT as done', async () => {
    const { service } = strata;
    const first = await service.set('theme', { size: 1, font: { name: 'a' } }, acme, 'ann', 'First\nof all');
    const watching = start(['watch', 'theme', 'pm_*', '--from', String(first.revision - 1)]);
    await watching.until(/First/);
    await service.set('other', 1, global, 'ann');
    await service.set('theme', { size: 2, font: { name: 'b' } }, acme, 'bob', '\u202eodd');
    await service.delete('theme', acme, 'ann', 'gone');
    await watching.until(/gone\n(.*\n){2}/);
    expect(withoutTimes(watching.told.out)).toBe(
      [
        `<time> theme at org:acme set by ann (revision ${String(first.revision)}): First of all`,
        '  + font: {"name":"a"}',
        '  + size: 1',
        `<time> theme at org:acme set by bob (revision ${String(first.revision + 2)}): \\u{202e}odd`,
        '  - font.name: "a"',
        '  + font.name: "b"',
        '  - size: 1',
        '  + size: 2',
        `<time> theme at org:acme deleted by ann (revision ${String(first.revision + 3)}): gone`,
        '  - font: {"name":"b"}',
        '  - size: 2',
        '',
      ].join('\n'),
    );
    expect(watching.told.errors).toBe('');
    expect(await watching.end('SIGINT')).toBe(0);
  });

  it('prints one JSON object a line, and ends after as many commits as it was told', async () => {
    const { service } = strata;
    const { revision } = await service.set('n', 1, global, 'ann');
    const watching = start(['watch', '--json', '--limit', '2', '--from', String(revision - 1), '--global']);
    await service.set('n', 2, global, 'ann');
    expect(await watching.ended()).toBe(0);
    const lines = watching.told.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toMatchObject([
      { type: 'commit', revision, changes: [{ key: 'n', scope: 'global', newValue: 1 }] },
      { type: 'commit', revision: revision + 1, changes: [{ oldValue: 1, newValue: 2 }] },
    ]);
  });

  it('tells of one scope, and of flags', async () => {
    const { service } = strata;
    await service.registerScope({ scope: 'team', scopeId: 'north', parent: acme });
    const { revision } = await service.set('mark', 0, global, 'ann');
    const from = ['--from', String(revision)];
    const team = start(['watch', 'shade', '--team', 'north', '--limit', '1', ...from]);
    const flags = start(['watch', '--flag', 'new_*', '--flag', 'old', '--limit', '2', ...from]);
    for (const key of ['shade', 'feature_flags/new_menu', 'feature_flags/none', 'feature_flags/old']) {
      await service.set(key, key === 'shade' ? { on: true } : { enabled: true }, acme, 'ann');
    }
    expect([await team.ended(), await flags.ended()]).toEqual([0, 0]);
    expect(team.told.out).toMatch(/ shade at team:north set by ann .*\n {2}\+ on: true\n$/);
    expect(flags.told.out.match(/feature_flags\/\w+/g)).toEqual(['feature_flags/new_menu', 'feature_flags/old']);
  });

  it('goes on over a restart of the server, says so, and misses nothing', async () => {
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const serve = ['serve', '--no-demo', '--port', port, '--data-dir', join(directory, 'restarted')];
    const put = (value: number): Promise<unknown> =>
      fetch(`${url}/v1/layers/n`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ value }),
      });
    const first = start(serve);
    await first.until(/listens/);
    await put(1);
    const watching = start(['watch', '--json', '--from', '0'], url);
    await watching.until(/"newValue":1/);
    expect(await first.end('SIGTERM')).toBe(0);
    await watching.until(/^strata: The server ends\. Trying again until it is there\.\n/, 'errors');
    const second = start(serve);
    await second.until(/listens/);
    await put(2);
    await watching.until(/"newValue":2/);
    await watching.until(/Connected again\.\n$/, 'errors');
    expect(await second.end('SIGKILL')).toBe(null);
    await watching.until(/again\.\nstrata: .*Trying again/, 'errors');
    const third = start(serve);
    await third.until(/listens/);
    await put(3);
    await watching.until(/"newValue":3/);
    expect(watching.told.out.match(/"newValue":\d/g)).toEqual(['"newValue":1', '"newValue":2', '"newValue":3']);
    expect(await watching.end('SIGTERM')).toBe(0);
  }, 60_000);

  it.each([
    [['watch', '--limit', '0'], 2, 'Give a whole number above 0.'],
    [['watch', 'a b'], 2, 'Invalid key'],
    [['watch', '--from', 'x'], 2, 'is no place in the feed'],
    [['watch', '--url', 'http://127.0.0.1:9'], 7, 'Cannot reach'],
  ])('ends %j with its exit code', async (args, code, message) => {
    const outcome = await strata.run(args);
    expect(outcome.code).toBe(code);
    expect(outcome.errors).toContain(message);
  });
});

describe('strata serve --drain', () => {
  it('answers on for a while, not ready, and then ends', async () => {
    const port = String(await freePort());
    const server = start([
      'serve',
      '--no-demo',
      '--port',
      port,
      '--data-dir',
      join(directory, 'drained'),
      '--drain',
      '4',
    ]);
    await server.until(/listens/);
    const ended = server.end('SIGTERM');
    await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503), soon);
    expect((await fetch(`http://127.0.0.1:${port}/v1/values`)).status).toBe(200);
    expect(await ended).toBe(0);
  });
});
