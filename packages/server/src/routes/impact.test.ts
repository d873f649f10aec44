import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const { service } = server;
  await service.registerScope({ scope: 'team', scopeId: 'north', parent: { scope: 'org', scopeId: 'acme' } });
  for (const scopeId of ['ada', 'ben']) {
    await service.registerScope({ scope: 'user', scopeId, parent: { scope: 'team', scopeId: 'north' } });
  }
  await service.set('pm_intervals', { lightDuty: 5000 }, { scope: 'global' }, 'ann');
  await service.set('pm_intervals', { lightDuty: 4000 }, { scope: 'user', scopeId: 'ben' }, 'ann');
});
afterAll(() => server.close());

describe('impact over HTTP', () => {
  it('is told as the library tells it, and nothing is written', async () => {
    const value = { lightDuty: 15_000 };
    const answer = await server.send('POST', '/v1/impact/pm_intervals', { value });
    expect(answer.statusCode).toBe(200);
    const report = await server.service.analyzeImpact('pm_intervals', value);
    expect(answer.json()).toEqual(report);
    expect(report).toMatchObject({ affectedUsers: 1, shieldedUsers: 1, affectedOrganizations: 1 });
    const dry = await server.send('PUT', '/v1/layers/pm_intervals?dryRun=true', { value });
    expect(dry.json()).toEqual({ dryRun: true, ...report });
    const gone = await server.send('DELETE', '/v1/layers/pm_intervals?dryRun=true&scope=user&scopeId=ben');
    expect(gone.json()).toMatchObject({ dryRun: true, affectedUsers: 1, samples: { users: ['ben'] } });
    const at = await server.send('POST', '/v1/impact/pm_intervals?scope=team&scopeId=north', {
      value: { lightDuty: 1 },
    });
    expect(at.json()).toMatchObject({ scope: 'team', scopeId: 'north', gates: [{ code: 'validation_failed' }] });
    expect((await server.send('POST', '/v1/impact/pm_intervals', {})).json()).toMatchObject({ status: 400 });
    const misplaced = await server.send('POST', '/v1/impact/pm_intervals', { value: { $unset: true, a: 1 } });
    expect(misplaced.json()).toMatchObject({ status: 400, code: 'invalid_value' });
    expect(await server.service.getHistory('pm_intervals')).toHaveLength(2);
  });

  it('tells who flips of a flag', async () => {
    await server.service.set('feature_flags/menu', { enabled: true }, { scope: 'global' }, 'ann');
    const value = { enabled: true, conditions: [{ attribute: 'plan', operator: 'exists' }] };
    const answer = await server.send('POST', '/v1/impact/feature_flags/menu', { value });
    expect(answer.json()).toEqual(await server.service.analyzeImpact('feature_flags/menu', value));
    expect(answer.json()).toMatchObject({
      flags: [
        { name: 'menu', flips: [{ from: 'on', to: 'off', users: 2 }], unjudgedRules: 1, unknownAttributes: ['plan'] },
      ],
    });
    const dry = await server.send('PUT', '/v1/layers/feature_flags/menu?dryRun=true', { value });
    expect(dry.json()).toMatchObject({ flags: [{ flippedUsers: 2 }] });
  });

  it('is kept with a change request, and told where one is asked for', async () => {
    const { service } = server;
    await service.set('approval_thresholds', { budgetVariance: 5 }, { scope: 'global' }, 'ann');
    const asked = await server.send('PUT', '/v1/layers/approval_thresholds', { value: { budgetVariance: 95 } });
    const { requestId } = asked.json<{ details: { requestId: string } }>().details;
    const shown = await server.send('GET', `/v1/change-requests/${requestId}`);
    expect(shown.json()).toMatchObject({
      impact: { impactLevel: 'critical', affectedUsers: 2, minimumApprovals: 2, rollbackPriority: 'immediate' },
    });
  });
});

describe('what is said of keys, over HTTP', () => {
  it('is a definition, part by part', async () => {
    const put = { owner: 'fleet', services: ['planner'], restartNeeded: true, downtimeSeconds: 30, comment: 'why' };
    const set = await server.send('PATCH', '/v1/keys/pm_intervals', put, { 'x-strata-actor': 'bob' });
    expect(set.json()).toMatchObject({ key: 'pm_intervals', owner: 'fleet', definedBy: 'bob', comment: 'why' });
    const next = await server.send('PATCH', '/v1/keys/pm_intervals', { owner: null });
    expect(next.json()).toMatchObject({ services: ['planner'], restartNeeded: true });
    expect(next.json()).not.toHaveProperty('owner');
    expect((await server.send('GET', '/v1/keys?key=pm_intervals')).json()).toEqual({ definitions: [next.json()] });
    expect((await server.send('GET', '/v1/keys')).json()).toEqual({ definitions: [next.json()] });
    const refused = await server.send('PATCH', '/v1/keys/pm_intervals', { baseImpact: 'low' });
    expect(refused.json()).toMatchObject({ status: 400, code: 'invalid_argument' });
    const impact = await server.send('POST', '/v1/impact/pm_intervals', { value: {} });
    expect(impact.json()).toMatchObject({
      affectedServices: ['planner'],
      estimatedDowntime: '30 seconds for planner, while it starts again',
    });
  });

  it('is what they depend on', async () => {
    const added = await server.send('PUT', '/v1/dependencies/a/b', { dependsOn: 'c', comment: 'why' });
    expect(added.json()).toMatchObject({ key: 'a/b', dependsOn: 'c', comment: 'why' });
    await server.send('PUT', '/v1/dependencies/c', { dependsOn: 'd' });
    const circle = await server.send('PUT', '/v1/dependencies/d', { dependsOn: 'a/b' });
    expect(circle.json()).toMatchObject({ status: 409, code: 'dependency_cycle' });
    expect((await server.send('GET', '/v1/dependencies/c')).json()).toEqual({
      ...{ key: 'c', dependencies: ['d'], dependents: ['a/b'] },
    });
    expect((await server.send('GET', '/v1/dependencies?key=d')).json()).toMatchObject({ dependencies: [{ key: 'c' }] });
    expect((await server.send('GET', '/v1/dependencies')).json()).toMatchObject({ dependencies: [{}, {}] });
    expect((await server.send('DELETE', '/v1/dependencies/c?dependsOn=d')).statusCode).toBe(204);
    const again = await server.send('DELETE', '/v1/dependencies/c?dependsOn=d');
    expect(again.json()).toMatchObject({ status: 404, code: 'dependency_not_found' });
  });
});
