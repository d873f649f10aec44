await configService.watchConfig(['*'], callback);

await configService.watchConfig(['branding', 'system_settings'], callback);

export {};
