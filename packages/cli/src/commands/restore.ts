/** Owns `strata restore`. */
import type { RestoreTarget } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient } from '../connection-options.ts';
import { usageError } from '../exit-codes.ts';
import { show } from '../output.ts';
import { addPassphrase } from '../passphrase-options.ts';
import { restoreStore, type RestoreStoreFlags } from '../restore-store.ts';
import { breakGlassOption } from '../write-options.ts';
import { addScope, namedScope, type ScopeFlags } from '../scope-options.ts';
import { addDataDirectory } from '../store-options.ts';
import { parseMoment } from '../time-input.ts';
import { showCommit } from '../version-view.ts';

interface RestoreFlags extends ScopeFlags, RestoreStoreFlags {
  readonly at?: string;
  readonly revision?: string;
  readonly tag?: string;
  readonly message?: string;
  readonly force?: boolean;
  readonly breakGlass?: string;
}

/** Adds `strata restore`: puts all values of one scope back, as one commit, or a whole store from a backup. */
export function addRestoreCommand(program: Command): void {
  const command = addRemoteCommand(
    program,
    'restore',
    'put all values of a scope back, as one commit, or a whole store from a backup',
    [
      'restore --org acme --at 2h -m "Undo the afternoon"',
      'restore --org acme --at 2026-01-31T12:00:00Z',
      'restore --global --revision 120',
      'restore --org acme --tag release-7    (only the keys that bear the tag)',
      'restore strata.backup --data-dir /var/lib/strata',
      'restore strata.backup --url http://127.0.0.1:7420    (into the store of a server)',
    ],
  )
    .argument('[backup]', 'a file of strata backup; the store has to be empty')
    .option('--at <time>', 'to how it was then: ISO 8601, or 30m, 2h, 7d ago')
    .option('--revision <number>', 'to how it was right after that revision')
    .option('--tag <tag>', 'every key that bears this tag to the version that it marks')
    .option('-m, --message <comment>', 'why, for the history')
    .option('--force', 'go ahead although values below become invalid')
    .addOption(breakGlassOption());
  addPassphrase(command, 'of the backup: the passphrase in this file');
  addDataDirectory(command);
  addScope(command, 'none: name it').action(async (backup: string | undefined, flags: RestoreFlags) => {
    if (backup !== undefined) {
      refuseScopeFlags(flags);
      await restoreStore(backup, flags, command.getOptionValueSource('url') === 'cli');
      return;
    }
    const target = parseTarget(flags);
    const scope = namedScope(flags);
    // So much is put back at once that the scope is never guessed.
    if (scope === undefined) throw usageError('Name the scope to restore: --global, --org, --team or --user.');
    const options = { comment: flags.message, force: flags.force, breakGlass: flags.breakGlass };
    show(flags, await openClient(flags).restore(target, scope, options), showCommit);
  });
}

/** A backup is the whole store, so nothing narrows it. */
function refuseScopeFlags(flags: RestoreFlags): void {
  const { at, revision, tag, message, force, breakGlass } = flags;
  if (
    namedScope(flags) === undefined &&
    [at, revision, tag, message, force, breakGlass].every((one) => one === undefined)
  ) {
    return;
  }
  throw usageError('A backup is restored as a whole: give no scope, time, revision, tag, comment or force beside it.');
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
