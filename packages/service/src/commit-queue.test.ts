import { expect, it } from 'vitest';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import { describeDatabases } from '../../../test/databases.ts';
import { countSteps, interceptDatabase } from '../../../test/intercepted-database.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

/** A schema under which a change above user scope has to look at the layers below. */
const tied = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] } as const;

const codesOf = (results: readonly PromiseSettledResult<unknown>[]): unknown[] =>
  results.map((result) => (result.status === 'fulfilled' ? 'stored' : (result.reason as { code?: unknown }).code));

/** A service that knows already that nobody is asked for permission, so that writes at once come to the queue at once. */
async function isReady(service: ConfigurationManagementService): Promise<void> {
  await service.get('anything');
}

describeDatabases('the commit queue', (engine) => {
  const services = serviceProcesses(engine);

  it('lets writes at once share a step', async () => {
    const { database, steps } = countSteps((await services.open()).database);
    const service = services.startOn(database);
    await isReady(service);
    await Promise.all(Array.from({ length: 100 }, (_, n) => service.set(`key-${String(n)}`, n, global, 'ada')));
    expect(steps.reduce((sum, commits) => sum + commits, 0)).toBe(100);
    expect(steps.length).toBeLessThanOrEqual(2);
  });

  it('carries no more in a step than it can: writes, or bytes', async () => {
    const { database, steps } = countSteps((await services.open()).database);
    const service = services.startOn(database);
    await isReady(service);
    await Promise.all(Array.from({ length: 450 }, (_, n) => service.set(`key-${String(n)}`, n, global, 'ada')));
    expect(steps).toEqual([200, 200, 50]);
    const large = 'x'.repeat(250 * 1024);
    await Promise.all(Array.from({ length: 40 }, (_, n) => service.set(`large-${String(n)}`, large, global, 'ada')));
    expect(steps.slice(3)).toEqual([17, 17, 6]);
  });

  it('chains writes of one key in the order in which they came', async () => {
    const { database, steps } = countSteps((await services.open()).database);
    const service = services.startOn(database);
    await isReady(service);
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => service.set('chain', n, global, 'ada')));
    expect(steps).toEqual([20]);
    expect(made.map(({ parent }) => parent)).toEqual([null, ...made.slice(0, -1).map(({ version }) => version)]);
    expect(await service.get('chain')).toBe(19);
  });

  it('refuses one of many without hurting the others', async () => {
    const { database, steps } = countSteps((await services.open()).database);
    const service = services.startOn(database);
    await isReady(service);
    const results = await Promise.allSettled([
      service.set('a', 1, global, 'ada'),
      service.set('pm_intervals', { lightDuty: 1 }, global, 'ada'),
      service.delete('nothing', global, 'ada'),
      service.set('a', 2, global, 'ada', undefined, { ifVersion: null }),
      service.set('b', 1, global, 'ada'),
    ]);
    expect(codesOf(results)).toEqual(['stored', 'validation_failed', 'key_not_found', 'conflict', 'stored']);
    expect(steps).toEqual([2]);
  });

  it('tells of a write that found its value there only once that value is stored', async () => {
    const store = await services.open();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let isHeld = false;
    const service = services.startOn(
      interceptDatabase(store.database, async ({ isStep }, run) => {
        isHeld = isStep;
        if (isStep) await held;
        return run();
      }),
    );
    await isReady(service);
    const settled: string[] = [];
    const note = (name: string) => (): void => void settled.push(name);
    const first = service.set('a', 1, global, 'ada').finally(note('first'));
    const second = service.set('a', 1, global, 'bob').finally(note('second'));
    const refused = service.set('a', 2, global, 'eve', undefined, { ifVersion: null }).finally(note('refused'));
    refused.catch(() => undefined);
    await expect.poll(() => isHeld).toBe(true);
    expect(settled).toEqual([]);
    release();
    expect((await second).version).toBe((await first).version);
    await expect(refused).rejects.toMatchObject({ code: 'conflict' });
  });

  it('decides anew on a write whose value was there only in a write that failed', async () => {
    const store = await services.open();
    await store.database.script(`ALTER TABLE configuration_commits ADD CONSTRAINT no_evil CHECK (actor <> 'evil')`);
    const service = services.startOn(store.database);
    await isReady(service);
    const results = await Promise.allSettled([
      service.set('a', 1, global, 'evil'),
      service.set('a', 1, global, 'bob'),
      service.set('b', 1, global, 'evil'),
      service.set('b', 2, global, 'bob', undefined, { ifVersion: null }),
    ]);
    expect(codesOf(results)).toEqual(['23514', 'stored', '23514', 'stored']);
    expect(await service.getLayer('a')).toMatchObject({ changedBy: 'bob', parent: null });
  });

  it.each(['23514', '23505', 'P0001'])('rejects the one write of 200 that fails the step with %s', async (state) => {
    const store = await services.open();
    await store.database.script(`
      CREATE FUNCTION refuse_evil() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'evil' USING ERRCODE = '${state}', TABLE = TG_TABLE_NAME; END $$;
      CREATE TRIGGER evil BEFORE INSERT ON configuration_versions FOR EACH ROW WHEN (NEW.key = 'evil') EXECUTE FUNCTION refuse_evil()`);
    const { database, steps } = countSteps(store.database);
    const service = services.startOn(database);
    await isReady(service);
    const keys = Array.from({ length: 200 }, (_, n) => (n === 77 ? 'evil' : `key-${String(n)}`));
    const results = await Promise.allSettled(keys.map((key) => service.set(key, 1, global, 'ada')));
    expect(codesOf(results)).toEqual(keys.map((key) => (key === 'evil' ? state : 'stored')));
    // Each halving costs two steps at most.
    expect(steps.length).toBeLessThanOrEqual(17);
  });

  it('does not let a contended key make others wait in vain', async () => {
    const store = await services.open();
    const competitor = services.start(store);
    const counted = countSteps(store.database);
    const service = services.startOn(
      interceptDatabase(counted.database, async ({ isStep }, run) => {
        if (isStep) await competitor.set('hot', `won ${String(counted.steps.length)}`, global, 'competitor');
        return run();
      }),
    );
    await isReady(service);
    const keys = Array.from({ length: 60 }, (_, n) => (n % 20 === 3 ? 'hot' : `key-${String(n)}`));
    const results = await Promise.allSettled(keys.map((key, n) => service.set(key, n, global, 'ada')));
    expect(codesOf(results)).toEqual(keys.map((key) => (key === 'hot' ? 'busy' : 'stored')));
    expect(counted.steps).toEqual([60, 60, 60, 60, 60, 57]);
  });

  it('gives a write that looks downwards a step of its own, in its turn', async () => {
    const { database, steps } = countSteps((await services.open()).database);
    const service = services.startOn(database);
    await isReady(service);
    await service.registerSchema('tied', tied);
    steps.length = 0;
    const made = await Promise.all([
      service.set('a', 1, global, 'ada'),
      service.set('tied', { a: 1 }, org, 'ada'),
      service.set('tied', { a: 2 }, global, 'ada'),
      service.set('b', 1, global, 'ada'),
      service.set('tied', { a: 3 }, { scope: 'user', scopeId: 'u' }, 'ada'),
    ]);
    expect(steps).toEqual([1, 1, 1, 2]);
    expect(made.map(({ revision }) => revision)).toEqual([2, 3, 4, 5, 6]);
  });

  it('remembers what it wrote, so that the next write costs one round trip', async () => {
    const store = await services.open();
    let queries = 0;
    const service = services.startOn(
      interceptDatabase(store.database, (_, run) => {
        queries += 1;
        return run();
      }),
      { pollInterval: 3_600_000 },
    );
    await service.set('a', 1, org, 'ada');
    queries = 0;
    await service.set('a', 2, org, 'ada');
    // The feed may look once for what has changed, for what has expired, and for requests whose time has come.
    expect(queries).toBeLessThanOrEqual(4);
  });
});
