import type { PolicyRecord, RoleBindingRecord } from '@strata/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine } from '../../../test/command-line.ts';

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
});
afterAll(() => strata.close());

describe('strata policy', () => {
  it('sets, lists and removes policies', async () => {
    const set = await strata.run([
      ...['policy', 'set', 'money', '--keys', 'approval_*', 'budget', '--approvals', '1', '--scopes', 'global'],
      ...['--levels', 'high', 'critical', '--roles', 'treasurer', '--users', 'bob', '--first-values', 'approve'],
      ...['--expires', '3600', '-m', 'Money'],
    ]);
    expect(set).toMatchObject({ code: 0, errors: '' });
    expect(set.out).toMatch(/^The policy money holds from revision \d+ on\.\n$/);
    const policies = (await strata.json(['policy', 'list'])) as PolicyRecord[];
    expect(policies).toMatchObject([
      { name: 'default', revision: 0 },
      {
        name: 'money',
        keys: ['approval_*', 'budget'],
        scopes: ['global'],
        levels: ['high', 'critical'],
        minimumApprovals: 1,
        approvers: { roles: ['treasurer'], users: ['bob'] },
        firstValues: 'approve',
        expiresIn: 3600,
        setBy: 'ann',
        comment: 'Money',
      },
    ]);
    const table = (await strata.run(['policy', 'list'])).out;
    expect(table).toMatch(/^default +\* +all +critical +2 +anyone else +built in$/m);
    expect(table).toMatch(/^money +approval_\* budget +global +high critical +1 +role treasurer, bob +ann$/m);
    expect((await strata.run(['policy', 'remove', 'money'])).out).toBe('The policy money is removed.\n');
    expect(await strata.run(['policy', 'remove', 'money'])).toMatchObject({ code: 3 });
    expect(await strata.run(['policy', 'set', 'x', '--keys', 'y', '--approvals', 'some'])).toMatchObject({ code: 2 });
  });
});

describe('strata role', () => {
  it('sets roles, gives them and takes them away', { timeout: 60_000 }, async () => {
    const run = (...args: string[]) => strata.run(['role', ...args]);
    expect((await run('set', 'treasurer', '--permissions', 'read', 'approve')).out).toBe(
      'The role treasurer permits read, approve.\n',
    );
    expect((await run('list')).out).toMatch(/^treasurer +read approve +ann$/m);
    expect((await run('bindings')).out).toContain('everybody may do everything');
    expect(await run('bind', 'treasurer', '--to', 'bob')).toMatchObject({ code: 2 });
    expect((await run('bind', 'admin', '--to', 'ann')).out).toMatch(
      /^ann has the role admin at global \(binding .+\)\.\n$/,
    );
    await run('bind', 'treasurer', '--to-group', 'finance', '--org', 'acme', '--keys', 'budget_*');
    expect((await run('bind', 'editor', '--to', 'bob', '--deny')).out).toContain('bob is denied the role editor');
    const [binding, ...others] = (await strata.json([
      ...['role', 'bindings', '--role', 'treasurer'],
    ])) as RoleBindingRecord[];
    expect(others).toEqual([]);
    expect(binding).toMatchObject({ subject: { group: 'finance' }, scope: 'org', scopeId: 'acme', keys: 'budget_*' });
    expect(await strata.json(['role', 'bindings', '--to', 'ann'])).toMatchObject([{ role: 'admin' }]);
    expect((await run('bindings', '--org', 'acme')).out).toMatch(
      /group finance +treasurer +org:acme +budget_\* +allow +ann$/m,
    );
    // From the first binding on nobody may do what none allows.
    const stranger = await strata.run(['set', 'motto', '"x"'], { environment: { STRATA_ACTOR: 'zoe' } });
    expect(stranger).toMatchObject({ code: 5 });
    expect(stranger.errors).toContain('zoe does not have the permission read for motto');
    const [own] = (await strata.json(['role', 'bindings', '--role', 'treasurer'])) as RoleBindingRecord[];
    expect(await run('remove', 'treasurer')).toMatchObject({ code: 4 });
    expect((await run('unbind', own?.id ?? '')).out).toBe(`The binding ${own?.id ?? ''} is gone.\n`);
    expect((await run('remove', 'treasurer')).out).toBe('The role treasurer is removed.\n');
    expect(await run('unbind', 'none')).toEqual({
      code: 3,
      out: '',
      errors: 'strata: There is no role binding none. See: strata role bindings\n',
    });
    expect(await run('bind', 'admin')).toMatchObject({ code: 2 });
    expect(await run('bind', 'admin', '--to', 'a', '--to-group', 'b')).toMatchObject({ code: 2 });
  });
});
