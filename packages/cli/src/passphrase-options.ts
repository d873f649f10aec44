/** Owns how a command is told a passphrase: never as an option, which a process list shows to everyone. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import type { Command } from 'commander';
import { usageError } from './exit-codes.ts';

/** What the option leaves. */
export interface PassphraseFlags {
  readonly passphraseFile?: string;
}

/** Adds the option that names a file with a passphrase. */
export function addPassphrase(command: Command, description: string): Command {
  return command.option('--passphrase-file <file>', `${description} (default: $STRATA_PASSPHRASE, else none)`);
}

/** The passphrase of the file or of the environment. @throws CommandError where the file cannot be read. */
export async function readPassphrase({ passphraseFile }: PassphraseFlags): Promise<{ readonly passphrase?: string }> {
  const given = passphraseFile === undefined ? process.env['STRATA_PASSPHRASE'] : await readLine(passphraseFile);
  return given === undefined || given === '' ? {} : { passphrase: given };
}

async function readLine(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw usageError(`Cannot read ${JSON.stringify(file)}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}
