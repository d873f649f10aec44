/** Owns the proof that the contract's calls do what it says, word for word. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { startRedis } from '../../../test/redis-server.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { Database } from './db/database.ts';
import { ConfigScope, createConfigurationService, ImpactLevel, type SystemSettings } from './index.ts';

describeDatabases('the contract', (engine) => {
  const services = servicesOn(engine);
  let configService: ConfigurationManagementService;
  let database: Database;
  beforeEach(async () => {
    ({ service: configService, database } = await services.open());
  });

  const global = { scope: ConfigScope.GLOBAL } as const;
  const org = { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' } as const;

  it('gets, sets and rolls back (quick start)', async () => {
    const first = await configService.set('branding', { primaryColor: '#000000' }, org, 'user-1');
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
    const branding: unknown = await configService.get('branding', {
      scope: ConfigScope.ORGANIZATION,
      scopeId: 'org-123',
    });
    expect(branding).toEqual({
      logo: 'https://example.com/logo.png',
      primaryColor: '#FF6B00',
      secondaryColor: '#003366',
      companyName: 'Acme Corp',
    });
    const back = await configService.rollback(
      'branding',
      first.version.slice(0, 12),
      'user-456',
      'Reverting to old colors due to accessibility issues',
    );
    expect(back).toMatchObject({ isRollback: true, rollbackFromVersion: first.version, scopeId: 'org-123' });
    expect(await configService.get('branding', org)).toEqual({ primaryColor: '#000000' });
  });

  it('lets each scope override the one above (configuration scopes)', async () => {
    await configService.set('pm_intervals', { lightDuty: 5000 }, { scope: ConfigScope.GLOBAL }, 'admin');
    await configService.set('pm_intervals', { lightDuty: 7500 }, org, 'admin');
    await configService.set(
      'pm_intervals',
      { lightDuty: 10000 },
      { scope: ConfigScope.TEAM, scopeId: 'team-456' },
      'admin',
    );
    const config: unknown = await configService.get('pm_intervals', { scope: ConfigScope.TEAM, scopeId: 'team-456' });
    expect(config).toEqual({ lightDuty: 10000 });
    expect(await configService.get('pm_intervals', org)).toEqual({ lightDuty: 7500 });
    expect(await configService.get('pm_intervals')).toEqual({ lightDuty: 5000 });
  });

  it('makes a version of every change (versioning)', async () => {
    const before = await configService.set('branding', { companyName: 'Old' }, global, 'user-1', 'first');
    const version = await configService.set('branding', { companyName: 'New' }, global, 'user-2', 'second');
    expect(version.version).toMatch(/^[0-9a-f]{16}$/);

    const history = await configService.getHistory('branding', 10);
    expect(history.map((v) => [v.comment, v.changedBy])).toEqual([
      ['second', 'user-2'],
      ['first', 'user-1'],
    ]);
    expect(history[0]?.changedAt).toBeInstanceOf(Date);
    const oldVersion = await configService.getVersion('branding', before.version);
    expect(oldVersion).toEqual(before);
    const diff = await configService.getDiff('branding', before.version, version.version);
    expect(diff).toEqual([{ path: 'companyName', operation: 'modify', oldValue: 'Old', newValue: 'New' }]);
  });

  it('reads one, several and all (example 1)', async () => {
    await configService.set('system_settings', { maintenanceMode: true, theme: 'dark' }, global, 'admin');
    await configService.set('pm_intervals', { lightDuty: 5000 }, global, 'admin');
    await configService.set('branding', { companyName: 'Acme' }, org, 'admin');

    const systemSettings = await configService.get<SystemSettings>('system_settings');
    expect(systemSettings.maintenanceMode).toBe(true);
    const configs = await configService.getBatch(['branding', 'pm_intervals', 'approval_thresholds'], org);
    expect(configs.get('branding')).toEqual({ companyName: 'Acme' });
    expect(configs.get('pm_intervals')).toEqual({ lightDuty: 5000 });
    expect(configs.get('approval_thresholds')).toBeNull();
    const allConfigs = await configService.getAll(org);
    expect([...allConfigs.keys()].sort()).toEqual(['branding', 'pm_intervals', 'system_settings']);
  });

  it('merges what a user overrides with the global defaults (example 2)', async () => {
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
      { dailyDigest: true },
      { scope: ConfigScope.USER, scopeId: 'user-789' },
      'user-789',
      'Enable daily digest for me',
    );
    const userNotifications: unknown = await configService.get('email_notifications', {
      scope: ConfigScope.USER,
      scopeId: 'user-789',
    });
    expect(userNotifications).toEqual({
      maintenanceDue: true,
      inspectionDue: true,
      documentExpiring: false,
      workOrderAssigned: true,
      dailyDigest: true,
    });
  });

  it('tells the history, compares, tags and rolls back (example 3)', async () => {
    const stable = await configService.set('pm_intervals', { lightDuty: 5000 }, global, 'admin-user', 'first');
    await configService.createTag('stable-v1.0', stable.version, 'Stable release');
    await configService.set('pm_intervals', { lightDuty: 9000, heavyDuty: 20000 }, global, 'ann', 'second');

    const history = await configService.getHistory('pm_intervals', 20);
    const [newest, oldest] = history;
    if (newest === undefined || oldest === undefined) throw new Error('two versions were made');
    expect(history.map((v) => [v.comment, v.impactLevel, v.isRollback, v.tags])).toEqual([
      ['second', 'high', false, []],
      ['first', 'high', false, ['stable-v1.0']],
    ]);
    const diff = await configService.getDiff('pm_intervals', oldest.version, newest.version);
    expect(diff).toEqual([
      { path: 'heavyDuty', operation: 'add', newValue: 20000 },
      { path: 'lightDuty', operation: 'modify', oldValue: 5000, newValue: 9000 },
    ]);

    const stableVersion = history.find((v) => v.tags.includes('stable-v1.0'));
    expect(stableVersion?.version).toBe(stable.version);
    if (stableVersion) {
      await configService.rollback(
        'pm_intervals',
        stableVersion.version,
        'admin-user',
        'Reverting to last stable release due to production issues',
      );
    }
    expect(await configService.get('pm_intervals')).toEqual({ lightDuty: 5000 });
    const [head] = await configService.getHistory('pm_intervals', 20);
    expect(head).toMatchObject({ isRollback: true, operation: 'rollback', rollbackFromVersion: stable.version });
    const tag = await configService.createTag('stable-v2.0', newest.version, 'Stable release Q1 2026');
    expect(tag).toMatchObject({ tag: 'stable-v2.0', version: newest.version, key: 'pm_intervals', scopeId: null });
  });

  describe('with a schema of its own (example 10)', () => {
    const vehicleSettingsSchema = z.object({
      maxSpeed: z.number().min(0).max(200),
      fuelType: z.enum(['gasoline', 'diesel', 'electric', 'hybrid']),
      maintenanceInterval: z.number().min(1000).max(50000),
      // As the contract has it; Zod has a newer name for it.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      warrantyExpiration: z.string().datetime().optional(),
    });
    beforeEach(async () => {
      await configService.registerSchema('vehicle_settings', vehicleSettingsSchema);
    });

    it('takes what is valid', async () => {
      const valid = { maxSpeed: 120, fuelType: 'electric', maintenanceInterval: 10000 };
      await configService.set(
        'vehicle_settings',
        { maxSpeed: 120, fuelType: 'electric', maintenanceInterval: 10000 },
        { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
        'admin',
      );
      expect(await configService.get('vehicle_settings', org)).toEqual(valid);
    });

    it('refuses what is not, naming every problem', async () => {
      const call = configService.set(
        'vehicle_settings',
        { maxSpeed: 300, fuelType: 'nuclear', maintenanceInterval: 100 },
        { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
        'admin',
      );
      await expect(call).rejects.toThrow(
        'Validation failed: maxSpeed must be at most 200, fuelType must be one of gasoline, diesel, electric, hybrid, maintenanceInterval must be at least 1000',
      );
      expect(await configService.get('vehicle_settings', org)).toBeNull();
    });

    it('checks before anything is set', async () => {
      const validationResult = await configService.validateConfig('vehicle_settings', {
        maxSpeed: 150,
        fuelType: 'hybrid',
        maintenanceInterval: 15000,
      });
      expect(validationResult).toEqual({ valid: true, errors: [] });
      const wrong = await configService.validateConfig('vehicle_settings', { maxSpeed: 150, fuelType: 'hybrid' });
      expect(wrong).toEqual({
        valid: false,
        errors: [{ path: 'maintenanceInterval', message: 'maintenanceInterval is required' }],
      });
    });
  });

  describe('with files', () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'strata-contract-'));
    });
    afterEach(() => rm(directory, { recursive: true }));

    it('onboards an organization (example 12)', async () => {
      const lines: string[] = [];
      async function onboardOrganization(orgId: string, adminUserId: string): Promise<void> {
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
          { lightDuty: 5000, mediumDuty: 10000, heavyDuty: 25000 },
          { scope: ConfigScope.ORGANIZATION, scopeId: orgId },
          adminUserId,
          'Standard PM intervals for fleet',
        );
        await configService.set(
          'approval_thresholds',
          { maintenanceApproval: 5000, procurementApproval: 10000, budgetVariance: 10 },
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
        await writeFile(join(directory, `config-baseline-${orgId}.json`), baseline);
        lines.push(`Organization ${orgId} onboarded successfully`);
      }

      await onboardOrganization('org-9', 'admin-9');
      expect(lines).toEqual(['Organization org-9 onboarded successfully']);
      const written: unknown = JSON.parse(await readFile(join(directory, 'config-baseline-org-9.json'), 'utf8'));
      const keys = ['approval_thresholds', 'branding', 'email_notifications', 'pm_intervals'];
      expect(written).toMatchObject({ settings: keys.map((key) => ({ key, scope: 'org', scopeId: 'org-9' })) });
      expect([...(await configService.getAll({ scope: ConfigScope.ORGANIZATION, scopeId: 'org-9' })).keys()]).toEqual(
        keys,
      );
      expect(await configService.getAll(org)).toEqual(new Map());
    });
  });

  it('rolls a flag out step by step (example 5)', async () => {
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
    const units = Array.from({ length: 200 }, (_, number) => `user-${String(number)}`);
    const on = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const userId of units) {
        const isEnabled = await configService.evaluateFlag('ai-maintenance-predictions', {
          userId,
          organizationId: 'org-456',
          attributes: { role: 'FleetManager', tier: 'enterprise' },
        });
        if (isEnabled) found.push(userId);
      }
      return found;
    };
    expect(await on()).toEqual([]);
    await configService.setFlagRollout('ai-maintenance-predictions', 10);
    const tenth = await on();
    await configService.setFlagRollout('ai-maintenance-predictions', 50); // 50%
    const half = await on();
    await configService.setFlagRollout('ai-maintenance-predictions', 100); // 100%
    expect(await on()).toEqual(units);
    expect([tenth.length > 5, tenth.length < 40, half.length > 70, half.length < 130]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(tenth.filter((unit) => !half.includes(unit))).toEqual([]);

    const flags = await configService.listFlags();
    expect(
      flags.map((flag) => `${flag.name}: ${flag.enabled ? 'ON' : 'OFF'} (${String(flag.rolloutPercentage)}%)`),
    ).toEqual(['ai-maintenance-predictions: ON (100%)']);
  });

  it('turns a flag on for some roles (example 6)', async () => {
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
    await configService.set('feature_flags', advancedAnalyticsFlag, { scope: ConfigScope.GLOBAL }, 'admin');

    // Evaluate for user
    const enabled = await configService.evaluateFlag('advanced-analytics', {
      userId: 'user-123',
      organizationId: 'org-456',
      attributes: {
        role: 'Analyst',
        tier: 'enterprise',
      },
    });
    expect(enabled).toBe(true);

    const enabledForBasic = await configService.evaluateFlag('advanced-analytics', {
      userId: 'user-789',
      organizationId: 'org-999',
      attributes: {
        role: 'Driver',
        tier: 'basic',
      },
    });
    expect(enabledForBasic).toBe(false);
  });

  it('answers for a flag that there is not (best practice 5)', async () => {
    const enabled = await configService.evaluateFlag('new-feature', { userId: 'user-1', organizationId: 'org-1' });
    expect(enabled).toBe(false);
  });

  describe('in a directory', () => {
    let directory: string;
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'strata-contract-'));
      onTestFinished(() => rm(directory, { recursive: true }));
    });
    const fs = {
      writeFile: (name: string, data: string) => writeFile(join(directory, name), data),
      readFile: (name: string, encoding: 'utf8') => readFile(join(directory, name), encoding),
    };

    it('exports and imports (example 9)', async () => {
      await configService.set('branding', { companyName: 'Global' }, global, 'admin');
      await configService.set('branding', { primaryColor: '#003366' }, org, 'admin');
      await configService.set('approval_thresholds', { budgetVariance: 5 }, org, 'admin');
      const lines: unknown[] = [];
      const console = { log: (line: unknown) => lines.push(line) };

      // Export all organization configs
      const backupJson = await configService.exportConfig(
        { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' },
        'json',
      );

      await fs.writeFile('config-backup-org123-2026-01-05.json', backupJson);

      await configService.set('branding', { primaryColor: '#FF0000', companyName: 'Wrong' }, org, 'user-1');
      await configService.set('motto', 'later', org, 'user-1');

      // Later: restore from backup
      const backupData = await fs.readFile('config-backup-org123-2026-01-05.json', 'utf8');
      const result = await configService.importConfig(backupData, 'json', 'admin-user', {
        scope: ConfigScope.ORGANIZATION,
        scopeId: 'org-123',
      });

      console.log(`Imported: ${String(result.imported)}`);
      console.log(`Failed: ${String(result.failed)}`);

      if (result.errors.length > 0) {
        console.log('Errors:');
        result.errors.forEach((err) => {
          console.log(`  ${err.key}: ${err.error}`);
        });
      }

      expect(lines).toEqual(['Imported: 1', 'Failed: 0']);
      expect(result).toMatchObject({ skipped: 1, pendingApproval: [] });
      expect(await configService.getLayer('branding', org)).toMatchObject({
        value: { primaryColor: '#003366' },
        changedBy: 'admin-user',
      });
      // What is inherited stays inherited, and what is not in the document stays.
      await configService.set('branding', { companyName: 'Renamed' }, global, 'admin');
      expect(await configService.get('branding', org)).toEqual({ companyName: 'Renamed', primaryColor: '#003366' });
      expect(await configService.get('motto', org)).toBe('later');
    });

    it('puts back what was exported before a major change (best practice 6)', async () => {
      await configService.set('limits', { trucks: 5 }, global, 'admin');
      const performUpgrade = async (): Promise<void> => {
        await configService.set('limits', { trucks: 500 }, global, 'upgrade');
      };

      // Before major system upgrade
      const backup = await configService.exportConfig({ scope: ConfigScope.GLOBAL }, 'json');
      await fs.writeFile(`backup-${String(Date.now())}.json`, backup);

      // Perform upgrade
      await performUpgrade();

      // If issues: restore
      await configService.importConfig(backup, 'json', 'admin');

      expect(await configService.get('limits')).toEqual({ trucks: 5 });
    });
  });

  it('shows what a change does to whoever approves it (example 4)', async () => {
    const told: string[] = [];
    const console = { log: (...words: unknown[]) => told.push(words.map(String).join(' ')) };
    await configService.set('approval_thresholds', { maintenanceApproval: 10000 }, global, 'admin');
    await configService.registerScope({ scope: 'user', scopeId: 'user-1' });
    await configService.defineKey('approval_thresholds', { services: ['procurement'] }, 'admin');
    try {
      await configService.set(
        'approval_thresholds',
        {
          maintenanceApproval: 50000, // Increase from 10000
          procurementApproval: 100000,
          budgetVariance: 20,
        },
        { scope: ConfigScope.GLOBAL },
        'manager-user',
        'Increase thresholds to reduce bottlenecks',
      );
    } catch (error) {
      console.log((error as Error).message);
    }
    expect(told).toEqual([expect.stringMatching(/^This change requires approval. Change request created: req-/)]);

    const pending = await configService.getPendingChanges('approver-user');
    for (const request of pending) {
      console.log(`
        Request: ${request.id}
        Key: ${request.key}
        Impact: ${request.impactLevel}
        Requested by: ${request.requestedBy}
        Justification: ${String(request.justification)}
        Current: ${JSON.stringify(request.currentValue)}
        Proposed: ${JSON.stringify(request.proposedValue)}
        Approvals: ${String(request.approvals.length)}/${String(request.minimumApprovals)}
      `);
      const impact = await configService.analyzeImpact(request.key, request.proposedValue);
      console.log('Impact Analysis:');
      console.log('  Affected services:', impact.affectedServices);
      console.log('  Affected users:', impact.affectedUsers);
      console.log('  Testing recommendations:', impact.testingRecommendations);
      expect(impact.impactLevel).toBe(request.impactLevel);
      expect(impact.minimumApprovals).toBe(request.minimumApprovals);
      await configService.approveChange(request.id, 'approver-user', 'Approved after reviewing impact analysis');
    }
    expect(told.slice(2)).toEqual([
      'Impact Analysis:',
      '  Affected services: procurement',
      '  Affected users: 1',
      expect.stringContaining('maintenanceApproval goes from 10000 to 50000, 5 times as much'),
    ]);
    const [open] = await configService.getPendingChanges();
    expect(open).toMatchObject({ approvals: [{ approverId: 'approver-user' }], minimumApprovals: 2 });
    await configService.rejectChange(
      open?.id ?? '',
      'approver-user',
      'Impact too high for current quarter, revisit in Q2',
    );
    expect(await configService.getPendingChanges()).toEqual([]);
  });

  it('says what a change would do before it is made (example 8)', async () => {
    const told: string[] = [];
    const console = { log: (...words: unknown[]) => told.push(words.map(String).join(' ')) };
    const before = { lightDuty: 5000, mediumDuty: 10000, heavyDuty: 50000 };
    const { version } = await configService.set('pm_intervals', before, global, 'admin');
    await configService.registerScope({ scope: 'user', scopeId: 'user-1', parent: org });
    await configService.registerScope({ scope: 'user', scopeId: 'user-2', parent: org });
    const user = { scope: 'user', scopeId: 'user-2' } as const;
    await configService.set('pm_intervals', { lightDuty: 4000, mediumDuty: 9000 }, user, 'user-2');
    const definition = { services: ['fleet-api', 'planner'], restartNeeded: true, downtimeSeconds: 30 };
    await configService.defineKey('pm_intervals', definition, 'admin');
    await configService.addDependency('pm_intervals', 'fleet.units', 'admin');

    const impact = await configService.analyzeImpact('pm_intervals', {
      lightDuty: 15000, // Increasing from 5000
      mediumDuty: 25000, // Increasing from 10000
      heavyDuty: 50000, // No change
    });

    console.log('Impact Analysis Report:');
    console.log('======================');
    console.log('Impact Level:', impact.impactLevel);
    console.log('Requires Approval:', impact.requiresApproval);
    console.log('Required Approvers:', impact.requiredApprovers);
    console.log('Affected Services:', impact.affectedServices);
    console.log('Affected Users:', impact.affectedUsers);
    // As the contract has it.
    // eslint-disable-next-line @typescript-eslint/prefer-nullish-coalescing, @typescript-eslint/strict-boolean-expressions
    console.log('Estimated Downtime:', impact.estimatedDowntime || 'None');
    console.log('\nRollback Plan:');
    console.log(impact.rollbackPlan);
    console.log('\nTesting Recommendations:');
    impact.testingRecommendations.forEach((rec, i) => {
      console.log(`  ${String(i + 1)}. ${rec}`);
    });
    console.log('\nDependencies:', impact.dependencies);
    expect(told).toEqual([
      'Impact Analysis Report:',
      '======================',
      'Impact Level: high',
      'Requires Approval: false',
      'Required Approvers: ',
      'Affected Services: fleet-api,planner',
      'Affected Users: 1',
      'Estimated Downtime: 30 seconds for each of fleet-api, planner, while it starts again',
      '\nRollback Plan:',
      `pm_intervals at global is at version ${version} now. To go back: strata rollback pm_intervals ${version} -m "<reason>" ` +
        `(in code: rollback('pm_intervals', '${version}', userId, reason)). Then start again: fleet-api, planner.`,
      '\nTesting Recommendations:',
      '  1. lightDuty goes from 5000 to 15000, 3 times as much: test what is computed from it, with both',
      '  2. mediumDuty goes from 10000 to 25000, 2.5 times as much: test what is computed from it, with both',
      '  3. start again and test: fleet-api, planner',
      '  4. test at user user-2 too: it keeps a value of its own',
      '  5. try it at one scope first, such as org org-123',
      '\nDependencies: fleet.units',
    ]);
    // Only proceed if impact is acceptable
    const newValue = { lightDuty: 15000, mediumDuty: 25000, heavyDuty: 50000 };
    if (impact.impactLevel === 'critical') {
      console.log('STOP: This change is critical. Create approval request instead.');
    } else {
      await configService.set('pm_intervals', newValue, global, 'user-1');
    }
    expect(await configService.get('pm_intervals', { scope: 'user', scopeId: 'user-1' })).toEqual(newValue);
    expect(await configService.getDependencies('pm_intervals')).toEqual(['fleet.units']);
  });

  it('keeps a value where it was set (best practice 1)', async () => {
    const value = { companyName: 'Acme' };
    await configService.set('branding', value, { scope: ConfigScope.ORGANIZATION, scopeId: 'org-123' }, 'user-1');
    await configService.registerScope({ scope: 'user', scopeId: 'user-123', parent: org });
    await configService.registerScope({ scope: 'user', scopeId: 'user-456', parent: org });
    for (const scopeId of ['user-123', 'user-456']) {
      expect(await configService.get('branding', { scope: ConfigScope.USER, scopeId })).toEqual(value);
    }
  });

  it('keeps the comment, which may be left out (best practice 2)', async () => {
    const comment =
      'Increased intervals based on 6-month fleet analysis showing 20% reduction in unscheduled maintenance';
    await configService.set('pm_intervals', { lightDuty: 5000 }, global, 'ann');
    await configService.set('pm_intervals', { lightDuty: 6000 }, global, 'ann', comment);
    expect((await configService.getHistory('pm_intervals')).map((v) => v.comment)).toEqual([comment, null]);
  });

  it('asks for a critical change rather than making it (best practice 3)', async () => {
    const newValue = { maintenanceApproval: 20000 };
    const userId = 'manager-user';
    await configService.set('approval_thresholds', { maintenanceApproval: 10000 }, global, 'admin');
    const impact = await configService.analyzeImpact('approval_thresholds', newValue);
    if (impact.impactLevel === ImpactLevel.CRITICAL) {
      // Create approval request instead
      await configService.requestChange({
        key: 'approval_thresholds',
        proposedValue: newValue,
        scope: ConfigScope.GLOBAL,
        requestedBy: userId,
        justification: 'Higher limits',
      });
    } else {
      await configService.set('approval_thresholds', newValue, global, userId);
    }
    expect(impact).toMatchObject({ requiresApproval: true, minimumApprovals: 2, rollbackPriority: 'immediate' });
    expect(await configService.getPendingChanges()).toHaveLength(1);
    expect(await configService.get('approval_thresholds')).toEqual({ maintenanceApproval: 10000 });
  });

  it('tags what a set returned (best practice 4)', async () => {
    const version = await configService.set('pm_intervals', { lightDuty: 5000 }, global, 'ann');
    await configService.createTag('stable-q1-2026', version.version, 'Production stable release');
    expect(await configService.getVersion('pm_intervals', 'stable-q1-2026')).toMatchObject({
      version: version.version,
      tags: ['stable-q1-2026'],
    });
  });

  it('answers null for what is not there (troubleshooting)', async () => {
    const value: unknown = await configService.get('my_config', {
      scope: ConfigScope.ORGANIZATION,
      scopeId: 'org-123',
    });
    expect(value).toBeNull();
  });

  it('says what is invalid (troubleshooting)', async () => {
    const told: string[] = [];
    try {
      await configService.set('pm_intervals', { lightDuty: 50 }, global, 'ann');
    } catch (error) {
      if (error instanceof Error && error.message.includes('Validation failed')) told.push(error.message);
    }
    expect(told).toEqual(['Validation failed: lightDuty must be at least 1000']);
  });

  it('forgets what is cached when told to (troubleshooting, example 11)', async () => {
    await configService.set('branding', { companyName: 'Acme' }, global, 'ann');
    await configService.get('branding');
    await configService.get('pm_intervals');
    expect(configService.peek('branding')).toEqual({ companyName: 'Acme' });
    await configService.invalidateCache('branding');
    expect(configService.peek('branding')).toBeUndefined();
    expect(configService.peek('pm_intervals')).toBeNull();
    const freshValue: unknown = await configService.get('branding');
    expect(freshValue).toEqual({ companyName: 'Acme' });
    await configService.invalidateCache('pm_*');
    expect(configService.peek('pm_intervals')).toBeUndefined();
    expect(configService.peek('branding')).toEqual({ companyName: 'Acme' });
    await configService.invalidateCache();
    expect(configService.peek('branding')).toBeUndefined();
  });

  it('preloads what is read most, and shares values over the caller’s Redis (example 11)', async () => {
    const redis = await startRedis();
    const client = redis.client();
    try {
      await configService.set('branding', { companyName: 'Acme' }, global, 'ann');
      const cached = createConfigurationService(database, { redis: client, cacheEnabled: true, cacheTtl: 300 });
      expect(await cached.preloadHotConfigs()).toBeGreaterThan(0);
      expect(cached.peek('branding')).toEqual({ companyName: 'Acme' });
      await vi.waitFor(async () => {
        await cached.invalidateCache();
        expect(await cached.get('branding')).toEqual({ companyName: 'Acme' });
        expect(await client.dbsize()).toBeGreaterThan(0);
      });
      await cached.close();
      expect(await client.ping()).toBe('PONG');
    } finally {
      await redis.close();
    }
  });

  it('reads many values in one query (performance tip 1)', async () => {
    await configService.set('branding', { companyName: 'Acme' }, global, 'ann');
    let reads = 0;
    const counted: Database = {
      ...database,
      query: (text, parameters, name, options) => {
        // What has expired is looked for in the background.
        if (text.includes('configuration_settings') && !text.includes('clock_timestamp')) reads += 1;
        return database.query(text, parameters, name, options);
      },
    };
    const other = services.on(counted);
    const configs = await other.getBatch(['branding', 'pm_intervals', 'approval_thresholds']);
    expect(configs).toEqual(
      new Map([
        ['branding', { companyName: 'Acme' }],
        ['pm_intervals', null],
        ['approval_thresholds', null],
      ]),
    );
    expect(reads).toBe(1);
    await other.getBatch(['branding', 'pm_intervals', 'approval_thresholds']);
    expect(reads).toBe(1);
  });

  it('takes over environment variables (migration guide)', async () => {
    process.env['PM_INTERVAL_LIGHT_DUTY'] = '5500';
    onTestFinished(() => {
      delete process.env['PM_INTERVAL_LIGHT_DUTY'];
    });
    async function migrateEnvToConfigService(): Promise<void> {
      await configService.set(
        'pm_intervals',
        {
          lightDuty: parseInt(process.env['PM_INTERVAL_LIGHT_DUTY'] ?? '5000'),
          mediumDuty: parseInt(process.env['PM_INTERVAL_MEDIUM_DUTY'] ?? '10000'),
          heavyDuty: parseInt(process.env['PM_INTERVAL_HEAVY_DUTY'] ?? '25000'),
        },
        { scope: ConfigScope.GLOBAL },
        'migration-script',
        'Migrated from environment variables',
      );
    }
    await migrateEnvToConfigService();
    const pmIntervals = await configService.get<{ lightDuty: number }>('pm_intervals');
    const pmInterval = pmIntervals.lightDuty;
    expect(pmInterval).toBe(5500);
    expect(await configService.get('pm_intervals')).toEqual({ lightDuty: 5500, mediumDuty: 10000, heavyDuty: 25000 });
  });

  it('can be audited with the query that it gives', async () => {
    await configService.set('branding', { companyName: 'Acme' }, global, 'user-123', 'why');
    await configService.set('branding', { companyName: 'Other' }, global, 'user-4');
    const rows = await database.query(
      `SELECT operation, config_key, user_id, success, metadata, created_at FROM configuration_audit_log
      WHERE user_id = 'user-123' ORDER BY created_at DESC`,
    );
    expect(rows).toEqual([
      {
        operation: 'set',
        config_key: 'branding',
        user_id: 'user-123',
        success: true,
        metadata: expect.stringContaining('why') as string,
        created_at: expect.any(Date) as Date,
      },
    ]);
  });

  const itOnPostgres = engine.name === 'postgres' ? it : () => undefined;
  itOnPostgres('works on a pool of the caller, which stays open', async () => {
    const { pool } = await engine.open();
    if (pool === undefined) throw new Error('PostgreSQL has a pool');
    const service = createConfigurationService(pool);
    await service.set('branding', { companyName: 'Acme' }, global, 'ann');
    expect(await service.get('branding')).toEqual({ companyName: 'Acme' });
    await service.close();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
