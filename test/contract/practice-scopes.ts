await configService.set('branding', value, { scope: ConfigScope.USER, scopeId: 'user-123' }, userId);

await configService.set('branding', value, { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' }, userId);

export {};
