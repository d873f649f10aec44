/** Owns the proof that the service works behind a pooler that hands out connections by transaction, and leaves nothing on them. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { z } from 'zod';
import type { FeedEvent } from '../../packages/core/src/change-event.ts';
import type { ConfigurationManagementService } from '../../packages/service/src/configuration-management-service.ts';
import { createConfigurationService, type ServiceOptions } from '../../packages/service/src/create.ts';
import { postgresDatabase } from '../../packages/service/src/db/postgres.ts';
import { expectSound } from '../invariants.ts';
import { startPgBouncer, type PgBouncer } from './pgbouncer.ts';
import type { WatcherOptions } from './watcher.ts';

const role = `pooled_${randomBytes(6).toString('hex')}`;
const login = { user: role, password: role };
/** Fewer than there are clients, so that each connection to the server serves many of them. */
const poolSize = 4;
const global = { scope: 'global' } as const;

let bouncer: PgBouncer;
const endings: (() => Promise<unknown>)[] = [];

async function administrate(statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(inject('postgres'));
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  await administrate(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
  // A pooler takes no search path from a client: it belongs to the role.
  await administrate(`ALTER ROLE ${role} SET search_path = ${role}`);
  // `migrate` compares the tables with those that it makes in a schema of their own.
  await administrate(`GRANT CREATE ON DATABASE ${inject('postgres').database} TO ${role}`);
  bouncer = await startPgBouncer(inject('postgres'), login, poolSize);
});

afterAll(async () => {
  await bouncer.close();
  await administrate(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

beforeEach(() => administrate(`CREATE SCHEMA ${role} AUTHORIZATION ${role}`));

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  await administrate(`DROP SCHEMA ${role} CASCADE`);
});

const pooled = ({ port } = bouncer): pg.PoolConfig => ({ ...inject('postgres'), ...login, port });

function directUrl(): string {
  const { host, port, database } = inject('postgres');
  return `postgres://${role}:${role}@${host}:${String(port)}/${database}`;
}

function open(options: ServiceOptions, pooler = bouncer): ConfigurationManagementService {
  const pool = new pg.Pool({ ...pooled(pooler), max: 10 });
  const service = createConfigurationService(pool, options);
  endings.push(async () => {
    await service.close();
    await pool.end();
  });
  return service;
}

/** A client of the pooler, or of the database itself; it is ended after the test. */
async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config);
  endings.push(() => client.end());
  await client.connect();
  return client;
}

/** All settings of a session, those of PL/pgSQL too, which a session has once it has run a function. */
async function settingsOf(client: pg.Client): Promise<unknown[]> {
  await client.query('DO $$ BEGIN NULL; END $$');
  const all = await client.query<{ name: string }>('SELECT name, setting FROM pg_settings ORDER BY name');
  return all.rows;
}

/** Looks at every connection to the server that the pooler has, all at once, each in a transaction so that it is kept. */
async function onEachConnection(look: (client: pg.Client) => Promise<void>, pooler = bouncer): Promise<void> {
  const clients = await Promise.all(Array.from({ length: poolSize }, () => connect(pooled(pooler))));
  for (const client of clients) await client.query('BEGIN');
  const pids = new Set<unknown>();
  for (const client of clients) {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    pids.add(rows[0]?.pid);
    await look(client);
  }
  expect(pids.size).toBe(poolSize);
  for (const client of clients) await client.query('ROLLBACK');
}

/** Starts a watcher in a process of its own; resolves when it has heard of what there was. */
async function watch(options: WatcherOptions): Promise<FeedEvent[]> {
  const program = new URL('watcher.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=source', '--no-warnings', program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  endings.push(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  });
  const events: (FeedEvent | { type: 'watching' })[] = [];
  createInterface(child.stdout).on('line', (line) => events.push(JSON.parse(line) as FeedEvent));
  await vi.waitFor(() => expect(events).toContainEqual({ type: 'watching' }), { timeout: 20_000, interval: 20 });
  return events as FeedEvent[];
}

const ways: [string, () => ServiceOptions][] = [
  ['listening on a connection of its own', () => ({ prepare: false, listen: directUrl(), pollInterval: 600_000 })],
  ['polling', () => ({ prepare: false, listen: false, pollInterval: 200 })],
];

