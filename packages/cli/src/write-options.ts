/** Owns the options that writes share. */
import type { DryRun, StrataClient, VersionRecord, WriteConditions } from '@strata/client';
import type { ScopeInput } from '@strata/core';
import { Option, type Command } from 'commander';
import { showDryRun } from './change-view.ts';
import type { ConnectionFlags } from './connection-options.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { show } from './output.ts';
import { showWritten } from './version-view.ts';

/** What the write options leave. */
export interface WriteFlags {
  readonly message?: string;
  readonly ifVersion?: string;
  readonly idempotencyKey?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly breakGlass?: string;
}

/** The option that goes past approvals. */
export function breakGlassOption(): Option {
  return new Option(
    '--break-glass <reason>',
    'go ahead without approvals, for this reason; takes the permission break-glass',
  );
}

/** Adds the comment of a write and the conditions under which it happens. */
export function addWriteOptions(command: Command): Command {
  return command
    .option('-m, --message <comment>', 'why, for the history')
    .option('--if-version <version>', 'only if the layer still has this version; none: only if there is no layer')
    .option('--idempotency-key <key>', 'repeated under this key, the write is applied once')
    .option('--force', 'go ahead although values below become invalid')
    .addOption(breakGlassOption())
    .option('--dry-run', 'show what would change, and change nothing');
}

/**
 * The conditions that the flags ask for. A version may be given in any way that names one.
 * @throws StrataClientError `version_not_found`.
 */
export async function readConditions(
  client: StrataClient,
  key: string,
  scope: ScopeInput | undefined,
  { ifVersion, idempotencyKey }: WriteFlags,
): Promise<WriteConditions> {
  if (ifVersion === undefined) return { idempotencyKey };
  if (ifVersion === 'none') return { ifVersion: null, idempotencyKey };
  const whole = /^[0-9a-f]{16,64}$/.test(ifVersion);
  return { ifVersion: whole ? ifVersion : (await client.getVersion(key, ifVersion, scope)).version, idempotencyKey };
}

/** Tells what a write has done. */
export function tellWritten(flags: ConnectionFlags, version: VersionRecord): void {
  show(flags, version, showWritten);
}

/** Tells what a write would do. @throws CommandError `refused` when it would be refused for what it breaks. */
export function tellDryRun(flags: ConnectionFlags & WriteFlags, run: DryRun): void {
  show(flags, run, showDryRun);
  refuseBroken(flags, run);
}

/** Ends a dry run as the write would. @throws CommandError `refused` when it would be refused for what it breaks. */
export function refuseBroken({ force }: Pick<WriteFlags, 'force'>, run: Pick<DryRun, 'wouldBreak'>): void {
  if (run.wouldBreak.length === 0 || force === true) return;
  throw new CommandError(
    exitCodes.refused,
    `This change would be refused: ${String(run.wouldBreak.length)} values below would become invalid. Correct those first, or add --force.`,
  );
}
