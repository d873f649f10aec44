import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

const global = { scope: 'global' } as const;
const key = 'approval_thresholds';
const layer = `/v1/layers/${key}?scope=global`;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.service.set(key, { maintenanceApproval: 500 }, global, 'ann');
});
afterAll(() => server.close());

type Method = Parameters<TestServer['send']>[0];
const as = (actor: string, method: Method, url: string, body?: unknown) =>
  server.send(method, url, body, { 'x-strata-actor': actor });
const requests = (path = ''): string => `/v1/change-requests${path}`;

/** Asks for another value and answers the id of the request. */
async function propose(maintenanceApproval: number, others: object = {}): Promise<string> {
  const body = { key, ...global, proposedValue: { maintenanceApproval }, justification: 'Prices', ...others };
  const made = await as('ann', 'POST', requests(), body);
  expect(made.statusCode).toBe(201);
  return made.json<{ id: string }>().id;
}

describe('a write of a protected value over HTTP', () => {
  it('is refused with the request that was made of it, and where that is', async () => {
    const refused = await as('ann', 'PUT', layer, { value: { maintenanceApproval: 600 }, comment: 'Prices' });
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    const problem = refused.json<{ details: { requestId: string } }>();
    expect(problem).toMatchObject({
      status: 409,
      code: 'approval_required',
      detail: `This change requires approval. Change request created: ${problem.details.requestId}`,
      details: { minimumApprovals: 2, policies: ['default'], hint: expect.stringMatching(/2 approvals/) as string },
    });
    const location = String(refused.headers.location);
    expect(location).toBe(requests(`/${problem.details.requestId}`));
    const found = await as('bob', 'GET', location);
    expect(found.json()).toMatchObject({
      id: problem.details.requestId,
      key,
      scope: 'global',
      scopeId: null,
      operation: 'change',
      status: 'pending',
      edition: 1,
      impactLevel: 'critical',
      requestedBy: 'ann',
      justification: 'Prices',
      proposedValue: { maintenanceApproval: 600 },
      changes: [{ operation: 'set', diff: [{ path: 'maintenanceApproval', oldValue: 500, newValue: 600 }] }],
    });
    await as('ann', 'POST', `${location}/withdraw`, {});
  });
});

