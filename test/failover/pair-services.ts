/** Owns the pair of a test, with the services on it. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach } from 'vitest';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { createConfigurationService, type ServiceOptions } from '../../packages/service/src/create.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { Pair } from './pair.ts';

/** What a test does with its pair. */
export interface PairServices {
  /** A migrated pair of its own. */
  readonly pair: Pair;
  /** A service as in a process of its own; it is closed after the test. */
  open(config: pg.PoolConfig, options?: ServiceOptions): ConfigurationManagementService;
  /** Looks at the primary that is there now. */
  look<T>(work: (database: Database) => Promise<T>): Promise<T>;
  /** Has something ended after the test, before the pair is. */
  endLater(end: () => Promise<unknown>): void;
}

/** Starts a pair for each test, and ends it afterwards. */
export function pairServices(): PairServices {
  const endings: (() => Promise<unknown>)[] = [];
  let directory: string;
  let pair: Pair;
  const open: PairServices['open'] = (config, options) => {
    const pool = new pg.Pool(config);
    const service = createConfigurationService(pool, options);
    endings.push(async () => {
      await service.close();
      await pool.end();
    });
    return service;
  };
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'strata-test-failover-'));
    // Where the servers run as another user, he has to get there.
    chmodSync(directory, 0o755);
    pair = await Pair.start(directory);
    await open(pair.config).migrate();
  });
  afterEach(async () => {
    for (const end of endings.splice(0).reverse()) await end();
    await pair.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    get pair() {
      return pair;
    },
    open,
    async look(work) {
      const pool = new pg.Pool(pair.direct);
      const database = postgresDatabase(pool, { timeoutMs: 60_000 });
      try {
        return await work(database);
      } finally {
        await database.close();
        await pool.end();
      }
    },
    endLater: (end) => void endings.push(end),
  };
}
