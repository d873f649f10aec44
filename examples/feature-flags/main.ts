/** Owns the example: a feature goes from a few testers to everybody, except where one organization does not want it. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ConfigScope,
  createConfigurationService,
  isConfigurationError,
  openEmbeddedDatabase,
  type ConfigurationManagementService,
  type FlagContext,
} from '@strata/service';

const name = 'route-planner';
const global = { scope: ConfigScope.GLOBAL };
const acme = { scope: ConfigScope.ORGANIZATION, scopeId: 'acme' };
const users = Array.from({ length: 1000 }, (_, number) => `user-${String(number)}`);

/**
 * Runs the example on an embedded database in memory.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const database = await openEmbeddedDatabase();
  const service = createConfigurationService(database);
  try {
    await service.set('flag_segments', { name: 'testers', included: ['tess', 'theo'] }, global, 'ann');
    const rules = [{ id: 'testers', segment: 'testers' }];
    await service.set(
      'feature_flags',
      { name, enabled: true, rolloutPercentage: 0, rules },
      global,
      'ann',
      'For testers',
    );
    lines.push(`Tess is a tester: ${await reasonFor(service, { userId: 'tess' })}`);
    lines.push(`Zoe is none: ${await reasonFor(service, { userId: 'zoe' })}`);

    const tenth = await usersOf(service, 10);
    const half = await usersOf(service, 50);
    lines.push(`At 10 % and at 50 % about as many users have it: ${String(isAbout(tenth, 100) && isAbout(half, 500))}`);
    lines.push(`Who had it at 10 % has it at 50 %: ${String(tenth.every((user) => half.includes(user)))}`);

    await service.setFlagRollout(name, 100, { actor: 'ann', comment: 'For everybody' });
    await service.toggleFlag(name, false, { actor: 'olga', comment: 'Not at Acme', scope: acme });
    lines.push(`Zoe, now: ${await reasonFor(service, { userId: 'zoe' })}`);
    const { evaluation, origin } = await service.explainFlag(name, { userId: 'zoe', organizationId: 'acme' });
    lines.push(
      `Zoe at Acme: ${evaluation.reason}, by ${origin?.path ?? ''} of ${origin?.scope ?? ''} ${origin?.scopeId ?? ''}`,
    );

    await service.archiveFlag(name, { actor: 'ann', comment: 'It is just there now' });
    lines.push(
      `Its name, used again: ${await outcomeOf(service.set('feature_flags', { name, enabled: true }, global, 'ann'))}`,
    );
    return lines;
  } finally {
    await service.close();
    await database.close();
  }
}

async function reasonFor(service: ConfigurationManagementService, context: FlagContext): Promise<string> {
  const { on, reason, ruleId } = await service.evaluateFlagDetail(name, context);
  return `${on ? 'on' : 'off'}, ${reason}${ruleId === undefined ? '' : ` by the rule ${ruleId}`}`;
}

async function usersOf(service: ConfigurationManagementService, percentage: number): Promise<string[]> {
  await service.setFlagRollout(name, percentage, { actor: 'ann' });
  const on: string[] = [];
  for (const userId of users) if (await service.evaluateFlag(name, { userId })) on.push(userId);
  return on;
}

function isAbout(found: readonly string[], expected: number): boolean {
  return Math.abs(found.length - expected) < 60;
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'stored';
  } catch (error) {
    if (isConfigurationError(error)) return `refused, ${error.code}`;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const line of await run()) console.log(line);
