/** Owns that what the embedded database acknowledges is on disk: PGlite's file system passes no sync on by itself. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** Start parameters with syncing on. `fdatasync`, PostgreSQL's default, does nothing inside PGlite. */
export function durableStartParams(startParams: readonly string[]): string[] {
  return [...startParams.filter((parameter) => parameter !== '-F'), '-c', 'fsync=on', '-c', 'wal_sync_method=fsync'];
}

/** How many files are synced at once: more than Node has threads for it. */
const filesAtOnce = 16;

type ModuleOptions = Parameters<NodeFS['init']>[1];

/** What is used of Emscripten's file system over Node's. */
interface EmscriptenFiles {
  readonly streams: readonly (OpenFile | null | undefined)[];
  readonly ErrnoError: new (errno: number) => Error;
  readonly filesystems: {
    readonly NODEFS: {
      readonly stream_ops: { fsync?: (stream: OpenFile) => number };
      realPath(node: unknown): string;
    };
  };
}

/** An open file; a directory has no descriptor of Node's. */
interface OpenFile {
  readonly nfd?: number;
  readonly node: unknown;
}

// Emscripten's numbers.
const EIO = 29;
const ENOSPC = 51;

/** The files of one instance, synced whenever PostgreSQL asks for it. */
export class DurableFiles extends NodeFS {
  #failure: Error | undefined;
  #files: EmscriptenFiles | undefined;
  #lastWords: string | undefined;

  /** The first sync that failed. After it nothing is known of what is on disk, so the instance must acknowledge nothing more. */
  failure(): Error | undefined {
    return this.#failure;
  }

  /** Why an instance did not start, in words. @param error what starting it threw. */
  reasonOf(error: unknown): string {
    if (this.#lastWords !== undefined) return this.#lastWords;
    if (error instanceof Error) return error.message;
    const errno = typeof error === 'object' && error !== null && 'errno' in error ? error.errno : undefined;
    return errno === ENOSPC ? 'no space left on device' : `its files failed with error ${String(errno)}`;
  }

  /** Closes the files of an instance that did not start. */
  abandon(): void {
    if (this.#files !== undefined) closeFiles(this.#files);
  }

  override async init(pglite: PGlite, options: ModuleOptions): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pglite, options);
    // Before PostgreSQL starts, since recovery relies on syncs too.
    const addSync = (module: { readonly FS: unknown }): void => this.#addSync(module.FS as EmscriptenFiles);
    const printErr = (line: string): void => {
      this.#lastWords = /(?:FATAL|PANIC): *(.+)/.exec(line)?.[1] ?? this.#lastWords;
      (emscriptenOpts.printErr as ((text: string) => void) | undefined)?.(line);
    };
    return { emscriptenOpts: { ...emscriptenOpts, printErr, preRun: [...listOf(emscriptenOpts.preRun), addSync] } };
  }

  #addSync(files: EmscriptenFiles): void {
    this.#files = files;
    const {
      ErrnoError,
      filesystems: { NODEFS },
    } = files;
    NODEFS.stream_ops.fsync = (file) => {
      try {
        if (file.nfd === undefined) syncPath(NODEFS.realPath(file.node));
        else fsyncSync(file.nfd);
        return 0;
      } catch (error) {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
        // PostgreSQL understands only this error; any other passes through it unseen, and the commit would count as kept.
        throw new ErrnoError(EIO);
      }
    };
  }
}

/**
 * Leaves an instance that must do nothing more, not even shut down: what it would write then could make good, in the eyes of the
 * next one, what never reached the disk.
 */
export function abandon(pglite: PGlite): void {
  closeFiles(pglite.Module.FS as EmscriptenFiles);
}

function closeFiles({ streams }: EmscriptenFiles): void {
  const descriptors = streams.flatMap((file) => (file?.nfd === undefined ? [] : [file.nfd]));
  for (const descriptor of new Set(descriptors)) closeSync(descriptor);
}

/** Syncs a directory with all it holds, many files at once: the disk takes hardly longer for several than for one. */
export async function syncTree(directory: string): Promise<void> {
  const names = await readdir(directory, { recursive: true });
  const left = ['', ...names].map((name) => join(directory, name));
  const syncOthers = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) await syncSoon(path);
  };
  await Promise.all(Array.from({ length: filesAtOnce }, syncOthers));
}

async function syncSoon(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** Syncs one file, or a directory's own entries. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
