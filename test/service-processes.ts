/** Owns the services of tests that need several processes at once: each has a pool, a cache and a queue of its own. */
import type pg from 'pg';
import { afterEach } from 'vitest';
import type { ConfigurationManagementService } from '../packages/service/src/configuration-management-service.ts';
import { createConfigurationService, type ServiceOptions } from '../packages/service/src/create.ts';
import type { Database } from '../packages/service/src/db/database.ts';
import { postgresPool, type Engine, type TestDatabase } from './databases.ts';
import { expectSound } from './invariants.ts';

/** How a service is started. */
export interface StartOptions extends ServiceOptions {
  /** The pool's settings, on PostgreSQL; its sessions bear the schema as their application name. */
  readonly pool?: pg.PoolConfig;
}

/** Opens stores and starts services on them, for the running test. */
export interface ServiceProcesses {
  /** Opens a migrated store. After the test it is expected to be sound. */
  open(): Promise<TestDatabase>;
  /** Starts a service as a process of its own would; on the embedded engine they share the one connection there is. */
  start(store: TestDatabase, options?: StartOptions): ConfigurationManagementService;
  /** Starts a service on a database made by the test. */
  startOn(database: Database, options?: ServiceOptions): ConfigurationManagementService;
}

/** Services for the tests of an engine; after each test all are closed, and every store that it opened is checked. */
export function serviceProcesses(engine: Engine): ServiceProcesses {
  const stores: TestDatabase[] = [];
  const endings: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
    for (const { database } of stores.splice(0)) await expectSound(database);
  });
  const keep = (service: ConfigurationManagementService): ConfigurationManagementService => {
    endings.push(() => service.close());
    return service;
  };
  return {
    async open() {
      const store = await engine.open();
      stores.push(store);
      return store;
    },
    start(store, { pool: config, ...options } = {}) {
      if (store.pool === undefined) return keep(createConfigurationService(store.database, options));
      const pool = postgresPool(store.schema, { application_name: store.schema, ...config });
      endings.push(() => pool.end());
      return keep(createConfigurationService(pool, options));
    },
    startOn: (database, options) => keep(createConfigurationService(database, options)),
  };
}
