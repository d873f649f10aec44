/** Owns the example: one process of an application changes its configuration, another one and a client of the server hear of it. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createClient } from '@strata/client';
import { createServer } from '@strata/server';
import { createConfigurationService, openEmbeddedDatabase, type ConfigurationManagementService } from '@strata/service';

const acme = { scope: 'org', scopeId: 'acme' } as const;
const north = { scope: 'team', scopeId: 'north' } as const;

/** Runs the example. @returns the lines that it has to say. */
export async function run(): Promise<string[]> {
  const database = await openEmbeddedDatabase();
  // On PostgreSQL these two would be in two processes, and hear of each other in the same way.
  const writer = createConfigurationService(database);
  const watcher = createConfigurationService(database);
  const server = createServer(watcher);
  try {
    await writer.registerScope({ ...north, parent: acme });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const local = await watchInProcess(watcher);
    const remote = watchOverHttp(url);
    await remote.isOpen;

    await writer.set('pm_intervals', { lightDuty: 5000, heavyDuty: 25_000 }, acme, 'ada', 'Standard intervals');
    await writer.commit(
      [
        { key: 'pm_intervals', ...north, value: { lightDuty: 7500 } },
        { key: 'system_settings', scope: 'global', value: { maintenanceMode: true } },
      ],
      'ada',
      'Short trips in the north',
    );
    return ['In the other process:', ...(await local.lines), 'Over HTTP, for team north:', ...(await remote.lines)];
  } finally {
    await server.close();
    await Promise.all([writer.close(), watcher.close()]);
    await database.close();
  }
}

/** Watches stored values, whatever their scope. Once it watches, `lines` is what it will have heard after two commits. */
async function watchInProcess(service: ConfigurationManagementService): Promise<{ readonly lines: Promise<string[]> }> {
  const heard: string[] = [];
  const lines = Promise.withResolvers<string[]>();
  let commits = 0;
  const unwatch = await service.watchConfig(['pm_intervals', 'system_settings'], (changes) => {
    // All that one commit changed comes in one call.
    for (const { key, scope, newValue, comment } of changes) {
      heard.push(`  ${key} at ${scope}: ${JSON.stringify(newValue)} (${String(comment)})`);
    }
    commits += 1;
    if (commits < 2) return;
    unwatch();
    lines.resolve(heard);
  });
  return { lines: lines.promise };
}

/** Watches the effective value of one team over the server, until it was told of two commits. */
function watchOverHttp(url: string): { readonly isOpen: Promise<unknown>; readonly lines: Promise<string[]> } {
  const open = Promise.withResolvers<undefined>();
  const follow = async (): Promise<string[]> => {
    const lines: string[] = [];
    const events = createClient({ url }).events({
      keys: 'pm_intervals',
      scope: north,
      onState: ({ state }) => (state === 'open' ? open.resolve(undefined) : undefined),
    });
    for await (const event of events) {
      if (event.type !== 'commit') continue;
      for (const { oldValue, newValue } of event.changes) {
        lines.push(`  ${JSON.stringify(oldValue)} became ${JSON.stringify(newValue)}`);
      }
      if (lines.length === 2) break;
    }
    return lines;
  };
  return { isOpen: open.promise, lines: follow() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const line of await run()) console.log(line);
}
