await configService.set('approval_thresholds', newValue, scope, userId);

const impact = await configService.analyzeImpact('approval_thresholds', newValue);
if (impact.impactLevel === ImpactLevel.CRITICAL) {
  await configService.requestChange({
    key: 'approval_thresholds',
    proposedValue: newValue,
    scope: ConfigScope.GLOBAL,
    requestedBy: userId,
    justification: 'Higher limits',
  });
} else {
  await configService.set('approval_thresholds', newValue, scope, userId);
}

export {};
