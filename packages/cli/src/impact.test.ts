import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
  const { service } = strata;
  for (const scopeId of ['ada', 'ben', 'cem']) {
    await service.registerScope({ scope: 'user', scopeId, parent: { scope: 'org', scopeId: 'acme' } });
  }
  await service.set('pm_intervals', { lightDuty: 5000 }, { scope: 'global' }, 'ann');
  await service.set('pm_intervals', { lightDuty: 4000 }, { scope: 'user', scopeId: 'cem' }, 'ann');
});
afterAll(() => strata.close());

describe('what is said of keys, on the command line', () => {
  it('is a definition', { timeout: 60_000 }, async () => {
    const said = ['--owner', 'fleet', '--services', 'planner', 'api', '--restart', '--downtime', '30', '-m', 'why'];
    const defined = await strata.run(['define', 'pm_intervals', ...said]);
    expect(defined.out).toMatch(/^pm_intervals +fleet +api planner +- +30 s +ann /m);
    expect(await strata.json(['define', 'pm_intervals', '--clear', 'owner'])).toMatchObject({
      services: ['api', 'planner'],
    });
    expect(await strata.json(['define'])).toMatchObject([{ key: 'pm_intervals', restartNeeded: true }]);
    expect((await strata.run(['define', 'nothing'])).out).toBe('Nothing is said.\n');
    expect(await strata.run(['define', 'k', '--impact', 'huge'])).toMatchObject({ code: 2 });
    expect(await strata.run(['define', 'k', '--downtime', 'long'])).toMatchObject({ code: 2 });
  });

  it('is what they depend on', { timeout: 60_000 }, async () => {
    expect((await strata.run(['deps', 'add', 'schedule', 'pm_intervals', '-m', 'Dates'])).out).toBe(
      'schedule depends on pm_intervals.\n',
    );
    expect((await strata.run(['deps', 'show', 'pm_intervals'])).out).toBe(
      'pm_intervals depends on nothing.\nOn it depends schedule.\n',
    );
    expect((await strata.run(['deps', 'list'])).out).toMatch(/^schedule +pm_intervals +ann +\S+ \S+ +Dates$/m);
    const circle = await strata.run(['deps', 'add', 'pm_intervals', 'schedule']);
    expect(circle).toMatchObject({ code: 4, errors: expect.stringContaining('would close a circle') as string });
    expect((await strata.run(['deps', 'remove', 'schedule', 'pm_intervals'])).out).toBe(
      'schedule no longer depends on pm_intervals.\n',
    );
    expect(await strata.run(['deps', 'remove', 'schedule', 'pm_intervals'])).toMatchObject({ code: 3 });
    expect((await strata.run(['deps', 'list'])).out).toBe('No dependencies.\n');
  });
});

describe('strata impact', () => {
  it('says what a change would do, as a dry run does', { timeout: 60_000 }, async () => {
    const { out } = await strata.run(['impact', 'pm_intervals', '{"lightDuty": 15000}']);
    expect(out).toContain(
      'pm_intervals at global would change (impact: high):\n- lightDuty: 5000\n+ lightDuty: 15000\n\n',
    );
    expect(out).toMatch(/^reaches {4}2 users, 0 teams, one org; one user below keeps the value$/m);
    expect(out).toMatch(/^such as {4}org:acme, user:ada, user:ben$/m);
    expect(out).toMatch(/^kept by {4}user:cem$/m);
    expect(out).toMatch(/^undo {7}priority high\. pm_intervals at global is at version [0-9a-f]{16} now\./m);
    expect(out).toMatch(/^test {7}1\. lightDuty goes from 5000 to 15000, 3 times as much/m);
    expect((await strata.run(['set', 'pm_intervals', '{"lightDuty": 15000}', '--dry-run'])).out).toBe(out);
    const refused = await strata.run(['impact', 'pm_intervals', '{"lightDuty": 5}']);
    expect(refused).toMatchObject({ code: 0, out: expect.stringContaining('validation_failed: ') as string });
    expect(await strata.json(['impact', 'pm_intervals', '{"lightDuty": 6000}', '--user', 'ada'])).toMatchObject({
      ...{ affectedUsers: 1, scope: 'user', scopeId: 'ada' },
    });
    expect((await strata.run(['impact', 'pm_intervals', '{"lightDuty": 5000}'])).out).toBe(
      'pm_intervals at global would stay as it is.\n',
    );
  });

  it('says who flips of a flag, and what could not be judged', { timeout: 60_000 }, async () => {
    await strata.service.set('feature_flags/menu', { enabled: true }, { scope: 'global' }, 'ann');
    await strata.service.set('feature_flags/menu', { enabled: true }, { scope: 'user', scopeId: 'cem' }, 'ann');
    const off = await strata.run(['impact', 'feature_flags/menu', '{"enabled": false}']);
    expect(off.out).toMatch(/^flips {6}2 users: 2 from on to off$/m);
    expect(off.out).not.toMatch(/^unjudged/m);
    expect((await strata.run(['flag', 'toggle', 'menu', 'off', '--dry-run'])).out).toBe(off.out);
    const rules = '{"enabled": true, "rolloutPercentage": 0, "rules": [{"id": "a", "conditions": [{"attribute": "plan", "operator": "exists"}]}]}'; // prettier-ignore
    const { out } = await strata.run(['impact', 'feature_flags/menu', rules]);
    // The user's own layer says nothing of the rollout.
    expect(out).toMatch(/^flips {6}3 users: 3 from on to off$/m);
    expect(out).toMatch(/^unjudged {3}one rule goes by plan, which Strata does not know of users/m);
  });

  it('is shown with a change request', { timeout: 60_000 }, async () => {
    await strata.service.set('approval_thresholds', { budgetVariance: 5 }, { scope: 'global' }, 'ann');
    await strata.run(['set', 'approval_thresholds', '{"budgetVariance": 50}']);
    const [request] = await strata.service.getPendingChanges();
    const { out } = await strata.run(['request', 'show', request?.id ?? '']);
    expect(out).toMatch(/^reaches {4}3 users, 0 teams, one org$/m);
    expect(out).toMatch(/^undo {7}priority immediate\. .* That needs 2 approvals too/m);
  });
});
