/** Owns `strata revert`. */
import type { Command } from 'commander';
import { showRevertDryRun } from '../change-view.ts';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { show } from '../output.ts';
import { showCommit } from '../version-view.ts';
import { breakGlassOption, refuseBroken, type WriteFlags } from '../write-options.ts';

type RevertFlags = ConnectionFlags & Omit<WriteFlags, 'ifVersion'>;

/** Adds `strata revert <commit>`: undoes one commit, and leaves what later commits changed. */
export function addRevertCommand(program: Command): void {
  addRemoteCommand(program, 'revert', 'undo one commit, and leave what later commits changed', [
    'revert 120 -m "Wrong customer"',
    'revert 120 --dry-run',
    'revert 6f1c0f0e-3f43-4c3e-9f0e-5d0f3c7c2b1a',
  ])
    .argument('<commit>', 'the revision or the id of the commit')
    .option('-m, --message <comment>', 'why, for the history')
    .option('--idempotency-key <key>', 'repeated under this key, the write is applied once')
    .option('--force', 'go ahead although values below become invalid')
    .addOption(breakGlassOption())
    .option('--dry-run', 'show what would change, and change nothing')
    .action(revert);
}

async function revert(commit: string, flags: RevertFlags): Promise<void> {
  const client = openClient(flags);
  const reason = flags.message ?? `Revert ${commit}`;
  const options = { idempotencyKey: flags.idempotencyKey, force: flags.force, breakGlass: flags.breakGlass };
  if (flags.dryRun !== true) {
    show(flags, await client.revert(commit, reason, options), showCommit);
    return;
  }
  const run = await client.tryRevert(commit, reason, options);
  show(flags, run, showRevertDryRun);
  refuseBroken(flags, run);
}
