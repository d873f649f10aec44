const branding = await configService.get('branding');
const intervals = await configService.get('pm_intervals');
const thresholds = await configService.get('approval_thresholds');

const configs = await configService.getBatch(['branding', 'pm_intervals', 'approval_thresholds']);

export {};
