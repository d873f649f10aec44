/** Owns the calls on backups. */
import type { Connection } from './connection.ts';
import { passphraseHeader } from './passphrase-header.ts';

/** How a backup is made or opened. */
export interface BackupOptions {
  /** Encrypts the file, or opens it. */
  readonly passphrase?: string | undefined;
}

/** What was restored. */
export interface RestoredBackup {
  /** Of the last commit in it. */
  readonly revision: number;
  readonly rows: number;
  /** SHA-256 over what is stored now, which is that of what was backed up. */
  readonly digest: string;
}

const backupType = 'application/octet-stream';

/** The calls on backups. */
export function backupCalls(connection: Connection) {
  return {
    /** The whole store as a file: every table of all environments, of one moment. It fails where the file is cut off. */
    backup: (options: BackupOptions = {}) =>
      connection.open({ method: 'POST', path: '/v1/backup', headers: passphraseHeader(options) }, Infinity, backupType),

    /** Restores a backup into the store of the server, which has to be empty. @throws `store_not_empty`, `backup_unreadable`, `passphrase_wrong`. */
    restoreBackup: (file: Blob | Uint8Array<ArrayBuffer>, options: BackupOptions = {}) =>
      connection.send<RestoredBackup>({
        method: 'POST',
        path: '/v1/backup/restore',
        headers: passphraseHeader(options),
        document: { type: backupType, content: file },
      }),
  };
}
