import type { ChangeRequest } from '@strata/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine, type Outcome } from '../../../test/command-line.ts';

const global = { scope: 'global' } as const;
const key = 'approval_thresholds';
const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
  await strata.service.set(key, { maintenanceApproval: 500, procurementApproval: 200 }, global, 'ann');
});
afterAll(() => strata.close());

const as = (actor: string, args: readonly string[]): Promise<Outcome> =>
  strata.run(args, { environment: { STRATA_ACTOR: actor } });

/** The id of the request that a refused write tells of. */
function requestIn({ errors }: Outcome): string {
  return /req-[a-z2-7]+/.exec(errors)?.[0] ?? expect.fail(`no change request in: ${errors}`);
}

const proposal = (maintenanceApproval: number): string =>
  JSON.stringify({ maintenanceApproval, procurementApproval: 200 });

describe('a change of a protected value', () => {
  it('goes from a refused write over a conflict and an edit into the log', { timeout: 120_000 }, async () => {
    const refused = await as('ann', ['set', key, proposal(600), '-m', 'Prices']);
    expect(refused).toMatchObject({ code: 6, out: '' });
    const id = requestIn(refused);
    expect(refused.errors).toMatch(
      new RegExp(
        `^strata: This change requires approval, so nothing is stored yet\\. Change request created: ${id}\\. ` +
          `It waits until ${time} for 2 approvals by other people \\(policy default\\), given with: ` +
          `strata approve ${id} --actor <approver>\\. Who may, and how it stands: strata request show ${id}\n$`,
      ),
    );

    const first = await as('bob', ['approve', id, '-m', 'Fine']);
    expect(first).toEqual({
      code: 0,
      out: `Approved ${id} (1 of 2). It waits for one more approval: strata approve ${id} --actor <approver>\n`,
      errors: '',
    });
    expect(await as('bob', ['approve', id])).toMatchObject({ code: 4 });
    expect(await as('ann', ['approve', id])).toMatchObject({ code: 5 });
    expect((await as('bob', ['pending', '--approver', 'carl'])).out).toContain(id);
    expect((await as('bob', ['pending', '--approver', 'bob'])).out).toBe('Nothing waits for approvals.\n');

    // Another request changes the same part first.
    const other = requestIn(await as('carl', ['set', key, proposal(700)]));
    await as('bob', ['approve', other]);
    expect((await as('ann', ['approve', other])).out).toBe(
      `Approved ${other} (2 of 2). It is applied. See: strata log ${key}\n`,
    );
    const late = await as('dora', ['approve', id]);
    expect(late).toEqual({
      code: 4,
      out: '',
      errors:
        `strata: The change request ${id} cannot be applied as it was shown: ${key} at global was changed meanwhile at maintenanceApproval. ` +
        `Its author proposes it anew with strata request edit ${id}, or takes it back with strata request withdraw ${id}.\n`,
    });
    const conflicted = await as('ann', ['request', 'show', id]);
    expect(conflicted.out).toContain(`${id}  ${key} at global: conflicted\n`);
    expect(conflicted.out).toContain(`why        ${key} at global was changed meanwhile at maintenanceApproval\n`);
    expect(conflicted.out).toContain('- maintenanceApproval: 500\n+ maintenanceApproval: 600\n');
    expect(conflicted.out).toContain(`as they are now: strata request edit ${id}.`);

    const edited = await as('ann', ['request', 'edit', id]);
    expect(edited.out).toContain(`${id}  ${key} at global: pending, edition 2\n`);
    expect(edited.out).toContain('approvals  0 of 2, by whoever may approve there, but not ann\n');
    expect(edited.out).toContain('- maintenanceApproval: 700\n+ maintenanceApproval: 600\n');
    expect(await as('bob', ['approve', id])).toEqual({
      code: 4,
      out: '',
      errors: `strata: The change request ${id} was edited since you saw it. Look at it with strata request show ${id}, then: strata approve ${id} --edition 2\n`,
    });
    expect(await as('bob', ['approve', id, '--edition', '2'])).toMatchObject({ code: 0 });
    expect((await as('carl', ['approve', id, '--edition', '2'])).out).toContain('(2 of 2). It is applied.');
    expect(await strata.service.get(key)).toMatchObject({ maintenanceApproval: 600 });
    const log = (await as('ann', ['log', key, '--limit', '1'])).out;
    expect(log).toContain('Author:   ann\n');
    expect(log).toContain('    Prices\n');
    const done = (await as('ann', ['request', 'show', id])).out;
    expect(done).toMatch(/\ncommit {5}[0-9a-f-]{36}\n/);
    expect(done).toMatch(new RegExp(`\n {11}bob, ${time}\n {11}carl, ${time}\n`));
    expect(await as('dora', ['approve', id, '--edition', '2'])).toMatchObject({ code: 4 });
  });

  it('is asked for by name, talked about, put off and taken back', async () => {
    const request = (await strata.json([
      ...['request', 'new', key, proposal(650), '-m', 'Later', '--apply-at', '7d'],
    ])) as ChangeRequest;
    const { id } = request;
    expect(request).toMatchObject({ requestedBy: 'ann', justification: 'Later', status: 'pending', edition: 1 });
    expect((await as('bob', ['request', 'comment', id, 'Why so much?'])).out).toMatch(
      new RegExp(`\ncomment {4}bob, ${time}: Why so much\\?\n`),
    );
    expect((await as('ann', ['request', 'schedule', id, 'now'])).out).not.toContain('apply at');
    expect((await as('ann', ['request', 'schedule', id, '2h'])).out).toMatch(new RegExp(`\napply at {3}${time}\n`));
    await as('bob', ['approve', id, '--edition', '3']);
    expect((await as('carl', ['approve', id, '--edition', '3'])).out).toMatch(
      new RegExp(`\\(2 of 2\\)\\. It has its approvals and is applied at ${time}\\.\n$`),
    );
    expect(await as('bob', ['request', 'withdraw', id])).toMatchObject({
      code: 5,
      errors: `strata: bob did not write the change request ${id}; ann did. Reject it instead: strata reject ${id} -m <reason>\n`,
    });
    expect((await as('ann', ['request', 'withdraw', id, '-m', 'Not now'])).out).toMatch(
      new RegExp(`closed by {2}ann, ${time}\nwhy {8}Not now\n`),
    );
    expect(await strata.json(['request', 'list', '--status', 'withdrawn'])).toMatchObject([{ id }]);
    expect(await strata.json(['request', 'list', '--key', key, '--by', 'carl', '--limit', '1'])).toHaveLength(1);
  });

  it('is rejected with a reason, and asks for one', async () => {
    const { id } = (await strata.json(['request', 'new', key, '--delete', '-m', 'Gone'])) as ChangeRequest;
    const pending = (await as('bob', ['pending'])).out;
    expect(pending).toMatch(new RegExp(`^${id} +${key} +global +ann +critical +pending +0 of 2 +${time}$`, 'm'));
    expect(pending).toContain(`${id}: Gone\nremoval of ${key} at global\n- `);
    expect(await as('bob', ['reject', id])).toMatchObject({ code: 2 });
    expect((await as('bob', ['reject', id, '-m', 'We need it'])).out).toBe(`Rejected ${id}.\n`);
    expect((await as('ann', ['request', 'show', id])).out).toContain(': rejected\n');
    expect(await as('bob', ['approve', id])).toMatchObject({ code: 4 });
  });

  it('is refused with what to do next where it cannot be asked for', async () => {
    expect(await as('ann', ['request', 'new', key, '-m', 'x'])).toMatchObject({ code: 2 });
    expect(await as('ann', ['request', 'new', key, proposal(1)])).toMatchObject({ code: 2 });
    expect(await as('ann', ['approve', 'req-none'])).toEqual({
      code: 3,
      out: '',
      errors:
        'strata: There is no change request req-none. Those that wait: strata pending. All: strata request list\n',
    });
    expect(await as('ann', ['approve', 'req-none', '--edition', 'two'])).toMatchObject({ code: 2 });
  });

  it.each([
    ['delete', ['delete', key]],
    ['rollback', ['rollback', key, 'HEAD~1']],
    ['lock', ['lock', key]],
    ['policy', ['policy', 'set', 'money', '--keys', key, '--approvals', '1']],
    ['role', ['role', 'bind', 'admin', '--to', 'ann']],
  ])('is a request whichever command makes it: %s', async (_name, args) => {
    const refused = await as('ann', args);
    expect(refused).toMatchObject({ code: 6, out: '' });
    expect(await strata.json(['request', 'show', requestIn(refused)])).toMatchObject({ status: 'pending' });
  });
});

