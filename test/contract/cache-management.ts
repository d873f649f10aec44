await configService.preloadHotConfigs();

await configService.invalidateCache('branding');

await configService.invalidateCache('pm_*');

await configService.invalidateCache();

export {};
