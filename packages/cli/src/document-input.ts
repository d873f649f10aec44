/** Owns how a document gets from a file or a pipe to a command, and in which format it is. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { documentFormats, type DocumentFormat } from '@strata/core';
import { Option } from 'commander';
import { usageError } from './exit-codes.ts';

/** The option that names a format. */
export function formatOption(description: string): Option {
  return new Option('--format <format>', description).choices(documentFormats);
}

/** The format that a file's name tells, `undefined` where it tells none. */
export function formatOfName(file: string): DocumentFormat | undefined {
  if (/\.ya?ml$/i.test(file)) return 'yaml';
  if (/\.json$/i.test(file)) return 'json';
  return /(^|[/\\.])env(\.[^/\\]*)?$/i.test(file) ? 'env' : undefined;
}

/** Reads a document; `-` is standard input. @throws CommandError where it cannot be read, or is not UTF-8. */
export async function readDocument(file: string): Promise<string> {
  const bytes = await readBytes(file);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usageError(`${JSON.stringify(file)} is not UTF-8.`);
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  if (file === '-') return buffer(process.stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw usageError(`Cannot read ${JSON.stringify(file)}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}
