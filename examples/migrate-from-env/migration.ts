/** Owns the way of the maintenance intervals from environment variables into Strata. */
import { ConfigScope, type ConfigurationManagementService, type ConfigVersion } from '@strata/service';

/** How many miles lie between two services, by class of vehicle. */
export interface MaintenanceIntervals {
  readonly lightDuty: number;
  readonly mediumDuty: number;
  readonly heavyDuty: number;
}

/** Reads the intervals as the application used to: from its environment, with a default for each. */
export function readIntervals(env: NodeJS.ProcessEnv): MaintenanceIntervals {
  return {
    lightDuty: readMiles(env['PM_INTERVAL_LIGHT_DUTY'], 5000),
    mediumDuty: readMiles(env['PM_INTERVAL_MEDIUM_DUTY'], 10000),
    heavyDuty: readMiles(env['PM_INTERVAL_HEAVY_DUTY'], 25000),
  };
}

/** A text that is no number becomes NaN, which Strata refuses to store: a typing error ends here, not in a workshop. */
function readMiles(text: string | undefined, fallback: number): number {
  return text === undefined || text === '' ? fallback : Number(text);
}

/** Stores the intervals for everyone. Doing it again with the same environment makes no second version. */
export async function migrateEnvToConfigService(
  configService: ConfigurationManagementService,
  env: NodeJS.ProcessEnv,
): Promise<ConfigVersion<MaintenanceIntervals>> {
  return configService.set(
    'pm_intervals',
    readIntervals(env),
    { scope: ConfigScope.GLOBAL },
    'migration-script',
    'Migrated from environment variables',
  );
}
