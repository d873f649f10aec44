import { readFileSync } from 'node:fs';
import { errorCatalogue } from '@strata/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathOf, type ApiDocument } from '../../../../test/api-document.ts';
import { openStream } from '../../../../test/event-stream.ts';
import { startTestServer, testKey, type TestServer } from '../../../../test/http-server.ts';

interface Route {
  readonly method: string;
  readonly url: string;
  readonly schema: { readonly response?: Readonly<Record<string, unknown>> } | undefined;
}

const routes: Route[] = [];
let server: TestServer;
let document: ApiDocument;
beforeAll(async () => {
  // The second key opens nothing, so that it can be retired.
  const unused = Buffer.alloc(32, 'unused').toString('base64');
  server = await startTestServer({}, { encryptionKey: `${testKey},${unused}` });
  // Routes are added when the server gets ready, so this sees all of them, whatever the document's own collector sees.
  server.app.addHook('onRoute', ({ method, url, schema }) => {
    for (const one of [method].flat()) routes.push({ method: one, url, schema: schema as Route['schema'] });
  });
  document = (await server.app.inject('/v1/openapi.json')).json<ApiDocument>();
});
afterAll(() => server.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );

describe("the API's document", () => {
  it('is docs/openapi.json (npm run openapi writes it anew)', () => {
    const stored: unknown = JSON.parse(readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8'));
    expect(stored).toEqual(document);
  });

  it('has every route, each with a summary and the schema of every answer', () => {
    const told = operations().map(({ method, path }) => `${method} ${path}`);
    const there = routes.filter(({ method }) => method !== 'HEAD');
    expect(there.length).toBeGreaterThan(25);
    expect(told.sort()).toEqual(
      there.map(({ method, url }) => `${method} ${url.replace('*', '{key}').replaceAll(/:(\w+)/g, '{$1}')}`).sort(),
    );
    for (const { url, schema } of there) {
      expect(schema, url).toMatchObject({
        summary: expect.any(String) as unknown,
        response: expect.any(Object) as unknown,
      });
      expect(Object.keys(schema?.response ?? {}), url).toContain('default');
    }
    for (const { operation } of operations()) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if ('$ref' in response || status === '204' || status === '304') continue;
        const contents = Object.values(response.content ?? {});
        expect(contents.length, `${operation.operationId} ${status}`).toBeGreaterThan(0);
        for (const content of contents) expect(content).toEqual({ schema: expect.any(Object) as unknown });
      }
    }
  });

  it('names each operation once, and tells of the key and of whatever else the path takes', () => {
    const names = operations().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { path, operation } of operations()) {
      const taken = operation.parameters.filter((one) => one.in === 'path').map(({ name }) => name);
      expect(taken).toEqual(Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name));
    }
  });

  it('uses only codes of the catalogue, each under a status that it has over HTTP', () => {
    const { components } = document as unknown as {
      components: { responses: Record<string, { description: string }> };
    };
    for (const { operation } of operations()) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (Number(status) < 400) continue;
        const told = '$ref' in response ? components.responses[response.$ref.split('/').at(-1) ?? ''] : response;
        for (const code of told?.description.match(/\w+/g) ?? ['none']) {
          const conditional =
            (code === 'conflict' && status === '412') || (code === 'idempotency_conflict' && status === '422');
          expect([
            code,
            conditional ? status : String(errorCatalogue[code as keyof typeof errorCatalogue].status),
          ]).toEqual([code, status]);
        }
      }
    }
  });
});

type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

