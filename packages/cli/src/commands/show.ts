/** Owns `strata show`. */
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { suggestingKey } from '../known-keys.ts';
import { show } from '../output.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { showVersionValue } from '../version-view.ts';

/** Adds `strata show <key> [version]`: prints one version with its value. */
export function addShowCommand(program: Command): void {
  const command = addRemoteCommand(program, 'show', 'print one version of a key with its value', [
    'show branding',
    'show branding 3f2a9c0d',
    'show branding stable-v1.0 --json',
    'show branding HEAD~2 --org acme',
    'show branding @2026-01-31T12:00:00Z --org acme',
  ])
    .argument('<key>', 'the key')
    .argument('[version]', '4 or more digits of a version, a tag, HEAD, HEAD~2 or @<time>', 'HEAD');
  addScope(command, 'global for HEAD and @<time>, else all').action(
    async (key: string, version: string, flags: ConnectionFlags & ScopeFlags) => {
      const client = openClient(flags);
      const scope = namedScope(flags);
      const record = await suggestingKey(client, key, scope, () => client.getVersion(key, version, scope));
      show(flags, record, showVersionValue);
    },
  );
}
