import { describe, expect, it } from 'vitest';
import { describeDatabases, postgresPool, type TestDatabase } from '../../../test/databases.ts';
import { interceptDatabase, type Interception } from '../../../test/intercepted-database.ts';
import { expectSound } from '../../../test/invariants.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import type { ConfigurationManagementService as Service } from './configuration-management-service.ts';
import type { Database } from './db/database.ts';
import { unavailable } from './db/database-fault.ts';
import { postgresDatabase } from './db/postgres.ts';

const global = { scope: 'global' } as const;

/** A commit of each kind, on things of the name given. */
interface Operation {
  readonly name: string;
  readonly prepare?: (service: Service, name: string) => Promise<unknown>;
  readonly run: (service: Service, name: string) => Promise<unknown>;
  readonly isDone: (service: Service, name: string) => Promise<boolean>;
}

const team = (scopeId: string) => ({ scope: 'team', scopeId }) as const;

async function isRegistered(service: Service, name: string): Promise<boolean> {
  return (await service.listScopes({ scope: 'team' })).some(({ scopeId }) => scopeId === name);
}

const operations: readonly Operation[] = [
  {
    name: 'registerScope',
    run: (service, name) => service.registerScope({ ...team(name), parent: { scope: 'org', scopeId: name } }),
    isDone: isRegistered,
  },
  {
    name: 'removeScope',
    prepare: (service, name) => service.registerScope({ ...team(name), parent: { scope: 'org', scopeId: name } }),
    run: (service, name) => service.removeScope(team(name)),
    isDone: async (service, name) => !(await isRegistered(service, name)),
  },
  {
    name: 'lockConfig',
    run: (service, name) => service.lockConfig(name, global, {}, 'ada'),
    isDone: async (service, name) => (await service.listLocks({ key: name })).length === 1,
  },
  {
    name: 'unlockConfig',
    prepare: (service, name) => service.lockConfig(name, global, {}, 'ada'),
    run: (service, name) => service.unlockConfig(name, global, {}, 'ada'),
    isDone: async (service, name) => (await service.listLocks({ key: name })).length === 0,
  },
  {
    name: 'registerSchema',
    prepare: (service, name) => service.registerSchema(name, { type: 'number' }),
    run: (service, name) => service.registerSchema(name, { type: 'number', minimum: 0 }, { onInvalid: 'refuse' }),
    isDone: async (service, name) => (await service.getSchema(name))?.jsonSchema?.['minimum'] === 0,
  },
  {
    name: 'createTag',
    prepare: (service, name) => service.set(name, 1, global, 'ada'),
    run: async (service, name) => service.createTag('stable', (await service.getLayer(name))?.version ?? ''),
    isDone: async (service, name) => (await service.listTags({ key: name })).length === 1,
  },
];

/** Where in a transaction a fault strikes: before or after its statement of that number, from 1. */
interface Point {
  readonly statement: number;
  readonly when: 'before' | 'after';
}

/** A database on which `strike` is called at a point of every transaction once it is armed. */
function failpoints(inner: Database, strike: () => Promise<void>) {
  let point: Point | undefined;
  let count = 0;
  const intercept: Interception = async ({ isInTransaction }, run) => {
    if (!isInTransaction || point === undefined) return run();
    count += 1;
    const { statement, when } = point;
    const isHit = count === statement;
    if (isHit) point = undefined;
    if (isHit && when === 'before') await strike();
    const rows = await run();
    if (isHit && when === 'after') await strike();
    return rows;
  };
  return {
    database: interceptDatabase(inner, intercept),
    arm(next: Point): void {
      point = next;
      count = 0;
    },
    /** Whether the point was reached; it is not armed any more. */
    wasReached(): boolean {
      const isReached = point === undefined;
      point = undefined;
      return isReached;
    },
  };
}

const failure = new Error('the failpoint');

async function killSessions({ database, schema }: TestDatabase): Promise<void> {
  await database.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [schema]);
}

describeDatabases('a commit that changes what writers decide on', (engine) => {
  const services = serviceProcesses(engine);

  describe.each(operations)('$name', (operation) => {
    it.each(['before', 'after'] as const)(
      'is whole or not there when it fails %s any of its statements',
      async (when) => {
        const store = await services.open();
        const other = services.start(store);
        const points = failpoints(store.database, () => Promise.reject(failure));
        const service = services.startOn(points.database);
        let statements = 0;
        for (let isOver = false; !isOver;) {
          statements += 1;
          const name = `thing-${String(statements)}`;
          await operation.prepare?.(other, name);
          points.arm({ statement: statements, when });
          const error: unknown = await operation.run(service, name).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          isOver = !points.wasReached();
          expect(error).toBe(isOver ? undefined : failure);
          expect(await operation.isDone(other, name)).toBe(isOver);
          if (!isOver) await operation.run(service, name);
          expect(await operation.isDone(other, name)).toBe(true);
        }
        // Its turn, its counter, what it decides on, the step, its own rows.
        expect(statements).toBeGreaterThan(4);
      },
    );

    it('is stored once, and says so, when the answer to its COMMIT is lost', async () => {
      const store = await services.open();
      const other = services.start(store);
      let isArmed = false;
      const service = services.startOn({
        ...store.database,
        async transaction<T>(work: Parameters<typeof store.database.transaction<T>>[0]): Promise<T> {
          const result = await store.database.transaction(work);
          if (!isArmed) return result;
          isArmed = false;
          throw unavailable(new Error('cut'), true);
        },
      });
      await operation.prepare?.(other, 'thing');
      const progress = async (): Promise<number> => {
        const [row] = await store.database.query<{ revision: number }>('SELECT revision FROM configuration_counter');
        return row?.revision ?? 0;
      };
      const before = await progress();
      isArmed = true;
      await operation.run(service, 'thing');
      expect(isArmed).toBe(false);
      expect(await operation.isDone(other, 'thing')).toBe(true);
      expect(await progress()).toBe(before + 1);
    });
  });
});

describeDatabases(
  'a commit whose session is ended',
  (engine) => {
    const services = serviceProcesses(engine);

    it.each(operations)('$name is whole or not there, whichever statement that meets', async (operation) => {
      const store = await services.open();
      const other = services.start(store, { pool: { application_name: 'the other process' } });
      const pool = postgresPool(store.schema, { application_name: store.schema });
      const points = failpoints(postgresDatabase(pool), () => killSessions(store));
      try {
        const service = services.startOn(points.database);
        let statements = 0;
        for (let isOver = false; !isOver;) {
          statements += 1;
          for (const when of ['before', 'after'] as const) {
            const name = `thing-${String(statements)}-${when}`;
            await operation.prepare?.(other, name);
            points.arm({ statement: statements, when });
            const error: unknown = await operation.run(service, name).then(
              () => undefined,
              (reason: unknown) => reason,
            );
            isOver = !points.wasReached();
            // Whatever became of it, the call has told the truth.
            if (error !== undefined) expect(error).toMatchObject({ code: 'unavailable' });
            expect(await operation.isDone(other, name)).toBe(error === undefined);
          }
        }
        await expectSound(store.database);
        await service.close();
      } finally {
        await points.database.close();
        await pool.end();
      }
    });
  },
  'postgres',
);
