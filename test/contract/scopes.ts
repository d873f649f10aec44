await configService.set('pm_intervals', { lightDuty: 5000 }, { scope: ConfigScope.GLOBAL }, 'admin');

await configService.set(
  'pm_intervals',
  { lightDuty: 7500 },
  { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
  'admin',
);

await configService.set(
  'pm_intervals',
  { lightDuty: 10000 },
  { scope: ConfigScope.TEAM, scopeId: 'team-456' },
  'admin',
);

const config = await configService.get('pm_intervals', { scope: ConfigScope.TEAM, scopeId: 'team-456' });

export {};
