const version = await configService.set('pm_intervals', value, scope, userId);
await configService.createTag('stable-q1-2026', version.version, 'Production stable release');

export {};
