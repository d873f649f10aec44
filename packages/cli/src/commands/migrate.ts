/** Owns `strata migrate`. */
import type { Command } from 'commander';
import { addDataDirectory, storeOptions, type DataDirectory } from '../store-options.ts';

/**
 * Adds `strata migrate`: brings the tables to this version of Strata and says which files that took. An embedded database brings
 * itself up to date when it is opened.
 */
export function addMigrateCommand(program: Command): void {
  const command = program
    .command('migrate')
    .description("bring the database's tables to this version of Strata")
    .addHelpText(
      'after',
      '\nExamples:\n  $ DATABASE_URL=postgres://app@db/app strata migrate\n  $ strata migrate --data-dir /var/lib/strata',
    );
  addDataDirectory(command).action(async (flags: DataDirectory) => {
    // Commands that only talk to a server start faster without the server's own code.
    const { openStore } = await import('@strata/server');
    const store = await openStore(storeOptions(flags), () => undefined);
    try {
      const { applied, current } = await store.service.migrate();
      for (const name of applied) console.log(`applied ${name}`);
      console.log(`${store.place} is up to date with ${current.at(-1) ?? 'no migration'}`);
    } finally {
      await store.close();
    }
  });
}
