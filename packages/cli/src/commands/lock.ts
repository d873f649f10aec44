/** Owns `strata lock`, `strata unlock` and `strata locks`. */
import type { LockRecord } from '@strata/client';
import type { Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { localTime, scopeName, show, table } from '../output.ts';
import { addScope, namedScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { printable, type Colours } from '../terminal.ts';

type LockFlags = ConnectionFlags & ScopeFlags & { readonly message?: string };

/** Adds `strata lock <key> [path]`: keeps the scopes below from changing a value or a part of it. */
export function addLockCommand(program: Command): void {
  const command = addRemoteCommand(program, 'lock', 'keep the scopes below from changing a value, or a part of it', [
    'lock branding primaryColor -m "Corporate identity"',
    'lock approval_thresholds --org acme',
  ])
    .argument('<key>', 'the key')
    .argument('[path]', 'a part of the value, written a.b[0]; without it the whole value')
    .option('-m, --message <comment>', 'why');
  addScope(command, 'global').action(async (key: string, path: string | undefined, flags: LockFlags) => {
    const lock = await openClient(flags).lock(key, scopeOrGlobal(flags), { path, comment: flags.message });
    show(flags, lock, (record) => `${whatIsLocked(record)} is locked by ${scopeName(record)}`);
  });
}

/** Adds `strata unlock <key> [path]`: takes a lock away. */
export function addUnlockCommand(program: Command): void {
  const command = addRemoteCommand(program, 'unlock', 'take a lock away', [
    'unlock branding primaryColor',
    'unlock approval_thresholds --org acme',
  ])
    .argument('<key>', 'the key')
    .argument('[path]', 'as it was locked')
    .option('-m, --message <comment>', 'why');
  addScope(command, 'global').action(async (key: string, path: string | undefined, flags: LockFlags) => {
    const scope = scopeOrGlobal(flags);
    await openClient(flags).unlock(key, scope, { path, comment: flags.message });
    const unlocked = { key, path: path ?? '$', scope: scope.scope, scopeId: scope.scopeId ?? null, locked: false };
    show(flags, unlocked, (record) => `${whatIsLocked(record)} is no longer locked by ${scopeName(record)}`);
  });
}

/** Adds `strata locks [key]`: lists the locks in force. */
export function addLocksCommand(program: Command): void {
  const command = addRemoteCommand(program, 'locks', 'list the locks in force', [
    'locks',
    'locks branding',
    'locks --org acme --json',
  ]).argument('[key]', 'only those of this key');
  addScope(command, 'all scopes').action(async (key: string | undefined, flags: LockFlags) => {
    const { locks } = await openClient(flags).listLocks({ key, scope: namedScope(flags) });
    show(flags, locks, showLocks);
  });
}

function whatIsLocked({ key, path }: { readonly key: string; readonly path: string }): string {
  return path === '$' ? key : `${printable(path)} of ${key}`;
}

function showLocks(locks: readonly LockRecord[], colours: Colours): string {
  if (locks.length === 0) return 'No locks.';
  return table(
    colours,
    ['key', 'path', 'locked by', 'author', 'time', 'comment'],
    locks.map((lock) => [
      lock.key,
      printable(lock.path),
      scopeName(lock),
      printable(lock.lockedBy),
      localTime(lock.lockedAt),
      lock.comment === null ? null : printable(lock.comment),
    ]),
  );
}
