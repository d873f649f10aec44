import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const ann = { 'x-strata-actor': 'ann' };
const atAcme = 'scope=org&scopeId=acme';

describe('flags over HTTP', () => {
  it('are created, stored, listed, shown and removed', async () => {
    const flag = { name: 'menu', enabled: true, rolloutPercentage: 0, tags: ['ui'] };
    const made = await server.send('POST', '/v1/flags', { flag, comment: 'New' }, ann);
    expect(made.statusCode).toBe(200);
    const version = made.json<{ version: string; revision: number }>();
    expect(version).toMatchObject({ key: 'feature_flags/menu', changedBy: 'ann', comment: 'New', value: flag });
    expect(made.headers).toMatchObject({ etag: `"${version.version}"`, 'strata-revision': String(version.revision) });
    const again = await server.send('POST', '/v1/flags', { flag: { ...flag, enabled: false } }, ann);
    expect(again.json()).toMatchObject({ status: 409, code: 'conflict' });
    const over = await server.send('PUT', `/v1/flags/menu?${atAcme}`, { flag: { rolloutPercentage: 100 } }, ann);
    expect(over.json()).toMatchObject({ scope: 'org', scopeId: 'acme', value: { rolloutPercentage: 100 } });
    const list = await server.send('GET', `/v1/flags?${atAcme}&tag=ui&enabled=true&name=m*`);
    expect(list.json()).toMatchObject({
      scope: 'org',
      scopeId: 'acme',
      flags: [{ ...flag, rolloutPercentage: 100, archived: false, scope: 'org', scopeId: 'acme' }],
    });
    expect((await server.send('GET', '/v1/flags?tag=none')).json()).toMatchObject({ flags: [] });
    const one = await server.send('GET', '/v1/flags/menu');
    expect(one.json()).toMatchObject({ ...flag, version: version.version, scope: 'global', scopeId: null });
    const headers = { 'if-none-match': String(one.headers.etag) };
    expect((await server.send('GET', '/v1/flags/menu', undefined, headers)).statusCode).toBe(304);
    const stale = { ...ann, 'if-match': '"0123456789abcdef"' };
    expect((await server.send('PUT', '/v1/flags/menu', { flag }, stale)).statusCode).toBe(412);
    const preview = await server.send('DELETE', `/v1/flags/menu?${atAcme}&dryRun=true`);
    expect(preview.json()).toMatchObject({ dryRun: true, changed: true });
    expect((await server.send('DELETE', `/v1/flags/menu?${atAcme}&comment=no`, undefined, ann)).statusCode).toBe(200);
    expect((await server.send('GET', `/v1/flags/menu?${atAcme}`)).json()).toMatchObject({ rolloutPercentage: 0 });
  });

  it('are refused with every problem and its path', async () => {
    const flag = { name: 'bad', enabled: 1, rolloutPercentage: 101 };
    const answer = await server.send('POST', '/v1/flags', { flag });
    expect(answer.json()).toMatchObject({
      status: 422,
      code: 'validation_failed',
      errors: [{ path: 'enabled' }, { path: 'rolloutPercentage' }],
    });
    for (const [method, url, body] of [
      ['GET', '/v1/flags/none', undefined],
      ['POST', '/v1/flags/none/toggle', {}],
      ['POST', '/v1/flags/none/rollout', { percentage: 5 }],
      ['POST', '/v1/flags/none/archive', {}],
    ] as const) {
      expect((await server.send(method, url, body)).json()).toMatchObject({ status: 404, code: 'flag_not_found' });
    }
  });

  it('are switched, rolled out and archived', async () => {
    await server.service.set('feature_flags', { name: 'search', enabled: true }, { scope: 'global' }, 'ann');
    const toggled = await server.send('POST', '/v1/flags/search/toggle', { comment: 'Slow' }, ann);
    expect(toggled.json()).toMatchObject({ changedBy: 'ann', comment: 'Slow', value: { enabled: false } });
    const on = { enabled: true, idempotencyKey: 'once' };
    const first = await server.send('POST', '/v1/flags/search/toggle', on, ann);
    expect((await server.send('POST', '/v1/flags/search/toggle', on, ann)).json()).toEqual(first.json());
    const preview = await server.send('POST', '/v1/flags/search/rollout?dryRun=true', { percentage: 12.5 });
    expect(preview.json()).toMatchObject({ diff: [{ path: 'rolloutPercentage', newValue: 12.5 }] });
    const rolled = await server.send('POST', `/v1/flags/search/rollout?${atAcme}`, { percentage: 12.5 }, ann);
    expect(rolled.json()).toMatchObject({ scopeId: 'acme', value: { rolloutPercentage: 12.5 } });
    expect((await server.send('POST', '/v1/flags/search/rollout', { percentage: 101 })).json()).toMatchObject({
      code: 'validation_failed',
    });
    expect((await server.send('POST', '/v1/flags/search/archive', { comment: 'Done' }, ann)).statusCode).toBe(200);
    for (const body of [{ flag: { name: 'search', enabled: true } }, { flag: { name: 'search', enabled: false } }]) {
      expect((await server.send('POST', '/v1/flags', body)).json()).toMatchObject({ status: 409 });
    }
    expect((await server.send('PUT', '/v1/flags/search', { flag: { enabled: true } })).json()).toMatchObject({
      code: 'flag_archived',
    });
    expect((await server.send('GET', '/v1/flags?archived=true')).json()).toMatchObject({ flags: [{ name: 'search' }] });
  });

  it('are evaluated, one and all, with the way to it', async () => {
    const conditions = [{ attribute: 'role', operator: 'equals', value: 'driver' }];
    const flag = { name: 'maps', enabled: true, conditions, variants: { on: { zoom: 3 }, off: null } };
    await server.service.set('feature_flags', flag, { scope: 'global' }, 'ann');
    const context = { userId: 'u1', organizationId: 'acme', attributes: { role: 'driver' } };
    const evaluated = await server.send('POST', '/v1/flags/maps/evaluate', { context });
    expect(evaluated.json()).toMatchObject({ flag: 'maps', on: true, value: { zoom: 3 }, reason: 'TARGETING_MATCH' });
    const all = await server.send('POST', '/v1/evaluate', { context });
    expect(all.json<{ flags: object }>().flags).toMatchObject({ maps: evaluated.json<object>(), menu: { on: false } });
    const explained = await server.send('POST', '/v1/flags/maps/explain', { context: { userId: 'u1' } });
    expect(explained.json()).toMatchObject({
      evaluation: { on: false, value: null },
      decidedBy: 'conditions',
      failed: { path: 'conditions[0]', condition: conditions[0], holds: false },
      origin: { path: 'conditions', scope: 'global' },
      layers: [{ scope: 'global', scopeId: null }],
    });
    const rolled = await server.send('POST', '/v1/flags/menu/explain', { context: { userId: 'u1' } });
    expect(rolled.json()).toMatchObject({ decidedBy: 'rollout', bucket: { unit: 'u1', rolloutPercentage: 0 } });
    const scope = { scope: 'org', scopeId: 'acme' };
    await server.service.toggleFlag('maps', false, { scope: { scope: 'org', scopeId: 'acme' } });
    expect((await server.send('POST', '/v1/flags/maps/evaluate', { context, scope })).json()).toMatchObject({
      reason: 'DISABLED',
    });
  });

  it('are evaluated for every name and every context', async () => {
    for (const name of ['none', 'constructor', '__proto__']) {
      const answer = await server.send('POST', `/v1/flags/${name}/evaluate`, { context: {}, default: { a: 1 } });
      expect(answer.json()).toMatchObject({ value: { a: 1 }, errorCode: 'FLAG_NOT_FOUND', reason: 'ERROR' });
    }
    for (const context of [7, 'x', [], { attributes: 'none' }]) {
      const answer = await server.send('POST', '/v1/flags/maps/evaluate', { context });
      expect(answer.json()).toMatchObject({ errorCode: 'INVALID_CONTEXT', value: null });
    }
    expect((await server.send('POST', '/v1/flags/maps/evaluate', {})).statusCode).toBe(200);
  });
});
