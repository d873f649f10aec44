/** Owns the proof of layers that remove themselves. */
import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const soon = (): Date => new Date(Date.now() + 150);
const options = { pollInterval: 50 };
/** Waits until `check` passes. */
const until = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 25 });

describeDatabases('an expiring layer', (engine) => {
  const services = servicesOn(engine);

  it('is removed within seconds by system, by a commit like any other', async () => {
    const { service, database, revision } = await services.open(options);
    const expiresAt = soon();
    await service.set('k', 1, global, 'ann');
    const version = await service.set('k', 2, org, 'ann', undefined, { expiresAt });
    expect(version.expiresAt).toEqual(expiresAt);
    expect(await service.getLayer('k', org)).toEqual(version);
    expect(await service.get('k', org)).toBe(2);
    await until(async () => {
      expect(await service.get('k', org)).toBe(1);
    });
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt.getTime());
    expect((await service.getHistory('k', 1))[0]).toMatchObject({
      ...{ ...org, operation: 'delete', changedBy: 'system', comment: 'Expired', parent: version.version },
    });
    expect(await revision()).toBe(3);
    expect(await database.query("SELECT operation FROM configuration_audit_log WHERE user_id = 'system'")).toEqual([
      { operation: 'delete' },
    ]);
  });

  it('that was changed meanwhile stays, and so does one whose expiry was taken off', async () => {
    const { service } = await services.open(options);
    const expiresAt = soon();
    await service.set('marker', 1, global, 'ann', undefined, { expiresAt: new Date(expiresAt.getTime() + 50) });
    await service.set('changed', 1, global, 'ann', undefined, { expiresAt });
    await service.set('changed', 2, global, 'ann');
    await service.set('kept', 1, global, 'ann', undefined, { expiresAt });
    const kept = await service.set('kept', 1, global, 'ann');
    expect(kept).not.toHaveProperty('expiresAt');
    await until(async () => {
      expect(await service.get('marker')).toBeNull();
    });
    expect([await service.get('changed'), await service.get('kept')]).toEqual([2, 1]);
  });

  it('is the same only with the same expiry', async () => {
    const { service, revision } = await services.open();
    const expiresAt = '2126-01-01T00:00:00Z';
    const first = await service.set('k', 1, global, 'ann', undefined, { expiresAt });
    expect(await service.set('k', 1, global, 'ann', undefined, { expiresAt: new Date(expiresAt) })).toEqual(first);
    expect(await revision()).toBe(1);
    await service.set('k', 1, global, 'ann', undefined, { expiresAt: '2126-01-02' });
    expect(await revision()).toBe(2);
  });

  it('is removed once, however many processes look', async () => {
    const { service, database, revision } = await services.open(options);
    const others = [services.on(database, options), services.on(database, options)];
    for (const other of others) await other.get('k');
    await service.commit(
      Array.from({ length: 150 }, (_, index) => ({ key: `k${String(index)}`, ...global, value: 1, expiresAt: soon() })),
      'ann',
    );
    await until(async () => {
      expect((await service.getAll()).size).toBe(0);
    });
    expect(await revision()).toBe(151);
  });

  it('is not held up by one that this process may not remove', async () => {
    const { service, database } = await services.open({ pollInterval: 3_600_000 });
    const range = z.object({ low: z.number(), high: z.number() }).refine(({ low, high }) => low <= high);
    await service.registerSchema('coded', range);
    await service.set('coded', { low: 1, high: 2 }, global, 'ann', undefined, { expiresAt: soon() });
    await service.set('free', 1, global, 'ann', undefined, { expiresAt: soon() });
    const other = services.on(database, options);
    await until(async () => {
      expect(await other.get('free')).toBeNull();
    });
    expect(await other.get('coded')).toEqual({ low: 1, high: 2 });
    await other.registerSchema('coded', range);
    await until(async () => {
      expect(await other.get('coded')).toBeNull();
    });
  });

  it('is removed although what is below needed it, or what is above does not fit', async () => {
    const { service } = await services.open(options);
    const pair = z.object({ a: z.number(), b: z.number() });
    await service.set('k', { wrong: true }, global, 'ann');
    const override = { a: 1, b: 2, wrong: { $unset: true } };
    await service.set('k', override, org, 'ann', undefined, { expiresAt: soon() });
    await service.registerSchema('k', pair);
    await service.registerSchema('l', pair);
    await service.registerScope({ scope: 'team', scopeId: 't', parent: org });
    await service.set('l', { a: 1, b: 2 }, org, 'ann', undefined, { expiresAt: soon() });
    await service.set('l', { a: 3 }, { scope: 'team', scopeId: 't' }, 'ann');
    await until(async () => {
      expect(await service.get('k', org)).toEqual({ wrong: true });
      expect(await service.get('l', org)).toBeNull();
    });
    expect(await service.get('l', { scope: 'team', scopeId: 't' })).toEqual({ a: 3 });
  });

  it('needs a time', async () => {
    const { service, revision } = await services.open();
    for (const expiresAt of ['soon', '5', '', null, 0, new Date(Number.NaN), new Date(8.64e15), '2026-01-01T00:00'])
      await expectRefusal(
        service.set('k', 1, global, 'ann', undefined, { expiresAt: expiresAt as string }),
        'invalid_argument',
      );
    const change = { key: 'k', ...global, value: 1, expiresAt: 'soon' } as const;
    await expectRefusal(service.commit([change], 'ann'), 'invalid_argument');
    expect(await revision()).toBe(0);
  });
});
