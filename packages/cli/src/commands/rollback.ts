/** Owns `strata rollback`. */
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { suggestingKey } from '../known-keys.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { addWriteOptions, readConditions, tellDryRun, tellWritten, type WriteFlags } from '../write-options.ts';

type RollbackFlags = ConnectionFlags & ScopeFlags & WriteFlags;

/** Adds `strata rollback <key> <version>`: puts an earlier value back, as a new version. */
export function addRollbackCommand(program: Command): void {
  const command = addRemoteCommand(program, 'rollback', "put an earlier version's value back, as a new version", [
    'rollback branding HEAD~1 -m "The new colours are unreadable"',
    'rollback branding 3f2a9c0d',
    'rollback branding stable-v1.0 --org acme --dry-run',
  ])
    .argument('<key>', 'the key')
    .argument('<version>', '4 or more digits of a version, a tag, HEAD~1 or @<time>');
  addWriteOptions(addScope(command, 'global for HEAD~1 and @<time>, else that of the version')).action(rollBack);
}

async function rollBack(key: string, version: string, flags: RollbackFlags): Promise<void> {
  const client = openClient(flags);
  const scope = namedScope(flags);
  const reason = flags.message ?? `Roll back to ${version}`;
  await suggestingKey(client, key, scope, async () => {
    const options = {
      ...(await readConditions(client, key, scope, flags)),
      scope,
      force: flags.force,
      breakGlass: flags.breakGlass,
    };
    if (flags.dryRun === true) tellDryRun(flags, await client.tryRollback(key, version, reason, options));
    else tellWritten(flags, await client.rollback(key, version, reason, options));
  });
}