describe.each(ways)('a service behind PgBouncer in transaction mode, %s', (_, options) => {
  it('keeps values, versions, scopes, schemas, locks and tags', async () => {
    const service = open(options());
    expect((await service.migrate()).applied).not.toEqual([]);
    await service.registerSchema('limits', z.looseObject({ a: z.number().max(100).optional() }));
    await service.registerScope({
      scope: 'team',
      scopeId: 't',
      parent: { scope: 'org', scopeId: 'o' },
    });
    const first = await service.set('limits', { a: 1, b: 1 }, global, 'ada');
    await service.set('limits', { b: 2 }, { scope: 'org', scopeId: 'o' }, 'ada');
    await service.set('limits', { c: 3 }, { scope: 'team', scopeId: 't' }, 'ada');
    expect(await service.get('limits', { scope: 'team', scopeId: 't' })).toEqual({ a: 1, b: 2, c: 3 });
    await expect(service.set('limits', { a: 101 }, global, 'ada')).rejects.toMatchObject({ code: 'validation_failed' });
    await service.createTag('release', first.version);
    const second = await service.set('limits', { a: 2 }, global, 'ada');
    expect(await service.getDiff('limits', 'release', 'HEAD')).toHaveLength(2);
    await service.rollback('limits', 'release', 'ada', 'back');
    expect(await service.get('limits')).toEqual({ a: 1, b: 1 });
    expect((await service.getHistory('limits')).map(({ operation }) => operation)).toEqual([
      'rollback',
      'set',
      'set',
      'set',
      'set',
    ]);
    await expect(
      service.set('limits', { a: 3 }, global, 'ada', '', { ifVersion: second.version }),
    ).rejects.toMatchObject({ code: 'conflict' });
    await service.lockConfig('limits', global, { path: 'a' }, 'ada');
    const below = service.set('limits', { a: 5 }, { scope: 'org', scopeId: 'o' }, 'ada');
    await expect(below).rejects.toMatchObject({ code: 'locked' });
    await service.unlockConfig('limits', global, { path: 'a' }, 'ada');
    await service.delete('limits', { scope: 'team', scopeId: 't' }, 'ada');
    expect(await service.get('limits', { scope: 'team', scopeId: 't' })).toEqual({ a: 1, b: 2 });
    expect((await open(options()).migrate()).applied).toEqual([]);
  });

  it('loses no write of 20 writers in two processes', async () => {
    const services = [open(options()), open(options())];
    await services[0]?.migrate();
    const writers = services.flatMap((service) => Array.from({ length: 10 }, () => service));
    await Promise.all(
      writers.map(async (service, writer) => {
        for (let n = 0; n < 5; n += 1) {
          for (let isDone = false; !isDone;) {
            const current = await service.getLayer('counter', global);
            const value = ((current?.value ?? 0) as number) + 1;
            const own = `own-${String(writer)}`;
            isDone = await service
              .set('counter', value, global, own, own, { ifVersion: current?.version ?? null })
              .then(() => true)
              .catch((error: unknown) => {
                if (!/conflict|busy/.test(String((error as { code: unknown }).code))) throw error;
                return false;
              });
            await service.set(own, { n, value }, { scope: 'user', scopeId: own }, own);
          }
        }
      }),
    );
    const pool = new pg.Pool({ ...pooled(), max: 2 });
    const database = postgresDatabase(pool, { prepare: false });
    expect((await services[1]?.getLayer('counter', global))?.value).toBe(100);
    await expectSound(database);
    await database.close();
    await pool.end();
  }, 60_000);

  it('tells a watcher in another process', async () => {
    const service = open(options());
    await service.migrate();
    await service.set('limit', 0, global, 'ada');
    const events = await watch({ pool: pooled(), service: options() });
    for (let n = 1; n <= 20; n += 1) await service.set('limit', n, global, 'ada');
    const told = (): unknown[] =>
      events.flatMap((event) => (event.type === 'commit' ? event.changes.map(({ newValue }) => newValue) : []));
    await vi.waitFor(() => expect(told()).toHaveLength(21), { timeout: 10_000, interval: 20 });
    expect(told()).toEqual(Array.from({ length: 21 }, (__, n) => n));
  });

  it('leaves nothing on the connections that others get after it', async () => {
    const service = open(options());
    await service.migrate();
    await service.registerScope({ scope: 'team', scopeId: 't', parent: { scope: 'org', scopeId: 'o' } });
    await Promise.all(
      Array.from({ length: 20 }, async (__, n) => {
        await service.set('limit', n, { scope: 'user', scopeId: String(n) }, 'ada');
        await service.getHistory('limit');
        await service.lockConfig(`limit-${String(n)}`, global, {}, 'ada');
      }),
    );
    const expected = await settingsOf(await connect({ connectionString: directUrl() }));
    await onEachConnection(async (client) => {
      expect(await settingsOf(client)).toEqual(expected);
      const locks = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
      for (const left of ['SELECT FROM pg_prepared_statements', 'SELECT pg_listening_channels()', locks]) {
        expect((await client.query(left)).rows).toEqual([]);
      }
    });
  });
});

describe('a role whose sessions begin with other settings', () => {
  const settings = { default_transaction_isolation: "'repeatable read'", datestyle: "'SQL, DMY'" };

  it('writes and reads behind PgBouncer all the same, and its sessions stay as they are', async () => {
    for (const [name, value] of Object.entries(settings)) {
      await administrate(`ALTER ROLE ${role} SET ${name} = ${value}`);
      endings.push(() => administrate(`ALTER ROLE ${role} RESET ${name}`));
    }
    // One whose sessions begin after that.
    const own = await startPgBouncer(inject('postgres'), login, poolSize);
    endings.push(() => own.close());
    const expected = await settingsOf(await connect({ connectionString: directUrl() }));
    const services = [1, 2].map(() => open({ prepare: false, listen: false }, own));
    await services[0]?.migrate();

    const observer = await connect(pooled(own));
    const seen = new Set<unknown>();
    const isolation = "SELECT current_setting('default_transaction_isolation') AS isolation";
    const progress = { isWritten: false };
    const writing = Promise.all(
      services.flatMap((service, one) =>
        Array.from({ length: 10 }, async (_, n) => {
          const key = `k${String(one)}-${String(n)}`;
          for (let round = 0; round < 10; round += 1) {
            await service.set(key, round, global, 'ada');
            const [last] = await service.getHistory(key);
            expect(Math.abs((last?.changedAt.getTime() ?? 0) - Date.now())).toBeLessThan(3_600_000);
          }
        }),
      ),
    ).finally(() => {
      progress.isWritten = true;
    });
    while (!progress.isWritten) {
      const { rows } = await observer.query<{ isolation: string }>(isolation);
      for (const row of rows) seen.add(row.isolation);
    }
    await writing;
    expect([...seen]).toEqual(['repeatable read']);
    await onEachConnection(async (client) => {
      expect(await settingsOf(client)).toEqual(expected);
    }, own);
  });
});
