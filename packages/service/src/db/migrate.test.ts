import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { ConfigurationError } from '@strata/core';
import pg from 'pg';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { createSchema, describeDatabases, postgresPool } from '../../../../test/databases.ts';
import type { Database } from './database.ts';
import { migrate, readMigrations, type Migration } from './migrate.ts';
import { postgresDatabase } from './postgres.ts';

const directory = new URL('../../migrations/', import.meta.url);
const files = readdirSync(directory)
  .sort()
  .map((file) => new URL(file, directory).pathname);
const migrations = await readMigrations();
const names = migrations.map(({ name }) => name);
const complete = { applied: [], current: names };

const hasPsql = await promisify(execFile)('psql', ['--version']).then(
  () => true,
  () => false,
);

async function readLedger(database: Database): Promise<unknown[]> {
  return database.query('SELECT name, checksum, breaking FROM configuration_migrations ORDER BY name');
}

const fullLedger = migrations.map(({ name, checksum }) => ({ name, checksum, breaking: false }));

/** Applies the files as psql does. */
async function applyByScript(database: Database): Promise<void> {
  for (const file of files) await database.script(readFileSync(file, 'utf8'));
}

async function failureOf(promise: Promise<unknown>): Promise<ConfigurationError> {
  const result = await promise.catch((error: unknown) => error);
  if (!(result instanceof ConfigurationError)) throw new Error('not refused', { cause: result });
  return result;
}

