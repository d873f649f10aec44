/** Owns `strata deps`: which key depends on which. */
import type { Dependencies, DependencyRecord } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { localTime, show, table } from '../output.ts';
import { printable, type Colours } from '../terminal.ts';

/** Adds `strata deps` with its subcommands. */
export function addDepsCommand(program: Command): void {
  const deps = program.command('deps').description('say which key depends on which, and follow that both ways');
  addRemoteCommand(deps, 'show', 'show what a key depends on, and what depends on it', ['deps show pm_intervals'])
    .argument('<key>', 'the key')
    .action(async (key: string, flags: ConnectionFlags) => {
      show(flags, await openClient(flags).getDependencies(key), showTies);
    });
  addRemoteCommand(deps, 'list', 'list dependencies, with who said so and why', ['deps list', 'deps list pm_intervals'])
    .argument('[key]', 'only those of this key')
    .action(async (key: string | undefined, flags: ConnectionFlags) => {
      show(flags, (await openClient(flags).listDependencies({ key })).dependencies, showDependencies);
    });
  addChange(deps, 'add', 'say that a key depends on another', true);
  addChange(deps, 'remove', 'say that it no longer does', false);
}

function addChange(deps: Command, name: 'add' | 'remove', description: string, isThere: boolean): void {
  addRemoteCommand(deps, name, description, [
    `deps ${name} schedule pm_intervals${isThere ? ' -m "Dates follow from it"' : ''}`,
  ])
    .argument('<key>', 'the key')
    .argument('<other>', 'the key that it depends on')
    .option('-m, --message <comment>', 'why')
    .action(async (key: string, other: string, flags: ConnectionFlags & { readonly message?: string }) => {
      const client = openClient(flags);
      if (isThere) {
        const added = await client.addDependency(key, other, flags.message);
        show(flags, added, (record) => `${record.key} depends on ${record.dependsOn}.`);
        return;
      }
      await client.removeDependency(key, other, flags.message);
      show(flags, { key, dependsOn: other, removed: true }, () => `${key} no longer depends on ${other}.`);
    });
}

function showTies({ key, dependencies, dependents }: Dependencies): string {
  const listed = (keys: readonly string[]): string => (keys.length === 0 ? 'nothing' : keys.join(', '));
  return `${key} depends on ${listed(dependencies)}.\nOn it depends ${listed(dependents)}.`;
}

function showDependencies(dependencies: readonly DependencyRecord[], colours: Colours): string {
  if (dependencies.length === 0) return 'No dependencies.';
  return table(
    colours,
    ['key', 'depends on', 'said by', 'time', 'comment'],
    dependencies.map((one) => [
      one.key,
      one.dependsOn,
      printable(one.addedBy),
      localTime(one.addedAt),
      one.comment === null ? null : printable(one.comment),
    ]),
  );
}
