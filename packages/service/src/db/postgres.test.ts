import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createSchema, postgresPool } from '../../../../test/databases.ts';
import { startTcpProxy, type TcpProxy } from '../../../../test/tcp-proxy.ts';
import type { Database } from './database.ts';
import { postgresDatabase, type PostgresOptions } from './postgres.ts';

const timeoutMs = 400;
const endings: (() => Promise<unknown>)[] = [];
let schema: string;

beforeEach(async () => {
  schema = `test_${randomUUID().replaceAll('-', '')}`;
  endings.push(await createSchema(schema));
});

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function open(
  config: pg.PoolConfig = {},
  options: PostgresOptions = { timeoutMs },
): { database: Database; pool: pg.Pool } {
  const pool = postgresPool(schema, config);
  const database = postgresDatabase(pool, options);
  endings.push(async () => {
    await database.close();
    await pool.end();
    expect(pool.listenerCount('error')).toBe(0);
  });
  return { database, pool };
}

/** A database behind a proxy, which stops traffic at will. */
async function openProxied(
  config: pg.PoolConfig = {},
): Promise<{ database: Database; pool: pg.Pool; proxy: TcpProxy }> {
  const proxy = await startTcpProxy(inject('postgres'));
  endings.push(() => proxy.close());
  return { ...open({ host: '127.0.0.1', port: proxy.port, ...config }), proxy };
}

async function expectUnavailable(answer: Promise<unknown>, sent: boolean): Promise<void> {
  const start = performance.now();
  await expect(answer).rejects.toMatchObject({ name: 'ConfigurationError', code: 'unavailable', details: { sent } });
  expect(performance.now() - start).toBeLessThan(timeoutMs + 400);
}

/** Expects it to work at once. Making a connection may take a busy machine longer than the deadline of the tests. */
async function expectWorking(database: Database): Promise<void> {
  const patient = { timeoutMs: 10_000 };
  expect(await database.query('SELECT 1 AS value', [], undefined, patient)).toStrictEqual([{ value: 1 }]);
  expect(await database.transaction((sql) => sql.query('SELECT 2 AS value'))).toStrictEqual([{ value: 2 }]);
}

describe('the pool of the caller', () => {
  it('keeps its own type parsers, and they do not reach this adapter', async () => {
    const shout = (): string => 'PARSED';
    const { database, pool } = open({ types: { getTypeParser: () => shout } });
    const text = "SELECT 1::int8 AS big, 'x' AS text, ARRAY['a'] AS list, now() AS at, '{\"a\":1}'::json AS json";
    expect(await database.query(text)).toStrictEqual([
      { big: 1, text: 'x', list: ['a'], at: expect.any(Date) as Date, json: '{"a":1}' },
    ]);
    expect((await pool.query('SELECT 1::int8 AS big')).rows).toStrictEqual([{ big: 'PARSED' }]);
  });

  it.each(['German', 'SQL, DMY', 'Postgres, MDY', 'ISO, YMD'])(
    'may have the date style %s, and keeps it',
    async (style) => {
      const options = `-c search_path=${schema} -c timezone=America/New_York -c datestyle=${style.replaceAll(' ', '')}`;
      const { database, pool } = open({ max: 1, options });
      const text = "SELECT '2024-07-04T12:00:00.123Z'::timestamptz AS at";
      const expected = [{ at: new Date('2024-07-04T12:00:00.123Z') }];
      expect(await database.query(text)).toStrictEqual(expected);
      expect(await database.transaction((sql) => sql.query(text))).toStrictEqual(expected);
      await expect(database.transaction((sql) => sql.query('SELECT 1 / 0'))).rejects.toMatchObject({ code: '22012' });
      expect((await pool.query('SHOW datestyle')).rows).toStrictEqual([
        { DateStyle: expect.stringMatching(`^${style}`) as string },
      ]);
    },
  );

  it('may have one client only: calls take turns, and none waits for itself', async () => {
    const { database, pool } = open({ max: 1 });
    await database.script('CREATE TABLE t (n int)');
    const insert = (n: number): Promise<unknown> =>
      database.transaction(async (sql) => {
        await sql.query('INSERT INTO t VALUES ($1::int)', [n]);
        return sql.query('SELECT count(*) AS n FROM t');
      });
    await Promise.all([1, 2, 3].flatMap((n) => [insert(n), database.query('SELECT 1')]));
    expect(await database.query('SELECT count(*) AS n FROM t')).toStrictEqual([{ n: 3 }]);
    expect([pool.totalCount, pool.idleCount]).toStrictEqual([1, 1]);
  });

  it('gives no client in time while others hold them, and one afterwards', async () => {
    const { database, pool } = open({ max: 1 });
    const client = await pool.connect();
    await expectUnavailable(database.query('SELECT 1'), false);
    client.release();
    await expectWorking(database);
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toStrictEqual([1, 1, 0]);
    expect(pool.options.connectionTimeoutMillis).toBeUndefined();
  });

  it('keeps one listener for any number of databases over it, until the last is closed', async () => {
    const { database, pool } = open();
    const second = postgresDatabase(pool);
    expect(pool.listenerCount('error')).toBe(1);
    await database.close();
    await database.close();
    expect(pool.listenerCount('error')).toBe(1);
    await expectWorking(second);
    await second.close();
    expect(pool.listenerCount('error')).toBe(0);
  });

  it('is unavailable once its owner has ended it', async () => {
    const pool = postgresPool(schema);
    const database = postgresDatabase(pool, { timeoutMs });
    await pool.end();
    await expectUnavailable(database.query('SELECT 1'), false);
    await database.close();
  });
});

