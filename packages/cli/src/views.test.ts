import type { DryRun, Explanation, VersionRecord } from '@strata/client';
import picocolors from 'picocolors';
import { describe, expect, it } from 'vitest';
import { showDiff, showDryRun } from './change-view.ts';
import { showExplanation } from './commands/explain.ts';
import { messageOf } from './message.ts';
import { brief, table } from './output.ts';
import { showVersion } from './version-view.ts';
import { StrataClientError } from '@strata/client';

const plain = picocolors.createColors(false);
const colourful = picocolors.createColors(true);

const version: VersionRecord = {
  version: '3f2a9c0d1e4b5a67',
  key: 'branding',
  scope: 'org',
  scopeId: 'acme',
  operation: 'set',
  value: {},
  changedBy: 'ann',
  changedAt: '2026-01-31T12:00:00.000Z',
  comment: 'one\u001b[2J\ntwo',
  impactLevel: 'low',
  tags: ['stable-v1.0', 'release-7'],
  isRollback: false,
  parent: null,
  revision: 7,
  commit: 'c',
};

describe('what people see', () => {
  it('marks what goes and what comes', () => {
    const diff = [
      { path: 'a', operation: 'add', newValue: null },
      { path: 'b', operation: 'modify', oldValue: 0, newValue: 'x' },
      { path: 'c[0]', operation: 'delete', oldValue: '' },
    ] as const;
    expect(showDiff(diff, plain)).toBe('+ a: null\n- b: 0\n+ b: "x"\n- c[0]: ""');
    expect(showDiff(diff.slice(1, 2), colourful)).toBe('\u001b[31m- b: 0\u001b[39m\n\u001b[32m+ b: "x"\u001b[39m');
  });

  it('shows a version with its tags, and a comment that cannot steer the terminal', () => {
    const text = showVersion(version, plain);
    expect(text).toContain('version 3f2a9c0d1e4b5a67 (tag: stable-v1.0, tag: release-7)');
    expect(text).toContain('Scope:    org:acme\nAuthor:   ann\n');
    expect(text).toMatch(/\n\n {4}one\\u\{1b\}\[2J\n {4}two$/);
  });

  it('shows what a version did besides setting a value', () => {
    const rolledBack = { ...version, operation: 'rollback', isRollback: true, rollbackFromVersion: '77b0' } as const;
    expect(showVersion(rolledBack, plain)).toContain('Rollback: to 77b0');
    expect(showVersion({ ...version, operation: 'delete' }, plain)).toContain('Deleted:  the scope inherits again');
    expect(showVersion({ ...version, expiresAt: '2026-02-01T00:00:00.000Z' }, plain)).toMatch(/Expires: {2}2026-0/);
  });

  it('says when a dry run changes another effective value, and whom it breaks', () => {
    const run: DryRun = {
      dryRun: true,
      key: 'limits',
      scope: 'global',
      scopeId: null,
      changed: true,
      impactLevel: 'high',
      diff: [{ path: 'max', operation: 'add', newValue: 5 }],
      effectiveDiff: [],
      wouldBreak: [
        { key: 'limits', scope: 'team', scopeId: 'north', errors: [{ path: 'min', message: 'min must be at most 5' }] },
      ],
      requiresApproval: true,
      minimumApprovals: 1,
      requiredApprovers: ['role lead'],
      ...{ revision: 9, reasons: ['the base impact of limits is high'], affectedServices: ['api\u001b[2J'] },
      ...{ affectedUsers: 1, affectedTeams: 2, affectedOrganizations: 1, shieldedUsers: 1, partial: true },
      samples: { organizations: ['acme'], teams: [], users: ['ada'], shielded: [{ scope: 'team', scopeId: 'south' }] },
      ...{ dependencies: ['units'], dependents: [], rollbackPriority: 'high', rollbackPlan: 'Go back.' },
      gates: [
        { code: 'approval_required', message: 'It waits.' },
        { code: 'locked', message: 'limits is locked.' },
      ],
      testingRecommendations: ['first', 'second'],
      estimatedDowntime: '5 seconds for api',
    };
    const text = showDryRun(run, plain);
    expect(text).toContain('limits at global would change (impact: high):\n+ max: 5\n');
    expect(text).toContain('The effective value there would change:');
    expect(text).toContain('become invalid:\n  limits at team:north: min must be at most 5\n');
    expect(text).toContain('\nIt would become a change request, which needs an approval: role lead.');
    expect(text.split('\n').slice(-11)).toEqual([
      'reaches    one user, 2 teams, one org; one user below keeps the value; and more that you may not read',
      'such as    org:acme, user:ada',
      'kept by    team:south',
      'services   api\\u{1b}[2J',
      'depends on units',
      'level      the base impact of limits is high',
      'blocked by locked: limits is locked.',
      'downtime   5 seconds for api',
      'undo       priority high. Go back.',
      'test       1. first',
      '           2. second',
    ]);
    expect(showDryRun({ ...run, changed: false }, plain)).toBe('limits at global would stay as it is.');
  });

  it('explains defaults, locks and what is overridden, the nearest first', () => {
    const explanation: Explanation = {
      key: 'branding',
      scope: 'team',
      scopeId: 'north',
      revision: 9,
      chain: [
        { scope: 'global', scopeId: null },
        { scope: 'org', scopeId: 'acme' },
        { scope: 'team', scopeId: 'north' },
      ],
      value: {},
      leaves: [
        {
          path: 'a',
          value: 3,
          scope: 'team',
          scopeId: 'north',
          version: '3f2a9c0d1e4b5a67',
          changedBy: 'ann',
          changedAt: '2026-01-31T12:00:00.000Z',
          comment: null,
          candidates: [
            { scope: 'global', scopeId: null, version: 'v1', value: 1 },
            { scope: 'org', scopeId: 'acme', version: 'v2', value: 2 },
            { scope: 'team', scopeId: 'north', version: 'v3', value: 3 },
          ],
        },
        {
          path: 'b',
          value: true,
          scope: 'schema',
          scopeId: null,
          version: null,
          changedBy: null,
          changedAt: null,
          comment: null,
          candidates: [],
        },
      ],
    };
    const lines = showExplanation(explanation, plain).split('\n');
    expect(lines[0]).toBe('branding at global > org:acme > team:north, revision 9');
    expect(lines[3]).toMatch(/^a {5}3 {5} team:north {2}3f2a9c0d1e4b5a67 .* 2 from org:acme, 1 from global$/);
    expect(lines[4]).toMatch(/^b {5}true {2} schema .*-$/);
  });

  it('keeps tables in line, one row a line, and cuts long values', () => {
    const rows = [
      ['a', 'two\nlines', null],
      ['longer', '', 'x'],
    ];
    expect(table(plain, ['k', 'v', 'w'], rows)).toBe(
      'K       V          W\na       two lines  -\nlonger  -          x',
    );
    expect(brief('x'.repeat(100))).toHaveLength(60);
    expect(brief('x'.repeat(100))).toMatch(/…$/);
  });
});

describe('the message of a failure', () => {
  it('speaks of commands, not of calls', () => {
    const details = { version: 'HEAD~4', key: 'branding' };
    const error = new StrataClientError('version_not_found', 'List its versions with getHistory.', { details });
    expect(messageOf(error)).toBe('No version HEAD~4 of branding. See: strata log branding');
  });

  it('is that of the server where a detail is missing, or it has no other words', () => {
    expect(messageOf(new StrataClientError('version_not_found', 'As told.'))).toBe('As told.');
    expect(messageOf(new StrataClientError('locked', 'As\n told.'))).toBe('As told.');
  });
});
