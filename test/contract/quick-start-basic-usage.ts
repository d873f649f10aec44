import { ConfigScope } from './services/config/ConfigurationManagementService';

const branding = await configService.get('branding', {
  scope: ConfigScope.ORGANIZATION,
  scopeId: 'org-123',
});

await configService.set(
  'branding',
  {
    logo: 'https://example.com/logo.png',
    primaryColor: '#FF6B00',
    secondaryColor: '#003366',
    companyName: 'Acme Corp',
  },
  { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
  'user-456',
  'Updated brand colors for Q1 2026',
);

await configService.rollback(
  'branding',
  'abc123def456',
  'user-456',
  'Reverting to old colors due to accessibility issues',
);
