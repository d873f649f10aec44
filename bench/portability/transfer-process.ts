/** Owns one export or import in a process of its own, which tells the most memory that it has taken: `export|import URL ENVIRONMENT FILE`. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { importAll, serviceOn, source } from './store.ts';

const [, , what = '', connectionString = '', environment = '', file = ''] = process.argv;
const pool = new pg.Pool({ connectionString, max: 4 });
const service = serviceOn(pool, environment);
await service.get('bench/none');
if (what === 'export') await pipeline(service.exportStream(source), createWriteStream(file));
else if (what === 'import') await importAll(service, await readFile(file, 'utf8'));
await service.close();
await pool.end();
console.log(process.resourceUsage().maxRSS / 1024);
