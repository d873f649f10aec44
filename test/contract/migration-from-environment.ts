{
  const pmInterval = parseInt(process.env.PM_INTERVAL_LIGHT_DUTY || '5000');
}

const pmIntervals = await configService.get('pm_intervals');
const pmInterval = pmIntervals.lightDuty;

async function migrateEnvToConfigService() {
  await configService.set(
    'pm_intervals',
    {
      lightDuty: parseInt(process.env.PM_INTERVAL_LIGHT_DUTY || '5000'),
      mediumDuty: parseInt(process.env.PM_INTERVAL_MEDIUM_DUTY || '10000'),
      heavyDuty: parseInt(process.env.PM_INTERVAL_HEAVY_DUTY || '25000'),
    },
    { scope: ConfigScope.GLOBAL },
    'migration-script',
    'Migrated from environment variables',
  );
}

export {};
