/** Owns how a command is told where the data is. */
import process from 'node:process';
import type { StoreOptions } from '@strata/server';
import type { Command } from 'commander';

/** What `--data-dir` leaves in a command's options. */
export interface DataDirectory {
  readonly dataDir?: string;
}

/** Adds `--data-dir` to a command and explains DATABASE_URL, which is no option: a process list shows those to everyone. */
export function addDataDirectory(command: Command): Command {
  return command.option(
    '-d, --data-dir <directory>',
    'embedded database in this directory (default: PostgreSQL at $DATABASE_URL if that is set, else ./.strata)',
  );
}

/** The store a command works on: what the command line says, else DATABASE_URL, else `./.strata`. */
export function storeOptions({ dataDir }: DataDirectory): StoreOptions {
  if (dataDir !== undefined) return { dataDir };
  const databaseUrl = process.env['DATABASE_URL'];
  return databaseUrl === undefined || databaseUrl === '' ? {} : { databaseUrl };
}
