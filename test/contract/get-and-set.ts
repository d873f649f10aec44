const systemSettings = await configService.get<SystemSettings>('system_settings');

const configs = await configService.getBatch(['branding', 'pm_intervals', 'approval_thresholds'], {
  scope: ConfigScope.ORGANIZATION,
  scopeId: 'org-123',
});

console.log(configs.get('branding'));
console.log(configs.get('pm_intervals'));

const allConfigs = await configService.getAll({
  scope: ConfigScope.ORGANIZATION,
  scopeId: 'org-123',
});

export {};
