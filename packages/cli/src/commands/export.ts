/** Owns `strata export`. */
import { open, rm, type FileHandle } from 'node:fs/promises';
import process from 'node:process';
import type { ExportOptions } from '@strata/client';
import type { DocumentFormat } from '@strata/core';
import { Option, type Command } from 'commander';
import { addRemoteCommand, openClient, type ConnectionFlags } from '../connection-options.ts';
import { formatOfName, formatOption } from '../document-input.ts';
import { CommandError, exitCodes, usageError } from '../exit-codes.ts';
import { show } from '../output.ts';
import { addPassphrase, readPassphrase, type PassphraseFlags } from '../passphrase-options.ts';
import { startProgress } from '../progress.ts';
import { addScope, scopeOrGlobal, type ScopeFlags } from '../scope-options.ts';
import { parseMoment } from '../time-input.ts';

interface ExportFlags extends ConnectionFlags, ScopeFlags, PassphraseFlags {
  readonly output?: string;
  readonly format?: DocumentFormat;
  readonly subtree?: boolean;
  readonly at?: string;
  readonly revision?: string;
  readonly effective?: boolean;
  readonly deleted?: boolean;
  readonly secrets?: 'sealed' | 'masked' | 'omitted';
}

/** Adds `strata export`: prints or writes the values stored at a scope as a document. */
export function addExportCommand(program: Command): void {
  const command = addRemoteCommand(program, 'export', 'print the values stored at a scope as a document', [
    'export --org acme > acme.json',
    'export --output global.json',
    'export --global --subtree -o everything.yaml',
    'export --org acme --at 2h --format yaml',
    'export --org acme --passphrase-file key.txt -o acme.json    (its secrets open with the passphrase)',
    'export --team north --effective -o north.env    (what is read there, for programs)',
  ])
    .option('-o, --output <file>', 'write the document to this file')
    .addOption(formatOption('json, yaml or env (default: by the name of the file, else json)'))
    .option('--subtree', 'also the scopes below; with --global everything')
    .option('--at <time>', 'as it was then: ISO 8601, or 30m, 2h, 7d ago')
    .option('--revision <number>', 'as it was right after that revision')
    .option('--effective', 'what is read at the scope rather than what is stored there; it cannot be imported')
    .option('--deleted', 'also tell which keys were deleted, so that an import deletes them')
    .addOption(
      new Option(
        '--secrets <how>',
        'what stands in the place of secrets: ciphertext, which a store with the same key or the passphrase opens, a mask, or nothing (default: sealed)',
      ).choices(['sealed', 'masked', 'omitted']),
    );
  addPassphrase(command, 'seals the secrets with the passphrase in this file');
  addScope(command, 'global').action(exportDocument);
}

async function exportDocument(flags: ExportFlags): Promise<void> {
  const { output } = flags;
  const stream = await openClient(flags).exportStream(scopeOrGlobal(flags), {
    ...optionsOf(flags),
    ...(await sealingOf(flags)),
  });
  const bytes = await writeTo(stream, output);
  if (output !== undefined) show(flags, { file: output, bytes }, ({ file }) => `The export is in ${file}`);
}

/** A passphrase seals what is sealed; one that is in the environment for other commands does not get in the way of the rest. */
async function sealingOf(flags: ExportFlags): Promise<Pick<ExportOptions, 'secrets' | 'passphrase'>> {
  const { secrets, passphraseFile, effective } = flags;
  const isSealed = (secrets ?? 'sealed') === 'sealed' && effective !== true;
  const isGiven = passphraseFile !== undefined;
  return { secrets, ...(isSealed || isGiven ? await readPassphrase(flags) : {}) };
}

function optionsOf({ format, output, subtree, at, revision, effective, deleted }: ExportFlags): ExportOptions {
  if (revision !== undefined && !/^[1-9][0-9]{0,14}$/.test(revision)) {
    throw usageError('--revision takes a whole number above 0.');
  }
  return {
    format: format ?? (output === undefined ? undefined : formatOfName(output)),
    subtree,
    at: at === undefined ? undefined : parseMoment(at, '--at', 'ago', new Date()),
    revision: revision === undefined ? undefined : Number(revision),
    values: effective === true ? 'effective' : undefined,
    deleted,
  };
}

/** Writes the document as it comes, and answers how many bytes it has. A file that could not be written whole is taken away. */
async function writeTo(stream: ReadableStream<Uint8Array>, file: string | undefined): Promise<number> {
  if (file === undefined) return copy(stream, toStandardOutput);
  const handle = await opened(file);
  const progress = startProgress();
  try {
    return await copy(stream, async (part, bytes) => {
      progress.update(`${(bytes / 1_000_000).toFixed(1)} MB`);
      await handle.writeFile(part);
    });
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    progress.end();
    await handle.close();
  }
}

async function opened(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'w');
  } catch (error) {
    throw new CommandError(exitCodes.failed, `Cannot write ${JSON.stringify(file)}: ${messageOf(error)}.`);
  }
}

async function copy(
  stream: ReadableStream<Uint8Array>,
  write: (part: Uint8Array, bytes: number) => Promise<void>,
): Promise<number> {
  let bytes = 0;
  try {
    for await (const part of stream) {
      bytes += part.length;
      await write(part, bytes);
    }
    return bytes;
  } catch (error) {
    throw new CommandError(exitCodes.failed, `The export was cut off: ${messageOf(error)}.`);
  }
}

function toStandardOutput(part: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(part, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
