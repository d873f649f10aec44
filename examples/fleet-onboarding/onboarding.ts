/** Owns what a new organization of a fleet operator starts with. */
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigScope, type ConfigurationManagementService } from '@strata/service';

/**
 * Gives an organization its branding, its maintenance intervals, its approval thresholds and its notifications, and keeps what it
 * started with as a file.
 * @param directory where the baseline is written.
 * @returns the path of the baseline.
 */
export async function onboardOrganization(
  configService: ConfigurationManagementService,
  orgId: string,
  adminUserId: string,
  directory: string,
): Promise<string> {
  await configService.set(
    'branding',
    {
      logo: 'https://cdn.example.com/orgs/123/logo.png',
      primaryColor: '#FF6B00',
      secondaryColor: '#003366',
      companyName: 'Acme Fleet Services',
      tagline: 'Moving America Forward',
    },
    { scope: ConfigScope.ORGANIZATION, scopeId: orgId },
    adminUserId,
    'Initial organization setup',
  );

  await configService.set(
    'pm_intervals',
    {
      lightDuty: 5000,
      mediumDuty: 10000,
      heavyDuty: 25000,
    },
    { scope: ConfigScope.ORGANIZATION, scopeId: orgId },
    adminUserId,
    'Standard PM intervals for fleet',
  );

  await configService.set(
    'approval_thresholds',
    {
      maintenanceApproval: 5000,
      procurementApproval: 10000,
      budgetVariance: 10,
    },
    { scope: ConfigScope.ORGANIZATION, scopeId: orgId },
    adminUserId,
    'Initial approval thresholds',
  );

  await configService.set(
    'email_notifications',
    {
      maintenanceDue: true,
      inspectionDue: true,
      documentExpiring: true,
      workOrderAssigned: true,
      dailyDigest: false,
    },
    { scope: ConfigScope.ORGANIZATION, scopeId: orgId },
    adminUserId,
    'Default notification settings',
  );

  const baseline = await configService.exportConfig({ scope: ConfigScope.ORGANIZATION, scopeId: orgId }, 'json');
  const path = join(directory, `config-baseline-${orgId}.json`);
  await fs.writeFile(path, baseline);
  return path;
}
