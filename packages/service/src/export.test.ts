/** Owns the proof of exports: what is in them, the same bytes for the same state, and the state of one revision. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { canonicalJson, type JsonObject } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;

const checksumOf = (document: JsonObject): string => createHash('sha256').update(canonicalJson(document)).digest('hex');

describeDatabases('an export', (engine) => {
  const services = servicesOn(engine);

  it('holds the layers of one scope with their versions, and nothing inherited', async () => {
    const { service } = await services.open();
    await service.set('inherited', 1, global, 'ann');
    const branding = await service.set('branding', { companyName: 'Acme' }, org, 'ann', 'ours');
    await service.set('gone', 1, org, 'ann');
    const gone = await service.delete('gone', org, 'ann');
    const expiresAt = new Date('2126-01-01T00:00:00.000Z');
    const annex = await service.set('annex', null, org, 'bob', undefined, { expiresAt });
    await service.set('later', 1, global, 'ann');
    const document = JSON.parse(await service.exportConfig(org, 'json')) as JsonObject;
    const { checksum, ...rest } = document;
    const settings = [
      {
        ...{ key: 'annex', ...org, value: null, version: annex.version, changedBy: 'bob' },
        ...{ changedAt: annex.changedAt.toISOString(), comment: null, expiresAt: '2126-01-01T00:00:00.000Z' },
      },
      {
        ...{ key: 'branding', ...org, value: { companyName: 'Acme' }, version: branding.version, changedBy: 'ann' },
        ...{ changedAt: branding.changedAt.toISOString(), comment: 'ours' },
      },
    ];
    const header = { format: 'strata-export', formatVersion: 1, environment: 'default', ...org };
    expect(rest).toEqual({ ...header, settings, throughRevision: annex.revision });
    expect(checksum).toBe(checksumOf(rest));
    expect(parse(await service.exportConfig(org, 'yaml'))).toEqual(document);
    const told = JSON.parse(await service.exportConfig(org, 'json', { deleted: true })) as JsonObject;
    expect(told).toMatchObject({
      settings: [{ key: 'annex' }, { key: 'branding' }, { key: 'gone', deleted: true, version: gone.version }],
    });
  });

  it('has the same bytes for the same state, from any process', async () => {
    const { service, database } = await services.open();
    for (const key of ['b', 'a', 'toString', 'c:d/e'])
      await service.set(key, { y: 1, x: [{ b: 1, a: 2 }] }, global, 'ann');
    for (const format of ['json', 'yaml', 'env'] as const) {
      await service.set('b', { y: 1, x: [{ b: 1, a: 2 }] }, global, 'ann');
      const text = await service.exportConfig(global, format);
      expect(await service.exportConfig(global, format)).toBe(text);
      expect(await services.on(database).exportConfig({ scope: 'global', scopeId: null }, format)).toBe(text);
      await service.set('b', { x: [{ a: 2, b: 1 }], y: 1 }, global, 'bob');
      await service.set('elsewhere', format, org, 'bob');
      expect(await service.exportConfig(global, format)).toBe(text);
      expect(text.endsWith('\n')).toBe(true);
      await service.set('b', format, global, 'bob');
      expect(await service.exportConfig(global, format)).not.toBe(text);
    }
  });

  it('of an empty scope has no settings; what it cannot be is refused', async () => {
    const { service } = await services.open();
    expect(JSON.parse(await service.exportConfig(org))).toMatchObject({ settings: [], throughRevision: 0 });
    expect(parse(await service.exportConfig(org, 'yaml'))).toMatchObject({ settings: [] });
    await expectRefusal(service.exportConfig(org, 'xml' as 'json'), 'invalid_argument');
    await expectRefusal(service.exportConfig({ scope: 'org' }), 'invalid_scope');
    for (const options of [{ subtree: true }, { deleted: true }]) {
      await expectRefusal(service.exportConfig(org, 'env', options), 'invalid_argument');
    }
    for (const options of [
      { values: 'all' as 'own' },
      { values: 'effective', deleted: true } as const,
      { at: new Date(), revision: 1 },
      { revision: 99 },
      { subTree: true } as object,
    ]) {
      await expectRefusal(service.exportConfig(org, 'json', options), 'invalid_argument');
    }
  });

  it('of a subtree has the scopes below, parents first, and of global everything', async () => {
    const { service, revision } = await services.open();
    await service.registerScope({ ...team, parent: org });
    await service.registerScope({ ...user, parent: team });
    const other = { scope: 'org', scopeId: 'other' } as const;
    for (const at of [user, team, org, other, global]) await service.set('k', at.scope, at, 'ann');
    const placesOf = async (at: typeof global | typeof org, options: object): Promise<unknown> =>
      (
        JSON.parse(await service.exportConfig(at, 'json', { subtree: true, ...options })) as { settings: JsonObject[] }
      ).settings.map(({ scope, scopeId }) => [scope, scopeId]);
    expect(await placesOf(org, {})).toEqual([
      ['org', 'o'],
      ['team', 't'],
      ['user', 'u'],
    ]);
    const whole = [
      ['global', null],
      ['org', 'o'],
      ['org', 'other'],
      ['team', 't'],
      ['user', 'u'],
    ];
    expect(await placesOf(global, {})).toEqual(whole);
    const before = await revision();
    await service.registerScope({ ...team, parent: other });
    expect(await placesOf(org, {})).toEqual([['org', 'o']]);
    expect(await placesOf(org, { revision: before })).toHaveLength(3);
  });

  it('is of a past time or revision where that is asked for', async () => {
    const { service } = await services.open();
    const first = await service.set('k', 1, org, 'ann');
    const text = await service.exportConfig(org);
    await service.set('k', 2, org, 'ann');
    await service.set('new', 1, org, 'ann');
    expect(await service.exportConfig(org, 'json', { revision: first.revision })).toBe(text);
    expect(await service.exportConfig(org, 'json', { at: first.changedAt })).toContain('"value": ');
    expect(JSON.parse(await service.exportConfig(org, 'json', { at: '2001-01-01T00:00:00Z' }))).toMatchObject({
      settings: [],
    });
  });

  it('has effective values where that is asked for, now and then', async () => {
    const { service, revision } = await services.open();
    await service.registerScope({ ...team, parent: org });
    await service.registerSchema('limits', {
      type: 'object',
      properties: { trucks: { type: 'integer', default: 3 }, vans: { type: 'integer' } },
    });
    await service.set('limits', { vans: 1 }, global, 'ann');
    await service.set('limits', { vans: 2 }, org, 'ann');
    await service.set('off', 1, global, 'ann');
    await service.set('off', { $unset: true }, org, 'ann');
    const before = await revision();
    await service.set('motto', "it's", team, 'ann');
    const effective = async (options: object): Promise<unknown> =>
      JSON.parse(await service.exportConfig(team, 'json', { values: 'effective', ...options }));
    const limits = { key: 'limits', ...team, value: { vans: 2, trucks: 3 } };
    const motto = { key: 'motto', ...team, value: "it's" };
    expect(await effective({})).toMatchObject({ format: 'strata-effective', settings: [limits, motto] });
    expect(await effective({ revision: before })).toMatchObject({ settings: [limits] });
    const env = await service.exportConfig(team, 'env', { values: 'effective' });
    expect(env).toContain(`\nlimits='{"vans":2,"trucks":3}'\nmotto="it's"\n`);
    const everywhere = JSON.parse(
      await service.exportConfig(global, 'json', { values: 'effective', subtree: true }),
    ) as { settings: JsonObject[] };
    expect(everywhere.settings.map(({ key, scope }) => `${key as string} ${scope as string}`)).toEqual([
      ...['limits global', 'off global', 'limits org', 'limits team', 'motto team'],
    ]);
    await expectRefusal(service.importConfig(env, 'env', 'ann', team), 'document_unsupported');
  });

  it('stands in the audit log before anything is handed out', async () => {
    const { service, database } = await services.open();
    await service.set('k', 1, org, 'ann');
    await service.as('eve').exportConfig(org, 'yaml');
    const rows = await database.query(
      "SELECT user_id, scope, scope_id, metadata FROM configuration_audit_log WHERE operation = 'export'",
    );
    expect(rows).toMatchObject([{ user_id: 'eve', scope: 'org', scope_id: 'o' }]);
    expect(JSON.parse(String(rows[0]?.['metadata']))).toMatchObject({ format: 'yaml', revision: 1 });
  });

  it('is of one revision, whatever is written meanwhile', async () => {
    const { service, database } = await services.open();
    const pairs = 1200;
    const changes = (value: number) =>
      Array.from({ length: pairs * 2 }, (_, index) => ({ key: `k${String(index)}`, ...org, value }));
    await service.commit(changes(0), 'ann');
    const stream = service.exportStream(org, { format: 'json' });
    let text = (await stream.next()).value as string;
    // Writers of other processes change two keys at a time, so that both are equal at every revision.
    const writers = Array.from({ length: 20 }, (_, writer) =>
      services.on(database, { listen: false, cacheEnabled: false, environment: 'default' }).commit(
        [
          { key: `k${String(writer)}`, ...org, value: 1 },
          { key: `k${String(pairs * 2 - 1 - writer)}`, ...org, value: 1 },
        ],
        'bob',
      ),
    );
    let isEarly = true;
    for await (const part of stream) {
      text += part;
      if (isEarly) await Promise.all(writers);
      isEarly = false;
    }
    const { settings, throughRevision } = JSON.parse(text) as {
      settings: { value: number }[];
      throughRevision: number;
    };
    expect(settings).toHaveLength(pairs * 2);
    expect(throughRevision).toBe(1);
    expect(new Set(settings.map(({ value }) => value))).toEqual(new Set([0]));
    expect(text).not.toBe(await service.exportConfig(org));
  });
});
