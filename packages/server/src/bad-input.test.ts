import { errorCatalogue } from '@strata/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';

let server: TestServer;
let tagged: string;
beforeAll(async () => {
  server = await startTestServer();
  const { service } = server;
  tagged = (await service.set('theme', { size: 1 }, { scope: 'global' }, 'ann')).version;
  const below = await service.set('theme', { size: 2 }, { scope: 'org', scopeId: 'acme' }, 'ann');
  await service.createTag('stable', tagged);
  await service.createTag('stable', below.version);
});
afterAll(() => server.close());

/** All that is stored of the key that the bad requests are about. */
async function stored(): Promise<unknown> {
  const { service } = server;
  return [
    await service.getHistory('theme', 1000),
    await service.getHistory('other', 1000),
    await service.exportConfig({ scope: 'global' }),
    await service.listTags(),
    await service.listLocks(),
    await service.listScopes(),
    await service.getSchema('theme'),
  ];
}

type Method = Parameters<TestServer['send']>[0];
type Case = readonly [name: string, method: Method, url: string, body: unknown, status: number, code: string];

const deep = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => [inner], 1);
const put = (name: string, body: unknown, status: number, code: string): Case => [
  name,
  'PUT',
  '/v1/layers/theme',
  body,
  status,
  code,
];
const read = (name: string, query: string, status: number, code: string, route = 'values'): Case => [
  name,
  'GET',
  `/v1/${route}/theme?${query}`,
  undefined,
  status,
  code,
];

const scopeCases: readonly Case[] = [
  read('an unknown scope', 'scope=company', 400, 'invalid_request'),
  read('a scope in capitals', 'scope=ORG&scopeId=acme', 400, 'invalid_request'),
  read('a scope given twice', 'scope=org&scope=team&scopeId=a', 400, 'invalid_request'),
  read('a scope id given twice', 'scope=org&scopeId=a&scopeId=b', 400, 'invalid_request'),
  read('a scope without an id', 'scope=org', 400, 'invalid_scope'),
  read('a scope with an empty id', 'scope=org&scopeId=', 400, 'invalid_scope'),
  read('an id at global', 'scope=global&scopeId=acme', 400, 'invalid_scope'),
  read('an id without a scope', 'scopeId=acme', 400, 'invalid_scope'),
  read('an id without a scope in history', 'scopeId=acme', 400, 'invalid_scope', 'history'),
  read('an org for an org', 'scope=org&scopeId=a&organizationId=b', 400, 'invalid_scope'),
  read('a team for a team', 'scope=team&scopeId=a&teamId=b', 400, 'invalid_scope'),
  read('a team at global', 'teamId=b', 400, 'invalid_scope'),
  read('an id of 256 characters', `scope=org&scopeId=${'a'.repeat(256)}`, 400, 'invalid_argument'),
  read('an id with U+0000', 'scope=org&scopeId=a%00b', 400, 'invalid_argument'),
  read('an id with a line break', 'scope=org&scopeId=a%0Ab', 400, 'invalid_argument'),
  read('a misspelt parameter', 'scope=org&scopeid=acme', 400, 'invalid_request'),
  read('a parameter called __proto__', '__proto__=x', 400, 'invalid_request'),
  read('a parameter called constructor', 'constructor=x', 400, 'invalid_request'),
  ['a team at a layer', 'GET', '/v1/layers/theme?scope=user&scopeId=a&teamId=b', undefined, 400, 'invalid_request'],
];

const keyCases: readonly Case[] = (['GET', 'PUT', 'DELETE'] as const).flatMap((method) =>
  (
    [
      ['no key', ''],
      ['a key of 256 characters', 'a'.repeat(256)],
      ['a key of 10,000 characters', 'a'.repeat(10_000)],
      ['a key that begins with a colon', ':a'],
      ['a key that begins with an underscore', '_a'],
      ['a key with a segment __proto__', 'a/__proto__'],
      ['a key with a segment constructor', 'a.constructor.b'],
      ['a key with a segment prototype', 'a:prototype'],
    ] as const
  ).map(
    ([name, key]) =>
      [
        `${method}: ${name}`,
        method,
        `/v1/layers/${key}`,
        method === 'PUT' ? { value: 1 } : undefined,
        400,
        'invalid_key',
      ] as const,
  ),
);

