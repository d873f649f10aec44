/** Owns the proof of exports: a scope's own layers, and the same bytes for the same state. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { canonicalJson, type JsonObject } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

describeDatabases('an export', (engine) => {
  const services = servicesOn(engine);

  it('holds the layers of one scope with their versions, and nothing inherited', async () => {
    const { service } = await services.open();
    await service.set('inherited', 1, global, 'ann');
    const branding = await service.set('branding', { companyName: 'Acme' }, org, 'ann', 'ours');
    await service.set('gone', 1, org, 'ann');
    await service.delete('gone', org, 'ann');
    const expiresAt = new Date('2126-01-01T00:00:00.000Z');
    const annex = await service.set('annex', null, org, 'bob', undefined, { expiresAt });
    const document = JSON.parse(await service.exportConfig(org, 'json')) as JsonObject;
    const { checksum, ...rest } = document;
    expect(rest).toEqual({
      ...{ format: 'strata-export', formatVersion: 1, environment: 'default' },
      settings: [
        {
          ...{ key: 'annex', ...org, value: null, version: annex.version, changedBy: 'bob' },
          ...{ changedAt: annex.changedAt.toISOString(), comment: null, expiresAt: '2126-01-01T00:00:00.000Z' },
        },
        {
          ...{ key: 'branding', ...org, value: { companyName: 'Acme' }, version: branding.version, changedBy: 'ann' },
          ...{ changedAt: branding.changedAt.toISOString(), comment: 'ours' },
        },
      ],
    });
    expect(checksum).toBe(createHash('sha256').update(canonicalJson(rest)).digest('hex'));
  });

  it('has the same bytes for the same state, from any process', async () => {
    const { service, database } = await services.open();
    for (const key of ['b', 'a', 'toString', 'c:d/e'])
      await service.set(key, { y: 1, x: [{ b: 1, a: 2 }] }, global, 'ann');
    const text = await service.exportConfig(global);
    expect(await service.exportConfig(global, 'json')).toBe(text);
    expect(await services.on(database).exportConfig({ scope: 'global', scopeId: null })).toBe(text);
    await service.set('b', { x: [{ a: 2, b: 1 }], y: 1 }, global, 'bob');
    expect(await service.exportConfig(global)).toBe(text);
    expect(text.endsWith('}\n')).toBe(true);
    await service.set('b', 2, global, 'bob');
    expect(await service.exportConfig(global)).not.toBe(text);
  });

  it('of an empty scope has no settings; another format is refused', async () => {
    const { service } = await services.open();
    expect(JSON.parse(await service.exportConfig(org))).toMatchObject({ settings: [] });
    await expectRefusal(service.exportConfig(org, 'yaml' as 'json'), 'invalid_argument');
    await expectRefusal(service.exportConfig({ scope: 'org' }), 'invalid_scope');
  });
});
