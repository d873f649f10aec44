/** Owns `strata promote`. */
import type { PromoteOptions } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { endAsImport, showImport } from '../import-view.ts';
import { show } from '../output.ts';
import { parseScopeName } from '../scope-options.ts';
import { parseSide, sideHelp, type SideFlags } from '../side-input.ts';
import { breakGlassOption } from '../write-options.ts';

interface PromoteFlags extends ConnectionFlags, Omit<SideFlags, 'effective'> {
  readonly only?: readonly string[];
  readonly removals?: boolean;
  readonly message?: string;
  readonly force?: boolean;
  readonly breakGlass?: string;
  readonly dryRun?: boolean;
}

/** Adds `strata promote <source> [target]`: gives a scope the values of a side. */
export function addPromoteCommand(program: Command): void {
  addRemoteCommand(program, 'promote', 'give a scope the values of another scope, time, environment, file or server', [
    'promote staging:global global --dry-run',
    'promote org:acme org:globex --only branding',
    "promote org:acme org:globex --only 'branding#primaryColor'    (one leaf)",
    'promote @acme.json --removals -m "As it was agreed"',
  ])
    .argument('<source>', 'the side whose values go')
    .argument('[target]', 'the scope that they go to (default: the scope of the source)')
    .option('--only <key>', 'only this key, a glob of keys, or <key>#<path> for a leaf; can be repeated', collect)
    .option('--subtree', 'also the scopes below')
    .option('--removals', 'also delete what the source has not')
    .option('-m, --message <comment>', 'why, for the history')
    .option('--force', 'go ahead although values below become invalid')
    .addOption(breakGlassOption())
    .option('--dry-run', 'show what would change, and change nothing')
    .addHelpText('after', sideHelp)
    .action(promote);
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

async function promote(source: string, target: string | undefined, flags: PromoteFlags): Promise<void> {
  const { only, removals, message, force, breakGlass, dryRun } = flags;
  const options: PromoteOptions = {
    ...{ target: target === undefined ? undefined : parseScopeName(target), only: only?.map(parseOnly) },
    ...{ removals, comment: message, force, breakGlass, dryRun },
  };
  const result = await openClient(flags).promoteConfig(await parseSide(source, flags), options);
  show(flags, result, showImport);
  endAsImport(result);
}

function parseOnly(text: string): { readonly key: string; readonly path?: string } {
  const mark = text.indexOf('#');
  return mark === -1 ? { key: text } : { key: text.slice(0, mark), path: text.slice(mark + 1) };
}
