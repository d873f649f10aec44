/** Owns the proof of data keys: one for all processes, replaced and wrapped anew while they are in use, and wrong keys told at once. */
import { describe, expect, it } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { expectRefusal } from '../../../../test/expectations.ts';
import { interceptDatabase } from '../../../../test/intercepted-database.ts';
import { servicesOn } from '../../../../test/services.ts';
import type { Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { readDataKey } from '../store/data-keys.ts';
import { DataKeys, type DataKeyBounds } from './data-keys.ts';
import { newKey, parseKeyRing, type KeyProvider } from './key-ring.ts';
import { chooseKeySource } from './key-source.ts';

const dataKeysOn = (database: Database, keys: string | KeyProvider, bounds?: DataKeyBounds): DataKeys => {
  const given = typeof keys === 'string' ? { encryptionKey: keys } : { keyProvider: keys };
  return new DataKeys(database, chooseKeySource({ ...given, environment: {}, database, report: () => undefined }), bounds); // prettier-ignore
};

describeDatabases('data keys', (engine) => {
  const services = servicesOn(engine);

  it('are made once for a purpose, whoever asks first, and differ between purposes', async () => {
    const { database } = await engine.open();
    const key = newKey();
    const processes = Array.from({ length: 5 }, () => dataKeysOn(database, key));
    const made = await Promise.all(processes.map((keys) => keys.current('values')));
    expect(new Set(made.map(({ bytes }) => bytes.toString('hex'))).size).toBe(1);
    const other = await processes[0]?.current('audit');
    expect(other?.bytes).toHaveLength(32);
    expect(other?.id).not.toBe(made[0]?.id);
    const found = await dataKeysOn(database, key).find(made[0]?.id ?? '');
    expect(found).toEqual(made[0]);
    expect(await dataKeysOn(database, key).find('0000000000000000')).toBeUndefined();
  });

  it('are counted ahead of their use, and replaced after so many', async () => {
    const { database } = await engine.open();
    const keys = dataKeysOn(database, newKey(), { maxUses: 20, reserved: 10 });
    const first = await keys.current('values');
    expect((await readDataKey(database, first.id))?.uses).toBe(10);
    for (let use = 1; use < 20; use += 1) expect((await keys.current('values')).id).toBe(first.id);
    const next = await keys.current('values');
    expect(next.id).not.toBe(first.id);
    expect(await readDataKey(database, first.id)).toMatchObject({ isCurrent: false });
    expect((await keys.current('values', 500)).id).toBe(next.id);
    expect((await readDataKey(database, next.id))?.uses).toBe(510);
  });

  it('lead to the same derived keys for as long as the store, in every process', async () => {
    const { database } = await engine.open();
    const [old, fresh] = [newKey(), newKey()];
    const before = await dataKeysOn(database, old, { maxUses: 1, reserved: 1 }).derive('mac');
    for (let start = 0; start < 3; start += 1) {
      const keys = dataKeysOn(database, `${fresh},${old}`, { maxUses: 1, reserved: 1 });
      expect(keys.derived('mac')).toBeUndefined();
      expect(await keys.derive('mac')).toEqual(before);
      expect(keys.derived('mac')).toEqual(before);
      await keys.rewrap();
      await keys.renew();
    }
    const alone = dataKeysOn(database, fresh);
    expect(await alone.derive('mac')).toEqual(before);
    expect(await alone.derive('other')).not.toEqual(before);
  });

  it('are replaced on request, and what they encrypted stays readable', async () => {
    const { database } = await engine.open();
    const key = newKey();
    const keys = dataKeysOn(database, key);
    const first = await keys.current('values');
    expect(await keys.renew()).toBe(1);
    const next = await keys.current('values');
    expect(next.id).not.toBe(first.id);
    expect((await dataKeysOn(database, key).find(first.id))?.bytes).toEqual(first.bytes);
  });

  it('are wrapped anew, and a turn that was ended halfway is gone on with', async () => {
    const { database } = await engine.open();
    const [old, fresh] = [newKey(), newKey()];
    const before = dataKeysOn(database, old, { maxUses: 1, reserved: 1 });
    const ids: string[] = [];
    for (let use = 0; use < 130; use += 1) ids.push((await before.current('values')).id);
    const [freshId] = parseKeyRing(fresh, 'x').keyIds;
    const stop = new Error('ended here');
    const ended = dataKeysOn(database, `${fresh},${old}`).rewrap(() => {
      throw stop;
    });
    await expect(ended).rejects.toBe(stop);
    const both = dataKeysOn(database, `${fresh},${old}`);
    const counts = (await both.status()).dataKeys;
    expect(counts.map(({ count }) => count).sort((a, b) => a - b)).toEqual([30, 100]);
    expect(await both.rewrap()).toEqual({ rewrapped: 30, left: 0 });
    expect(await both.status()).toMatchObject({
      currentKeyId: freshId,
      dataKeys: [{ purpose: 'values', kekId: freshId, count: 130 }],
    });
    const alone = dataKeysOn(database, fresh);
    for (const id of ids) expect(await alone.find(id)).toEqual(await before.find(id));
  });

  it('cannot be moved from one row to another', async () => {
    const { database } = await engine.open();
    const key = newKey();
    const keys = dataKeysOn(database, key);
    const [one, other] = [await keys.current('values'), await keys.current('audit')];
    await database.query(
      'UPDATE configuration_data_keys AS d SET wrapped = s.wrapped FROM configuration_data_keys AS s WHERE d.id = ANY($1) AND s.id = ANY($1) AND s.id <> d.id',
      [[one.id, other.id]],
    );
    for (const { id } of [one, other]) await expectRefusal(dataKeysOn(database, key).find(id), 'data_key_damaged');
    await expectRefusal(dataKeysOn(database, key).verify(), 'data_key_damaged');
  });

  it('are never made anew over those whose key is lost', async () => {
    const { database } = await engine.open();
    const lost = newKey();
    await dataKeysOn(database, lost).current('values');
    const source = chooseKeySource({
      environment: { NODE_ENV: 'production' },
      database: { kind: 'postgres' },
      report: () => undefined,
    });
    const without = new DataKeys(database, source);
    const error = await expectRefusal(without.current('audit'), 'encryption_key_missing');
    expect(error.message).toContain(parseKeyRing(lost, 'x').keyIds[0]);
    await expectRefusal(without.current('values'), 'encryption_key_missing');
  });

  it('cannot be made where there is no key', async () => {
    const { database } = await engine.open();
    const environment = { NODE_ENV: 'production' };
    const source = chooseKeySource({ environment, database: { kind: 'postgres' }, report: () => undefined });
    const error = await expectRefusal(new DataKeys(database, source).current('values'), 'encryption_not_configured');
    expect(error.message).toContain('openssl rand -base64 32');
  });

  it('tell of a provider that fails, but not what it said', async () => {
    const { database } = await engine.open();
    const provider: KeyProvider = {
      wrap: () => Promise.reject(new TypeError('the token tok_123 has expired')),
      unwrap: () => Promise.reject(new TypeError('the token tok_123 has expired')),
    };
    const error = await expectRefusal(dataKeysOn(database, provider).current('values'), 'key_provider_failed');
    expect(error.message).toContain('failed to wrap a data key: TypeError');
    expect(JSON.stringify([error.message, error.details])).not.toContain('tok_123');
    expect(String(error.cause)).toContain('tok_123');
  });

  it('are asked for before anything else of a store, so that a wrong key answers nothing at all', async () => {
    const { database } = await engine.open();
    const [right, wrong] = [newKey(), newKey()];
    // Before the first write nothing is encrypted, and no key is wrong.
    expect(await services.on(database, { encryptionKey: wrong }).get('k')).toBeNull();
    await services.on(database, { encryptionKey: right }).set('k', 1, { scope: 'global' }, 'ann');
    const late = services.on(database, { encryptionKey: wrong });
    for (const call of [late.get('k'), late.set('k', 2, { scope: 'global' }, 'ann'), late.migrate()]) {
      const error = await expectRefusal(call, 'encryption_key_missing');
      expect(error.message).toContain(`under the key ${parseKeyRing(right, 'x').keyIds[0]}`);
      expect(error.message).toContain(`encryptionKey: it holds ${parseKeyRing(wrong, 'x').keyIds[0]}`);
    }
    expect(late.peek('k')).toBeUndefined();
    expect(await services.on(database, { encryptionKey: `${wrong},${right}` }).get('k')).toBe(1);
  });

  it('do not keep a new store from being migrated, and are verified once', async () => {
    const { database } = await engine.open({ migrated: false });
    let looks = 0;
    const counted = interceptDatabase(database, ({ text }, run) => {
      if (text.includes('configuration_data_keys')) looks += 1;
      return run();
    });
    const service = services.on(counted, { encryptionKey: newKey() });
    await service.migrate();
    await service.set('k', 1, { scope: 'global' }, 'ann');
    looks = 0;
    for (let read = 0; read < 3; read += 1) await service.get('k', { scope: 'org', scopeId: `o${String(read)}` });
    expect(looks).toBe(0);
    expect((await migrate(database)).current).toContain('004_secrets');
  });
});

describe('the options of a service', () => {
  it.each([
    [{ encryptionKey: 'short' }, 'encryption_key_malformed'],
    [{ encryptionKey: 5 as never }, 'invalid_argument'],
    [{ keyProvider: { wrap: () => undefined } as never }, 'invalid_argument'],
    [{ encryptionKey: newKey(), keyProvider: parseKeyRing(newKey(), 'x') }, 'invalid_argument'],
  ])('are refused at once: %o', async (options, code) => {
    const { createConfigurationService } = await import('../create.ts');
    const database = { kind: 'embedded', query: () => Promise.resolve([]) } as never;
    await expectRefusal(
      Promise.resolve().then(() => createConfigurationService(database, options)),
      code as 'invalid_argument',
    );
  });
});
