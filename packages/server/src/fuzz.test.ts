import { errorCatalogue } from '@strata/core';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentCheck, type ApiDocument } from '../../../test/api-document.ts';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';

let server: TestServer;
beforeAll(async () => {
  // What an answer of 500 hides stands in the log, and would be lost with this run.
  server = await startTestServer({ logger: { level: 'error', stream: process.stderr } });
});
afterAll(() => server.close());

/** The parts of a request, before they are put together. */
interface Parts {
  readonly method: NonNullable<InjectOptions['method']>;
  readonly route: string;
  readonly key: string;
  readonly query: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const oddities = [
  '',
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  'HEAD~1',
  '@2026-01-01',
  'null',
  '-1',
  '1e9',
  "' OR 1=1 --",
  '$1',
  '%',
  '*',
];
const oddText = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.constantFrom(...oddities),
);
const encoded = oddText.map((text) => encodeURIComponent(text.toWellFormed()));
const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom<unknown>({ $unset: true }, { lightDuty: 1 }, { primaryColor: 'red' }, [{ $unset: true }], {
    a: { $unset: true },
  }),
);
const json = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  arbitrary.map((value) => JSON.stringify(value));

// Few keys and scopes, so that requests meet.
const key = fc.constantFrom('a', 'b/c', 'd:e.f', 'g');
const address = fc.constantFrom<readonly string[]>(
  [],
  ['scope=org', 'scopeId=acme'],
  ['scope=team', 'scopeId=red'],
  ['scope=user', 'scopeId=bob'],
);

/** A request that makes sense by its form; whether it succeeds depends on what is stored. */
const sensible: fc.Arbitrary<Parts> = fc
  .record({ key, address, kind: fc.nat(14), value: json(fc.jsonValue({ maxDepth: 4 })), unset: fc.nat(5) })
  .map(({ key: name, address: query, kind, value, unset }) => {
    const read = (route: string, ...more: string[]): Parts => ({
      method: 'GET',
      route,
      key: name,
      query: [...query, ...more],
      headers: {},
    });
    const put = {
      ...read('layers'),
      method: 'PUT',
      body: `{"value":${unset === 0 ? '{"$unset":true}' : value}}`,
    } as const;
    const rollback = { ...read('rollback'), method: 'POST', body: '{"toVersion":"HEAD~1","reason":"x"}' } as const;
    const all = [
      put,
      put,
      { ...read('layers'), method: 'DELETE' } as const,
      rollback,
      read('values'),
      read('layers'),
      read('history', 'limit=3'),
      read('diff', 'from=HEAD~1', 'to=HEAD'),
      read('explain'),
      read('blame'),
      { ...read('validate'), method: 'POST', query: [], body: `{"value":${value}}` } as const,
      { ...read('locks', 'path=a'), method: 'PUT', body: '{}' } as const,
      { ...read('locks', 'path=a'), method: 'DELETE' } as const,
      {
        ...read('commits'),
        method: 'POST',
        key: '',
        query: [],
        body: `{"changes":[{"key":"${name}","scope":"global","value":${value}},{"key":"a","scope":"team","scopeId":"red","value":1}]}`,
      } as const,
      {
        ...read('commits'),
        method: 'POST',
        key: `${String(unset + 1)}/revert`,
        query: [],
        body: '{"reason":"x"}',
      } as const,
    ];
    return all[kind] ?? put;
  });

const names = [
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
];
const entries = [
  'organizationId=acme',
  'teamId=red',
  'dryRun=true',
  'version=HEAD',
  'at=2026-01-01T00:00:00Z',
  'before=2',
];
const oddEntry = fc.oneof(
  fc.constantFrom(...entries),
  fc.tuple(fc.constantFrom(...names), encoded).map((pair) => pair.join('=')),
  oddText,
);
const headerNames = [
  'if-match',
  'if-none-match',
  'idempotency-key',
  'x-strata-actor',
  'origin',
  'sec-fetch-site',
  'accept',
  'content-type',
  'content-encoding',
  'user-agent',
];
const headerText = fc.oneof(
  fc.constantFrom('*', '"0123456789abcdef"', 'W/"x"', '""', 'k', 'ann', 'text/plain'),
  fc.string({ maxLength: 20 }),
);
const body = fc.oneof(
  json(
    fc.record(
      {
        value: oddValue,
        comment: oddText,
        expiresAt: fc.oneof(fc.constant('2999-01-01T00:00:00Z'), oddText),
        idempotencyKey: fc.oneof(fc.constant('k'), oddText),
      },
      { requiredKeys: ['value'] },
    ),
  ),
  json(fc.record({ toVersion: fc.oneof(fc.constantFrom('HEAD', 'ffff'), oddText), reason: oddText })),
  json(oddValue),
  oddText,
);

