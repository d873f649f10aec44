/** Owns the proof that every route that reads does so as whoever sends the request. */
import type { ConfigurationManagementService } from '@strata/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApiDocument } from '../../../../test/api-document.ts';
import { closeStreams, openStream, soon } from '../../../../test/event-stream.ts';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;

let server: TestServer;
let service: ConfigurationManagementService;
let url: string;
let version: string;
let requestId: string;

beforeAll(async () => {
  server = await startTestServer();
  ({ service } = server);
  url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
  await service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...acme }, 'root');
  await service.bindRole({ subject: { user: 'yan' }, role: 'viewer', ...acme, keys: 'loud' }, 'root');
  ({ version } = await service.set('hush', { part: 'hidden-value' }, acme, 'root', 'hidden-comment'));
  await service.createTag('hidden-tag', version, undefined, { actor: 'root' });
  await service.registerSchema('hush', { type: 'object', description: 'hidden-schema' }, { actor: 'root' });
  await service.lockConfig('quiet', acme, {}, 'root', 'hidden-lock');
  await service.set('feature_flags/new_menu', { enabled: true, description: 'hidden-flag' }, acme, 'root');
  await service.defineKey('hush', { owner: 'hidden-owner', services: ['hidden-service'] }, 'root');
  await service.addDependency('hush', 'hidden-other', 'root');
  const request = await service.requestChange({
    key: 'hush',
    ...acme,
    proposedValue: { part: 'hidden-proposal' },
    requestedBy: 'root',
    justification: 'hidden-reason',
  });
  requestId = request.id;
});
afterAll(async () => {
  closeStreams();
  await server.close();
});

const place = 'scope=org&scopeId=acme';

/** A request of every read route that the document tells of, but those that are open to all and the stream. */
const reads = (): Readonly<Record<string, string>> => ({
  '/v1/values/{key}': `/v1/values/hush?${place}`,
  '/v1/values': `/v1/values?${place}`,
  '/v1/layers/{key}': `/v1/layers/hush?${place}`,
  '/v1/explain/{key}': `/v1/explain/hush?${place}`,
  '/v1/history/{key}': '/v1/history/hush',
  '/v1/versions/{key}': `/v1/versions/hush?version=${version}`,
  '/v1/diff/{key}': `/v1/diff/hush?from=${version}&to=${version}`,
  '/v1/blame/{key}': `/v1/blame/hush?${place}`,
  '/v1/tags': '/v1/tags',
  '/v1/locks': '/v1/locks',
  '/v1/schemas': '/v1/schemas',
  '/v1/schemas/{key}': '/v1/schemas/hush',
  '/v1/scopes': '/v1/scopes',
  '/v1/chain': `/v1/chain?${place}`,
  '/v1/export': `/v1/export?${place}`,
  '/v1/change-requests': '/v1/change-requests',
  '/v1/change-requests/pending': '/v1/change-requests/pending',
  '/v1/change-requests/{id}': `/v1/change-requests/${requestId}`,
  '/v1/policies': '/v1/policies',
  '/v1/roles': '/v1/roles',
  '/v1/role-bindings': '/v1/role-bindings',
  '/v1/flags': `/v1/flags?${place}`,
  '/v1/flags/{name}': `/v1/flags/new_menu?${place}`,
  '/v1/keys': '/v1/keys',
  '/v1/dependencies': '/v1/dependencies',
  '/v1/dependencies/{key}': '/v1/dependencies/hush',
  '/v1/encryption-keys': '/v1/encryption-keys',
  '/v1/audit': '/v1/audit',
  '/v1/audit/checkpoints': '/v1/audit/checkpoints',
  '/v1/audit/export': '/v1/audit/export',
  '/v1/usage': '/v1/usage',
  '/v1/usage/flags': '/v1/usage/flags',
  '/v1/usage/stale-flags': '/v1/usage/stale-flags',
  '/v1/usage/unused': '/v1/usage/unused',
});

const others = ['/v1/openapi.json', '/v1/watch'];

describe('who may not read', () => {
  it('is told nothing by any route that reads', async () => {
    const { paths } = (await server.send('GET', '/v1/openapi.json')).json<ApiDocument>();
    const all = Object.keys(paths).filter(
      (path) => path.startsWith('/v1/') && 'get' in (paths[path] ?? {}) && !others.includes(path),
    );
    expect(all.sort()).toEqual(Object.keys(reads()).sort());
    for (const [path, request] of Object.entries(reads())) {
      const told = await server.send('GET', request, undefined, { 'x-strata-actor': 'root' });
      expect({ path, status: told.statusCode }).toEqual({ path, status: 200 });
      for (const actor of ['zoe', undefined]) {
        const answer = await server.send(
          'GET',
          request,
          undefined,
          actor === undefined ? {} : { 'x-strata-actor': actor },
        );
        expect({ path, told: answer.body }).toEqual({ path, told: expect.not.stringContaining('hidden') as string });
        const { statusCode, body } = answer;
        const isSilent =
          [403, 404].includes(statusCode) || /^\{("key":"hush",)?("\w+":\[\],?)+("next":null)?\}$/.test(body);
        expect({ path, statusCode, body, isSilent }).toMatchObject({ isSilent: true });
      }
    }
  });

  it('is told nothing by the stream of changes', async () => {
    const watching = (actor: string) => openStream(`${url}/v1/watch?fromRevision=0`, { 'x-strata-actor': actor });
    const [ann, yan] = await Promise.all([watching('ann'), watching('yan')]);
    await service.set('loud', 'heard', acme, 'root');
    await vi.waitFor(() => expect(ann.changes()).toHaveLength(2), soon);
    await vi.waitFor(() => expect(yan.changes()).toHaveLength(1), soon);
    expect(JSON.stringify(yan.events)).toContain('heard');
    expect(JSON.stringify(yan.events)).not.toContain('hidden');
    const refused = await fetch(`${url}/v1/watch?keys=hush`, { headers: { 'x-strata-actor': 'yan' } });
    expect(await refused.json()).toMatchObject({ status: 403, code: 'not_permitted' });
  });
});
