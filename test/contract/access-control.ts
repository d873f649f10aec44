const hasPermission = await authService.checkPermission(userId, 'configuration:write', {
  resource: 'approval_thresholds',
  scope: 'global',
});

if (!hasPermission) {
  throw new Error('Insufficient permissions');
}

await configService.set('approval_thresholds', value, scope, userId);

export {};
