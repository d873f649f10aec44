import { describe, expect, it } from 'vitest';
import { readSpec } from '../../../test/spec-cases.ts';
import type { Diff } from './diff.ts';
import type { FlagFlip } from './impact-report.ts';
import { flagImpact } from './flag-impact.ts';
import { estimatedDowntime } from './downtime.ts';
import { explainLevel, impactLevels, rollbackPriorityOf, type ImpactLevel, type RollbackPriority } from './impact.ts';
import type { JsonObject } from './json.ts';
import { parsePath } from './path.ts';
import { rollbackPlan } from './rollback-plan.ts';
import { scopes, type ConfigScope, type ScopeRef } from './scope.ts';
import { testingRecommendations } from './testing-recommendations.ts';

const spec = readSpec<{
  readonly levels: readonly {
    readonly base: ImpactLevel | null;
    readonly scope: ConfigScope;
    readonly changed: boolean;
    readonly level: ImpactLevel;
    readonly reasons: readonly string[];
    readonly rollbackPriority: RollbackPriority;
  }[];
  readonly recommendations: readonly {
    readonly name: string;
    readonly level: ImpactLevel;
    readonly changes: readonly Diff[];
    readonly schema?: JsonObject;
    readonly secret?: readonly string[];
    readonly dependents?: readonly string[];
    readonly services?: readonly string[];
    readonly restartNeeded?: boolean;
    readonly shielded?: { readonly example: ScopeRef; readonly count: number };
    readonly broken?: number;
    readonly flips?: readonly FlagFlip[];
    readonly trial?: ScopeRef;
    readonly recommendations: readonly string[];
  }[];
}>('impact');

describe('the level of a change', () => {
  it.each(spec.levels)('with the base $base at $scope (changed: $changed) is $level', (one) => {
    const { base, scope, changed, level, reasons, rollbackPriority } = one;
    expect(explainLevel({ key: 'k', scope, base: base ?? undefined, changed })).toEqual({ level, reasons });
    expect(rollbackPriorityOf(level)).toBe(rollbackPriority);
  });

  it('has a case for every base at every scope, and is never above the base', () => {
    const named = new Set(spec.levels.map(({ base, scope }) => `${String(base)} ${scope}`));
    expect(named.size).toBe((impactLevels.length + 1) * scopes.length);
    for (const { base, level } of spec.levels) {
      expect(impactLevels.indexOf(level)).toBeLessThanOrEqual(impactLevels.indexOf(base ?? 'low'));
    }
  });
});

describe('what is to be tested', () => {
  it.each(spec.recommendations)('where $name', ({ name: _, recommendations, secret = [], ...given }) => {
    const told = testingRecommendations({
      key: 'k',
      dependents: [],
      services: [],
      restartNeeded: false,
      broken: 0,
      ...given,
      secret: secret.map(parsePath),
    });
    expect(told).toEqual(recommendations);
  });
});

describe('the way back', () => {
  const at = (scope: ConfigScope, scopeId = '') => ({ key: 'k', scope, scopeId });
  const plan = { version: '0123456789abcdef', approvals: 0, restart: [] };

  it('names the version and the command', () => {
    expect(rollbackPlan({ ...plan, addresses: [at('org', 'acme')] })).toBe(
      'k at org acme is at version 0123456789abcdef now. To go back: strata rollback k 0123456789abcdef -m "<reason>" ' +
        `(in code: rollback('k', '0123456789abcdef', userId, reason)).`,
    );
  });

  it('removes a first value, at its scope', () => {
    expect(rollbackPlan({ ...plan, version: null, addresses: [at('global')] })).toContain('strata delete k -m');
    const named = rollbackPlan({ ...plan, version: null, addresses: [at('user', `o'neil; rm`)] });
    expect(named).toContain(`strata delete k --user 'o'\\''neil; rm' -m "<reason>"`);
    expect(named).toContain(`delete('k', { scope: 'user', scopeId: "o'neil; rm" }, userId, reason)`);
  });

  it('of several changes is the revert of their commit, and of none there is none', () => {
    expect(rollbackPlan({ ...plan, addresses: [at('global'), at('org', 'a')] })).toContain('strata revert <commit>');
    expect(rollbackPlan({ ...plan, addresses: [] })).toBe('Nothing changes, so there is nothing to go back to.');
  });

  it('says which approvals it takes, and what has to start again', () => {
    const told = rollbackPlan({ ...plan, addresses: [at('global')], approvals: 2, restart: ['api', 'web'] });
    expect(told).toMatch(/That needs 2 approvals too; in an emergency --break-glass .* Then start again: api, web\.$/);
  });
});

describe('the downtime', () => {
  it.each([
    [[], undefined],
    [[{ services: [], downtimeSeconds: undefined }], 'a restart of each service that uses it'],
    [[{ services: ['api'], downtimeSeconds: undefined }], 'a restart of api'],
    [[{ services: ['api'], downtimeSeconds: 1 }], '1 second for api, while it starts again'],
    [[{ services: ['api', 'web'], downtimeSeconds: 119 }], '119 seconds for each of api, web, while it starts again'],
    [[{ services: ['api'], downtimeSeconds: 121 }], '3 minutes for api, while it starts again'],
    [[{ services: ['api'], downtimeSeconds: 7201 }], '3 hours for api, while it starts again'],
  ])('of %j is %j', (needs, told) => {
    expect(estimatedDowntime(needs)).toBe(told);
  });
});

describe('what is told of a flag', () => {
  it('is summed up, most users first, and what is in both counts once', () => {
    const flips = [
      { from: 'off', to: 'on', users: 2 },
      { from: null, to: 'on', users: 5 },
    ];
    const part = { flag: 'f', part: 'rule a' };
    const unjudged = [
      { ...part, attributes: ['plan'] },
      { ...part, attributes: ['role'] },
      { flag: 'g', part: 'rule a', attributes: ['a', 'b', 'c', 'd'] },
    ];
    expect(flagImpact('f', flips, unjudged)).toEqual({
      ...{ name: 'f', flippedUsers: 7, flips: flips.toReversed(), unjudgedRules: 2 },
      unknownAttributes: ['a', 'b', 'c', 'd', 'plan', 'role'],
      note: '2 rules go by a, b, c, d, plan and 1 more, which Strata does not know of users, and could not be judged: they were evaluated as if nobody had any of them',
    });
    expect(flagImpact('f', [], [])).toEqual({ name: 'f', flippedUsers: 0, flips: [], unjudgedRules: 0, unknownAttributes: [] }); // prettier-ignore
  });
});
