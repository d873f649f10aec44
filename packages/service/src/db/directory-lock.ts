/** Owns the rule that one process at a time opens a directory. */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '@strata/core';

/** A directory that this process has for itself. */
export interface DirectoryLock {
  /** Lets others open the directory. */
  release(): void;
}

interface Owner {
  readonly pid: number;
  /** The boot of the system and the ticks since then at which the process started; `null` where unknown. Tells a reused pid apart. */
  readonly startedAt: string | null;
}

/**
 * Takes a directory for this process. The lock of a process that has ended counts for nothing, however it ended.
 * @throws `database_in_use` with the pid of the process that has it, which may be this one.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = join(directory, 'owner.lock');
  acquire(path, directory);
  return { release: () => unlinkSync(path) };
}

/** A link appears with its contents or not at all, and fails where one is, so there is never half a lock nor two owners. */
function acquire(path: string, directory: string): void {
  const own = `${path}.${randomUUID()}`;
  writeSynced(own, JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) } satisfies Owner));
  try {
    while (!tryLink(own, path)) {
      const owner = readOwner(path);
      if (owner === undefined) continue;
      if (isAlive(owner)) throw new ConfigurationError('database_in_use', { dataDir: directory, pid: owner.pid });
      removeAbandoned(path, directory);
    }
  } finally {
    unlinkSync(own);
  }
}

/** After a power failure, a file whose name was kept and whose contents were not would be a lock that tells of no owner. */
function writeSynced(path: string, text: string): void {
  const descriptor = openSync(path, 'wx');
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Only the holder of a second lock removes the first, else two that saw the same dead owner could each remove the other's. */
function removeAbandoned(path: string, directory: string): void {
  const takeover = `${path}.takeover`;
  acquire(takeover, directory);
  try {
    const owner = readOwner(path);
    if (owner !== undefined && !isAlive(owner)) unlinkSync(path);
  } finally {
    unlinkSync(takeover);
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isOwner(owner)) return owner;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  throw new TypeError(`${path} is not a lock of Strata`);
}

function isOwner(value: unknown): value is Owner {
  return (
    typeof value === 'object' && value !== null && 'pid' in value && Number.isInteger(value.pid) && 'startedAt' in value
  );
}

function isAlive({ pid, startedAt }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    if (!hasCode(error, 'EPERM')) throw error;
  }
  const start = startOf(pid);
  return start === null || startedAt === null ? start !== ended : start === startedAt;
}

const ended = 'ended';

/** When a process started; `ended` for one that only waits to be reaped, `null` where the system has no /proc. */
function startOf(pid: number): string | null {
  try {
    // The name of the program stands in parentheses and may hold anything; state and start time are fields 3 and 22.
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return fields[0] === 'Z' || fields[0] === 'X' ? ended : `${boot} ${fields[19] ?? ''}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return null;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
