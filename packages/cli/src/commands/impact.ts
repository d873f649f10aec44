/** Owns `strata impact`. */
import type { Command } from 'commander';
import { showImpactReport } from '../change-view.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { show } from '../output.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { addValueOptions, readValue, type ValueFlags } from '../value-input.ts';

/** Adds `strata impact <key> [value]`: says what storing a value would do, and what would refuse it. */
export function addImpactCommand(program: Command): void {
  const command = addRemoteCommand(program, 'impact', 'say what storing a value would do, and what would refuse it', [
    `impact pm_intervals '{"lightDuty": 15000}'`,
    'impact branding @branding.json --org acme --json',
  ])
    .argument('<key>', 'the key')
    .argument('[value]', 'JSON, @<file>, or - for standard input');
  addScope(addValueOptions(command), 'global').action(
    async (key: string, argument: string | undefined, flags: ConnectionFlags & ScopeFlags & ValueFlags) => {
      const value = await readValue(argument, flags);
      show(flags, await openClient(flags).analyzeImpact(key, value, scopeOrGlobal(flags)), showImpactReport);
    },
  );
}
