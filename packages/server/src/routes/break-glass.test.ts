import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

const global = { scope: 'global' } as const;
const key = 'approval_thresholds';
const layer = `/v1/layers/${key}?scope=global`;
const breakGlass = 'the house burns';

let server: TestServer;
let first: string;
/** The revision before the newest version of the key. */
let before = 0;
beforeAll(async () => {
  server = await startTestServer();
  const { service } = server;
  // Roles and bindings are free until the first protected value.
  await service.bindRole({ subject: { user: 'ann' }, role: 'admin', ...global }, 'system');
  await service.setRole({ name: 'firefighter', permissions: ['break-glass'] }, 'system');
  for (const role of ['admin', 'firefighter'])
    await service.bindRole({ subject: { user: 'eve' }, role, ...global }, 'system');
  first = (await service.set(key, { maintenanceApproval: 500 }, global, 'ann')).version;
});
afterAll(() => server.close());

type Method = Parameters<TestServer['send']>[0];
const as = (actor: string, method: Method, url: string, body?: unknown) =>
  server.send(method, url, body, { 'x-strata-actor': actor });

/** Each way to write, in an order in which each changes something. */
const ways: readonly (readonly [string, Method, string, (() => object) | undefined])[] = [
  ['PUT', 'PUT', layer, () => ({ value: { maintenanceApproval: 600 } })],
  ['commit', 'POST', '/v1/commits', () => ({ changes: [{ key, ...global, value: { maintenanceApproval: 700 } }] })],
  ['rollback', 'POST', `/v1/rollback/${key}?scope=global`, () => ({ toVersion: first, reason: 'back' })],
  ['revert', 'POST', '/v1/commits/NEWEST/revert', () => ({ reason: 'undo' })],
  ['restore', 'POST', '/v1/restore?scope=global', () => ({ revision: before })],
  ['DELETE', 'DELETE', `${layer}&comment=gone`, undefined],
];

describe('an emergency over HTTP', () => {
  it.each(ways)(
    'goes past approvals by %s, for whoever may, with the reason in the log',
    async (_name, method, url, body) => {
      const newest = await server.service.getHistory(key, 1);
      before = (newest[0]?.revision ?? 0) - 1;
      const at = url.replace('NEWEST', newest[0]?.commit ?? '');
      const [path, sent] =
        body === undefined
          ? [`${at}&breakGlass=${encodeURIComponent(breakGlass)}`, undefined]
          : [at, { ...body(), breakGlass }];
      // The same without the reason waits for approvals, and who was not given the permission is refused.
      expect((await as('eve', method, at, body?.())).json()).toMatchObject({ code: 'approval_required' });
      expect((await as('ann', method, path, sent)).json()).toMatchObject({ status: 403, code: 'not_permitted' });
      const done = await as('eve', method, path, sent);
      expect([done.statusCode, done.json<{ code?: string }>().code]).toEqual([200, undefined]);
      const [row] = await server.service.getHistory(key, 1);
      expect(row).toMatchObject({ changedBy: 'eve' });
      expect(row?.commit).not.toBe(newest[0]?.commit);
    },
  );

  it('is refused without a reason', async () => {
    const refused = await as('eve', 'PUT', layer, { value: { maintenanceApproval: 1 }, breakGlass: ' ' });
    expect(refused.json()).toMatchObject({ code: 'reason_required' });
  });
});
