/** Owns `strata set`. */
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { parseMoment } from '../time-input.ts';
import { addValueOptions, readValueOf, type ValueFlags } from '../value-input.ts';
import { addWriteOptions, readConditions, tellDryRun, tellWritten, type WriteFlags } from '../write-options.ts';

type SetFlags = ConnectionFlags & ScopeFlags & ValueFlags & WriteFlags & { readonly expires?: string };

/** Adds `strata set <key> [value]`: stores a layer, or with `--dry-run` shows what that would do. */
export function addSetCommand(program: Command): void {
  const command = addRemoteCommand(program, 'set', 'store a value at a scope', [
    `set pm_intervals '{"lightDuty": 5000}' -m "Shorter intervals"`,
    'set motto --string "Safety first" --org acme',
    'set branding @branding.json --org acme --dry-run',
    'get branding --layer --org acme | strata set branding - --org globex',
    `set system_settings '{"maintenanceMode": true}' --expires 2h`,
    'set api_keys @keys.json    (secrets never on the command line)',
    'set theme \'"dark"\' --if-version 3f2a9c0d1e4b5a67',
  ])
    .argument('<key>', 'the key')
    .argument('[value]', 'JSON, @<file>, or - for standard input');
  addWriteOptions(addScope(addValueOptions(command), 'global'))
    .option('--expires <time>', 'the layer removes itself then: ISO 8601, or 30m, 2h, 7d from now')
    .action(setValue);
}

async function setValue(key: string, argument: string | undefined, flags: SetFlags): Promise<void> {
  const client = openClient(flags);
  const scope = scopeOrGlobal(flags);
  const expiresAt =
    flags.expires === undefined ? undefined : parseMoment(flags.expires, '--expires', 'ahead', new Date());
  const value = await readValueOf(client, key, argument, flags);
  const conditions = await readConditions(client, key, scope, flags);
  const options = {
    ...conditions,
    comment: flags.message,
    force: flags.force,
    breakGlass: flags.breakGlass,
    expiresAt,
  };
  if (flags.dryRun === true) tellDryRun(flags, await client.trySet(key, value, scope, options));
  else tellWritten(flags, await client.set(key, value, scope, options));
}
