/** Owns `strata restore`. */
import type { RestoreTarget } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { usageError } from '../exit-codes.ts';
import { show } from '../output.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { parseMoment } from '../time-input.ts';
import { showCommit } from '../version-view.ts';

interface RestoreFlags extends ConnectionFlags, ScopeFlags {
  readonly at?: string;
  readonly revision?: string;
  readonly tag?: string;
  readonly message?: string;
  readonly force?: boolean;
}

/** Adds `strata restore`: puts all values of one scope back, as one commit. */
export function addRestoreCommand(program: Command): void {
  const command = addRemoteCommand(program, 'restore', 'put all values of a scope back, as one commit', [
    'restore --org acme --at 2h -m "Undo the afternoon"',
    'restore --org acme --at 2026-01-31T12:00:00Z',
    'restore --global --revision 120',
    'restore --org acme --tag release-7    (only the keys that bear the tag)',
  ])
    .option('--at <time>', 'to how it was then: ISO 8601, or 30m, 2h, 7d ago')
    .option('--revision <number>', 'to how it was right after that revision')
    .option('--tag <tag>', 'every key that bears this tag to the version that it marks')
    .option('-m, --message <comment>', 'why, for the history')
    .option('--force', 'go ahead although values below become invalid');
  addScope(command, 'none: name it').action(async (flags: RestoreFlags) => {
    const target = parseTarget(flags);
    const scope = namedScope(flags);
    // So much is put back at once that the scope is never guessed.
    if (scope === undefined) throw usageError('Name the scope to restore: --global, --org, --team or --user.');
    const options = { comment: flags.message, force: flags.force };
    show(flags, await openClient(flags).restore(target, scope, options), showCommit);
  });
}

function parseTarget({ at, revision, tag }: RestoreFlags): RestoreTarget {
  if ([at, revision, tag].filter((given) => given !== undefined).length !== 1) {
    throw usageError('Give one of --at, --revision and --tag.');
  }
  if (at !== undefined) return { at: parseMoment(at, '--at', 'ago', new Date()) };
  if (tag !== undefined) return { tag };
  if (revision === undefined || !/^[1-9][0-9]{0,14}$/.test(revision)) {
    throw usageError('--revision takes a whole number above 0.');
  }
  return { revision: Number(revision) };
}
