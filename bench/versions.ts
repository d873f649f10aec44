/** Owns what is said of the versions that take part. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The version of an installed package. @param from a file whose dependencies are meant; default: those of the whole project. */
export function packageVersion(name: string, from: string = import.meta.url): string {
  const paths = createRequire(from).resolve.paths(name) ?? [];
  for (const path of paths) {
    const version = versionIn(join(path, name, 'package.json'));
    if (version !== undefined) return version;
  }
  throw new Error(`${name} is not installed below ${dirname(from)}`);
}

function versionIn(file: string): string | undefined {
  try {
    return String((JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown }).version);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