const valueCases: readonly Case[] = [
  ...['__proto__', 'constructor', 'prototype'].flatMap((name) => [
    put(`${name} in the value`, `{"value":{"${name}":{"admin":true}}}`, 400, 'invalid_value'),
    put(`${name} deep in the value`, `{"value":[{"a":[{"b":{"${name}":1}}]}]}`, 400, 'invalid_value'),
    put(
      `${name} spelt in escapes`,
      `{"value":{"\\u${name.charCodeAt(0).toString(16).padStart(4, '0')}${name.slice(1)}":1}}`,
      400,
      'invalid_value',
    ),
    put(`${name} beside the value`, `{"value":1,"${name}":{"admin":true}}`, 400, 'invalid_request'),
  ]),
  put('NaN', '{"value":NaN}', 400, 'malformed_json'),
  put('Infinity', '{"value":-Infinity}', 400, 'malformed_json'),
  put('a number beyond doubles', '{"value":1e400}', 400, 'invalid_value'),
  put('a whole number that would be rounded', '{"value":9007199254740993}', 400, 'invalid_request'),
  put('half of a surrogate pair', String.raw`{"value":"\ud800"}`, 400, 'invalid_value'),
  put('half of a surrogate pair as a name', String.raw`{"value":{"\udfff":1}}`, 400, 'invalid_value'),
  put('U+0000 in a text', String.raw`{"value":"a\u0000b"}`, 400, 'invalid_value'),
  put('U+0000 in a name', String.raw`{"value":{"a\u0000":1}}`, 400, 'invalid_value'),
  put('33 levels', { value: deep(33) }, 400, 'invalid_value'),
  put('10,000 levels', `{"value":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, 400, 'invalid_value'),
  put('a value beyond 256 KiB', { value: 'x'.repeat(256 * 1024) }, 413, 'value_too_large'),
  put('a body beyond 1 MiB', { value: 'x'.repeat(1024 * 1024) }, 413, 'body_too_large'),
  put('an $unset beside another property', '{"value":{"a":{"$unset":true,"b":1}}}', 400, 'invalid_value'),
  put('an $unset in an array', '{"value":[{"$unset":true}]}', 400, 'invalid_value'),
];

const bodyCases: readonly Case[] = [
  put('no body', undefined, 400, 'invalid_request'),
  put('an empty body', '', 400, 'invalid_request'),
  put('half a body', '{"value":', 400, 'malformed_json'),
  put('two bodies', '{"value":1}{"value":2}', 400, 'malformed_json'),
  put('an array', [1], 400, 'invalid_request'),
  put('null', 'null', 400, 'invalid_request'),
  put('no value', { comment: 'x' }, 400, 'invalid_request'),
  put('an unknown property', { value: 1, forced: true }, 400, 'invalid_request'),
  put('a force that is no boolean', { value: 1, force: 'yes' }, 400, 'invalid_request'),
  put('a comment that is a number', { value: 1, comment: 5 }, 400, 'invalid_request'),
  put('a comment with U+0000', String.raw`{"value":1,"comment":"a\u0000b"}`, 400, 'invalid_argument'),
  put('a comment with half a surrogate pair', String.raw`{"value":1,"comment":"\ud800"}`, 400, 'invalid_argument'),
  put('an idempotency key with U+0000', String.raw`{"value":1,"idempotencyKey":"a\u0000b"}`, 400, 'invalid_argument'),
  put('an expiry that is no time', { value: 1, expiresAt: 'tomorrow' }, 400, 'invalid_request'),
  put('an expiry on 31 February', { value: 1, expiresAt: '2999-02-31T00:00:00Z' }, 400, 'invalid_request'),
  ['a dry run of another word', 'PUT', '/v1/layers/theme?dryRun=yes', { value: 2 }, 400, 'invalid_request'],
  ['a body of DELETE', 'DELETE', '/v1/layers/theme', { comment: 'x' }, 400, 'invalid_request'],
  ['a comment of DELETE with U+0000', 'DELETE', '/v1/layers/theme?comment=%00', undefined, 400, 'invalid_argument'],
  ['a rollback to nothing', 'POST', '/v1/rollback/theme', { reason: 'x' }, 400, 'invalid_request'],
  [
    'a rollback that misspells dryRun',
    'POST',
    '/v1/rollback/theme?dryrun=true',
    { toVersion: 'HEAD', reason: 'x' },
    400,
    'invalid_request',
  ],
];

const versionCases: readonly Case[] = [
  read('no version', '', 400, 'invalid_request', 'versions'),
  read('an empty version', 'version=', 400, 'invalid_request', 'versions'),
  read('a version of 3 digits', 'version=abc', 400, 'invalid_version', 'versions'),
  read('a version of 65 digits', `version=${'a'.repeat(65)}x%20`, 400, 'invalid_version', 'versions'),
  read('HEAD~x', 'version=HEAD~x', 400, 'invalid_version', 'versions'),
  read('a version with a line break', 'version=a%0A', 400, 'invalid_version', 'versions'),
  read('a version with U+0000', 'version=abcd%00', 400, 'invalid_version', 'versions'),
  read('a time without a zone', 'version=@2026-01-01T00:00:00', 400, 'invalid_version', 'versions'),
  read('a time that is none', 'version=@yesterday', 400, 'invalid_version', 'versions'),
  read('an unknown version', 'version=ffffffffffff', 404, 'version_not_found', 'versions'),
  read('an unknown tag', 'version=nightly', 404, 'version_not_found', 'versions'),
  read('a HEAD that is too far back', 'version=HEAD~99', 404, 'version_not_found', 'versions'),
  read('an ambiguous tag', 'version=stable', 409, 'ambiguous_version', 'versions'),
  read('an unknown version in a diff', 'from=HEAD&to=ffffffffffff', 404, 'version_not_found', 'diff'),
  read('a diff to nothing', 'from=HEAD', 400, 'invalid_request', 'diff'),
  [
    'a rollback to an unknown version',
    'POST',
    '/v1/rollback/theme',
    { toVersion: 'ffffffff', reason: 'x' },
    404,
    'version_not_found',
  ],
  [
    'a rollback to an ambiguous tag',
    'POST',
    '/v1/rollback/theme',
    { toVersion: 'stable', reason: 'x' },
    409,
    'ambiguous_version',
  ],
];

const pageCases: readonly Case[] = [
  ...['0', '-1', '1.5', '1e2', '0x10', 'ten', '', '%205', '1001', '99999999999999999999'].map((limit) =>
    read(`a limit of ${JSON.stringify(limit)}`, `limit=${limit}`, 400, 'invalid_request', 'history'),
  ),
  read('a page before nothing', 'before=0', 400, 'invalid_request', 'history'),
  read('a page before a short hash', 'before=abcdef', 400, 'invalid_request', 'history'),
  read('a page before an unknown version', 'before=ffffffffffffffff', 404, 'version_not_found', 'history'),
  read('an explanation at no time', 'at=noon', 400, 'invalid_request', 'explain'),
  read('an explanation at a time without a zone', 'at=2026-01-01T00:00:00', 400, 'invalid_request', 'explain'),
];

const change = (more: object): unknown => ({ changes: [{ key: 'other', scope: 'global', value: 1, ...more }] });
const commit = (name: string, body: unknown, status: number, code: string): Case => [
  name,
  'POST',
  '/v1/commits',
  body,
  status,
  code,
];

const commitCases: readonly Case[] = [
  commit('a commit without changes', { comment: 'x' }, 400, 'invalid_request'),
  commit('a commit of no change', { changes: [] }, 400, 'invalid_request'),
  commit('a change without a scope', { changes: [{ key: 'other', value: 1 }] }, 400, 'invalid_request'),
  commit('a change without a value', change({ value: undefined }), 400, 'invalid_request'),
  commit('a change that sets and deletes', change({ delete: true }), 400, 'invalid_request'),
  commit('a change with an unknown property', change({ force: true }), 400, 'invalid_request'),
  commit('a change of a malformed key', change({ key: '_a' }), 400, 'invalid_key'),
  commit(
    'a change with __proto__ in its value',
    '{"changes":[{"key":"other","scope":"global","value":{"__proto__":1}}]}',
    400,
    'invalid_value',
  ),
  commit('a stale change', change({ ifVersion: 'ffffffffffffffff' }), 409, 'conflict'),
  commit('a deletion of nothing', change({ value: undefined, delete: true }), 404, 'key_not_found'),
  [
    'a commit of which one change is refused',
    'POST',
    '/v1/commits',
    {
      changes: [
        { key: 'other', scope: 'global', value: 1 },
        { key: 'secrets', scope: 'global', value: { a: { $masked: true } } },
      ],
    },
    400,
    'invalid_value',
  ],
  [
    'a commit that changes an address twice',
    'POST',
    '/v1/commits',
    { changes: [1, 2].map((value) => ({ key: 'other', scope: 'global', value })) },
    400,
    'invalid_argument',
  ],
];

const restoreCases: readonly Case[] = (
  [
    ['to nothing', '?scope=global', {}, 400, 'invalid_request'],
    ['to two targets', '?scope=global', { revision: 1, tag: 'stable' }, 400, 'invalid_request'],
    ['of no scope', '', { revision: 1 }, 400, 'invalid_request'],
    ['to revision 0', '?scope=global', { revision: 0 }, 400, 'invalid_request'],
    ['to a revision to come', '?scope=global', { revision: 999_999 }, 400, 'invalid_argument'],
    ['to a time that is none', '?scope=global', { at: 'noon' }, 400, 'invalid_request'],
    ['to an unknown tag', '?scope=global', { tag: 'nightly' }, 404, 'version_not_found'],
    ['to a malformed tag', '?scope=global', { tag: 'abcdef' }, 400, 'invalid_tag'],
  ] as const
).map(([name, query, body, status, code]) => [`a restore ${name}`, 'POST', `/v1/restore${query}`, body, status, code]);

const revertCases: readonly Case[] = (
  [
    ['of nothing', 'x', { reason: 'x' }, 400, 'invalid_argument'],
    ['of revision 0', '0', { reason: 'x' }, 400, 'invalid_argument'],
    ['of a version', '0123456789abcdef', { reason: 'x' }, 400, 'invalid_argument'],
    ['of a commit to come', '999999', { reason: 'x' }, 404, 'commit_not_found'],
    ['of an unknown commit', '01234567-89ab-4def-8123-456789abcdef', { reason: 'x' }, 404, 'commit_not_found'],
    ['without a reason', '1', {}, 400, 'invalid_request'],
    ['with an empty reason', '1', { reason: '' }, 400, 'invalid_request'],
    ['with a reason of spaces', '1', { reason: '  ' }, 400, 'reason_required'],
    ['with a reason that is no text', '1', { reason: 5 }, 400, 'invalid_request'],
    ['with a reason with U+0000', '1', { reason: 'a\u0000' }, 400, 'invalid_argument'],
    ['that misspells dryRun', '1/revert?dryrun=true', { reason: 'x' }, 400, 'invalid_request'],
    ['with a condition of its own', '1', { reason: 'x', ifVersion: 'HEAD' }, 400, 'invalid_request'],
  ] as const
).map(([name, commit, body, status, code]) => [
  `a revert ${name}`,
  'POST',
  commit.includes('/') ? `/v1/commits/${commit}` : `/v1/commits/${commit}/revert`,
  body,
  status,
  code,
]);

const registryCases: readonly Case[] = [
  ['a tag without a version', 'POST', '/v1/tags', { tag: 'x' }, 400, 'invalid_request'],
  ['a tag on a short hash', 'POST', '/v1/tags', { tag: 'x', version: 'abcd' }, 400, 'invalid_version'],
  ['a tag on an unknown version', 'POST', '/v1/tags', { tag: 'x1', version: 'f'.repeat(16) }, 404, 'version_not_found'],
  ['a lock of no scope', 'PUT', '/v1/locks/theme', {}, 400, 'invalid_request'],
  ['a lock of a user', 'PUT', '/v1/locks/theme?scope=user&scopeId=a', {}, 400, 'invalid_scope'],
  ['a lock that is broken', 'PUT', '/v1/locks/theme?scope=global', {}, 409, 'lock_broken'],
  ['a lock at no path', 'PUT', '/v1/locks/theme?scope=global&path=..', {}, 400, 'invalid_argument'],
  ['an unlock of no lock', 'DELETE', '/v1/locks/theme?scope=global', undefined, 404, 'lock_not_found'],
  ['an unlock with a body', 'DELETE', '/v1/locks/theme?scope=global', {}, 400, 'invalid_request'],
  ['locks of half a scope', 'GET', '/v1/locks?scopeId=a', undefined, 400, 'invalid_scope'],
  ['a schema that there is not', 'GET', '/v1/schemas/theme', undefined, 404, 'schema_not_found'],
  [
    'a schema of an impossible type',
    'PUT',
    '/v1/schemas/theme',
    { jsonSchema: { type: 'colour' } },
    400,
    'invalid_schema',
  ],
  ['a schema with __proto__', 'PUT', '/v1/schemas/theme', '{"jsonSchema":{"__proto__":{}}}', 400, 'invalid_schema'],
  ['a schema that is a list', 'PUT', '/v1/schemas/theme', { jsonSchema: [] }, 400, 'invalid_request'],
  [
    'a schema with an unknown option',
    'PUT',
    '/v1/schemas/theme',
    { jsonSchema: {}, strict: true },
    400,
    'invalid_request',
  ],
  [
    'a schema that values do not fit',
    'PUT',
    '/v1/schemas/theme',
    { jsonSchema: { type: 'string' } },
    409,
    'schema_breaks_values',
  ],
  ['a check of nothing', 'POST', '/v1/validate/theme', {}, 400, 'invalid_request'],
  ['a registration of global', 'PUT', '/v1/scopes?scope=global', {}, 400, 'invalid_scope'],
  ['a registration without an id', 'PUT', '/v1/scopes?scope=org', {}, 400, 'invalid_scope'],
  [
    'a parent of the wrong kind',
    'PUT',
    '/v1/scopes?scope=org&scopeId=a',
    { parents: [{ scope: 'user', scopeId: 'b' }] },
    400,
    'invalid_parent',
  ],
  ['a removal of no scope', 'DELETE', '/v1/scopes?scope=org&scopeId=none', undefined, 404, 'scope_not_found'],
  ['a page of scopes after nonsense', 'GET', '/v1/scopes?cursor=x', undefined, 400, 'invalid_request'],
  ['children of half a scope', 'GET', '/v1/scopes?parentId=x', undefined, 400, 'invalid_request'],
  ['several values of a malformed key', 'GET', '/v1/values?key=_a', undefined, 400, 'invalid_key'],
];

const routeCases: readonly Case[] = [
  ['an unknown route', 'GET', '/v1/nothing/theme', undefined, 404, 'route_not_found'],
  ['another version of the API', 'GET', '/v2/values/theme', undefined, 404, 'route_not_found'],
  ['a route in capitals', 'GET', '/V1/values/theme', undefined, 404, 'route_not_found'],
  ['a wrong method', 'POST', '/v1/layers/theme', { value: 1 }, 405, 'method_not_allowed'],
  ['a write of values', 'PUT', '/v1/values/theme', { value: 1 }, 405, 'method_not_allowed'],
];

describe('bad input', () => {
  it.each([
    ...[
      scopeCases,
      keyCases,
      valueCases,
      bodyCases,
      versionCases,
      pageCases,
      commitCases,
      restoreCases,
      revertCases,
      registryCases,
    ].flat(),
    ...routeCases,
  ])('%s is refused with a code, and nothing is stored', async (_, method, url, body, status, code) => {
    const before = await stored();
    const answer = await server.send(method, url, body);
    expect(answer.json()).toMatchObject({ status, code, type: `urn:strata:error:${code}` });
    expect(answer.statusCode).toBe(status);
    expect(errorCatalogue).toHaveProperty(code);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body).not.toMatch(/node_modules|\bat .*\.[jt]s:|SELECT|INSERT|UPDATE |configuration_/);
    expect(await stored()).toEqual(before);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json5',
    'text/plain; application/json',
    'application/json; charset=utf-16',
    ';',
    '',
  ])('of the media type %j is refused', async (type) => {
    const before = await stored();
    const answer = await server.app.inject({
      method: 'PUT',
      url: '/v1/layers/theme',
      headers: { 'content-type': type },
      payload: '{"value":9}',
    });
    expect(answer.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    expect(await stored()).toEqual(before);
  });

  it('that is compressed is refused', async () => {
    const answer = await server.send('PUT', '/v1/layers/theme', { value: 9 }, { 'content-encoding': 'gzip' });
    expect(answer.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  it('names the methods that the path has', async () => {
    const answer = await server.send('POST', '/v1/layers/theme', { value: 1 });
    expect(answer.headers.allow).toBe('DELETE, GET, HEAD, PUT');
  });

  it.each(['/v1/commits', '/v1/commits/1/revert', '/v1/tags', '/v1/restore?scope=global'])(
    'that sets a condition where %s knows none is refused',
    async (url) => {
      const answer = await server.send('POST', url, {}, { 'if-match': '"0123456789abcdef"' });
      expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_request' });
      expect(answer.json<{ detail: string }>().detail).toContain('If-Match');
    },
  );

  it('lists everything that is wrong, by path', async () => {
    const answer = await server.send('PUT', '/v1/layers/theme', { comment: 5, expiresAt: 'x' });
    const { errors } = answer.json<{ errors: { path: string }[] }>();
    expect(errors.map(({ path }) => path).sort()).toEqual(['body.comment', 'body.expiresAt', 'body.value']);
  });

  it('never alters a prototype', () => {
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });
});
