import type { ConfigurationError } from '@strata/core';
import fc from 'fast-check';
import { beforeEach, expect, it } from 'vitest';
import { describeDatabases } from '../../../../test/databases.ts';
import type { Database, Row, Sql } from './database.ts';

async function one<R extends Row = Row>(sql: Sql, text: string, ...parameters: Parameters<Sql['query']>[1] & object) {
  const [row] = await sql.query<R>(text, parameters);
  if (row === undefined) throw new Error('no row');
  return row;
}

/** The error of a promise that must reject. */
async function failureOf(promise: Promise<unknown>): Promise<ConfigurationError> {
  const result = await promise.then(
    () => 'resolved',
    (error: unknown) => error,
  );
  expect(result).toBeInstanceOf(Error);
  return result as ConfigurationError;
}

const awkwardText = [
  '',
  ' ',
  'NULL',
  'null',
  '"',
  "'",
  '\\',
  '\\"',
  ',',
  '{',
  '}',
  '{}',
  '{"a"}',
  'a,b',
  '\n\t',
  '$1',
  'ü€😀',
  ' ',
];

describeDatabases('a database', (engine) => {
  let database: Database;
  beforeEach(async () => {
    ({ database } = await engine.open({ migrated: false }));
  });

  it('reads each type as the same value', async () => {
    expect(
      await one(
        database,
        `SELECT true AS yes, false AS no, 1::int2 AS small, -2::int4 AS int, 9007199254740991::int8 AS big, 0.1::float8 AS float,
        1.5::float4 AS single, 12345678901234567890.10::numeric AS numeric, 'x'::text AS text, 'y'::varchar(3) AS varchar,
        '{"b": 1,  "a": 1.0}'::json AS json, '{"b": 1,  "a": 1.0}'::jsonb AS jsonb, '"t"'::json AS string, NULL::int8 AS nothing,
        '00000000-0000-0000-0000-000000000001'::uuid AS uuid, '2024-02-29'::date AS date, pg_typeof(1)::text AS type`,
      ),
    ).toStrictEqual({
      yes: true,
      no: false,
      small: 1,
      int: -2,
      big: 9007199254740991,
      float: 0.1,
      single: 1.5,
      numeric: '12345678901234567890.10',
      text: 'x',
      varchar: 'y',
      json: '{"b": 1,  "a": 1.0}',
      jsonb: '{"a": 1.0, "b": 1}',
      string: '"t"',
      nothing: null,
      uuid: '00000000-0000-0000-0000-000000000001',
      date: '2024-02-29',
      type: 'integer',
    });
  });

  it('reads arrays of each type', async () => {
    expect(
      await one(
        database,
        `SELECT ARRAY[1,2]::int8[] AS big, ARRAY[1,NULL]::int4[] AS int, ARRAY[true,false,NULL] AS bool, '{}'::text[] AS empty,
        ARRAY[1.5]::float8[] AS float, ARRAY['a',NULL,'NULL','']::text[] AS text, ARRAY['{"a": "\\\\"}']::jsonb[] AS jsonb,
        ARRAY['00000000-0000-0000-0000-000000000001']::uuid[] AS uuid, ARRAY['2024-01-01Z'::timestamptz] AS time,
        ARRAY['v']::varchar[] AS varchar`,
      ),
    ).toStrictEqual({
      big: [1, 2],
      int: [1, null],
      bool: [true, false, null],
      empty: [],
      float: [1.5],
      text: ['a', null, 'NULL', ''],
      jsonb: ['{"a": "\\\\"}'],
      uuid: ['00000000-0000-0000-0000-000000000001'],
      time: [new Date('2024-01-01T00:00:00Z')],
      varchar: ['v'],
    });
  });

  it('reads times to the millisecond, in any time zone', async () => {
    const texts = [
      '2024-11-23T20:15:30.123Z',
      '1970-01-01T00:00:00.000Z',
      '1969-12-31T23:59:59.999Z',
      '1850-06-01T12:00:00.500Z',
      '0099-06-01T12:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
    ];
    for (const zone of ['UTC', 'Asia/Kolkata', 'America/St_Johns', 'Europe/Paris']) {
      const read = await database.transaction(async (sql) => {
        await sql.query(`SET LOCAL timezone TO '${zone}'`);
        return sql.query<{ at: Date }>('SELECT unnest($1::timestamptz[]) AS at', [texts]);
      });
      expect(read.map(({ at }) => at.toISOString())).toStrictEqual(texts);
    }
    const { at } = await one<{ at: Date }>(database, "SELECT '2024-01-01 00:00:00.123999Z'::timestamptz AS at");
    expect(at.toISOString()).toBe('2024-01-01T00:00:00.123Z');
  });

  it.each([
    'SELECT 9007199254740993::int8 AS value',
    "SELECT 'infinity'::timestamptz AS value",
    "SELECT '{{1}}'::int[] AS value",
  ])('refuses what a value of JavaScript cannot hold: %s', async (text) => {
    expect(await failureOf(database.query(text))).toBeInstanceOf(RangeError);
    expect(await database.query('SELECT 1 AS value')).toStrictEqual([{ value: 1 }]);
  });

  it('takes parameters of each type', async () => {
    const at = new Date('2024-11-23T20:15:30.123Z');
    expect(
      await one(
        database,
        `SELECT $1::text AS text, $2::int AS int, $3::int8 AS big, $4::float8 AS float, $5::boolean AS bool, $6::timestamptz AS at,
        $7::jsonb AS json, $8::text AS nothing, $9::int[] AS ints, $10::boolean[] AS bools, $11::timestamptz[] AS times`,
        'x',
        1,
        -9007199254740991,
        1e-7,
        false,
        at,
        '{"a":[1]}',
        null,
        [1, null],
        [true, null, false],
        [at, null],
      ),
    ).toStrictEqual({
      text: 'x',
      int: 1,
      big: -9007199254740991,
      float: 1e-7,
      bool: false,
      at,
      json: '{"a": [1]}',
      nothing: null,
      ints: [1, null],
      bools: [true, null, false],
      times: [at, null],
    });
  });

  it('carries any text, alone and in arrays', async () => {
    const { list } = await one(database, 'SELECT $1::text[] AS list', [...awkwardText, null]);
    expect(list).toStrictEqual([...awkwardText, null]);
    const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && value.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text), { maxLength: 20 }), text, async (values, value) => {
        expect(await one(database, 'SELECT $1::text[] AS values, $2::text AS value', values, value)).toStrictEqual({
          values,
          value,
        });
      }),
      { numRuns: 200 },
    );
  });

  it('carries a text of several megabytes, alone and in an array', async () => {
    const text = '"\\é,'.repeat(1_000_000);
    const row = await one(database, 'SELECT $1::text AS alone, $2::text[] AS list', text, [text]);
    expect(row['alone'] === text && Array.isArray(row['list']) && row['list'][0] === text).toBe(true);
  });

  it('answers a statement without rows with an empty list', async () => {
    await database.query('CREATE TABLE t (id int)');
    expect(await database.query('INSERT INTO t VALUES ($1::int)', [1])).toStrictEqual([]);
    expect(await database.query('SELECT id FROM t WHERE id = 2')).toStrictEqual([]);
    expect(await database.query('INSERT INTO t VALUES (2) RETURNING id')).toStrictEqual([{ id: 2 }]);
  });

  it('prepares a named statement once and runs it with other parameters', async () => {
    await database.query('CREATE TABLE t AS SELECT 7 AS id');
    for (const id of [6, 7, 8]) {
      expect(await database.query('SELECT id FROM t WHERE id = $1::int', [id], 'by id')).toHaveLength(id === 7 ? 1 : 0);
    }
    const prepared = await database.transaction((sql) =>
      sql.query("SELECT count(*) AS count FROM pg_prepared_statements WHERE statement LIKE '%FROM t WHERE id%'"),
    );
    expect(prepared).toStrictEqual([{ count: 1 }]);
  });

  it('runs a named statement again after it failed', async () => {
    for (const divisor of [0, 1, 0, 2]) {
      const answer = database.query('SELECT 2 / $1::int AS value', [divisor], 'division');
      if (divisor === 0) await expect(answer).rejects.toMatchObject({ code: '22012' });
      else expect(await answer).toStrictEqual([{ value: 2 / divisor }]);
    }
  });

  it.each([
    ['SELECT 1 / 0', '22012'],
    ['SELEC', '42601'],
    ["SELECT 'x'::int", '22P02'],
    ['SELECT * FROM missing_table', '42P01'],
    ["DO $$ BEGIN RAISE EXCEPTION 'moved' USING ERRCODE = '40001'; END $$", '40001'],
  ])('passes on an error of the database with its code: %s', async (text, code) => {
    expect(await failureOf(database.query(text))).toMatchObject({ code });
    expect(await database.query('SELECT 1 AS value')).toStrictEqual([{ value: 1 }]);
  });

  it('refuses a text with a zero character, with the code of the database', async () => {
    await expect(database.query('SELECT $1::text', ['a\0b'])).rejects.toMatchObject({ code: '22021' });
  });

  it.each(['SELECT * FROM configuration_settings', 'SELECT configuration_write(1)'])(
    'says that the database is not migrated: %s',
    async (text) => {
      expect(await failureOf(database.query(text))).toMatchObject({ name: 'ConfigurationError', code: 'not_migrated' });
    },
  );

  it('keeps what a transaction did when its work resolves, and nothing when it rejects', async () => {
    await database.query('CREATE TABLE t (id int)');
    const answer = await database.transaction(async (sql) => {
      await sql.query('INSERT INTO t VALUES (1)');
      return 'done';
    });
    expect(answer).toBe('done');
    const refusal = new Error('refused');
    const failed = database.transaction(async (sql) => {
      await sql.query('INSERT INTO t VALUES (2)');
      throw refusal;
    });
    expect(await failureOf(failed)).toBe(refusal);
    expect(await database.query('SELECT id FROM t')).toStrictEqual([{ id: 1 }]);
  });

  it('undoes a transaction in which a statement failed, and says so when its work swallowed that', async () => {
    await database.query('CREATE TABLE t (id int)');
    const swallowing = database.transaction(async (sql) => {
      await sql.query('INSERT INTO t VALUES (1)');
      await sql.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(swallowing).rejects.toMatchObject({ code: 'transaction_misused' });
    expect(await database.query('SELECT id FROM t')).toStrictEqual([]);
  });

  it('passes on a constraint that fails at the commit', async () => {
    await database.script(
      'CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1, 1)',
    );
    const failing = database.transaction((sql) => sql.query('INSERT INTO t VALUES (2, 3)'));
    await expect(failing).rejects.toMatchObject({ code: '23503' });
    expect(await database.query('SELECT id FROM t')).toStrictEqual([{ id: 1 }]);
  });

  it('refuses its own handle inside a transaction instead of waiting for ever', async () => {
    for (const misuse of [
      () => database.query('SELECT 1').then(() => undefined),
      () => database.script('SELECT 1'),
      () => database.transaction(() => Promise.resolve()),
    ]) {
      await expect(database.transaction(misuse)).rejects.toMatchObject({ code: 'transaction_misused' });
    }
    expect(await database.query('SELECT 1 AS value')).toStrictEqual([{ value: 1 }]);
  });

  it('takes its own handle again in what a transaction left running', async () => {
    let later: Promise<unknown> = Promise.resolve();
    await database.transaction((sql) => {
      later = new Promise((resolve) => setTimeout(resolve, 20)).then(() => database.query('SELECT 1 AS value'));
      return sql.query('SELECT 1');
    });
    expect(await later).toStrictEqual([{ value: 1 }]);
  });

  it('refuses the handle of a transaction that has ended', async () => {
    let kept: Sql = database;
    await database.transaction((sql) => {
      kept = sql;
      return Promise.resolve();
    });
    expect(await failureOf(kept.query('SELECT 1'))).toMatchObject({ code: 'transaction_misused' });
  });

  it('runs transactions and statements started at once, each alone in its transaction', async () => {
    await database.script('CREATE TABLE t (n int); INSERT INTO t VALUES (0)');
    const increment = (): Promise<void> =>
      database.transaction(async (sql) => {
        const { n } = await one<{ n: number }>(sql, 'SELECT n FROM t FOR UPDATE');
        await sql.query('UPDATE t SET n = $1::int', [n + 1]);
      });
    await Promise.all(Array.from({ length: 25 }, increment));
    expect(await database.query('SELECT n FROM t')).toStrictEqual([{ n: 25 }]);
  });

  it('runs a script, and leaves no transaction open after one that fails or ends in the middle', async () => {
    await database.script(
      "CREATE TABLE t (id int); INSERT INTO t VALUES (1); SELECT ';' AS x; INSERT INTO t VALUES (2)",
    );
    await expect(database.script('BEGIN; INSERT INTO t VALUES (3); SELECT 1 / 0; COMMIT')).rejects.toMatchObject({
      code: '22012',
    });
    await database.script('BEGIN; INSERT INTO t VALUES (4)');
    expect(await database.query('SELECT id FROM t ORDER BY id')).toStrictEqual([{ id: 1 }, { id: 2 }]);
  });

  it('is closed after close, also a second time', async () => {
    await database.close();
    await database.close();
    await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'closed' });
    await expect(database.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'closed' });
  });
});
