await configService.set(
  'feature_flags',
  {
    name: 'ai-maintenance-predictions',
    enabled: true,
    rolloutPercentage: 0,
    description: 'AI-powered predictive maintenance',
  },
  { scope: ConfigScope.GLOBAL },
  'admin',
);

await configService.setFlagRollout('ai-maintenance-predictions', 10);

const isEnabled = await configService.evaluateFlag('ai-maintenance-predictions', {
  userId: 'user-123',
  organizationId: 'org-456',
  attributes: { role: 'FleetManager', tier: 'enterprise' },
});

if (isEnabled) {
  console.log('Showing AI maintenance predictions');
}

await configService.setFlagRollout('ai-maintenance-predictions', 50);
await configService.setFlagRollout('ai-maintenance-predictions', 100);

const flags = await configService.listFlags();
for (const flag of flags) {
  console.log(`${flag.name}: ${flag.enabled ? 'ON' : 'OFF'} (${flag.rolloutPercentage}%)`);
}

export {};
