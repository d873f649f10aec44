import { describe, expect, it } from 'vitest';
import { describeDatabases, type TestDatabase } from '../../../test/databases.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { findViolations } from '../../../test/invariants.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import { isConfigurationError } from '@strata/core';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;

/** Adds 1 to a counter, as often as it takes. */
async function increment(service: ConfigurationManagementService, key: string, actor: string): Promise<void> {
  for (;;) {
    const layer = await service.getLayer(key);
    const next = Number(layer?.value ?? 0) + 1;
    try {
      await service.set(key, next, global, actor, undefined, { ifVersion: layer?.version ?? null });
      return;
    } catch (error) {
      if (!isConfigurationError(error, 'conflict') && !isConfigurationError(error, 'busy')) throw error;
    }
  }
}

async function incrementMany(
  services: readonly ConfigurationManagementService[],
  workers: number,
  times: number,
): Promise<void> {
  const work = async (worker: number): Promise<void> => {
    const service = services[worker % services.length];
    for (let time = 0; service !== undefined && time < times; time += 1) {
      await increment(service, 'counter', `worker-${String(worker)}`);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
}

async function versionsOf(store: TestDatabase, key: string): Promise<number> {
  const [row] = await store.database.query<{ n: number }>(
    'SELECT count(*) AS n FROM configuration_versions WHERE key = $1',
    [key],
  );
  return row?.n ?? 0;
}

describeDatabases('the write step', (engine) => {
  const services = serviceProcesses(engine);

  it.each([10, 1])('takes 50 writes at once through a pool of %i', async (max) => {
    const store = await services.open();
    const service = services.start(store, { pool: { max } });
    const scope = (n: number) => ({ scope: 'user', scopeId: `u${String(n)}` }) as const;
    const made = await Promise.all(Array.from({ length: 50 }, (_, n) => service.set('theme', n, scope(n), 'ada')));
    expect(made.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual(made.map((_, n) => n + 1));
    const all = await Promise.all(made.map((_, n) => service.get<number>('theme', scope(n))));
    expect(all).toEqual(made.map((_, n) => n));
  });

  it('takes writes, reads and registrations at once through a pool of one', async () => {
    const service = services.start(await services.open(), { pool: { max: 1 } });
    const user = (n: number) => ({ scope: 'user', scopeId: `u${String(n)}` }) as const;
    const work = Array.from({ length: 10 }, async (_, n) => {
      await Promise.all([
        service.set('theme', n, user(n), 'ada'),
        service.registerScope({ ...user(n), parent: { scope: 'team', scopeId: 't' } }),
        service.get('theme', user(n)),
      ]);
    });
    await Promise.all(work);
    expect(await service.listScopes({ scope: 'user' })).toHaveLength(10);
  });

  it('loses no increment of 20 writers over 3 processes', async () => {
    const store = await services.open();
    const processes = [services.start(store), services.start(store), services.start(store)];
    await incrementMany(processes, 20, 5);
    expect((await processes[0]?.getLayer('counter'))?.value).toBe(100);
    expect(await versionsOf(store, 'counter')).toBe(100);
  });

  it('loses no increment of 8 workers of one process', async () => {
    const store = await services.open();
    const service = services.start(store);
    await incrementMany([service], 8, 5);
    expect(await service.get('counter')).toBe(40);
    expect(await versionsOf(store, 'counter')).toBe(40);
  });

  it.each([1, 2])('makes one version of the same value set at once, from %i processes', async (count) => {
    const store = await services.open();
    const processes = Array.from({ length: count }, () => services.start(store));
    const calls = [1, 2, 3].flatMap(() =>
      processes.map((service) => service.set('branding', { companyName: 'Acme' }, global, 'ada')),
    );
    const made = await Promise.all(calls);
    expect(new Set(made.map(({ version }) => version)).size).toBe(1);
    expect(await versionsOf(store, 'branding')).toBe(1);
  });

  it('leaves no gap behind refused writes', async () => {
    const store = await services.open();
    const service = services.start(store);
    await service.set('a', 1, global, 'ada');
    await expect(service.set('a', 2, global, 'ada', undefined, { ifVersion: null })).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(service.delete('b', global, 'ada')).rejects.toMatchObject({ code: 'key_not_found' });
    await expect(service.set('pm_intervals', { lightDuty: 1 }, global, 'ada')).rejects.toMatchObject({
      code: 'validation_failed',
    });
    expect(await service.set('a', 3, global, 'ada')).toMatchObject({ revision: 2 });
  });

  it('leaves no gap behind a step that a constraint refuses', async () => {
    const store = await services.open();
    const service = services.start(store);
    await store.database.script(`ALTER TABLE configuration_versions ADD CONSTRAINT no_evil CHECK (key <> 'evil')`);
    await service.set('a', 1, global, 'ada');
    await expect(service.set('evil', 1, global, 'ada')).rejects.toMatchObject({ code: '23514' });
    expect(await service.set('a', 2, global, 'ada')).toMatchObject({ revision: 2 });
  });

  it('keeps what one process wrote without awaiting in the order of its calls', async () => {
    const store = await services.open();
    const [writer, other] = [services.start(store), services.start(store)];
    await writer.set('order', -1, global, 'ada');
    await other.set('order', -2, global, 'bob');
    const calls = Array.from({ length: 20 }, (_, n) => writer.set('order', n, global, 'ada'));
    const revisions = (await Promise.all(calls)).map(({ revision }) => revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect((await other.getLayer('order'))?.value).toBe(19);
  });

  it('lets a process read what it was told, also where another one wrote it', async () => {
    const store = await services.open();
    // Nothing but its own writes tells this process of changes.
    const service = services.start(store, { pollInterval: 3_600_000 });
    const other = services.start(store);
    await service.set('theme', 'light', global, 'ada');
    expect(await service.get('theme')).toBe('light');
    await other.set('theme', 'dark', global, 'bob');
    await service.set('theme', 'dark', global, 'ada');
    expect(await service.get('theme')).toBe('dark');
    await other.set('theme', 'blue', global, 'bob');
    await expect(service.set('theme', 'red', global, 'ada', undefined, { ifVersion: null })).rejects.toMatchObject({
      code: 'conflict',
    });
    expect(await service.get('theme')).toBe('blue');
  });

  it('writes all that waits before it is closed', async () => {
    const store = await services.open();
    const service = services.start(store);
    const rule = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] };
    for (const key of ['w1', 'w2', 'w3']) await service.registerSchema(key, rule);
    // Each of them takes a step of its own.
    const calls = ['w1', 'w2', 'w3'].map((key) => service.set(key, { a: 1 }, global, 'ada'));
    await service.close();
    expect((await Promise.all(calls)).map(({ revision }) => revision)).toEqual([4, 5, 6]);
  });

  it('answers busy after five tries against a competitor that always wins', async () => {
    const store = await services.open();
    const competitor = services.start(store);
    let tries = 0;
    const database = interceptDatabase(store.database, async ({ isStep }, run) => {
      if (isStep) await competitor.set('hot', `won ${String((tries += 1))}`, global, 'competitor');
      return run();
    });
    const service = services.startOn(database);
    await expect(service.set('hot', 'mine', global, 'ada')).rejects.toMatchObject({
      code: 'busy',
      details: { tries: 5 },
    });
    expect(tries).toBe(5);
    expect((await competitor.getLayer('hot'))?.value).toBe('won 5');
  });
});

describeDatabases(
  'commits that change what writers decide on',
  (engine) => {
    const services = serviceProcesses(engine);

    it('never lose to each other, however many processes make them', async () => {
      const store = await services.open();
      const processes = Array.from({ length: 5 }, () => services.start(store));
      const calls = processes.flatMap((service, n) =>
        Array.from({ length: 15 }, async (_, k) => {
          const scopeId = `u${String(n)}-${String(k)}`;
          await service.registerScope({ scope: 'user', scopeId, parent: { scope: 'team', scopeId: 't' } });
        }),
      );
      await Promise.all(calls);
      expect(await processes[0]?.listScopes({ scope: 'user' })).toHaveLength(75);
    });

    it('do not make writes lose that do not rely on them', async () => {
      const store = await services.open();
      const [writer, ...others] = Array.from({ length: 3 }, () => services.start(store));
      let isOver = false;
      const registering = others.map(async (service, n) => {
        for (let k = 0; !isOver; k += 1)
          await service.registerScope({ scope: 'org', scopeId: `o${String(n)}-${String(k)}` });
      });
      for (let k = 0; k < 60; k += 1) await writer?.set(`key-${String(k)}`, k, global, 'ada');
      isOver = true;
      await Promise.all(registering);
    });

    it('answer busy after five tries against a writer that always wins', async () => {
      const store = await services.open();
      const competitor = services.start(store);
      let tries = 0;
      const database = interceptDatabase(store.database, async ({ isStep }, run) => {
        if (isStep) await competitor.set('hot', (tries += 1), { scope: 'org', scopeId: 'o' }, 'competitor');
        return run();
      });
      const service = services.startOn(database);
      await competitor.set('hot', 0, global, 'competitor');
      const registered = service.registerSchema('hot', { type: 'number', minimum: 0 }, { onInvalid: 'refuse' });
      await expect(registered).rejects.toMatchObject({ code: 'busy', details: { tries: 5 } });
      expect(tries).toBe(5);
      expect(await competitor.getSchema('hot')).toBeNull();
    });
  },
  'postgres',
);

describeDatabases('the check of a store', (engine) => {
  const services = serviceProcesses(engine);

  describe.each([
    ['a gap', `UPDATE configuration_counter SET revision = 9`],
    ['a lost head', `DELETE FROM configuration_settings`],
    ['a stale head', `UPDATE configuration_settings SET value = '5'`],
    ['a missing audit row', `DELETE FROM configuration_audit_log`],
    [
      'a second audit row',
      `INSERT INTO configuration_audit_log (environment, revision, operation, config_key, scope, scope_id, user_id, success,
      created_at) SELECT environment, revision, operation, config_key, scope, scope_id, user_id, success, created_at FROM configuration_audit_log`,
    ],
    [
      'a rewritten value',
      `UPDATE configuration_versions SET value = '7'; UPDATE configuration_settings SET value = '7'`,
    ],
    ['a fork', `UPDATE configuration_versions SET parent = hash`],
    ['a link without its commit', `INSERT INTO configuration_scopes VALUES ('default', 'org', 'o', NULL, 1)`],
  ])('%s', (_, damage) => {
    it('is found', async () => {
      const { database } = await engine.open();
      const service = services.startOn(database);
      await service.set('a', 1, global, 'ada');
      expect(await findViolations(database)).toEqual([]);
      await database.script(
        ['configuration_versions', 'configuration_audit_log']
          .map((table) => `ALTER TABLE ${table} DISABLE TRIGGER USER;`)
          .join('') + damage,
      );
      expect(await findViolations(database)).not.toEqual([]);
    });
  });
});
