const value = await configService.get('my_config', { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' });
if (!value) {
  console.log('Config not found, using default');
}

export {};
