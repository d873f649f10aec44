/** Owns the example: who may read and change which settings, by the application's own authorization and by roles in the store. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  ConfigScope,
  createConfigurationService,
  isConfigurationError,
  openEmbeddedDatabase,
  type Authorize,
} from '@strata/service';
import { authService } from './directory.ts';

const org = { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' };
const other = { scope: ConfigScope.ORGANIZATION, scopeId: 'org-456' };

/** Asks the application about every call. The service itself, and calls that name nobody, are `system`. */
const authorize: Authorize = (actor, action, { key, scope, scopeId, organizationId }) =>
  actor.id === 'system' ||
  authService.checkPermission(actor.id, `configuration:${action}`, {
    resource: key ?? 'any setting',
    organizationId: scope === 'org' ? (scopeId ?? undefined) : organizationId,
  });

/**
 * Runs the example on an embedded database in memory.
 * @returns the lines that it has to say.
 */
export async function run(): Promise<string[]> {
  const lines: string[] = [];
  const tell = async (what: string, call: Promise<unknown>): Promise<void> => {
    lines.push(`${what}: ${await outcomeOf(call)}`);
  };
  const database = await openEmbeddedDatabase();
  try {
    const configService = createConfigurationService(database, { authorize });
    const set = (userId: string) =>
      configService.set('pm_intervals', { lightDuty: 7500 }, org, userId, 'Longer intervals');
    await tell('The mechanic sets the intervals', set('mechanic'));
    await tell('The fleet manager sets the intervals', set('fleet-manager'));
    await tell('The mechanic reads them', configService.as('mechanic').get('pm_intervals', org));
    const foreigner = configService.as('another-fleet-manager');
    await tell('The manager of another fleet reads them', foreigner.get('pm_intervals', org));
    const [version] = await configService.getHistory('pm_intervals');
    await tell('He asks for the version by its hash', foreigner.getVersion('pm_intervals', version?.version ?? ''));
    await configService.close();

    const roles = createConfigurationService(database);
    await roles.bindRole({ subject: { user: 'head-of-it' }, role: 'admin', scope: ConfigScope.GLOBAL }, 'system');
    await roles.setRole({ name: 'designer', permissions: ['read', 'write'] }, 'head-of-it');
    await roles.bindRole({ subject: { user: 'dana' }, role: 'designer', ...org, keys: 'brand*' }, 'head-of-it');
    const brand = (scope: typeof org) => roles.set('branding', { primaryColor: '#336699' }, scope, 'dana');
    await tell('Dana sets the branding', brand(org));
    await tell('She sets that of another org', brand(other));
    await tell('She sets the intervals', roles.set('pm_intervals', { lightDuty: 9000 }, org, 'dana'));
    const promotion = { subject: { user: 'dana' }, role: 'admin', ...org };
    await tell('She makes herself an administrator', roles.bindRole(promotion, 'dana'));
    await roles.close();
    return lines;
  } finally {
    await database.close();
  }
}

/** What a call came to, in a line. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    const result = await call;
    if (typeof result === 'object' && result !== null && 'version' in result) return 'done';
    return JSON.stringify(result);
  } catch (error) {
    if (isConfigurationError(error, 'not_permitted')) return `refused, for want of "${String(error.details.action)}"`;
    throw error;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const line of await run()) console.log(line);
}