describe('an emergency', () => {
  const strata = startedHere();

  it('goes past approvals for whoever was given that, and the refusal names whose approvals count', async () => {
    const { service } = strata();
    await service.setPolicy(
      { name: 'money', keys: [key], minimumApprovals: 1, approvers: { roles: ['finance'], users: ['fay'] } },
      'host',
    );
    await service.bindRole({ subject: { user: 'ann' }, role: 'admin', ...global }, 'system');
    await service.setRole({ name: 'firefighter', permissions: ['break-glass'] }, 'system');
    await service.bindRole({ subject: { user: 'ann' }, role: 'firefighter', ...global }, 'system');
    await service.bindRole({ subject: { user: 'bob' }, role: 'admin', ...global }, 'system');
    const { version } = await service.set(key, JSON.parse(proposal(500)), global, 'ann');
    const by = (actor: string, args: readonly string[]) => strata().run(args, { environment: { STRATA_ACTOR: actor } });

    const refused = await by('ann', ['set', key, proposal(600)]);
    expect(refused.errors).toContain(
      'for one approval by somebody else (policy money; money counts role finance, user fay), given with',
    );
    const glass = ['--break-glass', 'the house burns'];
    expect(await by('bob', ['set', key, proposal(600), ...glass])).toMatchObject({ code: 5 });
    expect(await by('ann', ['set', key, proposal(600), ...glass])).toMatchObject({ code: 0, errors: '' });
    expect(await by('ann', ['rollback', key, version, '-m', 'Back', ...glass])).toMatchObject({ code: 0 });
    const [newest] = await service.getHistory(key, 1);
    expect(await by('ann', ['revert', String(newest?.revision), ...glass])).toMatchObject({ code: 0 });
    expect(await by('ann', ['restore', '--revision', String(newest?.revision), '--global', ...glass])).toMatchObject({
      code: 0,
    });
    expect(await by('ann', ['delete', key, ...glass])).toMatchObject({ code: 0 });
    expect(await service.getLayer(key)).toBeNull();
  });
});

/** A command line with a store of its own. */
function startedHere(): () => CommandLine {
  let started: CommandLine | undefined;
  beforeAll(async () => {
    started = await startCommandLine();
  });
  afterAll(() => started?.close());
  return () => started ?? expect.fail('not started');
}
