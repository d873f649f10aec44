/** Owns `strata blame`. */
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { noValue, suggestingKey } from '../known-keys.ts';
import { brief, localTime, scopeName, show, table } from '../output.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { printable } from '../terminal.ts';

/** Adds `strata blame <key>`: shows who last changed each part of what is stored at a scope. */
export function addBlameCommand(program: Command): void {
  const command = addRemoteCommand(program, 'blame', 'show who last changed each part of a stored value', [
    'blame branding',
    'blame branding --org acme',
  ]).argument('<key>', 'the key');
  addScope(command, 'global').action(async (key: string, flags: ConnectionFlags & ScopeFlags) => {
    const client = openClient(flags);
    const scope = scopeOrGlobal(flags);
    const blame = await suggestingKey(client, key, scope, async () => {
      const found = await client.blame(key, scope);
      if (found.leaves.length === 0) throw noValue(key, scopeName(scope));
      return found;
    });
    show(flags, blame, ({ leaves }, colours) =>
      table(
        colours,
        ['path', 'value', 'version', 'time', 'author', 'comment'],
        leaves.map((leaf) => [
          printable(leaf.path),
          brief(leaf.value),
          leaf.version,
          localTime(leaf.changedAt),
          printable(leaf.changedBy),
          leaf.comment === null ? null : printable(leaf.comment),
        ]),
      ),
    );
  });
}
