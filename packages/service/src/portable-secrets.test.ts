/** Owns the proof of secrets in documents: they leave as ciphertext, open for those who may, and are never written as masks or lost. */
import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '@strata/core';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService as Service } from './configuration-management-service.ts';
import type { ServiceOptions } from './create.ts';
import { newKey } from './secrets/key-ring.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;
const globex = { scope: 'org', scopeId: 'globex' } as const;
const passphrase = 'correct horse';
const formats = ['json', 'yaml', 'env'] as const;

interface Exported extends JsonObject {
  readonly settings: JsonObject[];
}

/** A document with something else in it, and the checksum for that. */
function edited(text: string, edit: (document: Exported) => JsonObject): string {
  const { checksum: _, ...rest } = edit(JSON.parse(text) as Exported);
  return JSON.stringify({ ...rest, checksum: createHash('sha256').update(canonicalJson(rest)).digest('hex') });
}

const withSetting = (document: Exported, change: JsonObject): JsonObject => ({
  ...document,
  settings: document.settings.map((setting) => ({ ...setting, ...change })),
});

describeDatabases('secrets in documents', (engine) => {
  const services = servicesOn(engine);

  /** A store with secrets whole and in parts. */
  async function store(options: ServiceOptions = {}): Promise<Service> {
    const { database } = await engine.open();
    const service = services.on(database, options);
    await service.registerSchema('smtp', {
      type: 'object',
      properties: { host: { type: 'string' }, password: { type: 'string', 'x-sensitive': true } },
    });
    return service;
  }

  async function filled(options: ServiceOptions = {}): Promise<Service> {
    const service = await store(options);
    await service.set('api_keys', { stripe: 'sk_live_canary' }, acme, 'ann');
    await service.set('smtp', { host: 'mail.acme', password: 'pw-canary' }, acme, 'ann');
    await service.set('motto', 'open', acme, 'ann');
    return service;
  }

  const secretsOf = async (service: Service, at: typeof acme | typeof globex = acme): Promise<unknown> =>
    Promise.all(['api_keys', 'smtp', 'motto'].map((key) => service.get(key, at)));
  const open = [{ stripe: 'sk_live_canary' }, { host: 'mail.acme', password: 'pw-canary' }, 'open'];

  it.each(formats)('go from store to store with the same key as ciphertext (%s)', async (format) => {
    const encryptionKey = newKey();
    const from = await filled({ encryptionKey });
    const text = await from.exportConfig(acme, format);
    expect(text).not.toContain('canary');
    expect(text).toContain('mail.acme');
    expect(await from.exportConfig(acme, format)).toBe(text);
    expect(await from.importConfig(text, format, 'ann')).toMatchObject({ imported: 0, failed: 0, skipped: 3 });
    // Another store has other data keys; an older key is enough.
    const to = await store({ encryptionKey: `${newKey()},${encryptionKey}` });
    expect(await to.importConfig(text, format, 'bob')).toMatchObject({ imported: 3, failed: 0 });
    expect(await secretsOf(to)).toEqual(open);
    expect(await to.importConfig(text, format, 'bob')).toMatchObject({ imported: 0, skipped: 3 });
    expect(await to.importConfig(text, format, 'bob', globex)).toMatchObject({ imported: 3 });
    expect(await secretsOf(to, globex)).toEqual(open);
    expect(await to.get('smtp', globex, { secrets: 'mask' })).toEqual({
      host: 'mail.acme',
      password: { $masked: true },
    });
  });

  it.each(formats)('go to a store with other keys with a passphrase (%s)', async (format) => {
    const from = await filled();
    const text = await from.exportConfig(acme, format, { passphrase });
    expect(text).not.toContain('canary');
    const to = await store({ encryptionKey: newKey() });
    const first = (await to.getHistory('motto')).length;
    for (const wrong of [undefined, 'another horse']) {
      const options = wrong === undefined ? {} : { passphrase: wrong };
      const error = await expectRefusal(to.importConfig(text, format, 'bob', undefined, options), 'passphrase_wrong');
      expect(error.message).toContain(wrong === undefined ? 'need one' : 'does not open');
    }
    expect((await to.getHistory('motto')).length).toBe(first);
    await expectRefusal(to.importConfig(text, format, 'bob', undefined, { passphrase: 'short' }), 'invalid_argument');
    expect(await to.importConfig(text, format, 'bob', undefined, { passphrase })).toMatchObject({
      imported: 3,
      failed: 0,
    });
    expect(await secretsOf(to)).toEqual(open);
    // In another Unicode form it is the same passphrase, and for what is not sealed it is not needed.
    const plain = '{ "motto": "closed" }';
    expect(await to.importConfig(plain, 'json', 'bob', acme, { passphrase })).toMatchObject({ imported: 1 });
  });

  it('that are sealed for another store are named one by one, and the rest goes in', async () => {
    const text = await (await filled({ encryptionKey: newKey() })).exportConfig(acme);
    const to = await store({ encryptionKey: newKey() });
    await to.set('api_keys', { stripe: 'own' }, acme, 'bob');
    const { keyId } = (JSON.parse(text) as { wrappedKeys: { keyId: string }[] }).wrappedKeys[0] ?? {};
    for (const options of [{ dryRun: true }, { mode: 'replace' }] as const) {
      const result = await to.importConfig(text, 'json', 'bob', undefined, options);
      expect(result).toMatchObject({ imported: 1, failed: 2 });
      for (const { code, error } of result.errors) {
        expect([code, error.includes(String(keyId))]).toEqual(['secret_sealed_elsewhere', true]);
      }
    }
    expect(await to.get('api_keys', acme)).toEqual({ stripe: 'own' });
    const at = await to.get<unknown>('motto', acme);
    const all = await to.importConfig(text, 'json', 'bob', undefined, { atomic: true });
    expect([at, all.imported, all.failed]).toEqual(['open', 0, 2]);
  });

  it('are masked or left out where that is asked for, and neither takes the place of what is stored', async () => {
    const service = await filled();
    const masked = await service.exportConfig(acme, 'json', { secrets: 'masked' });
    const omitted = await service.exportConfig(acme, 'yaml', { secrets: 'omitted' });
    for (const text of [masked, omitted]) expect(text).not.toMatch(/canary|sealed|wrappedKeys/);
    for (const mode of ['merge', 'replace'] as const) {
      const refused = await service.importConfig(masked, 'json', 'bob', undefined, { mode });
      expect(refused).toMatchObject({ imported: 0, failed: 2, skipped: 1, errors: [{ code: 'invalid_value' }, {}] });
      const left = await service.importConfig(omitted, 'yaml', 'bob', undefined, { mode });
      expect(left).toMatchObject({ imported: 0, failed: 0, skipped: 3 });
    }
    expect(await secretsOf(service)).toEqual(open);
    const env = await service.exportConfig(acme, 'env', { secrets: 'omitted' });
    expect(env).toContain('motto');
    expect(env).not.toMatch(/api_keys|smtp/);
    const effective = await service.exportConfig(acme, 'json', { values: 'effective' });
    expect(JSON.parse(effective)).toMatchObject({ settings: [{ value: { $masked: true } }, { key: 'motto' }, {}] });
    const without = await service.exportConfig(acme, 'json', { values: 'effective', secrets: 'omitted' });
    expect(JSON.parse(without)).toMatchObject({ settings: [{ key: 'motto' }] });
    for (const options of [
      { secrets: 'open' as 'sealed' },
      { passphrase: 'short' },
      { passphrase, secrets: 'masked' },
      { passphrase, values: 'effective' },
      { secrets: 'sealed', values: 'effective' },
    ] as const) {
      await expectRefusal(service.exportConfig(acme, 'json', options), 'invalid_argument');
    }
  });

  it('do not open at another place, in another environment, or changed', async () => {
    const { database } = await engine.open();
    const encryptionKey = newKey();
    const service = services.on(database, { encryptionKey });
    await service.set('api_keys', { stripe: 'sk_live_canary' }, acme, 'ann');
    for (const options of [{}, { passphrase }]) {
      const text = await service.exportConfig(acme, 'json', options);
      const version = (JSON.parse(text) as Exported).settings[0]?.['sealedVersion'] as string;
      for (const edit of [
        (document: Exported) => withSetting(document, { key: 'tokens' }),
        (document: Exported) => withSetting(document, { scopeId: 'globex' }),
        (document: Exported) =>
          withSetting(document, { sealedVersion: version.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }),
        (document: Exported) => withSetting(document, { value: { a: document.settings[0]?.['value'] ?? null } }),
        (document: Exported) => withSetting(document, { value: { $sealed: 'p9.x' } }),
        (document: Exported) => ({ ...document, environment: 'other' }),
      ]) {
        const result = await service.importConfig(edited(text, edit), 'json', 'bob', undefined, options);
        expect(result).toMatchObject({ imported: 0, failed: 1, errors: [{ code: 'secret_damaged' }] });
      }
      const bare = edited(text, (document) => withSetting(document, { sealedVersion: null }));
      expect(await service.importConfig(bare, 'json', 'bob', undefined, options)).toMatchObject({
        errors: [{ code: 'invalid_value' }],
      });
    }
    const sealed = await service.exportConfig(acme, 'json', { passphrase });
    const heavy = edited(sealed, (document) => ({ ...document, encryption: { ...(document['encryption'] as JsonObject), N: 2 ** 30 } })); // prettier-ignore
    await expectRefusal(service.importConfig(heavy, 'json', 'bob', undefined, { passphrase }), 'document_unsupported');
    const forged = edited(await service.exportConfig(acme), (document) => ({ ...document, wrappedKeys: [{ id: 1 }] }));
    await expectRefusal(service.importConfig(forged, 'json', 'bob'), 'malformed_document');
  });

  it('leave only for who may read them, and are opened only for who may read them where they come from', async () => {
    const service = await filled();
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
    await service.setRole({ name: 'porter', permissions: ['read', 'export', 'import', 'write'] }, 'root');
    await service.bindRole({ subject: { user: 'ann' }, role: 'porter', ...acme }, 'root');
    const text = await service.as('ann').exportConfig(acme);
    expect(text).not.toContain('$sealed');
    const sealed = await service.as('root').exportConfig(acme);
    // She would read at her own org what was never hers.
    await service.bindRole({ subject: { user: 'eve' }, role: 'admin', ...globex }, 'root');
    const stolen = await service.as('eve').importConfig(sealed, 'json', 'eve', globex);
    expect(stolen).toMatchObject({
      imported: 1,
      failed: 2,
      errors: [{ code: 'not_permitted' }, { code: 'not_permitted' }],
    });
    expect(await service.as('root').importConfig(sealed, 'json', 'root', globex)).toMatchObject({
      imported: 2,
      skipped: 1,
    });
    expect((await service.as('root').getAuditLog({ operation: 'export', limit: 1 }))[0]?.metadata).toMatchObject({
      secrets: 'sealed',
    });
  });

  it('are not told by what an import refuses', async () => {
    const from = await filled();
    const text = await from.exportConfig(acme, 'json', { passphrase });
    const to = await store();
    await to.registerSchema('api_keys', { type: 'object', properties: { stripe: { type: 'string', maxLength: 3 } } });
    const result = await to.importConfig(text, 'json', 'bob', undefined, { passphrase });
    expect(result).toMatchObject({ imported: 2, failed: 1, errors: [{ key: 'api_keys', code: 'validation_failed' }] });
    expect(JSON.stringify([result, await to.getAuditLog({ limit: 100 })])).not.toContain('canary');
  });
});