describe('change requests over HTTP', () => {
  it('are applied by the last approval, each by who sends it', async () => {
    const id = await propose(610);
    const approve = requests(`/${id}/approve`);
    expect((await as('ann', 'POST', approve, {})).json()).toMatchObject({ status: 403, code: 'self_approval' });
    // A body names no other approver.
    const forged = await as('ann', 'POST', approve, { approverId: 'bob' });
    expect(forged.json()).toMatchObject({ status: 400, code: 'invalid_request' });
    const first = await as('bob', 'POST', approve, { comment: 'Fine' });
    expect(first.json()).toMatchObject({ status: 'pending', approvals: [{ approverId: 'bob', comment: 'Fine' }] });
    expect((await as('bob', 'POST', approve, {})).json()).toMatchObject({ status: 409, code: 'already_approved' });
    const last = (await as('carl', 'POST', approve, { edition: 1 })).json<{ commit: string }>();
    expect(last).toMatchObject({ status: 'applied' });
    const version = await server.service.getLayer(key);
    expect(version).toMatchObject({ commit: last.commit, changedBy: 'ann', value: { maintenanceApproval: 610 } });
    expect((await as('dora', 'POST', approve, {})).json()).toMatchObject({ status: 409, code: 'request_applied' });
  });

  it('are edited and scheduled, which dismisses approvals and counts the edition', async () => {
    const id = await propose(620);
    await as('bob', 'POST', requests(`/${id}/approve`), {});
    const edited = await as('ann', 'PATCH', requests(`/${id}`), {
      proposedValue: { maintenanceApproval: 625 },
      justification: 'A bit more',
    });
    expect(edited.json()).toMatchObject({
      edition: 2,
      approvals: [],
      editors: ['ann'],
      justification: 'A bit more',
      proposedValue: { maintenanceApproval: 625 },
    });
    const blind = await as('bob', 'POST', requests(`/${id}/approve`), {});
    expect(blind.json()).toMatchObject({ status: 409, code: 'request_edited', details: { edition: 2 } });
    const applyAt = '2999-01-01T00:00:00.000Z';
    const later = await as('ann', 'POST', requests(`/${id}/schedule`), { applyAt });
    expect(later.json()).toMatchObject({ edition: 3, applyAt });
    expect((await as('ann', 'POST', requests(`/${id}/schedule`), { applyAt: null })).json()).not.toHaveProperty(
      'applyAt',
    );
    const empty = await as('ann', 'PATCH', requests(`/${id}`), { justification: ' ' });
    expect(empty.json()).toMatchObject({ status: 400, code: 'justification_required' });
    await as('ann', 'POST', requests(`/${id}/withdraw`), {});
  });

  it('are rejected with a reason, taken back by their author alone, and talked about', async () => {
    const id = await propose(630);
    const said = await as('bob', 'POST', requests(`/${id}/comments`), { comment: 'Why?' });
    expect(said.statusCode).toBe(201);
    expect(said.json()).toMatchObject({ comments: [{ author: 'bob', comment: 'Why?' }] });
    expect((await as('bob', 'POST', requests(`/${id}/reject`), {})).statusCode).toBe(400);
    expect((await as('bob', 'POST', requests(`/${id}/reject`), { reason: ' ' })).json()).toMatchObject({
      status: 400,
      code: 'reason_required',
    });
    const foreign = await as('bob', 'POST', requests(`/${id}/withdraw`), { reason: 'No' });
    expect(foreign.json()).toMatchObject({ status: 403, code: 'not_the_author' });
    const rejected = await as('bob', 'POST', requests(`/${id}/reject`), { reason: 'Too much' });
    expect(rejected.json()).toMatchObject({ status: 'rejected', reason: 'Too much', closedBy: 'bob' });
    expect((await as('bob', 'POST', requests(`/${id}/approve`), {})).json()).toMatchObject({
      status: 409,
      code: 'request_closed',
    });
    const own = await propose(640);
    const withdrawn = await as('ann', 'POST', requests(`/${own}/withdraw`), { reason: 'Not now' });
    expect(withdrawn.json()).toMatchObject({ status: 'withdrawn', reason: 'Not now', closedBy: 'ann' });
  });

  it('are listed by what is asked for, newest first, in pages, and for an approver', async () => {
    const first = await propose(650);
    const second = await propose(651, { changes: undefined, idempotencyKey: 'once' });
    expect(await propose(651, { idempotencyKey: 'once' })).toBe(second);
    const ids = async (query: string): Promise<string[]> => {
      const { requests: found } = (await as('bob', 'GET', requests(query))).json<{ requests: { id: string }[] }>();
      return found.map(({ id }) => id);
    };
    expect(await ids('?status=pending')).toEqual([second, first]);
    expect(await ids(`?key=${key}&requestedBy=ann&limit=1`)).toEqual([second]);
    expect(await ids(`?status=pending&limit=1&before=${second}`)).toEqual([first]);
    expect(await ids('?requestedBy=bob')).toEqual([]);
    expect(await ids('?key=other')).toEqual([]);
    expect((await as('bob', 'GET', requests('?status=open'))).statusCode).toBe(400);
    expect((await as('bob', 'GET', requests('?limit=0'))).statusCode).toBe(400);
    await as('bob', 'POST', requests(`/${first}/approve`), {});
    expect(await ids('/pending')).toEqual([second, first]);
    expect(await ids('/pending?approver=bob')).toEqual([second]);
    expect(await ids('/pending?approver=ann')).toEqual([]);
    for (const id of [first, second]) await as('ann', 'POST', requests(`/${id}/withdraw`), {});
  });

  it('are of several changes together, and of removals', async () => {
    const both = await as('ann', 'POST', requests(), {
      changes: [
        { key: 'motto', ...global, proposedValue: 'x' },
        { key, ...global, delete: true },
      ],
      justification: 'Together',
    });
    expect(both.json()).toMatchObject({ changes: [{ key: 'motto' }, { key, operation: 'delete' }] });
    expect(both.headers.location).toBe(requests(`/${both.json<{ id: string }>().id}`));
  });

  it.each([
    ['no justification', { key, ...global, proposedValue: { maintenanceApproval: 1 } }, 'invalid_request'],
    ['an empty one', { key, ...global, proposedValue: { maintenanceApproval: 9 }, justification: '' }, 'justification_required'], // prettier-ignore
    ['no value', { key, ...global, justification: 'x' }, 'invalid_argument'],
    ['another author', { key, ...global, delete: true, justification: 'x', requestedBy: 'bob' }, 'invalid_request'],
  ])('are refused with %s', async (_name, body, code) => {
    expect((await as('ann', 'POST', requests(), body)).json()).toMatchObject({ status: 400, code });
  });

  it('are not found where there are none', async () => {
    const answers = [
      await as('bob', 'GET', requests('/req-none')),
      await as('bob', 'POST', requests('/req-none/approve'), {}),
      await as('bob', 'PATCH', requests('/req-none'), {}),
    ];
    for (const answer of answers) expect(answer.json()).toMatchObject({ status: 404, code: 'request_not_found' });
  });
});
