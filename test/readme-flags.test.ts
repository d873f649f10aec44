/** Owns the proof that the tour of flags in the README does what it says. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from './command-line.ts';
import { nodeEnvironment } from './node-environment.ts';

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
  const bin = join(strata.directory, 'bin');
  await mkdir(bin);
  const main = join(import.meta.dirname, '../packages/cli/src/main.ts');
  // Stands in for `npx`, which would look for the package that is not built yet.
  await writeFile(
    join(bin, 'npx'),
    `#!/bin/sh\nshift\nexec '${process.execPath}' --conditions=source '${main}' "$@"\n`,
  );
  await chmod(join(bin, 'npx'), 0o755);
});
afterAll(() => strata.close());

/** The commands of the section, each with what it printed. */
async function takeTour(): Promise<(readonly [command: string, output: string])[]> {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
  const block = /^### Flags\n[^]*?^```sh\n([^]*?)^```$/m.exec(readme)?.[1] ?? '';
  const [setUp = '', ...commands] = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const script = [setUp, ...commands.map((command) => `printf '\\f'; ${command} 2>&1`)].join('\n');
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', script], {
    cwd: strata.directory,
    env: {
      ...nodeEnvironment(),
      PATH: `${join(strata.directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      strata: strata.url,
      STRATA_URL: strata.url,
      TZ: 'UTC',
    },
  });
  const outputs = stdout.split('\f').slice(1);
  return commands.map((command, index) => [command, outputs[index] ?? '']);
}

it('takes a flag from nobody to everybody but one organization', { timeout: 120_000 }, async () => {
  const tour = await takeTour();
  const json = (index: number): unknown => JSON.parse(tour[index]?.[1] ?? '');
  expect(tour).toHaveLength(11);
  expect(json(0)).toMatchObject({ key: 'feature_flags/new-menu', changedBy: 'ada', comment: 'The menu with search' });
  expect(json(1)).toMatchObject({ value: { rolloutPercentage: 50 } });
  const { on } = json(2) as { readonly on: boolean };
  expect(json(2)).toMatchObject({ flag: 'new-menu', reason: 'SPLIT' });
  expect(json(3)).toMatchObject({
    evaluation: { on },
    decidedBy: 'rollout',
    bucket: { unit: 'cleo', rolloutPercentage: 50 },
  });
  expect(json(4)).toMatchObject({ scope: 'org', scopeId: 'acme', value: { enabled: false } });
  expect(json(5)).toMatchObject({ on: false, reason: 'DISABLED' });
  const [, , , , , , list, rollout, evaluated, explained, log] = tour.map(([, output]) => output);
  expect(list).toMatch(/new-menu +on +50%/);
  expect(rollout).toMatch(/^feature_flags\/new-menu at global set: version/);
  expect(evaluated).toMatch(/^new-menu is on: true \(on\)/);
  expect(explained).toContain('Decided by disabled: enabled from org:acme');
  expect(log).toContain('Half of all users');
});
