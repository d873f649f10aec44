/** Owns `strata diff`. */
import type { Command } from 'commander';
import { showDiff } from '../change-view.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { suggestingKey } from '../known-keys.ts';
import { show } from '../output.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';

/** Adds `strata diff <key> [from] [to]`: shows what changed between two versions; without any, by the last change. */
export function addDiffCommand(program: Command): void {
  const command = addRemoteCommand(program, 'diff', 'show what changed between two versions of a key', [
    'diff branding                        (what the last change did)',
    'diff branding stable-v1.0            (from there to now)',
    'diff branding 3f2a9c0d 77b0e1aa',
    'diff branding @2026-01-01T00:00:00Z HEAD --org acme',
  ])
    .argument('<key>', 'the key')
    .argument('[from]', '4 or more digits of a version, a tag, HEAD, HEAD~2 or @<time>', 'HEAD~1')
    .argument('[to]', 'the same', 'HEAD');
  addScope(command, 'global for HEAD and @<time>, else all').action(
    async (key: string, from: string, to: string, flags: ConnectionFlags & ScopeFlags) => {
      const client = openClient(flags);
      const scope = namedScope(flags);
      const { diff } = await suggestingKey(client, key, scope, () => client.getDiff(key, from, to, scope));
      show(flags, diff, (changes, colours) => (changes.length === 0 ? 'No difference.' : showDiff(changes, colours)));
    },
  );
}
