/** Owns `strata delete`. */
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { suggestingKey } from '../known-keys.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { addWriteOptions, readConditions, tellDryRun, tellWritten, type WriteFlags } from '../write-options.ts';

type DeleteFlags = ConnectionFlags & ScopeFlags & WriteFlags;

/** Adds `strata delete <key>`: removes a layer, so that its scope inherits again. */
export function addDeleteCommand(program: Command): void {
  const command = addRemoteCommand(program, 'delete', 'remove the value of a scope, so that it inherits again', [
    'delete branding --org acme -m "Back to the default"',
    'delete branding --org acme --dry-run',
  ])
    .alias('rm')
    .argument('<key>', 'the key');
  addWriteOptions(addScope(command, 'global')).action(deleteValue);
}

async function deleteValue(key: string, flags: DeleteFlags): Promise<void> {
  const client = openClient(flags);
  const scope = scopeOrGlobal(flags);
  await suggestingKey(client, key, scope, async () => {
    const conditions = await readConditions(client, key, scope, flags);
    const options = { ...conditions, comment: flags.message, force: flags.force, breakGlass: flags.breakGlass };
    if (flags.dryRun === true) tellDryRun(flags, await client.tryRemove(key, scope, options));
    else tellWritten(flags, await client.remove(key, scope, options));
  });
}
