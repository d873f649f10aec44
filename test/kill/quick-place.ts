/** Owns where stores are that are only killed: what survives a process does not depend on the disk. */
import { existsSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** A directory in memory where there is room for some stores, else the usual one for temporary files. */
export function quickPlace(): string {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 2 ** 30 ? memory : tmpdir();
}
