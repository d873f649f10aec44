/** Owns the proof that a write is decided again when anything it was decided on changes while it waits for the counter. */
import { isConfigurationError } from '@strata/core';
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { setTimeout as wait } from 'node:timers/promises';
import { describeDatabases, type TestDatabase } from '../../../test/databases.ts';
import { findViolations } from '../../../test/invariants.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';
import type { ConfigurationManagementService as Service } from './configuration-management-service.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;

/** A schema that ties two properties together, so that layers that are valid alone may be invalid together. */
const range = {
  type: 'object',
  properties: { low: { type: 'number' }, high: { type: 'number' } },
  required: ['low', 'high'],
} as const;

/** What the function checks, and how the check is taken out of it. */
const checks = {
  rules: ['WHERE c.rules_revision = in_rules AND', 'WHERE'],
  links: ['(in_decision IS NULL OR c.decision_revision = in_decision)', 'true'],
  parent: ['IF moved IS NOT NULL THEN', 'IF false THEN'],
  head: ['IF cardinality(d_key) > 0 THEN', 'IF false THEN'],
  quiet: ['IF EXISTS (', 'IF false AND EXISTS ('],
} as const;

interface Race {
  readonly name: string;
  /** What was there before. */
  readonly prepare: (service: Service) => Promise<unknown>;
  /** What another process stores while `write` waits for the counter. */
  readonly change: (other: Service) => Promise<unknown>;
  readonly write: (writer: Service) => Promise<unknown>;
  /** The code with which `write` has to be refused after `change`. */
  readonly refusal: string;
  /** The check of the function without which it is stored. */
  readonly check?: keyof typeof checks;
}

const races: readonly Race[] = [
  {
    name: 'a definition',
    prepare: (service) => service.set('k', { limit: 5 }, global, 'ada'),
    change: (other) => other.registerSchema('k', { properties: { limit: { type: 'number', maximum: 10 } } }),
    write: (writer) => writer.set('k', { limit: 20 }, global, 'ada'),
    refusal: 'validation_failed',
    check: 'rules',
  },
  {
    name: 'a lock',
    prepare: (service) => service.set('k', 1, global, 'ada'),
    change: (other) => other.lockConfig('k', global, {}, 'bob'),
    write: (writer) => writer.set('k', 2, org, 'ada'),
    refusal: 'locked',
    check: 'rules',
  },
  {
    name: 'a link to a scope with a lock',
    prepare: (service) => service.lockConfig('k', team, {}, 'ada'),
    change: (other) => other.registerScope({ ...user, parent: team }),
    write: (writer) => writer.set('k', 1, user, 'ada'),
    refusal: 'locked',
    check: 'links',
  },
  {
    name: 'a link to a scope with a layer that does not fit',
    prepare: async (service) => {
      await service.registerSchema('k', { type: 'object', maxProperties: 1 });
      await service.set('k', { low: 1 }, team, 'ada');
    },
    change: (other) => other.registerScope({ ...user, parent: team }),
    write: (writer) => writer.set('k', { high: 1 }, user, 'ada'),
    refusal: 'validation_failed',
    check: 'links',
  },
  {
    name: 'a layer above',
    prepare: async (service) => {
      await service.registerSchema('k', range);
      await service.set('k', { low: 1, high: 9 }, global, 'ada');
      await service.set('k', { low: 2, high: 8 }, user, 'ada');
    },
    change: (other) => other.delete('k', global, 'bob'),
    write: (writer) => writer.set('k', { low: 3 }, user, 'ada'),
    refusal: 'validation_failed',
    check: 'head',
  },
  {
    name: 'a layer above that was not there',
    prepare: async (service) => {
      await service.registerSchema('k', { type: 'object', maxProperties: 1 });
      await service.registerScope({ ...user, parent: org });
    },
    change: (other) => other.set('k', { low: 1 }, org, 'bob'),
    write: (writer) => writer.set('k', { high: 1 }, user, 'ada'),
    refusal: 'validation_failed',
    check: 'head',
  },
  {
    name: 'its own layer',
    prepare: (service) => service.set('k', 1, global, 'ada'),
    change: (other) => other.set('k', 2, global, 'bob'),
    write: async (writer) => writer.set('k', 3, global, 'ada', undefined, { ifVersion: 'HEAD' }),
    refusal: 'conflict',
    check: 'parent',
  },
  {
    name: 'its own layer that was not there',
    prepare: () => Promise.resolve(),
    change: (other) => other.set('k', 2, global, 'bob'),
    write: (writer) => writer.set('k', 3, global, 'ada', undefined, { ifVersion: null }),
    refusal: 'conflict',
    check: 'parent',
  },
  {
    name: 'a layer below',
    prepare: async (service) => {
      await service.registerSchema('k', range);
      await service.set('k', { low: 1, high: 9 }, global, 'ada');
      await service.set('k', { low: 2, high: 8 }, org, 'ada');
    },
    change: (other) => other.set('k', { low: 3 }, org, 'bob'),
    write: (writer) => writer.delete('k', global, 'ada'),
    refusal: 'would_break',
    check: 'quiet',
  },
  {
    name: 'a layer below a new lock',
    prepare: (service) => service.set('k', 1, global, 'ada'),
    change: (other) => other.set('k', 2, org, 'bob'),
    write: (writer) => writer.lockConfig('k', global, {}, 'ada'),
    refusal: 'lock_broken',
    check: 'quiet',
  },
  {
    name: 'a layer that a new schema refuses',
    prepare: (service) => service.set('k', 1, global, 'ada'),
    change: (other) => other.set('k', 'text', global, 'bob'),
    write: (writer) => writer.registerSchema('k', { type: 'number' }, { onInvalid: 'refuse' }),
    refusal: 'schema_breaks_values',
    check: 'quiet',
  },
  {
    name: 'a layer of a scope that moves below a lock',
    prepare: (service) => service.lockConfig('k', team, {}, 'ada'),
    change: (other) => other.set('k', 1, user, 'bob'),
    write: (writer) => writer.registerScope({ ...user, parent: team }),
    refusal: 'locked',
    check: 'quiet',
  },
  {
    name: 'a layer of a scope that is removed',
    prepare: (service) => service.registerScope(org),
    change: (other) => other.set('k', 1, org, 'bob'),
    write: (writer) => writer.removeScope(org),
    refusal: 'scope_in_use',
  },
];

