import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommandLine, type CommandLine, type Outcome } from '../../../test/command-line.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;

let strata: CommandLine;
beforeAll(async () => {
  strata = await startCommandLine();
});
afterAll(() => strata.close());

const as = (actor: string, args: readonly string[]): Promise<Outcome> =>
  strata.run(args, { environment: { STRATA_ACTOR: actor } });

/** The id of the request that a refused write tells of. */
function requestIn({ errors }: Outcome): string {
  return /req-[a-z2-7]+/.exec(errors)?.[0] ?? expect.fail(`no change request in: ${errors}`);
}

describe('a protected value on the command line', () => {
  it('goes from a refused write over a conflict and an edit to the log', { timeout: 120_000 }, async () => {
    const { service } = strata;
    const key = 'approval_thresholds';
    await service.set(key, { maintenanceApproval: 500, procurementApproval: 200 }, global, 'ann');

    const refused = await as('ann', ['set', key, '{"maintenanceApproval": 600, "procurementApproval": 200}', '-m', 'Prices']);
    expect(refused).toMatchObject({ code: 6, out: '' });
    const id = requestIn(refused);
    console.log(refused.errors);
    console.log((await as('bob', ['pending'])).out);
    console.log((await as('bob', ['approve', id, '-m', 'Fine'])).out);
    console.log((await as('bob', ['approve', id])).errors);
    console.log((await as('ann', ['approve', id])).errors);
    const other = requestIn(await as('carl', ['set', key, '{"maintenanceApproval": 700, "procurementApproval": 200}']));
    await as('bob', ['approve', other]);
    console.log((await as('ann', ['approve', other])).out);
    console.log((await as('dora', ['approve', id])));
    console.log((await as('dora', ['request', 'show', id])).out);
    console.log((await as('ann', ['request', 'edit', id])).out);
    console.log((await as('bob', ['approve', id])).errors);
    console.log((await as('bob', ['approve', id, '--edition', '2'])).out);
    console.log((await as('carl', ['approve', id, '--edition', '2'])).out);
    console.log((await as('carl', ['request', 'show', id])).out);
    console.log((await as('carl', ['log', key])).out);
    console.log((await as('carl', ['request', 'show', 'req-x'])));
    console.log((await as('carl', ['policy', 'list'])));
    console.log((await as('carl', ['policy', 'set', 'money', '--keys', 'a*', '--approvals', '1', '--roles', 'admin'])));
    console.log((await as('carl', ['role', 'list'])));
    console.log((await as('carl', ['role', 'bindings'])));
    console.log((await as('carl', ['role', 'bind', 'admin', '--to', 'ann'])));
    console.log((await as('carl', ['request', 'list'])).out);
    console.log((await as('carl', ['lock', key])));
    console.log((await as('carl', ['revert', '1'])));
  });
});
