/** Owns `strata demo`. */
import type { DemoSummary } from '@strata/server';
import type { Command } from 'commander';
import { addDataDirectory, storeOptions, type DataDirectory } from '../store-options.ts';

/** Adds `strata demo`: fills a store with the fleet demo, after migrating its database. Done again, it changes nothing. */
export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description('fill a store with three invented fleets to try things on')
    .addHelpText('after', '\nExamples:\n  $ strata demo --data-dir demo');
  addDataDirectory(command).action(async (flags: DataDirectory) => {
    const { openStore, seedDemo } = await import('@strata/server');
    const store = await openStore(storeOptions(flags), () => undefined);
    try {
      await store.service.migrate();
      console.log(describe(store.place, await seedDemo(store.service)));
    } finally {
      await store.close();
    }
  });
}

function describe(place: string, { seeded, organizations, teams, users, keys, commits }: DemoSummary): string {
  if (!seeded) return `${place} holds the fleet demo already: nothing was changed`;
  const counts = { organizations, teams, users, keys, commits };
  const content = Object.entries(counts).map(([name, count]) => `${String(count)} ${name}`);
  return `${place} now holds the fleet demo: ${content.join(', ')} (docs/demo.md)`;
}
