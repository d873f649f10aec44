/** Owns the restoring of a backup by `strata restore <file>`: into a store directly, or through a server. */
import { createReadStream, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import type { RestoredBackup } from '@strata/client';
import { openClient, userName, type ConnectionFlags } from './connection-options.ts';
import { usageError } from './exit-codes.ts';
import { show } from './output.ts';
import { readPassphrase, type PassphraseFlags } from './passphrase-options.ts';
import { startProgress } from './progress.ts';
import { storeOptions, type DataDirectory } from './store-options.ts';

/** What the options of restoring leave. */
export interface RestoreStoreFlags extends ConnectionFlags, DataDirectory, PassphraseFlags {}

/**
 * Restores a backup into an empty store.
 * @param isRemote whether the server is asked rather than the store opened here.
 * @throws CommandError where the file cannot be read, and whatever the store refuses.
 */
export async function restoreStore(file: string, flags: RestoreStoreFlags, isRemote: boolean): Promise<void> {
  await access(file).catch((error: unknown) => {
    throw usageError(`Cannot read ${JSON.stringify(file)}: ${error instanceof Error ? error.message : String(error)}.`);
  });
  const passphrase = await readPassphrase(flags);
  const restored = isRemote
    ? await openClient(flags).restoreBackup(await openAsBlob(file), passphrase)
    : await restoreHere(file, flags, passphrase);
  show(flags, restored, ({ revision, rows }) => {
    return `The backup is restored, and what is stored was read back and is the same: revision ${String(revision)}, ${String(rows)} rows.`;
  });
}

async function restoreHere(
  file: string,
  flags: RestoreStoreFlags,
  passphrase: { readonly passphrase?: string },
): Promise<RestoredBackup> {
  const { openStore } = await import('@strata/server');
  const store = await openStore(storeOptions(flags), () => undefined);
  const progress = startProgress();
  try {
    await store.service.migrate();
    const onProgress = ({ table, rows }: { readonly table: string; readonly rows: number }): void =>
      progress.update(`${String(rows)} rows, ${table}`);
    const acting = store.service.as(userName() ?? 'anonymous');
    return await acting.restoreBackup(createReadStream(file), { ...passphrase, onProgress });
  } finally {
    progress.end();
    await store.close();
  }
}
