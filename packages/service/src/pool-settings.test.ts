import { isConfigurationError } from '@strata/core';
import { expect, it } from 'vitest';
import { describeDatabases, postgresPool } from '../../../test/databases.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import type { ConfigurationManagementService as Service } from './configuration-management-service.ts';
import { postgresDatabase } from './db/postgres.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

const settings = [
  '-c default_transaction_isolation=serializable',
  '-c default_transaction_isolation=repeatable\\ read',
  '-c datestyle=German -c timezone=Pacific/Chatham -c default_transaction_isolation=serializable',
  '-c datestyle=SQL,DMY -c timezone=America/St_Johns -c intervalstyle=sql_standard -c extra_float_digits=-10',
  '-c standard_conforming_strings=off -c bytea_output=escape -c plan_cache_mode=force_generic_plan',
];

async function increment(service: Service, times: number): Promise<void> {
  for (let done = 0; done < times;) {
    const layer = await service.getLayer('counter');
    try {
      const next = Number(layer?.value ?? 0) + 1;
      await service.set('counter', next, global, 'ada', undefined, { ifVersion: layer?.version ?? null });
      done += 1;
    } catch (error) {
      if (!isConfigurationError(error, 'conflict')) throw error;
    }
  }
}

describeDatabases(
  'a pool of the caller',
  (engine) => {
    const services = serviceProcesses(engine);

    it.each(settings)('may have sessions with %s', async (options) => {
      const store = await services.open();
      const pool = { max: 3, options: `-c search_path=${store.schema} ${options}` };
      const processes = Array.from({ length: 4 }, () => services.start(store, { pool }));
      await Promise.all(processes.map((service) => increment(service, 5)));
      // Each in turn on keys of its own: none of them may lose to another, whatever the sessions do by default.
      await Promise.all(
        processes.map(async (service, p) => {
          for (let n = 0; n < 25; n += 1) await service.set(`key-${String(p)}-${String(n)}`, n, global, 'ada');
        }),
      );
      const [service] = processes;
      const [head] = (await service?.getHistory('counter', 1)) ?? [];
      expect(head?.value).toBe(20);
      expect(Math.abs(Date.now() - (head?.changedAt.getTime() ?? 0))).toBeLessThan(60_000);
      const expiresAt = new Date(Date.now() + 3_600_000);
      expect(await service?.set('expiring', 1, global, 'ada', undefined, { expiresAt })).toMatchObject({ expiresAt });
      expect((await service?.getLayer('expiring'))?.expiresAt).toEqual(expiresAt);
      await service?.registerScope({ scope: 'team', scopeId: 't', parent: { scope: 'org', scopeId: 'o' } });
      expect(await service?.getScopeChain({ scope: 'team', scopeId: 't' })).toHaveLength(3);
    });

    it('may have parsers of its own', async () => {
      const store = await services.open();
      const types = { getTypeParser: () => (): string => 'PARSED' };
      const service = services.start(store, { pool: { types } });
      await service.set('a', { n: [1, null] }, org, 'ada');
      expect(await service.get('a', org)).toEqual({ n: [1, null] });
      expect(await service.getHistory('a')).toEqual(await services.start(store).getHistory('a'));
    });

    it('gets its sessions back with the isolation level and the date style they had', async () => {
      const store = await services.open();
      const options = `-c search_path=${store.schema} -c datestyle=SQL,DMY -c default_transaction_isolation=serializable`;
      const pool = postgresPool(store.schema, { max: 1, options });
      const database = postgresDatabase(pool);
      try {
        const service = services.startOn(database);
        await service.set('a', 1, org, 'ada');
        await service.registerScope(org);
        await expect(service.delete('b', org, 'ada')).rejects.toMatchObject({ code: 'key_not_found' });
        await service.close();
        expect((await pool.query('SHOW default_transaction_isolation')).rows).toEqual([
          { default_transaction_isolation: 'serializable' },
        ]);
        expect((await pool.query('SHOW datestyle')).rows).toEqual([{ DateStyle: 'SQL, DMY' }]);
      } finally {
        await database.close();
        await pool.end();
      }
    });
  },
  'postgres',
);
