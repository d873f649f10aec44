await configService.set('pm_intervals', value, scope, userId);

await configService.set(
  'pm_intervals',
  value,
  scope,
  userId,
  'Longer intervals: unscheduled maintenance fell by a fifth in six months',
);

export {};
