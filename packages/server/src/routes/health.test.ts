import { createConfigurationService, openEmbeddedDatabase } from '@strata/service';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import { createServer } from '../server.ts';

describeDatabases('the health of a server', (engine) => {
  it('is not ready before the database is migrated, and ready afterwards', async () => {
    const { database } = await engine.open({ migrated: false });
    const service = createConfigurationService(database);
    const app = createServer(service);
    expect((await app.inject('/readyz')).json()).toMatchObject({ status: 503, code: 'not_migrated' });
    await service.migrate();
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready' });
    await app.close();
    await service.close();
  });
});

describe('the health of a server', () => {
  it('is not ready once the service is closed, and the process still lives', async () => {
    const database = await openEmbeddedDatabase();
    const service = createConfigurationService(database);
    const app = createServer(service);
    expect((await app.inject('/readyz')).json()).toEqual({ status: 'ready' });
    await service.close();
    await database.close();
    const closed = await app.inject('/readyz');
    expect(closed.json()).toMatchObject({ status: 503, code: 'closed' });
    expect(closed.headers['retry-after']).toBe('1');
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
    await app.close();
  });

  it('is not ready while PostgreSQL is away, and the process still lives', async () => {
    const pool = new pg.Pool({ connectionString: 'postgres://nobody@127.0.0.1:9/none', connectionTimeoutMillis: 500 });
    const service = createConfigurationService(pool);
    const app = createServer(service);
    expect((await app.inject('/readyz')).json()).toMatchObject({ status: 503, code: 'unavailable' });
    expect((await app.inject('/v1/values/theme')).json()).toMatchObject({ status: 503, code: 'unavailable' });
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    await app.close();
    await service.close();
    await pool.end();
  });
});
