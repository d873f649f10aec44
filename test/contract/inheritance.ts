await configService.set(
  'email_notifications',
  {
    maintenanceDue: true,
    inspectionDue: true,
    documentExpiring: false,
    workOrderAssigned: true,
    dailyDigest: false,
  },
  { scope: ConfigScope.GLOBAL },
  'admin-user',
  'Global notification defaults',
);

await configService.set(
  'email_notifications',
  {
    dailyDigest: true,
  },
  { scope: ConfigScope.USER, scopeId: 'user-789' },
  'user-789',
  'Enable daily digest for me',
);

const userNotifications = await configService.get('email_notifications', {
  scope: ConfigScope.USER,
  scopeId: 'user-789',
});

export {};
