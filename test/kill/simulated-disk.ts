/**
 * Owns a disk that forgets: loaded before a program (`node --import`), it keeps beside the directory that the program writes to a
 * second one, the shadow, with exactly what a disk that lost power at this moment would hold. The program is then killed, and the
 * shadow put in place of the directory.
 *
 * What it approximates. A write is in the shadow only once the file was synced, or, with `writeBack`, each page of 4 KiB with that
 * probability at once, as a system writes back in any order. A name that was made, moved or removed is there once its directory
 * was synced; syncing a new or moved file brings its own name along, as ext4, XFS and Btrfs do and PostgreSQL relies on. A failed
 * sync forgets what it was to write, as Linux does. What it does not show: sectors torn within a page, disks that lie about
 * having written, and file systems that lose what was synced.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** What the disk of a writer is like. */
export interface DiskOptions {
  /** The directory that is on it. */
  readonly root: string;
  /** Where the shadow is kept: on the same file system, not there yet. */
  readonly shadow: string;
  /** How likely a page that was not synced is on the disk all the same. Default 0. */
  readonly writeBack?: number;
  /** The sync that fails once, counted from 1 after the file `armed` appears beside the shadow. */
  readonly failingSync?: number;
}

const pageSize = 4096;
const real = { ...fs };

/** A stretch of a file: from, and up to but not including. */
type Stretch = readonly [start: number, end: number];

/** A shadow of one directory. */
class Shadow {
  readonly #options: DiskOptions;
  /** Where the shadow has a file, by inode number. */
  readonly #places = new Map<number, string>();
  /** What was written to a file and not synced. */
  readonly #unsynced = new Map<number, Stretch[]>();
  #syncs = 0;

  constructor(options: DiskOptions) {
    this.#options = options;
    real.cpSync(options.root, options.shadow, { recursive: true });
    this.#adopt(options.root);
  }

  /** The path of an open file, where it is on this disk and was not removed. */
  pathOf(descriptor: number): string | undefined {
    const path = real.readlinkSync(`/proc/self/fd/${String(descriptor)}`);
    return this.#isHere(path) && real.existsSync(path) ? path : undefined;
  }

  written(path: string, stretch: Stretch): void {
    if (!this.#isHere(path)) return;
    const { ino } = real.lstatSync(path);
    const unsynced = this.#unsynced.get(ino) ?? [];
    unsynced.push(stretch);
    this.#unsynced.set(ino, unsynced);
    const { writeBack = 0 } = this.#options;
    const place = this.#places.get(ino);
    if (writeBack > 0 && place !== undefined) {
      copy(
        path,
        place,
        pagesOf(stretch).filter(() => Math.random() < writeBack),
      );
    }
  }

  /** Before a name goes away. */
  removed(path: string): void {
    if (!this.#isHere(path) || !real.existsSync(path)) return;
    const stat = real.lstatSync(path);
    if (stat.isDirectory()) for (const name of real.readdirSync(path)) this.removed(join(path, name));
    if (stat.nlink > 1 || stat.isDirectory()) return;
    // The number may come back for another file.
    this.#places.delete(stat.ino);
    this.#unsynced.delete(stat.ino);
  }

  synced(path: string): void {
    const isDirectory = real.lstatSync(path).isDirectory();
    if (this.#fails()) {
      if (!isDirectory) this.#unsynced.delete(real.lstatSync(path).ino);
      throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', syscall: 'fsync' });
    }
    if (isDirectory) this.#syncNames(path);
    else this.#syncFile(path);
  }

  #fails(): boolean {
    const { failingSync, shadow } = this.#options;
    if (failingSync === undefined || !real.existsSync(join(dirname(shadow), 'armed'))) return false;
    this.#syncs += 1;
    return this.#syncs === failingSync;
  }

  #syncFile(path: string): void {
    const { ino, size } = real.lstatSync(path);
    const place = this.#place(ino, path);
    copy(path, place, this.#unsynced.get(ino) ?? []);
    real.truncateSync(place, size);
    this.#unsynced.delete(ino);
  }

  #syncNames(directory: string): void {
    const shadow = this.#mirror(directory);
    real.mkdirSync(shadow, { recursive: true });
    const names = new Set(real.readdirSync(directory));
    for (const name of names) {
      const stat = real.lstatSync(join(directory, name));
      if (stat.isDirectory()) real.mkdirSync(join(shadow, name), { recursive: true, mode: stat.mode });
      else this.#place(stat.ino, join(directory, name));
    }
    for (const name of real.readdirSync(shadow))
      if (!names.has(name)) real.rmSync(join(shadow, name), { recursive: true });
  }