/** What is odd about a request: one or more of its parts. */
const odd: fc.Arbitrary<Partial<Parts>> = fc.oneof(
  fc.record({
    key: fc.oneof(oddText, encoded, fc.constantFrom('secrets', 'pm_intervals', 'branding', 'feature_flags/x')),
  }),
  fc.record({ query: fc.array(oddEntry, { minLength: 1, maxLength: 4 }) }),
  fc.record({ headers: fc.dictionary(fc.constantFrom(...headerNames), headerText, { minKeys: 1, maxKeys: 2 }) }),
  fc.record({ body }),
  fc.record({
    method: fc.constantFrom('HEAD', 'PATCH', 'OPTIONS', 'POST', 'PUT'),
    route: fc.constantFrom('values', 'layers', 'versions', 'nothing'),
  }),
);

const request = fc
  .tuple(
    sensible,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 3, arbitrary: fc.array(odd, { minLength: 1, maxLength: 2 }) },
    ),
  )
  .map(([parts, oddParts]): Parts => Object.assign({}, parts, ...oddParts) as Parts);

function urlOf({ route, key: name, query }: Parts): string {
  return `/v1/${route}${name === '' && route === 'commits' ? '' : `/${name}`}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

function optionsOf(parts: Parts): InjectOptions {
  const { method, headers, body: payload } = parts;
  const sendsBody = payload !== undefined && method !== 'GET' && method !== 'HEAD';
  return {
    method,
    url: urlOf(parts),
    headers: sendsBody ? { 'content-type': 'application/json', ...headers } : headers,
    ...(sendsBody ? { payload } : {}),
  };
}

describe('whatever a client sends', () => {
  it('is answered below 500, a refusal with a code of the catalogue, and a write is read back', async () => {
    const statuses = new Map<number, number>();
    const check = documentCheck((await server.app.inject('/v1/openapi.json')).json<ApiDocument>());
    await fc.assert(
      fc.asyncProperty(request, async (parts) => {
        const answer = await server.app.inject(optionsOf(parts));
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        expect(answer.statusCode, answer.body).toBeLessThan(500);
        check(parts.method, urlOf(parts), answer);
        if (answer.statusCode >= 400) {
          expect(answer.headers['content-type']).toBe('application/problem+json');
          if (parts.method !== 'HEAD') expect(errorCatalogue).toHaveProperty(answer.json<{ code: string }>().code);
          expect(answer.body).not.toMatch(/node_modules|configuration_|SELECT /);
        } else if (parts.method === 'PUT' && parts.route === 'layers' && !('dryRun' in answer.json<object>())) {
          const stored = await server.app.inject({ method: 'GET', url: urlOf(parts) });
          const { value } = JSON.parse(parts.body ?? '') as { value: unknown };
          // Of a secret only that there is one; what takes an inherited value away is none.
          const isHidden = parts.key === 'secrets' && JSON.stringify(value) !== '{"$unset":true}';
          const shown = JSON.stringify(isHidden ? { $masked: true } : value);
          expect(JSON.stringify(stored.json<{ value: unknown }>().value)).toBe(shown);
        }
      }),
      { numRuns: 2000 },
    );
    // The property would also hold for a server that refuses everything, or one that never refuses.
    expect(statuses.get(200)).toBeGreaterThan(400);
    expect(statuses.get(400)).toBeGreaterThan(400);
    expect(statuses.get(404)).toBeGreaterThan(20);
  }, 240_000);
});
