/** Owns the example: what a change of maintenance intervals would do is looked at before it is made, and then it is tried at one org first. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ConfigScope,
  createConfigurationService,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
  type ImpactReport,
} from '@strata/service';

const key = 'pm_intervals';
const global = { scope: ConfigScope.GLOBAL };
const wanted = { lightDuty: 15_000, heavyDuty: 95_000 };

/**
 * Runs the example on an embedded database in memory.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const database = await openEmbeddedDatabase();
  const service = createConfigurationService(database);
  try {
    await setUp(service);
    const impact = await service.analyzeImpact(key, wanted);
    const first = { scope: ConfigScope.ORGANIZATION, scopeId: impact.samples.organizations[0] ?? '' };
    const trial = await service.set(key, wanted, first, 'ann', 'Tried here first', { dryRun: true });
    return [
      ...tell('Everywhere', impact),
      ...impact.testingRecommendations.map((text) => `To test: ${text}`),
      ...tell(`At ${first.scopeId}`, trial),
      `Stored until now: ${JSON.stringify(await service.get(key, first))}`,
    ];
  } finally {
    await service.close();
    await database.close();
  }
}

/** Two orgs with five drivers; one of them, and one team, have intervals of their own. */
async function setUp(service: ConfigurationManagementService): Promise<void> {
  for (const [team, org] of [
    ['north', 'acme'],
    ['south', 'acme'],
    ['harbour', 'globex'],
  ] as const) {
    await service.registerScope({ scope: 'team', scopeId: team, parent: { scope: 'org', scopeId: org } });
  }
  for (const [driver, team] of [
    ['ada', 'north'],
    ['ben', 'north'],
    ['cem', 'south'],
    ['dora', 'harbour'],
    ['emil', 'harbour'],
  ] as const) {
    await service.registerScope({ scope: 'user', scopeId: driver, parent: { scope: 'team', scopeId: team } });
  }
  await service.set(key, { lightDuty: 5000, heavyDuty: 25_000 }, global, 'ann');
  await service.set(key, { lightDuty: 4000, heavyDuty: 20_000 }, { scope: 'team', scopeId: 'north' }, 'ann');
  await service.defineKey(
    key,
    { owner: 'fleet', services: ['planner'], restartNeeded: true, downtimeSeconds: 20 },
    'ann',
  );
  await service.addDependency('schedule', key, 'ann', 'Dates are computed from the intervals');
}

function tell(where: string, impact: ImpactReport): string[] {
  const { affectedUsers, affectedTeams, affectedOrganizations, shieldedUsers, samples } = impact;
  return [
    `${where}: ${String(affectedUsers)} drivers, ${String(affectedTeams)} teams, ${String(affectedOrganizations)} orgs; ${String(shieldedUsers)} keep theirs.`,
    `Kept by: ${samples.shielded.map(({ scope, scopeId }) => `${scope} ${String(scopeId)}`).join(', ')}`,
    `Impact: ${impact.impactLevel}, undo: ${impact.rollbackPriority}, away: ${impact.estimatedDowntime ?? 'nothing'}`,
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const line of await run()) console.log(line);
