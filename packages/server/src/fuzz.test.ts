import { errorCatalogue } from '@strata/core';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const oddText = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.constantFrom(
    '',
    '\u0000',
    '\ud800',
    '__proto__',
    'constructor',
    'HEAD',
    'HEAD~1',
    '@2026-01-01',
    'null',
    '-1',
    '1e9',
    "' OR 1=1 --",
    '$1',
    '%',
    '*',
  ),
);

/** Mostly keys that fit, so that requests get past the first check; few of them, so that they meet. */
const key = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b/c', 'd:e.f', 'pm_intervals', 'branding', 'feature_flags/x', 'secrets'),
  },
  { weight: 1, arbitrary: oddText },
  { weight: 1, arbitrary: oddText.map(encodeURIComponentSafely) },
);

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

const scope = fc.constantFrom('global', 'org', 'team', 'user');
const queryEntry = fc.oneof(
  scope.map((name) => `scope=${name}`),
  fc.constantFrom('acme', 'red', '').map((id) => `scopeId=${id}`),
  fc.constantFrom(
    'organizationId=acme',
    'teamId=red',
    'dryRun=true',
    'limit=3',
    'before=2',
    'version=HEAD',
    'from=HEAD~1',
    'to=HEAD',
    'at=2026-01-01T00:00:00Z',
  ),
  fc
    .tuple(
      fc.constantFrom(
        'scope',
        'scopeId',
        'organizationId',
        'teamId',
        'limit',
        'before',
        'version',
        'from',
        'to',
        'at',
        'comment',
        'dryRun',
        'x',
      ),
      oddText,
    )
    .map(([name, text]) => `${name}=${encodeURIComponentSafely(text)}`),
  oddText,
);

const addressed = fc
  .tuple(scope, fc.constantFrom('acme', 'red'))
  .map(([name, id]) => (name === 'global' ? [] : [`scope=${name}`, `scopeId=${id}`]));
const query = fc.oneof(
  addressed,
  fc.tuple(addressed, fc.array(queryEntry, { maxLength: 3 })).map((parts) => parts.flat()),
  fc.array(queryEntry, { maxLength: 4 }),
);

const value = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom<unknown>({ $unset: true }, { lightDuty: 5000 }, { primaryColor: 'red' }, [{ $unset: true }], {
    a: { $unset: true },
  }),
);
const body = fc.oneof(
  fc
    .record(
      {
        value,
        comment: oddText,
        expiresAt: fc.oneof(fc.constant('2999-01-01T00:00:00Z'), oddText),
        idempotencyKey: fc.oneof(fc.constant('k'), oddText),
      },
      { requiredKeys: ['value'] },
    )
    .map((entry) => JSON.stringify(entry)),
  fc
    .record({ toVersion: fc.oneof(fc.constantFrom('HEAD~1', 'HEAD', 'ffff'), oddText), reason: oddText })
    .map((entry) => JSON.stringify(entry)),
  value.map((entry) => JSON.stringify(entry)),
  oddText,
);

const headerText = fc.oneof(
  fc.constantFrom('*', '"0123456789abcdef"', 'W/"x"', '""', 'k', 'ann'),
  fc.string({ maxLength: 20 }),
);
const headers = fc.dictionary(
  fc.constantFrom(
    'if-match',
    'if-none-match',
    'idempotency-key',
    'x-strata-actor',
    'user-agent',
    'origin',
    'sec-fetch-site',
    'accept',
    'content-encoding',
  ),
  headerText,
  { maxKeys: 2 },
);

const request = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD', 'PUT', 'PUT', 'PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS'),
    route: fc.constantFrom(
      'values',
      'layers',
      'layers',
      'layers',
      'history',
      'versions',
      'diff',
      'rollback',
      'explain',
      'nothing',
    ),
    key,
    query,
    headers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }),
    body,
    type: fc.oneof(
      { weight: 8, arbitrary: fc.constant('application/json') },
      { weight: 1, arbitrary: fc.constantFrom('text/plain', ';', 'application/json; charset=latin1') },
    ),
  })
  .map((parts) => {
    const sendsBody = parts.method === 'PUT' || parts.method === 'POST';
    return {
      method: parts.method,
      url: `/v1/${parts.route}/${parts.key}${parts.query.length === 0 ? '' : `?${parts.query.join('&')}`}`,
      headers: sendsBody ? { ...parts.headers, 'content-type': parts.type } : parts.headers,
      ...(sendsBody ? { payload: parts.body } : {}),
    };
  });

describe('whatever a client sends', () => {
  it('is answered below 500, refusals with a code of the catalogue, and successes are read back', async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(request, async (options) => {
        const answer = await server.app.inject(options);
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        expect(answer.statusCode).toBeLessThan(500);
        if (answer.statusCode >= 400) {
          expect(answer.headers['content-type']).toBe('application/problem+json');
          if (options.method !== 'HEAD') expect(errorCatalogue).toHaveProperty(answer.json<{ code: string }>().code);
          expect(answer.body).not.toMatch(/node_modules|configuration_|SELECT /);
        }
        if (answer.statusCode === 200 && options.method === 'PUT' && !options.url.includes('dryRun=true')) {
          const stored = await server.app.inject({ method: 'GET', url: options.url });
          expect(stored.json<{ value: unknown }>().value).toEqual(
            (JSON.parse(String(options.payload)) as { value: unknown }).value,
          );
        }
      }),
      { numRuns: 2000 },
    );
    // The property would also hold for a server that refuses everything.
    expect(statuses.get(200)).toBeGreaterThan(200);
    expect(statuses.get(400)).toBeGreaterThan(200);
  }, 240_000);
});
