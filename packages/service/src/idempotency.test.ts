import { expect, it } from 'vitest';
import { describeDatabases, type TestDatabase } from '../../../test/databases.ts';
import { interceptDatabase } from '../../../test/intercepted-database.ts';
import { serviceProcesses } from '../../../test/service-processes.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const idempotencyKey = 'call-1';

async function commitCount({ database }: TestDatabase): Promise<number> {
  const [row] = await database.query<{ n: number }>('SELECT count(*) AS n FROM configuration_commits');
  return row?.n ?? 0;
}

describeDatabases('a write with an idempotency key', (engine) => {
  const services = serviceProcesses(engine);

  it('answers the same again, from any process and after later writes', async () => {
    const store = await services.open();
    const [service, other] = [services.start(store), services.start(store)];
    const set = (by: typeof service) => by.set('a', { n: 1 }, global, 'ada', 'first', { idempotencyKey });
    const first = await set(service);
    expect(await set(service)).toEqual(first);
    await service.set('a', { n: 2 }, global, 'bob');
    expect(await set(other)).toEqual(first);
    expect(await set(service)).toEqual(first);
    expect((await service.getLayer('a'))?.value).toEqual({ n: 2 });
    expect(await commitCount(store)).toBe(2);
  });

  it('answers the same for a delete, also when the layer is there again', async () => {
    const store = await services.open();
    const service = services.start(store);
    await service.set('a', 1, org, 'ada');
    const remove = () => service.delete('a', org, 'ada', undefined, { idempotencyKey });
    const first = await remove();
    expect(await remove()).toEqual(first);
    await service.set('a', 2, org, 'ada');
    expect(await remove()).toEqual(first);
    expect((await service.getLayer('a', org))?.value).toBe(2);
  });

  it('answers the same for a commit of several changes of which some changed nothing', async () => {
    const store = await services.open();
    const [service, other] = [services.start(store), services.start(store)];
    await service.set('same', 1, global, 'ada');
    await service.set('gone', 1, org, 'ada');
    const commit = (by: typeof service) =>
      by.commit(
        [
          { key: 'new', ...org, value: 1 },
          { key: 'same', ...global, value: 1 },
          { key: 'gone', ...org, delete: true },
        ],
        'ada',
        'several',
        { idempotencyKey },
      );
    const first = await commit(service);
    await service.set('same', 2, global, 'bob');
    await service.set('new', 2, org, 'bob');
    expect(await commit(other)).toEqual(first);
    expect(first.versions.map(({ operation, changedBy }) => [operation, changedBy])).toEqual([
      ['set', 'ada'],
      ['set', 'ada'],
      ['delete', 'ada'],
    ]);
  });

  it.each([1, 2])('is applied once when it is called many times at once, from %i processes', async (count) => {
    const store = await services.open();
    const processes = Array.from({ length: count }, () => services.start(store));
    const calls = Array.from({ length: 12 }, (_, n) => {
      const service = processes[n % count] ?? services.start(store);
      return service.commit([{ key: 'a', ...global, value: n % 1 }], 'ada', 'once', { idempotencyKey });
    });
    const [first, ...others] = await Promise.all(calls);
    for (const other of others) expect(other).toEqual(first);
    expect(await commitCount(store)).toBe(1);
  });

  it('refuses another change under the same key, and takes it under another', async () => {
    const service = services.start(await services.open());
    const set = (value: number, actor: string, comment?: string, key = idempotencyKey) =>
      service.set('a', value, global, actor, comment, { idempotencyKey: key });
    await set(1, 'ada');
    for (const again of [set(2, 'ada'), set(1, 'bob'), set(1, 'ada', 'why')]) {
      await expect(again).rejects.toMatchObject({ code: 'idempotency_conflict', details: { idempotencyKey } });
    }
    await expect(service.delete('a', global, 'ada', undefined, { idempotencyKey })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
    expect(await set(2, 'ada', undefined, 'call-2')).toMatchObject({ value: 2 });
  });

  it('refuses two changes at once under the same key but for one', async () => {
    const store = await services.open();
    const [service, other] = [services.start(store), services.start(store)];
    const results = await Promise.allSettled([
      service.set('a', 1, global, 'ada', undefined, { idempotencyKey }),
      other.set('b', 1, global, 'ada', undefined, { idempotencyKey }),
      service.set('c', 1, global, 'ada', undefined, { idempotencyKey }),
    ]);
    const codes = results.map((one) => (one.status === 'fulfilled' ? '' : (one.reason as { code: string }).code));
    expect(codes.sort()).toEqual(['', 'idempotency_conflict', 'idempotency_conflict']);
    expect(await commitCount(store)).toBe(1);
  });

  it('does not concern other environments', async () => {
    const store = await services.open();
    const [development, production] = ['development', 'production'].map((environment) =>
      services.start(store, { environment }),
    );
    const first = await development?.set('a', 1, global, 'ada', undefined, { idempotencyKey });
    const second = await production?.set('a', 2, global, 'bob', undefined, { idempotencyKey });
    expect(second).toMatchObject({ value: 2, revision: 2 });
    expect(first).toMatchObject({ value: 1, revision: 1 });
  });

  it('answers the same however the caller named a version that meant another one by then', async () => {
    const service = services.start(await services.open());
    for (const value of [1, 2, 3]) await service.set('a', value, global, 'ada');
    const back = () => service.rollback('a', 'HEAD~1', 'ada', 'undo', { idempotencyKey });
    const undone = await back();
    expect(undone.value).toBe(2);
    expect(await back()).toEqual(undone);
    const next = () => service.set('a', 4, global, 'ada', undefined, { ifVersion: 'HEAD', idempotencyKey: 'call-2' });
    const made = await next();
    expect(await next()).toEqual(made);
    await expect(service.rollback('a', 'HEAD~2', 'ada', 'undo', { idempotencyKey })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });

  it('answers the same for a restore, whatever was stored since', async () => {
    const service = services.start(await services.open());
    const { changedAt, revision } = await service.set('a', 1, org, 'ada');
    await service.set('a', 2, org, 'ada');
    await service.set('b', 1, org, 'ada');
    const restore = () => service.restore({ revision }, org, 'ada', 'back', { idempotencyKey });
    const first = await restore();
    expect(first.versions.map(({ key, operation }) => [key, operation])).toEqual([
      ['a', 'rollback'],
      ['b', 'delete'],
    ]);
    await service.set('c', 1, org, 'ada');
    expect(await restore()).toMatchObject({ id: first.id, revision: first.revision });
    await expect(service.restore({ at: changedAt }, org, 'ada', 'back', { idempotencyKey })).rejects.toMatchObject({
      code: 'idempotency_conflict',
    });
  });

  it('lets the process that repeats it read what it made', async () => {
    const store = await services.open();
    const [service, other] = [services.start(store, { pollInterval: 3_600_000 }), services.start(store)];
    await service.set('a', 1, global, 'ada');
    expect(await service.get('a')).toBe(1);
    await other.set('a', 2, global, 'ada', undefined, { idempotencyKey });
    expect(await service.set('a', 2, global, 'ada', undefined, { idempotencyKey })).toMatchObject({ value: 2 });
    expect(await service.get('a')).toBe(2);
  });

  it('answers the same where its own first try is stored while it decides again', async () => {
    const store = await services.open();
    const other = services.start(store);
    await other.set('a', 1, global, 'ada');
    const version = (await other.getLayer('a'))?.version ?? null;
    // The first call is repeated by another process, and stored between the second one's look for it and its decision.
    let first: unknown;
    const set = (by: typeof other) => by.set('a', 2, global, 'ada', undefined, { ifVersion: version, idempotencyKey });
    const service = services.startOn(
      interceptDatabase(store.database, async ({ text }, run) => {
        const rows = await run();
        if (text.includes('idempotency_key = ANY')) first ??= await set(other);
        return rows;
      }),
    );
    expect(await set(service)).toEqual(first);
  });
});
