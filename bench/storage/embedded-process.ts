/** Owns one process of the benchmark of the embedded database: opens a store, says how long that took and how much memory it holds. */
import { PGlite } from '@electric-sql/pglite';
import { createConfigurationService, openEmbeddedDatabase } from '@strata/service';

const [kind, dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('usage: embedded-process.ts ours|bare <directory>');

const start = performance.now();
const close = kind === 'ours' ? await openOurs(dataDir) : await openBare(dataDir);
const startMs = performance.now() - start;
globalThis.gc?.();
const megabytes = process.memoryUsage.rss() / 1024 / 1024;
await close();
console.log(JSON.stringify({ startMs, megabytes }));
// PGlite leaves work behind that would keep the process.
process.exit(0);

async function openOurs(directory: string): Promise<() => Promise<void>> {
  const database = await openEmbeddedDatabase({ dataDir: directory });
  const service = createConfigurationService(database);
  await service.get('branding');
  return async () => {
    await service.close();
    await database.close();
  };
}

async function openBare(directory: string): Promise<() => Promise<void>> {
  const database = await PGlite.create(directory);
  await database.query('SELECT 1');
  return () => database.close();
}
