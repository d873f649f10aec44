/** Owns the example: settings move from environment variables into Strata, and the application reads them there. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import { migrateEnvToConfigService, readIntervals, type MaintenanceIntervals } from './migration.ts';

/**
 * Runs the example on an embedded database in memory.
 * @param env where the settings are before.
 * @returns the lines that it has to say.
 */
export async function run(env: NodeJS.ProcessEnv): Promise<string[]> {
  const database = await openEmbeddedDatabase();
  const configService = createConfigurationService(database);
  try {
    const before = readIntervals(env).lightDuty;
    const first = await migrateEnvToConfigService(configService, env);
    const second = await migrateEnvToConfigService(configService, env);

    const pmIntervals = await configService.get<MaintenanceIntervals>('pm_intervals');
    const after = pmIntervals.lightDuty;
    const history = await configService.getHistory('pm_intervals');
    return [
      `Before, from the environment: ${String(before)} miles`,
      `After, from Strata: ${String(after)} miles`,
      `Run twice, it left ${String(history.length)} version${first.version === second.version ? ', the same both times' : ''}`,
      ...history.map((version) => `  by ${version.changedBy}: ${String(version.comment)}`),
    ];
  } finally {
    await configService.close();
    await database.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const line of await run(process.env)) console.log(line);
}
