/** Owns the writing of docs/openapi.json from the server's routes. Run it with `npm run openapi`. */
import { writeFile } from 'node:fs/promises';
import { createConfigurationService } from '@strata/service';
import { createServer } from '@strata/server';
import pg from 'pg';
import { format } from 'prettier';

// The document is about the routes alone: no database is contacted.
const pool = new pg.Pool();
const app = createServer(createConfigurationService(pool));
const { body } = await app.inject({ method: 'GET', url: '/v1/openapi.json', headers: { host: 'localhost' } });
await writeFile(
  new URL('../docs/openapi.json', import.meta.url),
  await format(body, { parser: 'json', printWidth: 120 }),
);
await app.close();
await pool.end();
