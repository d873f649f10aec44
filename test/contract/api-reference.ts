import type { ZodType } from 'zod';

declare const schema: ZodType;

const systemSettings: SystemSettings = await configService.get<SystemSettings>('system_settings', scope);
const batch: Map<string, unknown> = await configService.getBatch(['branding'], scope);
const all: Map<string, unknown> = await configService.getAll(scope);
const stored = await configService.set<{ lightDuty: number }>(
  'pm_intervals',
  { lightDuty: 5000 },
  scope,
  userId,
  'comment',
);
const miles: number = stored.value.lightDuty;
await configService.delete('pm_intervals', scope, userId, 'comment');
await configService.delete('pm_intervals', scope, userId);

const version = await configService.getVersion('pm_intervals', stored.version);
if (version !== null) {
  const hash: string = version.version;
  const at: Date = version.changedAt;
  const tags: readonly string[] = version.tags;
  const again: boolean = version.isRollback;
  const from: string | undefined = version.rollbackFromVersion;
}
const history = await configService.getHistory('pm_intervals');
for (const change of await configService.getDiff('pm_intervals', history[1].version, history[0].version)) {
  const operation: 'add' | 'modify' | 'delete' = change.operation;
  const path: string = change.path;
}
await configService.rollback('pm_intervals', stored.version, userId, 'reason');
await configService.createTag('stable', stored.version, 'description');

const { valid, errors } = await configService.validateConfig('pm_intervals', value);
const problems: readonly { path: string; message: string }[] = valid ? [] : errors;
await configService.registerSchema('pm_intervals', schema);
const registered = await configService.getSchema('pm_intervals');
const zod: ZodType | undefined = registered?.zod;

const request = await configService.requestChange({
  key: 'pm_intervals',
  proposedValue: newValue,
  scope: ConfigScope.GLOBAL,
  requestedBy: userId,
  justification: 'reason',
});
await configService.approveChange(request.id, 'approver', 'comment');
await configService.approveChange(request.id, 'approver');
await configService.rejectChange(request.id, 'approver', 'reason');
const pending = await configService.getPendingChanges();

const enabled: boolean = await configService.evaluateFlag('new-feature', { userId });
await configService.setFlagRollout('new-feature', 50);
const flags = await configService.listFlags();

const unwatch: () => void = await configService.watchConfig(['branding'], callback);

const impact = await configService.analyzeImpact('pm_intervals', newValue);
const dependencies: readonly string[] = await configService.getDependencies('pm_intervals');

const exported: string = await configService.exportConfig(scope, 'json');
const imported = await configService.importConfig(exported, 'json', userId);
await configService.importConfig(exported, 'json', userId, scope);

await configService.invalidateCache();
await configService.invalidateCache('pm_*');
await configService.preloadHotConfigs();

export {};
