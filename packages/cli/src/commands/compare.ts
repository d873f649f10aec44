/** Owns `strata compare`. */
import type { Comparison } from '@strata/client';
import type { Command } from 'commander';
import { showDiff } from '../change-view.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { scopeName, show } from '../output.ts';
import { parseSide, sideHelp, type SideFlags } from '../side-input.ts';
import { printable, type Colours } from '../terminal.ts';

/** Adds `strata compare <left> <right>`: what turns one side into the other. */
export function addCompareCommand(program: Command): void {
  addRemoteCommand(program, 'compare', 'show what differs between two scopes, times, environments, files or servers', [
    'compare org:acme org:globex',
    'compare org:acme@2h org:acme',
    'compare global @everything.json --subtree',
    'compare staging:global global',
    'compare http://127.0.0.1:7421#org:acme org:acme',
  ])
    .argument('<left>', 'the one side')
    .argument('<right>', 'the other side')
    .option('--subtree', 'also the scopes below')
    .option('--effective', 'what is read there rather than what is stored there')
    .addHelpText('after', sideHelp)
    .action(compare);
}

async function compare(left: string, right: string, flags: ConnectionFlags & SideFlags): Promise<void> {
  const comparison = await openClient(flags).compareConfig(await parseSide(left, flags), await parseSide(right, flags));
  show(flags, comparison, showComparison);
}

function showComparison({ differences }: Comparison, colours: Colours): string {
  if (differences.length === 0) return 'No differences.';
  return differences
    .map(({ key, diff, ...place }) => `${printable(key)} at ${scopeName(place)}:\n${showDiff(diff, colours)}`)
    .join('\n');
}
