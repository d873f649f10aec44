/** Owns the example: an organization is onboarded, and its first team and driver inherit from it. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ConfigScope, createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import { onboardOrganization } from './onboarding.ts';

/**
 * Runs the example on an embedded database in memory.
 * @param directory where the baseline of the organization is written.
 * @returns the lines that it has to say.
 */
export async function run(directory: string): Promise<string[]> {
  const database = await openEmbeddedDatabase();
  const configService = createConfigurationService(database);
  try {
    const baseline = await onboardOrganization(configService, 'acme', 'ada', directory);
    const lines = ['Organization acme onboarded successfully', `Its baseline is ${baseline}`];

    const acme = { scope: ConfigScope.ORGANIZATION, scopeId: 'acme' };
    const team = { scope: ConfigScope.TEAM, scopeId: 'north' };
    await configService.registerScope({ ...team, parent: acme });
    await configService.set('pm_intervals', { lightDuty: 7500 }, team, 'ada', 'Short trips in the north');
    const intervals = await configService.get<{ lightDuty: number; heavyDuty: number }>('pm_intervals', team);
    lines.push(`Team north: light ${String(intervals.lightDuty)} miles, heavy ${String(intervals.heavyDuty)} miles`);

    const explanation = await configService.explain('pm_intervals', team);
    for (const leaf of explanation.leaves) {
      lines.push(`  ${leaf.path} comes from ${leaf.scope} ${String(leaf.scopeId)}: ${String(leaf.comment)}`);
    }
    return lines;
  } finally {
    await configService.close();
    await database.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = await run(await mkdtemp(join(tmpdir(), 'strata-onboarding-')));
  for (const line of lines) console.log(line);
}
