/** Owns the program that reads until it is killed: so often as each line of its input says, telling when it has. */
import { createInterface } from 'node:readline/promises';
import pg from 'pg';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';

/** Where a reader reads, and how often it tells the store of it. */
export interface ReaderOptions {
  readonly store: { readonly dataDir: string } | { readonly postgres: pg.PoolConfig };
  readonly serviceName: string;
  readonly usageInterval: number;
}

const { store, ...settings } = JSON.parse(process.argv[2] ?? '') as ReaderOptions;
const pool = 'postgres' in store ? new pg.Pool(store.postgres) : undefined;
const database = 'dataDir' in store ? await openEmbeddedDatabase({ dataDir: store.dataDir }) : undefined;
const service = createConfigurationService(pool ?? database ?? (undefined as never), settings);
await service.set('k', 1, { scope: 'global' }, 'reader');
process.stdout.write('open\n');
for await (const line of createInterface(process.stdin)) {
  for (let n = 0; n < Number(line); n += 1) await service.get('k');
  process.stdout.write(`${line}\n`);
}
await service.close();
await database?.close();
await pool?.end();
process.exit(0);
