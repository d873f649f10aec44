/** Owns `strata backup`. */
import { open, rename, rm } from 'node:fs/promises';
import { createClient } from '@strata/client';
import type { Command } from 'commander';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { addPassphrase, readPassphrase, type PassphraseFlags } from '../passphrase-options.ts';
import { startProgress } from '../progress.ts';
import { addDataDirectory, storeOptions, type DataDirectory } from '../store-options.ts';
import { userName } from '../connection-options.ts';

interface BackupFlags extends DataDirectory, PassphraseFlags {
  readonly url?: string;
}

/** Adds `strata backup <file>`: writes a whole store to a file. */
export function addBackupCommand(program: Command): void {
  const command = program
    .command('backup')
    .description('write a whole store to a file: all values, history, requests, roles and the audit log')
    .argument('<file>', 'the file to write')
    .option('--url <url>', 'ask the server there, which has its embedded database open')
    .addHelpText(
      'after',
      '\nExamples:\n  $ strata backup strata.backup --data-dir /var/lib/strata\n  $ DATABASE_URL=postgres://app@db/app strata backup strata.backup --passphrase-file key.txt\n  $ strata backup strata.backup --url http://127.0.0.1:7420',
    );
  addPassphrase(command, 'encrypts the file with the passphrase in this one');
  addDataDirectory(command).action(backup);
}

async function backup(file: string, flags: BackupFlags): Promise<void> {
  const passphrase = await readPassphrase(flags);
  const unfinished = `${file}.unfinished`;
  const progress = startProgress();
  try {
    const bytes = await (flags.url === undefined
      ? writeStore(unfinished, flags, passphrase, (text) => progress.update(text))
      : writeFrom(await createClient({ url: flags.url, actor: userName() }).backup(passphrase), unfinished));
    await rename(unfinished, file);
    progress.end();
    console.log(
      `The backup is in ${file}: ${(bytes / 1_000_000).toFixed(1)} MB${passphrase.passphrase === undefined ? '' : ', encrypted'}.`,
    );
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    progress.end();
  }
}

async function writeStore(
  file: string,
  flags: BackupFlags,
  passphrase: { readonly passphrase?: string },
  update: (text: string) => void,
): Promise<number> {
  const { openStore } = await import('@strata/server');
  const store = await openStore(storeOptions(flags), () => undefined);
  try {
    const onProgress = ({ table, rows }: { readonly table: string; readonly rows: number }): void =>
      update(`${String(rows)} rows, ${table}`);
    return await writeFrom(store.service.as(userName() ?? 'anonymous').backup({ ...passphrase, onProgress }), file);
  } finally {
    await store.close();
  }
}

/** Writes a file that only its owner may read, and answers its size once it is on disk. */
async function writeFrom(parts: AsyncIterable<Uint8Array>, file: string): Promise<number> {
  const handle = await open(file, 'w', 0o600).catch((error: unknown) => {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(exitCodes.failed, `Cannot write ${JSON.stringify(file)}: ${problem}.`);
  });
  try {
    let bytes = 0;
    for await (const part of parts) {
      await handle.writeFile(part);
      bytes += part.length;
    }
    await handle.sync();
    return bytes;
  } finally {
    await handle.close();
  }
}