describe('a walk through the whole API', () => {
  it('is answered at every operation as the document says', async () => {
    const seen = new Set<string>();
    const go = async (method: Method, url: string, body?: unknown, actor = 'ann'): Promise<unknown> => {
      const answer = await server.send(method, url, body, { 'x-strata-actor': actor });
      expect(answer.statusCode, `${method} ${url}: ${answer.body}`).toBeLessThan(300);
      seen.add(`${method} ${pathOf(document, url) ?? ''}`);
      return answer.body === '' || !/[/+]json\b/.test(String(answer.headers['content-type']))
        ? undefined
        : answer.json();
    };
    await go('PUT', '/v1/scopes?scope=team&scopeId=red', { name: 'Red', parents: [{ scope: 'org', scopeId: 'acme' }] });
    await go('PUT', '/v1/scopes?scope=user&scopeId=bob', {});
    await go('PUT', '/v1/schemas/theme', { jsonSchema: { type: 'object', properties: { size: { default: 3 } } } });
    const first = (await go('PUT', '/v1/layers/theme', { value: { colour: 'blue' } })) as { version: string };
    await go('PUT', '/v1/layers/theme?dryRun=true', { value: { colour: 'red' } });
    await go('PUT', '/v1/layers/theme?scope=org&scopeId=acme', {
      value: { size: 2 },
      expiresAt: '2999-01-01T00:00:00Z',
    });
    await go('POST', '/v1/commits', {
      changes: [
        { key: 'theme', scope: 'global', value: { colour: 'red' } },
        { key: 'a/b', scope: 'global', value: null },
      ],
    });
    await go('POST', '/v1/tags', { tag: 'stable', version: first.version });
    await go('PUT', '/v1/locks/theme?scope=global&path=colour', { comment: 'brand' });
    const context = 'scope=team&scopeId=red';
    for (const url of [
      `/v1/values/theme?${context}`,
      `/v1/values?${context}`,
      `/v1/values?${context}&key=theme&key=none`,
      '/v1/layers/theme',
      '/v1/history/theme?limit=1',
      '/v1/versions/theme?version=stable',
      '/v1/diff/theme?from=HEAD~1&to=HEAD',
      `/v1/explain/theme?${context}`,
      '/v1/blame/theme',
      '/v1/tags',
      '/v1/locks',
      '/v1/schemas',
      '/v1/schemas/theme',
      '/v1/scopes?limit=1',
      `/v1/chain?${context}`,
      '/v1/export?scope=org&scopeId=acme',
      '/v1/export?scope=org&scopeId=acme&values=effective',
      '/v1/openapi.json',
      '/healthz',
      '/readyz',
      '/',
      '/page.js',
      '/page.css',
      '/icon.svg',
    ])
      await go('GET', url);
    // A stream has no end, so this one goes over a connection of its own.
    const stream = await openStream(`${await server.app.listen({ host: '127.0.0.1', port: 0 })}/v1/watch`);
    stream.close();
    seen.add('GET /v1/watch');
    await go('POST', '/v1/validate/theme', { value: 3 });
    const sides = { left: { scope: 'org', scopeId: 'acme' }, right: { document: '{"a": 1}' } };
    await go('POST', '/v1/compare', sides);
    await go('POST', '/v1/promote', { source: sides.right, target: sides.left, dryRun: true });
    const backup = await server.app.inject({ method: 'POST', url: '/v1/backup', headers: { host: 'localhost' } });
    expect(backup.statusCode).toBe(200);
    const empty = await startTestServer();
    const restored = await empty.app.inject({
      method: 'POST',
      url: '/v1/backup/restore',
      payload: backup.rawPayload,
      headers: { host: 'localhost', 'content-type': 'application/octet-stream' },
    });
    await empty.close();
    expect(restored.statusCode, restored.body).toBe(200);
    for (const path of ['/v1/backup', '/v1/backup/restore']) seen.add(`POST ${path}`);
    await go('POST', '/v1/import?scope=org&scopeId=acme&dryRun=true', { imported: 1 });
    await go('POST', '/v1/import?scope=org&scopeId=acme', { imported: 1 });
    await go('DELETE', '/v1/locks/theme?scope=global&path=colour');
    await go('POST', '/v1/rollback/theme', { toVersion: 'stable', reason: 'was better' });
    const { id } = (await go('POST', '/v1/restore?scope=global', { revision: 5 })) as { id: string };
    await go('POST', `/v1/commits/${id}/revert?dryRun=true`, { reason: 'try' });
    await go('POST', `/v1/commits/${id}/revert`, { reason: 'too much' });
    await go('POST', '/v1/flags', { flag: { name: 'menu', enabled: true, rolloutPercentage: 5 } });
    await go('PUT', '/v1/flags/menu?scope=org&scopeId=acme', { flag: { rolloutPercentage: 100 } });
    await go('GET', '/v1/flags?scope=org&scopeId=acme&archived=all');
    await go('GET', '/v1/flags/menu');
    const somebody = { context: { userId: 'ada', attributes: { role: 'tester' } }, default: null };
    await go('POST', '/v1/flags/menu/evaluate', somebody);
    await go('POST', '/v1/flags/menu/explain', { ...somebody, scope: { scope: 'org', scopeId: 'acme' } });
    await go('POST', '/v1/evaluate', {});
    await go('POST', '/v1/flags/menu/toggle', { comment: 'too early' });
    await go('POST', '/v1/flags/menu/rollout?dryRun=true', { percentage: 7 });
    await go('DELETE', '/v1/flags/menu?scope=org&scopeId=acme');
    await go('POST', '/v1/flags/menu/archive', {});
    await go('PUT', '/v1/policies/money', { keys: ['money'], minimumApprovals: 1 });
    await go('PUT', '/v1/policies/none', { keys: ['none'], minimumApprovals: 1, comment: 'try' });
    await go('DELETE', '/v1/policies/none');
    await go('GET', '/v1/policies');
    await go('PUT', '/v1/roles/treasurer', { permissions: ['read', 'approve'] });
    await go('PUT', '/v1/roles/idle', { permissions: ['read'] });
    await go('DELETE', '/v1/roles/idle');
    await go('GET', '/v1/roles');
    const request = async (value: number): Promise<string> => {
      const asked = { key: 'budget', scope: 'global', proposedValue: value, justification: 'prices went up' };
      return `/v1/change-requests/${((await go('POST', '/v1/change-requests', asked)) as { id: string }).id}`;
    };
    const one = await request(1);
    await go('GET', one);
    await go('POST', `${one}/comments`, { comment: 'why?' }, 'bob');
    await go('PATCH', one, { proposedValue: 2 });
    await go('POST', `${one}/schedule`, { applyAt: null });
    await go('GET', '/v1/change-requests?status=pending&limit=1');
    await go('GET', '/v1/change-requests/pending?approver=bob');
    await go('POST', `${one}/approve`, { edition: 3 }, 'bob');
    await go('POST', `${await request(3)}/reject`, { reason: 'no' }, 'bob');
    await go('POST', `${await request(4)}/withdraw`, {});
    await go('POST', '/v1/reveal/theme?scope=global', { reason: 'try' });
    await go('POST', '/v1/encryption-keys/rotate');
    await go('POST', '/v1/encryption-keys/rewrap');
    const { keys } = (await go('GET', '/v1/encryption-keys')) as { keys: { keyId: string; current: boolean }[] };
    await go('POST', '/v1/encryption-keys/retire', { keyId: keys.find(({ current }) => !current)?.keyId });
    const admin = { subject: { user: 'ann' }, role: 'admin', scope: 'global' };
    await go('POST', '/v1/role-bindings', admin);
    const bound = { subject: { group: 'staff' }, role: 'viewer', scope: 'org', scopeId: 'acme' };
    const binding = (await go('POST', '/v1/role-bindings', bound)) as { id: string };
    await go('GET', '/v1/role-bindings?scope=org&scopeId=acme');
    await go('DELETE', `/v1/role-bindings/${binding.id}`);
    await go('GET', '/v1/usage?days=7&limit=10');
    await go('GET', '/v1/usage/unused');
    await go('GET', '/v1/usage/flags?flag=none');
    await go('GET', '/v1/usage/stale-flags?days=7');
    await go('POST', '/v1/impact/theme', { value: { colour: 'green' } });
    await go('PATCH', '/v1/keys/theme', { owner: 'design', services: ['shop'], restartNeeded: true });
    await go('GET', '/v1/keys?key=theme');
    await go('PUT', '/v1/dependencies/theme', { dependsOn: 'a/b', comment: 'why' });
    await go('GET', '/v1/dependencies');
    await go('GET', '/v1/dependencies/theme');
    await go('DELETE', '/v1/dependencies/theme?dependsOn=a%2Fb');
    await go('DELETE', '/v1/layers/theme?force=true');
    await go('DELETE', '/v1/scopes?scope=user&scopeId=bob');
    await go('GET', '/v1/audit?limit=1');
    await go('POST', '/v1/audit/checkpoints');
    await go('GET', '/v1/audit/checkpoints');
    await go('POST', '/v1/audit/verify', {});
    await go('GET', '/v1/audit/export');
    await go('POST', '/v1/audit/prune', { before: '2020-01-01', reason: 'Old' });
    expect([...seen].sort()).toEqual(
      operations()
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    );
  });
});