describeDatabases('migrate', (engine) => {
  let database: Database;
  beforeEach(async () => {
    ({ database } = await engine.open({ migrated: false }));
  });

  it('applies every file in order, records its checksum, and does nothing the second time', async () => {
    expect(await migrate(database)).toStrictEqual({ applied: names, current: names });
    expect(await readLedger(database)).toStrictEqual(fullLedger);
    expect(await migrate(database)).toStrictEqual(complete);
    expect(await readLedger(database)).toStrictEqual(fullLedger);
  });

  it('takes over what was applied as psql applies it, once or twice', async () => {
    await applyByScript(database);
    await applyByScript(database);
    expect(await readLedger(database)).toStrictEqual(fullLedger.map((row) => ({ ...row, checksum: null })));
    expect(await migrate(database)).toStrictEqual(complete);
    expect(await readLedger(database)).toStrictEqual(fullLedger);
  });

  it('gives a store its identity and its secret once, and every store others', async () => {
    const identity = async (at: Database): Promise<{ id: string; cache_secret: string }[]> =>
      at.query('SELECT id, cache_secret FROM configuration_store');
    await applyByScript(database);
    const first = await identity(database);
    await applyByScript(database);
    await migrate(database);
    expect(await identity(database)).toStrictEqual(first);
    const { database: other } = await engine.open();
    expect(first).toHaveLength(1);
    expect(first[0]?.cache_secret).toMatch(/^[0-9a-f]{64}$/);
    const [second] = await identity(other);
    expect(second?.id).not.toBe(first[0]?.id);
    expect(second?.cache_secret).not.toBe(first[0]?.cache_secret);
  });

  it('leaves no schema of its own behind', async () => {
    await migrate(database);
    const left = await database.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'configuration_verify%'");
    expect(left).toStrictEqual([]);
  });

  it('refuses a database to which another text of a file was applied', async () => {
    await migrate(database);
    await database.query("UPDATE configuration_migrations SET checksum = 'other'");
    expect(await failureOf(migrate(database))).toMatchObject({
      code: 'migration_changed',
      details: { name: names[0] },
    });
  });

  it('refuses a newer migration that breaks this version, and accepts one that does not', async () => {
    await migrate(database);
    await database.query("INSERT INTO configuration_migrations (name, checksum) VALUES ('900_newer', 'x')");
    expect(await migrate(database)).toStrictEqual(complete);
    await database.query("UPDATE configuration_migrations SET breaking = true WHERE name = '900_newer'");
    expect(await failureOf(migrate(database))).toMatchObject({
      code: 'migration_too_new',
      details: { name: '900_newer' },
    });
  });

  it.each([
    [
      'ALTER TABLE configuration_settings DROP COLUMN expires_at',
      'column expires_at of configuration_settings is missing',
    ],
    [
      'ALTER TABLE configuration_settings ALTER COLUMN revision TYPE int',
      'column revision of configuration_settings is "integer',
    ],
    ['ALTER TABLE configuration_commits ALTER COLUMN actor DROP NOT NULL', 'column actor of configuration_commits is'],
    [
      'ALTER TABLE configuration_commits ALTER COLUMN actor TYPE text COLLATE "default"',
      'column actor of configuration_commits is',
    ],
    [
      'ALTER TABLE configuration_counter ALTER COLUMN revision SET DEFAULT 1',
      'column revision of configuration_counter is',
    ],
    [
      'ALTER TABLE configuration_counter DROP CONSTRAINT configuration_counter_revision_check',
      'constraint configuration_counter_revision_check',
    ],
    [
      'ALTER TABLE configuration_tags ADD CHECK (false) NOT VALID',
      'constraint configuration_tags_check of configuration_tags is not of Strata',
    ],
    ['ALTER TABLE configuration_tags ADD COLUMN more text', 'column more of configuration_tags is not of Strata'],
    [
      'DROP INDEX configuration_versions_revision',
      'index configuration_versions_revision of configuration_versions is missing',
    ],
    [
      'CREATE UNIQUE INDEX extra ON configuration_tags (tag)',
      'unique index extra of configuration_tags is not of Strata',
    ],
    [
      'DROP TRIGGER configuration_versions_append_only ON configuration_versions',
      'trigger configuration_versions_append_only',
    ],
    ['ALTER TABLE configuration_versions DISABLE TRIGGER ALL', 'trigger configuration_versions_append_only'],
    [
      "CREATE OR REPLACE FUNCTION configuration_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      'function configuration_refuse_rewrite() is',
    ],
    [
      'CREATE RULE nothing AS ON INSERT TO configuration_audit_log DO INSTEAD NOTHING',
      'rule nothing of configuration_audit_log',
    ],
    ['DROP TABLE configuration_locks', 'table configuration_locks is missing'],
  ])('names what differs in a schema that was applied by psql and then changed: %s', async (change, difference) => {
    await applyByScript(database);
    await database.script(change);
    const failure = await failureOf(migrate(database));
    expect(failure).toMatchObject({ code: 'migration_unverified', details: { name: names[0] } });
    expect(failure.message).toContain(difference);
    expect(await readLedger(database)).toStrictEqual(fullLedger.map((row) => ({ ...row, checksum: null })));
  });

  it('lets an index that somebody added pass', async () => {
    await applyByScript(database);
    await database.query('CREATE INDEX added ON configuration_audit_log (request_id)');
    expect(await migrate(database)).toStrictEqual(complete);
  });

  it('does not lose what it waited for when several start at once', async () => {
    const results = await Promise.all(Array.from({ length: 5 }, () => migrate(database)));
    expect(results.flatMap(({ applied }) => applied)).toStrictEqual(names);
    expect(await readLedger(database)).toStrictEqual(fullLedger);
  });
});

