const advancedAnalyticsFlag = {
  name: 'advanced-analytics',
  enabled: true,
  rolloutPercentage: 100,
  conditions: [
    {
      attribute: 'attributes.role',
      operator: 'in' as const,
      values: ['Admin', 'Analyst', 'FleetManager'],
    },
    {
      attribute: 'attributes.tier',
      operator: 'equals' as const,
      value: 'enterprise',
    },
  ],
  description: 'Advanced analytics dashboard',
};

const enabled = await configService.evaluateFlag('advanced-analytics', {
  userId: 'user-123',
  organizationId: 'org-456',
  attributes: {
    role: 'Analyst',
    tier: 'enterprise',
  },
});

const enabledForBasic = await configService.evaluateFlag('advanced-analytics', {
  userId: 'user-789',
  organizationId: 'org-999',
  attributes: {
    role: 'Driver',
    tier: 'basic',
  },
});

export {};