describe('a named statement', () => {
  const count = 'SELECT count(*) AS count FROM pg_prepared_statements';

  it('is prepared once per connection', async () => {
    const { database } = open({ max: 1 });
    for (const n of [1, 2]) await database.query('SELECT $1::int AS n', [n], 'echo');
    expect(await database.query(count)).toStrictEqual([{ count: 1 }]);
  });

  it('is not prepared where the caller says so', async () => {
    const { database } = open({ max: 1 }, { prepare: false });
    expect(await database.query('SELECT $1::int AS n', [1], 'echo')).toStrictEqual([{ n: 1 }]);
    expect(await database.query(count)).toStrictEqual([{ count: 0 }]);
  });

  it('has one text', async () => {
    const { database } = open();
    await database.query('SELECT 1', [], 'one');
    await expect(database.query('SELECT 2', [], 'one')).rejects.toThrow('stands for another text');
    await expectWorking(database);
  });

  it('is prepared anew after the server forgot it', async () => {
    const { database, pool } = open({ max: 1 });
    await database.query('SELECT 1 AS n', [], 'one');
    await pool.query('DEALLOCATE ALL');
    await expect(database.query('SELECT 1 AS n', [], 'one')).rejects.toMatchObject({ code: '26000' });
    expect(await database.query('SELECT 1 AS n', [], 'one')).toStrictEqual([{ n: 1 }]);
  });
});

