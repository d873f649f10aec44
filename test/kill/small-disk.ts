/** Owns a disk that runs full: a small file system in memory, or, for those who may not mount one, a limit on the size of files. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What is to have no room: new pages of tables, or only the next segment of the log. */
export type Lack = 'tables' | 'log';

/** A disk of a few dozen megabytes. */
export interface SmallDisk {
  /** A directory on it, for any user. */
  readonly directory: string;
  /** With which code a write is refused. PostgreSQL tells a full disk from all else, and a limit on files from nothing. */
  readonly refusal: 'storage_full' | 'internal';
  /** Takes away the room, for these processes. @param left bytes that stay free, on a file system. */
  fill(processes: readonly number[], lack: Lack, left: number): void;
  /** Gives the room back. */
  free(processes: readonly number[]): void;
  /** Ends it. */
  remove(): void;
}

/** Makes a disk. @param megabytes its size, where it is a file system of its own. */
export function makeSmallDisk(megabytes: number): SmallDisk {
  const place = mkdtempSync(join(tmpdir(), 'strata-test-disk-'));
  execFileSync('chmod', ['755', place]);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m`, 'tmpfs', place], { stdio: 'ignore' });
  } catch {
    return limitedFiles(place);
  }
  return fileSystem(place);
}

function fileSystem(place: string): SmallDisk {
  const filler = join(place, 'filler');
  return {
    directory: place,
    refusal: 'storage_full',
    fill: (_, __, left) => writeFiller(filler, left),
    free: () => rmSync(filler),
    remove() {
      execFileSync('umount', ['--lazy', place]);
      rmSync(place, { recursive: true });
    },
  };
}

function writeFiller(filler: string, left: number): void {
  const descriptor = openSync(filler, 'w');
  const { bavail, bsize } = statfsSync(filler);
  const block = Buffer.alloc(4096, 1);
  try {
    for (let room = bavail * bsize - left; room >= block.length; room -= block.length) writeSync(descriptor, block);
  } catch (error) {
    // Others write at the same time.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Files that may not grow beyond what tables (but no segment of the log) have, or beyond less than a segment. */
function limitedFiles(place: string): SmallDisk {
  const directory = join(place, 'files');
  mkdirSync(directory);
  const limit = (processes: readonly number[], size: string): void => {
    for (const pid of processes) {
      // Even an administrator may not do this to others, where a container says so.
      const { uid, gid } = statSync(`/proc/${String(pid)}`);
      execFileSync('prlimit', ['--pid', String(pid), `--fsize=${size}:`], { uid, gid });
    }
  };
  return {
    directory,
    refusal: 'internal',
    fill: (processes, lack) => limit(processes, String((lack === 'tables' ? 18 : 8) * 2 ** 20)),
    free: (processes) => limit(processes, 'unlimited'),
    remove: () => rmSync(place, { recursive: true }),
  };
}
