import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/http-server.ts';
import { isClientError, type StrataClientError } from './client-error.ts';
import { createClient, type StrataClient } from './client.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;

let server: TestServer;
let client: StrataClient;
beforeAll(async () => {
  server = await startTestServer();
  client = createClient({ url: await server.app.listen({ host: '127.0.0.1', port: 0 }), actor: 'Zoë 李' });
});
afterAll(() => server.close());

async function refusalOf(call: Promise<unknown>): Promise<StrataClientError> {
  const error: unknown = await call.then(
    () => expect.fail('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (isClientError(error)) return error;
  throw error;
}

/** A record of the service in its wire form. */
function wire(record: unknown): unknown {
  return JSON.parse(JSON.stringify(record)) as unknown;
}

describe('values and layers', () => {
  it('are written as the actor and read back, as the service has them', async () => {
    const version = await client.set('pm_intervals', { lightDuty: 5000 }, global, { comment: 'First' });
    expect(version).toMatchObject({ changedBy: 'Zoë 李', comment: 'First', operation: 'set', scopeId: null });
    expect(version).toEqual(wire(await server.service.getLayer('pm_intervals')));
    expect(await client.getLayer('pm_intervals', global)).toEqual(version);
    await client.set('pm_intervals', { heavyDuty: 9000 }, acme);
    expect(await client.getValue('pm_intervals', { scope: 'team', scopeId: 't', organizationId: 'acme' })).toEqual({
      key: 'pm_intervals',
      scope: 'team',
      scopeId: 't',
      value: { lightDuty: 5000, heavyDuty: 9000 },
    });
  });

  it('are read several at once', async () => {
    await client.set('one', 1, global);
    expect(await client.getBatch(['one', 'none'], acme)).toEqual({ ...acme, values: { one: 1, none: null } });
    expect(await client.getBatch([])).toEqual({ scope: 'global', scopeId: null, values: {} });
    expect((await client.getAll(acme)).values).toMatchObject({ one: 1, pm_intervals: { heavyDuty: 9000 } });
  });

  it('are read at the revision of the last write of any client', async () => {
    const url = server.app.listeningOrigin;
    const other = createClient({ url });
    expect(other.lastRevision).toBe(0);
    const { revision } = await other.set('seen', 1, global);
    expect(other.lastRevision).toBe(revision);
    await other.getValue('seen', global, { minRevision: client.lastRevision });
    await expect(client.getAll(global, { minRevision: other.lastRevision })).resolves.toMatchObject({
      values: { seen: 1 },
    });
    await expect(client.getBatch(['seen'], global, { minRevision: revision })).resolves.toMatchObject({
      values: { seen: 1 },
    });
    expect(other.lastRevision).toBe(revision);
    expect((await refusalOf(client.getValue('seen', global, { minRevision: -1 }))).code).toBe('invalid_request');
    await other.commit([{ key: 'seen', ...global, delete: true }]);
    expect(other.lastRevision).toBe(revision + 1);
    // A refusal for what is stored tells how new that is.
    const late = createClient({ url });
    const refused = [
      () => late.set('seen', 2, global, { ifVersion: '0000000000000000' }),
      () => late.remove('seen', global),
    ];
    for (const write of refused) {
      expect((await refusalOf(write())).details).toMatchObject({ revision: revision + 1 });
      expect(late.lastRevision).toBe(revision + 1);
    }
  });

  it('can be tried without being written', async () => {
    await client.set('tried', 1, global);
    expect(await client.trySet('tried', 2, global)).toMatchObject({
      dryRun: true,
      changed: true,
      diff: [{ path: '$', operation: 'modify', oldValue: 1, newValue: 2 }],
    });
    expect(await client.tryRemove('tried', global)).toMatchObject({ diff: [{ path: '$', operation: 'delete' }] });
    expect(await client.getValue('tried')).toMatchObject({ value: 1 });
  });

  it('are removed', async () => {
    await client.set('removed', 1, acme);
    expect(await client.remove('removed', acme, { comment: 'Bye & so on' })).toMatchObject({
      operation: 'delete',
      comment: 'Bye & so on',
    });
    expect(await refusalOf(client.getLayer('removed', acme))).toMatchObject({ code: 'key_not_found', status: 404 });
  });

  it('expire', async () => {
    const expiresAt = '2999-01-01T00:00:00.000Z';
    expect(await client.set('expiring', 1, global, { expiresAt })).toMatchObject({ expiresAt });
  });

  it('are written only over what was seen', async () => {
    const { version } = await client.set('seen', 1, global, { ifVersion: null });
    expect(await client.set('seen', 2, global, { ifVersion: version })).toMatchObject({ parent: version });
    expect(await refusalOf(client.set('seen', 3, global, { ifVersion: version }))).toMatchObject({
      code: 'conflict',
      status: 412,
    });
    expect(await refusalOf(client.set('seen', 3, global, { ifVersion: null }))).toMatchObject({ code: 'conflict' });
  });

  it('are written once under an idempotency key', async () => {
    const options = { idempotencyKey: 'once "and" \\ for all' };
    expect(await client.set('once', 1, global, options)).toEqual(await client.set('once', 1, global, options));
    expect(await refusalOf(client.set('once', 2, global, options))).toMatchObject({ code: 'idempotency_conflict' });
  });

  it('are changed together or not at all', async () => {
    const commit = await client.commit(
      [
        { ...global, key: 'both/a', value: 1 },
        { ...acme, key: 'both/b', value: 2, expiresAt: '2999-01-01T00:00:00.000Z' },
      ],
      { comment: 'Both' },
    );
    expect(commit).toMatchObject({ committedBy: 'Zoë 李', comment: 'Both', versions: [{ value: 1 }, { value: 2 }] });
    expect(commit.versions.map(({ revision }) => revision)).toEqual([commit.revision, commit.revision]);
    const second = client.commit([
      { ...global, key: 'both/a', delete: true },
      { ...acme, key: 'both/b', value: 3, ifVersion: null },
    ]);
    expect(await refusalOf(second)).toMatchObject({ code: 'conflict' });
    expect(await client.getValue('both/a')).toMatchObject({ value: 1 });
  });

  it('are refused with every problem by its path', async () => {
    const error = await refusalOf(client.set('pm_intervals', { lightDuty: 5, heavyDuty: 'x' }, global));
    expect(error).toMatchObject({ code: 'validation_failed', status: 422 });
    expect(error.errors.map(({ path }) => path)).toEqual(['lightDuty', 'heavyDuty']);
    expect(error.message).toContain('lightDuty must be at least 1000');
    expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('versions', () => {
  it('are listed, shown, compared and put back', async () => {
    const first = await client.set('versions', { a: 1 }, acme);
    const second = await client.set('versions', { a: 2 }, acme);
    const page = await client.getHistory('versions', { scope: acme, limit: 1 });
    expect(page).toMatchObject({ versions: [{ version: second.version }], next: second.version });
    expect(await client.getHistory('versions', { before: page.next ?? '' })).toMatchObject({
      versions: [{ version: first.version }],
      next: null,
    });
    expect((await client.getHistory('versions', { before: second.revision })).versions).toEqual([first]);
    expect(await client.getVersion('versions', 'HEAD~1', acme)).toEqual(first);
    expect(await client.getDiff('versions', first.version, 'HEAD', acme)).toEqual({
      diff: [{ path: 'a', operation: 'modify', oldValue: 1, newValue: 2 }],
    });
    expect(await client.tryRollback('versions', first.version, 'Why')).toMatchObject({
      dryRun: true,
      diff: [{ path: 'a', oldValue: 2, newValue: 1 }],
    });
    const stale = client.rollback('versions', first.version, 'Why', { ifVersion: first.version });
    expect(await refusalOf(stale)).toMatchObject({ code: 'conflict' });
    expect(await client.rollback('versions', 'HEAD~1', 'Why', { scope: acme })).toMatchObject({
      isRollback: true,
      rollbackFromVersion: first.version,
      value: { a: 1 },
      comment: 'Why',
    });
  });

  it('bear tags, and whole scopes go back to them', async () => {
    const scope = { scope: 'org', scopeId: 'tagged' } as const;
    const { version, revision } = await client.set('released', 1, scope);
    const tag = await client.createTag('release-1', version, 'The first');
    expect(tag).toMatchObject({ tag: 'release-1', key: 'released', version, createdBy: 'Zoë 李' });
    expect(await client.listTags({ key: 'released', tag: 'release-1', scope })).toEqual({ tags: [tag] });
    expect(await client.listTags({ scope: global })).toEqual({ tags: [] });
    await client.set('released', 2, scope);
    expect(await client.restore({ tag: 'release-1' }, scope, { comment: 'Back' })).toMatchObject({
      comment: 'Back',
      versions: [{ key: 'released', value: 1 }],
    });
    expect((await client.restore({ revision }, scope)).versions).toHaveLength(1);
    const { changedAt } = await client.getLayer('released', scope);
    expect((await client.restore({ at: changedAt }, scope)).versions).toHaveLength(1);
  });

  it('are taken back by the commit, without those that came later', async () => {
    await client.set('undone', { a: 1, b: 1 }, acme);
    const { commit, revision } = await client.set('undone', { a: 2, b: 1 }, acme);
    await client.set('undone', { a: 2, b: 3 }, acme);
    expect(await client.tryRevert(revision, 'Why')).toMatchObject({
      ...{ dryRun: true, commit, revision, requiresApproval: false },
      changes: [{ key: 'undone', ...acme, changed: true, diff: [{ path: 'a', oldValue: 2, newValue: 1 }] }],
    });
    const call = { idempotencyKey: 'undo "it"' };
    const done = await client.revert(commit, 'Why', call);
    expect(done).toMatchObject({ comment: 'Why', versions: [{ key: 'undone', value: { a: 1, b: 3 } }] });
    expect(await client.revert(revision, 'Why', call)).toEqual(done);
    await client.set('undone', { a: 5 }, acme);
    const refused = await refusalOf(client.revert(revision, 'Again'));
    expect(refused).toMatchObject({ code: 'revert_conflicts', status: 409 });
    expect(refused.message).toContain('a of undone at org acme (before 1, the commit wrote 2, now 5)');
    expect(await refusalOf(client.revert(999_999, 'Why'))).toMatchObject({ code: 'commit_not_found' });
  });

  it.each(['', 'x', '../tags', 'a/b', '1?x=', 1.5, Number.NaN])('are no commit that %j could name', async (commit) => {
    const error = await refusalOf(Promise.resolve().then(() => client.revert(commit, 'Why')));
    expect(error).toMatchObject({ code: 'invalid_argument' });
  });

  it('are what values are blamed on and explained by', async () => {
    const { version, changedAt } = await client.set('explained', { a: 1 }, acme, { comment: 'Since' });
    const leaf = { path: 'a', value: 1, version, changedBy: 'Zoë 李', changedAt, comment: 'Since' };
    expect(await client.blame('explained', acme)).toEqual({ key: 'explained', ...acme, leaves: [leaf] });
    expect(await client.explain('explained', acme)).toMatchObject({
      chain: [{ scope: 'global', scopeId: null }, acme],
      leaves: [{ ...leaf, ...acme, candidates: [{ ...acme, version, value: 1 }] }],
    });
    expect((await client.explain('explained', acme, { at: '2000-01-01T00:00:00.000Z' })).leaves).toEqual([]);
  });
});

describe('locks', () => {
  it('are set, listed and taken away', async () => {
    const lock = await client.lock('locked', global, { path: 'a.b', comment: 'Fixed' });
    expect(lock).toMatchObject({ key: 'locked', path: 'a.b', lockedBy: 'Zoë 李', comment: 'Fixed', scopeId: null });
    expect(await client.listLocks({ key: 'locked', scope: global })).toEqual({ locks: [lock] });
    expect(await refusalOf(client.set('locked', { a: { b: 1 } }, acme))).toMatchObject({ code: 'locked', status: 423 });
    await client.unlock('locked', global, { path: 'a.b', comment: 'Free' });
    expect(await client.listLocks()).toEqual({ locks: [] });
    expect(await refusalOf(client.unlock('locked', global))).toMatchObject({ code: 'lock_not_found' });
  });
});

describe('schemas', () => {
  it('are set, read and used', async () => {
    const jsonSchema = { type: 'object', properties: { max: { type: 'integer', maximum: 10 } } };
    const options = { description: 'Bounds', baseImpact: 'medium', allowedScopes: ['org'], comment: 'New' } as const;
    const registration = await client.setSchema('limits', jsonSchema, options);
    expect(registration).toMatchObject({ key: 'limits', description: 'Bounds', enforcedHere: true, invalid: [] });
    const { invalid: _none, ...registered } = registration;
    expect(await client.getSchema('limits')).toEqual(registered);
    expect((await client.listSchemas()).schemas).toContainEqual(registered);
    expect(await client.validate('limits', { max: 11 })).toMatchObject({ valid: false, errors: [{ path: 'max' }] });
    expect(await client.validate('limits', { max: 1 })).toEqual({ valid: true, errors: [] });
    expect(await refusalOf(client.getSchema('unheard-of'))).toMatchObject({ status: 404 });
  });

  it('are refused where stored values do not fit, unless they are only to be reported', async () => {
    await client.set('stored', 'text', acme);
    expect(await refusalOf(client.setSchema('stored', { type: 'integer' }))).toMatchObject({
      code: 'schema_breaks_values',
    });
    const { invalid } = await client.setSchema('stored', { type: 'integer' }, { onInvalid: 'report' });
    expect(invalid).toMatchObject([{ key: 'stored', ...acme }]);
  });
});

describe('scopes', () => {
  it('are registered, listed page by page, followed and removed', async () => {
    const north = { scope: 'team', scopeId: 'north' } as const;
    const ada = { scope: 'user', scopeId: 'ada' } as const;
    expect(await client.registerScope(north, { parents: [acme], name: 'North' })).toMatchObject({
      ...north,
      name: 'North',
      parents: [{ ...acme, primary: true }],
    });
    await client.registerScope(ada, { parents: [north, acme], primary: acme });
    const page = await client.listScopes({ limit: 2 });
    expect(page.scopes).toHaveLength(2);
    const rest = await client.listScopes({ cursor: page.nextCursor ?? '' });
    expect([...page.scopes, ...rest.scopes].map(({ scopeId }) => scopeId)).toEqual(['acme', 'north', 'ada']);
    expect(rest.nextCursor).toBeNull();
    expect(await client.listScopes({ scope: 'team', parent: acme })).toMatchObject({ scopes: [north] });
    expect(await client.getScopeChain(ada)).toEqual({ chain: [{ scope: 'global', scopeId: null }, acme, ada] });
    expect(await refusalOf(client.removeScope(north))).toMatchObject({ code: 'scope_in_use' });
    await client.removeScope(ada);
    expect(await refusalOf(client.removeScope(ada))).toMatchObject({ code: 'scope_not_found' });
  });

  it('are exported, byte for byte', async () => {
    expect(await client.exportConfig(acme)).toBe(await server.service.exportConfig(acme));
    expect(JSON.parse(await client.exportConfig())).toMatchObject({ format: 'strata-export' });
    const yaml = await client.exportConfig(acme, { format: 'yaml', subtree: true, deleted: true });
    expect(yaml).toBe(await server.service.exportConfig(acme, 'yaml', { subtree: true, deleted: true }));
    const parts: Uint8Array[] = [];
    for await (const part of await client.exportStream(acme)) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe(await server.service.exportConfig(acme));
    const other = { scope: 'org', scopeId: 'imported' } as const;
    const dry = await client.importConfig('{"a": 1}', { scope: other, dryRun: true });
    expect(dry).toMatchObject({ imported: 1, revision: null, changes: [{ key: 'a', ...other }] });
    const told: unknown[] = [];
    const onProgress = (progress: unknown): number => told.push(progress);
    const done = await client.importConfig('a: 1\n"b": no\n', { format: 'yaml', scope: other, onProgress });
    expect([done, told]).toMatchObject([{ imported: 2, failed: 0 }, [{ done: 2, total: 2 }]]);
    expect(await server.service.get('b', other)).toBe('no');
    await expect(client.importConfig('{', { scope: other, onProgress })).rejects.toMatchObject({
      status: 400,
      code: 'malformed_document',
    });
  });
});
