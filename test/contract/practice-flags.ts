if (true) {
  showNewFeature();
}

const enabled = await configService.evaluateFlag('new-feature', { userId, organizationId });
if (enabled) {
  showNewFeature();
}

export {};
