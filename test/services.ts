/** Owns the services of tests: made on a test's database, closed before it. */
import { afterEach } from 'vitest';
import type { ConfigurationManagementService } from '../packages/service/src/configuration-management-service.ts';
import { createConfigurationService, type ServiceOptions } from '../packages/service/src/create.ts';
import type { Database } from '../packages/service/src/db/database.ts';
import { readProgress } from '../packages/service/src/store/counter.ts';
import type { Engine, TestDatabase } from './databases.ts';

/** A service with the database that was opened for it. */
export interface OpenedService extends TestDatabase {
  readonly service: ConfigurationManagementService;
  /** The revision of the last commit. */
  readonly revision: () => Promise<number>;
}

/** Makes services for the tests of one engine. */
export interface Services {
  /** A service on a database of its own. */
  open(options?: ServiceOptions): Promise<OpenedService>;
  /** One more service, as in another process, on a database that is open already. */
  on(database: Database, options?: ServiceOptions): ConfigurationManagementService;
}

/** Makes services that are closed after each test, before its databases are. Call it inside `describeDatabases`. */
export function servicesOn(engine: Engine): Services {
  const made: ConfigurationManagementService[] = [];
  afterEach(async () => {
    await Promise.all(made.splice(0).map((service) => service.close()));
  });
  const on: Services['on'] = (database, options) => {
    const service = createConfigurationService(database, options);
    made.push(service);
    return service;
  };
  return {
    on,
    async open(options) {
      const opened = await engine.open();
      const revision = async (): Promise<number> => (await readProgress(opened.database)).revision;
      return { ...opened, service: on(opened.database, options), revision };
    },
  };
}