describe('migrate on PostgreSQL', () => {
  /** A database in a new schema, with what another process of its own would have. */
  async function withSchema(work: (schema: string, open: () => Database) => Promise<void>): Promise<void> {
    const schema = `test_${randomUUID().replaceAll('-', '')}`;
    const drop = await createSchema(schema);
    const pools: pg.Pool[] = [];
    const open = (): Database => {
      const pool = postgresPool(schema);
      pools.push(pool);
      return postgresDatabase(pool);
    };
    try {
      await work(schema, open);
    } finally {
      await Promise.all(pools.map((pool) => pool.end()));
      await drop();
    }
  }

  const psql = async (schema: string, file: string): Promise<void> => {
    if (!hasPsql) return asPsqlDoes(schema, file);
    const { host, port, user, password, database } = inject('postgres');
    const env = { ...process.env, PGPASSWORD: password, PGOPTIONS: `-c search_path=${schema}` };
    const target = ['-h', host, '-p', String(port), '-U', user, '-d', database];
    await promisify(execFile)('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...target, '-f', file], { env });
  };

  /** Sends a file statement by statement in one session, for machines without psql. */
  const asPsqlDoes = async (schema: string, file: string): Promise<void> => {
    const client = new pg.Client({ ...inject('postgres'), options: `-c search_path=${schema}` });
    await client.connect();
    try {
      for (const statement of statementsOf({ body: readFileSync(file, 'utf8') })) await client.query(statement);
    } finally {
      await client.end();
    }
  };

  it('ends at the same schema and ledger by psql, by itself, and by both at once', async () => {
    await withSchema(async (schema, open) => {
      const byPsql = async (): Promise<void> => {
        for (const file of files) await psql(schema, file);
      };
      await Promise.all([byPsql(), migrate(open()), migrate(open()), byPsql(), migrate(open())]);
      await byPsql();
      expect(await migrate(open())).toStrictEqual(complete);
      expect(await readLedger(open())).toStrictEqual(fullLedger);
    });
  });

  it('takes over what psql applied', async () => {
    await withSchema(async (schema, open) => {
      for (const file of files) await psql(schema, file);
      expect(await migrate(open())).toStrictEqual(complete);
      expect(await readLedger(open())).toStrictEqual(fullLedger);
    });
  });

  it('starts five processes at once: each file is applied once', async () => {
    await withSchema(async (_, open) => {
      const results = await Promise.all(Array.from({ length: 5 }, () => migrate(open())));
      expect(results.flatMap(({ applied }) => applied)).toStrictEqual(names);
      expect(await readLedger(open())).toStrictEqual(fullLedger);
    });
  });

  it('can be killed after any statement of any file, and then run again', async () => {
    await withSchema(async (schema, open) => {
      const database = open();
      let kills = 0;
      for (const migration of migrations) {
        const statements = statementsOf(migration);
        for (const count of statements.keys()) {
          const client = new pg.Client({ ...inject('postgres'), options: `-c search_path=${schema}` });
          client.on('error', () => undefined);
          await client.connect();
          for (const statement of ['BEGIN', ...statements.slice(0, count + 1)]) await client.query(statement);
          // Nothing of the protocol is said any more, as when the process is killed.
          const ended = new Promise((resolve) => client.once('end', resolve));
          (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
          await ended;
          kills += 1;
        }
        // The next file stands on this one.
        await database.transaction((sql) => sql.script(migration.body));
      }
      expect(kills).toBeGreaterThan(20);
      expect(await migrate(database)).toStrictEqual(complete);
      expect(await readLedger(database)).toStrictEqual(fullLedger);
    });
  });

  it('can be killed between the file and its checksum', async () => {
    await withSchema(async (_, open) => {
      const dying = open();
      const query = dying.query.bind(dying);
      const killed: Database = {
        ...dying,
        query: (text, ...rest) =>
          text.startsWith('UPDATE') ? Promise.reject(new Error('killed')) : query(text, ...rest),
      };
      await expect(migrate(killed)).rejects.toThrow('killed');
      expect(await migrate(open())).toStrictEqual(complete);
      expect(await readLedger(open())).toStrictEqual(fullLedger);
    });
  });
});

/** The statements of a file, split at the semicolons that end a line outside of dollar quotes. */
function statementsOf({ body }: Pick<Migration, 'body'>): string[] {
  const statements: string[] = [];
  let statement = '';
  for (const line of body.split('\n')) {
    statement += `${line}\n`;
    const isQuoted = statement.split('$function$').length % 2 === 0;
    if (!isQuoted && line.replace(/--.*$/, '').trimEnd().endsWith(';')) {
      statements.push(statement);
      statement = '';
    }
  }
  return statements;
}