/** Holds the counter of a store as a writer would; answers what lets it go. */
async function holdCounter(schema: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ ...inject('postgres'), options: `-c search_path=${schema}` });
  await client.connect();
  await client.query('BEGIN; SELECT FROM configuration_counter FOR UPDATE');
  return async () => {
    await client.query('COMMIT');
    await client.end();
  };
}

/** Waits until as many sessions of a store wait for its counter inside the write step. */
async function untilWaiting({ database, schema }: TestDatabase, count: number): Promise<void> {
  for (;;) {
    const rows = await database.query(
      `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock' AND query LIKE '%configuration_write(%'`,
      [schema],
    );
    if (rows.length === count) return;
    await wait(2);
  }
}

/** What becomes of a call: `stored`, or the code of its refusal. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'stored';
  } catch (error) {
    if (isConfigurationError(error)) return error.code;
    throw error;
  }
}

/** Lets `change` and then `write` wait for the counter, and answers what becomes of `write` once it is free. */
async function run(
  race: Race,
  store: TestDatabase,
  { writer, other }: { readonly writer: Service; readonly other: Service },
): Promise<string> {
  const release = await holdCounter(store.schema);
  try {
    const change = race.change(other);
    await untilWaiting(store, 1);
    const write = outcomeOf(race.write(writer));
    await untilWaiting(store, 2);
    await release();
    await change;
    return await write;
  } catch (error) {
    await release();
    throw error;
  }
}

async function takeOut(check: keyof typeof checks, { database }: TestDatabase): Promise<void> {
  const [row] = await database.query<{ source: string }>(
    `SELECT pg_get_functiondef('configuration_write'::regproc) AS source`,
  );
  const source = row?.source ?? '';
  const [condition, without] = checks[check];
  const weakened = source.replace(condition, without);
  expect(weakened).not.toBe(source);
  await database.script(weakened);
}

describeDatabases(
  'a write that waits for the counter is decided again when another process changes',
  (engine) => {
    const services = serviceProcesses(engine);

    describe.each(['the writer', 'the other process'])('what %s had stored:', (first) => {
      it.each(races)('$name', async (race) => {
        const store = await services.open();
        const pair = { writer: services.start(store), other: services.start(store) };
        await race.prepare(first === 'the writer' ? pair.writer : pair.other);
        expect(await run(race, store, pair)).toBe(race.refusal);
      });
    });

    it('nothing at all, and is stored as it was decided', async () => {
      const store = await services.open();
      const pair = { writer: services.start(store), other: services.start(store) };
      const race: Race = {
        name: 'nothing that matters',
        prepare: () => Promise.resolve(),
        change: (other) => other.set('k', 1, org, 'bob'),
        write: (writer) => writer.set('k', 2, global, 'ada'),
        refusal: '',
      };
      expect(await run(race, store, pair)).toBe('stored');
    });
  },
  'postgres',
);

describeDatabases(
  'without its check the write step stores what has to be refused: with',
  (engine) => {
    const services = serviceProcesses(engine);

    it.each(races.flatMap((race) => (race.check === undefined ? [] : [{ ...race, check: race.check }])))(
      '$name changed, without the check of $check',
      async (race) => {
        // Not `services.open`: what is left behind is not sound.
        const store = await engine.open();
        const pair = { writer: services.start(store), other: services.start(store) };
        await race.prepare(pair.writer);
        await takeOut(race.check, store);
        expect(await run(race, store, pair)).toBe('stored');
      },
    );

    it('its own layer changed, which the check of a store finds', async () => {
      const store = await engine.open();
      const pair = { writer: services.start(store), other: services.start(store) };
      const race = races.find(({ name }) => name === 'its own layer');
      if (race === undefined) throw new Error('there is no such race');
      await race.prepare(pair.writer);
      await takeOut('parent', store);
      await run(race, store, pair);
      expect(await findViolations(store.database)).toEqual([expect.stringContaining('does not follow')]);
    });
  },
  'postgres',
);