describe('a database that is away', () => {
  it('is unavailable while connections are refused, and works by itself afterwards', async () => {
    const { database, proxy } = await openProxied({ max: 1 });
    await expectWorking(database);
    await proxy.refuse();
    await wait(50);
    await expectUnavailable(database.query('SELECT 1'), false);
    await expectUnavailable(
      database.transaction((sql) => sql.query('SELECT 1')),
      false,
    );
    await expectUnavailable(database.script('SELECT 1'), false);
    await proxy.accept();
    await expectWorking(database);
  });

  it.each(['stall', 'drop'] as const)(
    'is unavailable in time while traffic gets lost on open connections (%s)',
    async (mode) => {
      const { database, proxy, pool } = await openProxied({ max: 2 });
      await expectWorking(database);
      proxy.setMode(mode);
      const calls = [1, 2].map(() => database.query('SELECT 1'));
      // The first had the open connection, the second began one of its own.
      await Promise.all(calls.map((call, index) => expectUnavailable(call, index === 0)));
      proxy.setMode('pass');
      await expectWorking(database);
      expect(pool.totalCount - pool.idleCount).toBe(0);
    },
  );

  it.each([1, 3])('is not lost for good when it swallowed what a pool of %i began with', async (max) => {
    const { database, proxy, pool } = await openProxied({ max });
    proxy.setMode('drop');
    const answers = Array.from({ length: 8 }, () => database.query('SELECT 1'));
    await Promise.all(answers.map((answer) => expectUnavailable(answer, false)));
    proxy.setMode('pass');
    await expectWorking(database);
    expect([pool.totalCount - pool.idleCount, pool.waitingCount]).toStrictEqual([0, 0]);
  });

  it('is unavailable when connections are cut, in the middle of a statement or a transaction too', async () => {
    const { database, proxy } = await openProxied();
    await expectWorking(database);
    const asleep = database.query('SELECT pg_sleep(10)', [], undefined, { timeoutMs: 5000 });
    setTimeout(() => proxy.cut(), 50);
    await expectUnavailable(asleep, true);
    const failing = database.transaction(async (sql) => {
      await sql.query('CREATE TABLE t (n int)');
      proxy.cut();
      await wait(50);
      return sql.query('SELECT 1');
    });
    await expectUnavailable(failing, false);
    await expectWorking(database);
    await expect(database.query('SELECT * FROM t')).rejects.toMatchObject({ code: '42P01' });
  });

  it('is unavailable when the server ends the session', async () => {
    const { database, pool } = open({ max: 1 });
    await expectUnavailable(database.query('SELECT pg_terminate_backend(pg_backend_pid())'), true);
    await expectWorking(database);
    expect(pool.totalCount).toBe(1);
  });

  it('does not end the process when an idle connection is cut', async () => {
    const { database, proxy, pool } = await openProxied();
    await expectWorking(database);
    proxy.cut();
    await wait(50);
    expect(pool.totalCount).toBe(0);
    await expectWorking(database);
  });

  it('tells that a commit may have happened when its answer is lost', async () => {
    const { database, proxy } = await openProxied();
    const transaction = database.transaction(async (sql) => {
      await sql.query('CREATE TABLE t (n int)');
      proxy.setMode('stall');
    });
    await expectUnavailable(transaction, true);
    proxy.setMode('pass');
    await expectWorking(database);
  });

  it('waits as long for one statement as that asks for', async () => {
    const { database } = open();
    await expectUnavailable(database.query('SELECT pg_sleep(1)'), true);
    await database.query('SELECT pg_sleep(0.6)', [], undefined, { timeoutMs: 3000 });
  });

  it('answers when the process was busy for longer than the deadline', async () => {
    const { database } = open();
    await expectWorking(database);
    const answer = database.query('SELECT 1 AS value');
    const end = performance.now() + timeoutMs + 100;
    while (performance.now() < end);
    expect(await answer).toStrictEqual([{ value: 1 }]);
  });

  it('is unavailable, and did nothing, while it is read-only', async () => {
    const { database } = open({ options: `-c search_path=${schema} -c default_transaction_read_only=on` });
    await expectUnavailable(database.query('CREATE TABLE t (n int)'), false);
  });

  it('passes on what is wrong with the connection settings', async () => {
    const { database } = open({ database: 'missing' });
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });

  it('is unavailable when it has no connections left', async () => {
    const { pool: admin } = open();
    await admin.query(`CREATE ROLE ${schema} LOGIN PASSWORD 'x' CONNECTION LIMIT 0`);
    endings.splice(1, 0, () => new pg.Pool(inject('postgres')).query(`DROP ROLE ${schema}`));
    const { database } = open({ user: schema, password: 'x' });
    await expectUnavailable(database.query('SELECT 1'), false);
  });
});
