import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const acme = { scope: 'org', scopeId: 'acme' } as const;
const at = 'scope=org&scopeId=acme';

const send = (query: string, body: string, headers: Record<string, string> = {}) =>
  server.app.inject({
    method: 'POST',
    url: `/v1/import?${query}`,
    payload: body,
    headers: { host: 'localhost', 'x-strata-actor': 'ann', 'content-type': 'application/json', ...headers },
  });

describe('an import over HTTP', () => {
  it('writes what an export holds, in each format, and answers what became of it', async () => {
    await server.service.set('theme', { colour: 'é' }, acme, 'ann');
    for (const [format, type] of [
      ['json', 'application/json'],
      ['yaml', 'application/yaml'],
      ['env', 'text/plain'],
    ] as const) {
      const exported = await server.send('GET', `/v1/export?${at}&format=${format}`);
      expect(exported.headers['content-type']).toBe(`${type}; charset=utf-8`);
      expect(exported.body).toBe(await server.service.exportConfig(acme, format));
      await server.service.set('theme', format, acme, 'bob');
      const answer = await send('', exported.body, { 'content-type': `${type}; charset=utf-8` });
      const { version, revision } = (await server.service.getLayer('theme', acme)) ?? {};
      expect(answer.json()).toEqual({
        ...{ imported: 1, failed: 0, skipped: 0, errors: [], pendingApproval: [], revision },
      });
      expect(answer.headers['strata-revision']).toBe(String(revision));
      expect(await server.service.getLayer('theme', acme)).toMatchObject({ version, changedBy: 'ann' });
    }
  });

  it('takes every option in the query', async () => {
    await server.service.set('old', 1, { scope: 'org', scopeId: 'b' }, 'ann');
    const query = 'scope=org&scopeId=b&mode=replace&atomic=true&comment=Anew';
    expect((await send(`${query}&dryRun=true`, '{"new": 1}')).json()).toMatchObject({
      imported: 2,
      revision: null,
      changes: [{ key: 'new' }, { key: 'old', diff: [{ operation: 'delete' }] }],
    });
    expect((await send(query, '{"new": 1}')).json()).toMatchObject({ imported: 2 });
    expect(await server.service.getHistory('old', 1)).toMatchObject([{ operation: 'delete', comment: 'Anew' }]);
    const exported = (await server.service.exportConfig(acme)).replace('"env"', '"yaml"');
    expect((await send('', exported.replace('é', 'x'))).json()).toMatchObject({
      status: 422,
      code: 'document_changed',
    });
    expect((await send('verify=false', exported.replace('é', 'x'))).statusCode).toBe(200);
    expect((await send('scope=org&scopeId=b&mode=replace', '{}')).json()).toMatchObject({
      code: 'replaces_everything',
    });
    expect((await send('scope=org&scopeId=b&mode=replace&force=true', '{}')).json()).toMatchObject({ imported: 1 });
  });

  it('refuses what is no document, and what is no text', async () => {
    expect((await send(at, '{"a": 1,\n"a": 2}')).json()).toMatchObject({ status: 400, code: 'malformed_document' });
    expect((await send(at, '{"a": 9007199254740993}')).json()).toMatchObject({ code: 'malformed_document' });
    const latin = Buffer.from('{"a": "\u00e9"}', 'latin1') as unknown as string;
    expect((await send(at, latin)).json()).toMatchObject({ status: 400, code: 'invalid_request' });
    expect((await send(at, '')).json()).toMatchObject({ status: 400, code: 'malformed_document' });
    expect((await send(at, 'a=1', { 'content-type': 'text/csv' })).statusCode).toBe(415);
    expect((await send(at, '{}', { 'content-encoding': 'gzip' })).statusCode).toBe(415);
    expect((await send(`${at}&mode=merge2`, '{}')).json()).toMatchObject({ code: 'invalid_request' });
    expect((await send('scopeId=acme', '{}')).json()).toMatchObject({ code: 'invalid_scope' });
    expect((await send(at, ' '.repeat(66 * 1024 * 1024))).json()).toMatchObject({
      status: 413,
      code: 'body_too_large',
    });
  });

  it('tells line by line how far it has come, where that is asked for', async () => {
    const values = Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`k${String(index)}`, index]));
    const accept = { accept: 'application/x-ndjson' };
    const answer = await send('scope=org&scopeId=lines', JSON.stringify(values), accept);
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    const lines = answer.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines.slice(0, -1)).toEqual([1000, 2000, 2500].map((done) => ({ progress: { done, total: 2500 } })));
    expect(lines.at(-1)).toMatchObject({ result: { imported: 2500, failed: 0 } });
    const early = await send('scope=org&scopeId=lines', '{', accept);
    expect(early.json()).toMatchObject({ status: 400, code: 'malformed_document' });
  });

  it('streams a large export, the same bytes as the library', async () => {
    const value = 'x'.repeat(60_000);
    const changes = Array.from({ length: 30 }, (_, index) => ({ key: `big${String(index)}`, ...acme, value }));
    await server.service.commit(changes, 'ann');
    const answer = await server.send('GET', `/v1/export?${at}`);
    expect(answer.body).toBe(await server.service.exportConfig(acme));
    expect(answer.headers.etag).toBeUndefined();
    expect(answer.headers['content-length']).toBeUndefined();
  });
});
