/** Owns the program that watches a store from a process of its own, and writes every commit that it hears of as a line of JSON. */
import pg from 'pg';
import { createConfigurationService, type ServiceOptions } from '../../packages/service/src/create.ts';

/** What the program is started with. */
export interface WatcherOptions {
  readonly pool: pg.PoolConfig;
  readonly service: ServiceOptions;
}

const { pool, service: options } = JSON.parse(process.argv[2] ?? '') as WatcherOptions;
const service = createConfigurationService(new pg.Pool(pool), options);
await service.subscribe({ fromRevision: 0 }, (event) => {
  process.stdout.write(`${JSON.stringify(event)}\n`);
});
// What was there before is read from the database; from here on it depends on being told, or on the poll.
process.stdout.write('{"type":"watching"}\n');
