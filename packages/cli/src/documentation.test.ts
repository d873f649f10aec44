import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';
import { nodeEnvironment } from '../../../test/node-environment.ts';
import { buildProgram } from './program.ts';

const page = await readFile(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');

interface Example {
  readonly command: string;
  readonly output: string;
}

/** The commands of a console block, each with the lines below it. */
function readBlock(block: string): Example[] {
  return block.split(/^\$ /m).flatMap((part) => {
    const [command = '', ...output] = part.split('\n');
    return command === '' ? [] : [{ command, output: output.join('\n') }];
  });
}

const examples = Array.from(page.matchAll(/^```console\n([^]*?)^```$/gm), ([, block]) => readBlock(block ?? '')).flat();

/** What differs from run to run, hashes and times, and the newest migration, which each release adds. */
function normalize(text: string): string {
  return text
    .replaceAll(/\b[0-9a-f]{16}\b/g, '<version>')
    .replaceAll(/\b\d{3}_[a-z_]+\b/g, '<migration>')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{3}Z)?/g, '<time>');
}

/** The ids of change requests and role bindings that the page shows, each with the one that stands for it in this run. */
const ids = new Map<string, string>();
const idForm = /\breq-[a-z2-7]{12}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

/** Writes the ids of the page for those of this run, in the order in which they come up. */
function withIdsOfPage(text: string, expected: string): string {
  const known = new Set(ids.values());
  const made = [...new Set(text.match(idForm))].filter((id) => !known.has(id));
  const shown = [...new Set(expected.match(idForm))].filter((id) => !ids.has(id));
  for (const [index, id] of shown.entries()) ids.set(id, made[index] ?? id);
  const byMade = new Map(Array.from(ids, ([page, id]) => [id, page]));
  return text.replaceAll(idForm, (id) => byMade.get(id) ?? id);
}

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
  const bin = join(strata.directory, 'bin');
  await mkdir(bin);
  const main = join(import.meta.dirname, 'main.ts');
  const script = `#!/bin/sh\nexec '${process.execPath}' --conditions=source '${main}' "$@"\n`;
  await writeFile(join(bin, 'strata'), script);
  await chmod(join(bin, 'strata'), 0o755);
});
afterAll(() => strata.close());

/** Runs a line as a reader of the page would, and answers all that the terminal shows. */
async function runLine(line: string): Promise<string> {
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', `{ ${line}\n} 2>&1`], {
    cwd: strata.directory,
    env: {
      ...nodeEnvironment(),
      PATH: `${join(strata.directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      STRATA_URL: strata.url,
      STRATA_ACTOR: 'ann',
      TZ: 'UTC',
    },
  });
  return stdout;
}

describe('docs/cli.md', () => {
  // The examples build on each other, as they do for a reader: one test in their order.
  it('shows what each of its commands prints', { timeout: 600_000 }, async () => {
    expect(examples.length).toBeGreaterThan(40);
    for (const { command, output } of examples) {
      const shown = await runLine(command.replaceAll(idForm, (id) => ids.get(id) ?? id));
      expect({ command, output: normalize(withIdsOfPage(shown, output)) }).toEqual({
        command,
        output: normalize(output),
      });
    }
  });

  it('has an example of every command', () => {
    const leaves = buildProgram().commands.flatMap((command) =>
      command.commands.length === 0
        ? [command.name()]
        : command.commands.map((child) => `${command.name()} ${child.name()}`),
    );
    for (const name of leaves) expect(page).toMatch(new RegExp(`^(\\$ )?(.*\\| )?strata ${name}\\b`, 'm'));
  });
});
