/** Owns `strata all`. */
import { globMatcher } from '@strata/core';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { brief, show, table } from '../output.ts';
import { addReadScope, readScope, type ScopeFlags } from '../scope-options.ts';

/** Adds `strata all [glob]`: lists the effective values at a scope. */
export function addAllCommand(program: Command): void {
  const command = addRemoteCommand(program, 'all', 'list the effective values at a scope', [
    'all',
    'all --org acme',
    "all 'pm_*' --json",
  ]).argument('[glob]', 'only keys that match, where * is any run of characters and ? one');
  addReadScope(command).action(async (glob: string | undefined, flags: ConnectionFlags & ScopeFlags) => {
    const { values } = await openClient(flags).getAll(readScope(flags));
    const matches = globMatcher(glob ?? '*');
    const entries = Object.entries(values)
      .filter(([key]) => matches(key))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    show(flags, Object.fromEntries(entries), (_, colours) =>
      entries.length === 0
        ? 'No values.'
        : table(
            colours,
            ['key', 'value'],
            entries.map(([key, value]) => [key, brief(value)]),
          ),
    );
  });
}