  /** Gives a file its name in the shadow: a new one is empty, another moves. */
  #place(ino: number, path: string): string {
    const place = this.#mirror(path);
    const before = this.#places.get(ino);
    real.mkdirSync(dirname(place), { recursive: true });
    if (before === undefined) real.writeFileSync(place, '');
    else if (before !== place && real.existsSync(before)) real.renameSync(before, place);
    this.#places.set(ino, place);
    return place;
  }

  #adopt(directory: string): void {
    for (const entry of real.readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) this.#adopt(path);
      else this.#places.set(real.lstatSync(path).ino, this.#mirror(path));
    }
  }

  #isHere(path: string): boolean {
    return !relative(this.#options.root, path).startsWith('..');
  }

  #mirror(path: string): string {
    return join(this.#options.shadow, relative(this.#options.root, path));
  }
}

function copy(from: string, to: string, stretches: readonly Stretch[]): void {
  if (stretches.length === 0) return;
  const source = real.openSync(from, 'r');
  const target = real.openSync(to, 'r+');
  const { size } = real.fstatSync(source);
  for (const [start, end] of stretches) {
    const bytes = Buffer.alloc(Math.max(0, Math.min(end, size) - start));
    const length = bytes.length === 0 ? 0 : real.readSync(source, bytes, 0, bytes.length, start);
    if (length > 0) real.writeSync(target, bytes, 0, length, start);
  }
  real.closeSync(source);
  real.closeSync(target);
}

function pagesOf([start, end]: Stretch): Stretch[] {
  const pages: Stretch[] = [];
  for (let at = start; at < end; at = (Math.floor(at / pageSize) + 1) * pageSize)
    pages.push([at, Math.min(end, (Math.floor(at / pageSize) + 1) * pageSize)]);
  return pages;
}

/** Puts the disk under Node's own functions, those of them that the service and PGlite use. */
async function install(disk: Shadow): Promise<void> {
  const handle = await fs.promises.open(import.meta.filename);
  const handles = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  handles.sync = function sync(): Promise<void> {
    return new Promise((resolve) => {
      fs.fsyncSync(this.fd);
      resolve();
    });
  };
  fs.fsyncSync = (descriptor) => {
    const path = disk.pathOf(descriptor);
    if (path === undefined) real.fsyncSync(descriptor);
    else disk.synced(path);
  };
  fs.writeSync = ((descriptor: number, bytes: NodeJS.ArrayBufferView, ...rest: number[]): number => {
    const length = (real.writeSync as (...all: unknown[]) => number)(descriptor, bytes, ...rest);
    const path = disk.pathOf(descriptor);
    const position = rest[2];
    if (path !== undefined && position === undefined) throw new Error('a write that does not say where');
    if (path !== undefined && position !== undefined) disk.written(path, [position, position + length]);
    return length;
  }) as typeof fs.writeSync;
  fs.writeFileSync = (file, ...rest) => {
    real.writeFileSync(file, ...rest);
    const path = typeof file === 'number' ? disk.pathOf(file) : String(file);
    if (path !== undefined) disk.written(path, [0, real.statSync(path).size]);
  };
  fs.ftruncateSync = (descriptor, length = 0) => {
    const path = disk.pathOf(descriptor);
    if (path !== undefined) disk.written(path, [length, real.statSync(path).size]);
    real.ftruncateSync(descriptor, length);
  };
  fs.truncateSync = (path, length = 0) => {
    disk.written(String(path), [length, real.statSync(path).size]);
    real.truncateSync(path, length);
  };
  fs.unlinkSync = (path) => {
    disk.removed(String(path));
    real.unlinkSync(path);
  };
  fs.rmSync = (path, options) => {
    disk.removed(String(path));
    real.rmSync(path, options);
  };
  fs.renameSync = (from, to) => {
    disk.removed(String(to));
    real.renameSync(from, to);
  };
  syncBuiltinESMExports();
}

const options = JSON.parse(process.env['STRATA_TEST_DISK'] ?? 'null') as DiskOptions | null;
if (options !== null) await install(new Shadow(options));
