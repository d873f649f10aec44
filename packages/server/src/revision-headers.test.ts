import { setTimeout as wait } from 'node:timers/promises';
import { ConfigurationError, createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';
import { createServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const put = (key: string, value: unknown) => server.send('PUT', `/v1/layers/${key}`, { value });
const revisionOf = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }): number =>
  Number(headers['strata-revision']);

describe('the revision of an answer', () => {
  it('is told by every write of values, and by reads, which are of that one or a later one', async () => {
    const first = revisionOf(await put('told', { a: 1 }));
    expect(first).toBeGreaterThan(0);
    const changes = [
      { key: 'told', scope: 'global', value: { a: 2 } },
      { key: 'told', scope: 'org', scopeId: 'o', value: { b: 1 } },
    ];
    const writes = [
      await server.send('POST', '/v1/commits', { changes }),
      await server.send('POST', '/v1/rollback/told', { toVersion: 'HEAD~1', reason: 'was better' }),
      await server.send('POST', '/v1/restore?scope=global', { revision: first + 1 }),
      await server.send('DELETE', '/v1/layers/told?scope=org&scopeId=o'),
      await server.send('POST', `/v1/commits/${String(first + 4)}/revert`, { reason: 'needed' }),
    ];
    expect(writes.map((answer) => [answer.statusCode, revisionOf(answer)])).toEqual(
      writes.map((_, n) => [200, first + 1 + n]),
    );
    const dry = await server.send('PUT', '/v1/layers/told?dryRun=true', { value: 7 });
    expect(dry.headers['strata-revision']).toBeUndefined();
    const layer = await server.send('GET', '/v1/layers/told');
    expect(revisionOf(layer)).toBe(first + 3);
    for (const url of ['/v1/values/told', '/v1/values', '/v1/values?key=told&key=none']) {
      const { headers } = await server.send('GET', url);
      expect(Number(headers['strata-revision'])).toBeGreaterThanOrEqual(first + 3);
      expect(headers.age).toMatch(/^\d+$/);
      expect(headers['strata-stale']).toBeUndefined();
    }
  });

  it('goes with a 304 and with HEAD too', async () => {
    await put('same', 1);
    const { headers } = await server.send('GET', '/v1/values/same');
    const held = await server.send('GET', '/v1/values/same', undefined, { 'if-none-match': String(headers.etag) });
    expect([held.statusCode, held.headers['strata-revision']]).toEqual([304, headers['strata-revision']]);
    const head = await server.send('HEAD', '/v1/values/same');
    expect(head.headers['strata-revision']).toBe(headers['strata-revision']);
  });
});

describe('a read that asks for a revision', () => {
  it.each(['/v1/values/asked', '/v1/values', '/v1/values?key=asked'])(
    'is of that one or a later one: %s',
    async (url) => {
      const revision = revisionOf(await put('asked', url));
      const header = await server.send('GET', url, undefined, { 'strata-min-revision': String(revision) });
      expect([header.statusCode, revisionOf(header) >= revision]).toEqual([200, true]);
      const query = await server.send('GET', `${url}${url.includes('?') ? '&' : '?'}minRevision=${String(revision)}`);
      expect(query.json()).toEqual(header.json());
    },
  );

  it('is 503 with Retry-After when it does not come in time; the later one counts', async () => {
    const revision = revisionOf(await put('late', 1)) + 1000;
    const began = performance.now();
    const answer = await server.send('GET', '/v1/values/late?minRevision=1', undefined, {
      'strata-min-revision': String(revision),
    });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.json()).toMatchObject({ code: 'revision_not_reached', details: { revision } });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it.each(['-1', '1.5', 'x', '', '01', '1000000000000000'])('is refused when that is %j', async (revision) => {
    const header = await server.send('GET', '/v1/values/k', undefined, { 'strata-min-revision': revision });
    const query = await server.send('GET', `/v1/values/k?minRevision=${revision}`);
    for (const answer of [header, query]) expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});

describe('while the database is away', () => {
  it('cached values are answered as stale and with their age, others and writes with 503', async () => {
    const database = await openEmbeddedDatabase();
    let isAway = false;
    const losable = interceptDatabase(database, async (_, run) => {
      if (isAway) throw new ConfigurationError('unavailable', { problem: 'it is gone', sent: false });
      return run();
    });
    const service = createConfigurationService(losable, { pollInterval: 50, cacheTtl: 0.1 });
    const app = createServer(service);
    try {
      await service.set('k', 1, { scope: 'global' }, 'ann');
      const fresh = await app.inject('/v1/values/k');
      expect([fresh.statusCode, fresh.headers['strata-stale']]).toEqual([200, undefined]);
      isAway = true;
      await vi.waitFor(
        async () => {
          expect((await app.inject('/v1/values/k')).headers['strata-stale']).toBe('true');
        },
        { timeout: 5000 },
      );
      await wait(1100);
      const stale = await app.inject({ url: '/v1/values/k', headers: { 'strata-min-revision': '1' } });
      expect([stale.statusCode, stale.json<{ value: unknown }>().value, stale.headers['strata-revision']]).toEqual([
        200,
        1,
        '1',
      ]);
      expect(Number(stale.headers.age)).toBeGreaterThanOrEqual(1);
      expect((await app.inject('/v1/values?key=k')).headers['strata-stale']).toBe('true');
      for (const url of ['/v1/values/other', '/v1/values', '/v1/values/k?minRevision=2'])
        expect((await app.inject(url)).statusCode).toBe(503);
      const write = await app.inject({ method: 'PUT', url: '/v1/layers/k', payload: { value: 2 } });
      expect([write.statusCode, write.headers['retry-after']]).toEqual([503, '1']);
    } finally {
      await app.close();
      await service.close();
      await database.close();
    }
  });
});
