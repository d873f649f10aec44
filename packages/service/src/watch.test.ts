/** Owns the promises of watching: every commit once, whole, in order, from any place on, for layers and for effective values. */
import type { ConfigChange, FeedEvent } from '@strata/core';
import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'acme' } as const;
const team = { scope: 'team', scopeId: 'north' } as const;
const user = { scope: 'user', scopeId: 'ada' } as const;

/** Long enough for a loaded machine; what is waited for usually takes a few milliseconds. */
const soon = { timeout: 8000, interval: 5 };

/** What a change says, in short. */
const short = ({ key, scope, scopeId, operation, oldValue, newValue }: ConfigChange): unknown[] => [
  key,
  scopeId === null ? scope : `${scope} ${scopeId}`,
  operation,
  oldValue,
  newValue,
];

describeDatabases('watching', (engine) => {
  const services = servicesOn(engine);

  it('tells of each commit as a whole, in order, with all that is known of it', async () => {
    const { service } = await services.open();
    const batches: (readonly ConfigChange[])[] = [];
    const unwatch = await service.watchConfig(['branding', 'pm_*'], (changes) => batches.push(changes));
    const first = await service.set('branding', { companyName: 'A' }, global, 'ada', 'first');
    await service.set('other', 1, global, 'ada');
    await service.commit(
      [
        { key: 'branding', ...org, value: { companyName: 'B' } },
        { key: 'pm_intervals', ...org, value: { lightDuty: 5000 } },
        { key: 'other', ...org, value: 2 },
      ],
      'bob',
      'both',
    );
    await service.rollback('branding', first.version, 'cid', 'no change');
    await service.delete('branding', org, 'dan', 'gone');
    await vi.waitFor(() => expect(batches).toHaveLength(3), soon);
    expect(batches.map((batch) => batch.map(short))).toEqual([
      [['branding', 'global', 'set', null, { companyName: 'A' }]],
      [
        ['branding', 'org acme', 'set', null, { companyName: 'B' }],
        ['pm_intervals', 'org acme', 'set', null, { lightDuty: 5000 }],
      ],
      [['branding', 'org acme', 'delete', { companyName: 'B' }, null]],
    ]);
    expect(batches[0]?.[0]).toEqual({
      key: 'branding',
      scope: 'global',
      scopeId: null,
      operation: 'set',
      oldValue: null,
      newValue: { companyName: 'A' },
      changedBy: 'ada',
      changedAt: first.changedAt,
      comment: 'first',
      version: first.version,
      revision: first.revision,
      commit: first.commit,
    });
    expect(new Set(batches[1]?.map(({ commit }) => commit)).size).toBe(1);
    expect(Object.isFrozen(batches[0]?.[0]?.newValue)).toBe(true);
    unwatch();
    await service.set('branding', { companyName: 'C' }, global, 'ada');
    await service.set('branding', { companyName: 'D' }, global, 'ada');
    expect(batches).toHaveLength(3);
  });

  it('tells what other processes did, with the value in place for whoever reads it then', async () => {
    const { service, database } = await services.open();
    const other = services.on(database);
    const seen: unknown[] = [];
    await other.get('theme');
    await other.watchConfig('theme', async ([change]) => {
      seen.push([change?.newValue, await other.get('theme')]);
    });
    for (const value of ['a', 'b', 'c']) await service.set('theme', value, global, 'ada');
    await vi.waitFor(() => expect(seen).toHaveLength(3), soon);
    for (const [told, read] of seen as [string, string][]) expect(read >= told).toBe(true);
    expect(seen.map((pair) => (pair as unknown[])[0])).toEqual(['a', 'b', 'c']);
  });

  it('leaves no hole between a snapshot and what follows it, either way round', async () => {
    const { service, database } = await services.open();
    const writer = services.on(database);
    let written = 0;
    const writing = (async () => {
      for (; written < 60;) {
        await writer.set('n', written + 1, global, 'ada');
        written += 1;
      }
    })();
    for (let round = 0; round < 8; round += 1) {
      const seen: number[] = [];
      let snapshot: number;
      let unwatch: () => void;
      if (round % 2 === 0) {
        unwatch = await service.watchConfig('n', ([change]) => seen.push(change?.newValue as number));
        snapshot = (await service.get<number | null>('n')) ?? 0;
      } else {
        const layer = await service.getLayer('n');
        snapshot = (layer?.value as number | undefined) ?? 0;
        const fromRevision = layer?.revision ?? 0;
        unwatch = await service.watchConfig('n', ([change]) => seen.push(change?.newValue as number), { fromRevision });
      }
      await vi.waitFor(
        () => expect(Math.max(snapshot, ...seen)).toBeGreaterThanOrEqual(Math.min(60, snapshot + 3)),
        soon,
      );
      unwatch();
      const first = seen[0] ?? snapshot + 1;
      expect(first).toBeLessThanOrEqual(snapshot + 1);
      expect(seen).toEqual(seen.map((_, index) => first + index));
    }
    await writing;
  });

  it('goes on from a revision or a cursor, far behind and right at the end', async () => {
    const { service, database } = await services.open();
    for (let n = 1; n <= 450; n += 1) void service.set('n', n, global, 'ada').catch(() => undefined);
    await service.set('n', 'last', global, 'ada');
    const reader = services.on(database);
    const all: FeedEvent[] = [];
    const subscription = await reader.subscribe({ fromRevision: 0 }, (event) => all.push(event));
    await vi.waitFor(() => expect(all).toHaveLength(451), soon);
    expect(all.map(({ revision }) => revision)).toEqual(all.map((_, index) => index + 1));
    expect(subscription.cursor).toBe(all.at(-1)?.cursor);
    const rest: FeedEvent[] = [];
    await reader.subscribe({ fromRevision: all[399]?.cursor ?? '' }, (event) => rest.push(event));
    await vi.waitFor(() => expect(rest).toHaveLength(51), soon);
    expect(rest).toEqual(all.slice(400));
    const later: FeedEvent[] = [];
    await reader.subscribe({ fromRevision: all[450]?.cursor ?? '' }, (event) => later.push(event));
    await service.set('n', 'later', global, 'ada');
    await vi.waitFor(() => expect(later).toHaveLength(1), soon);
    expect(later[0]?.revision).toBe(452);
  });

  it('awaits a callback before the next call, reports what it throws, and loses nothing to a slow one', async () => {
    const warnings: unknown[] = [];
    const { service } = await services.open({ onWarning: (warning) => warnings.push(warning) });
    const seen: unknown[] = [];
    let running = 0;
    await service.watchConfig('n', async ([change]) => {
      running += 1;
      expect(running).toBe(1);
      seen.push(change?.newValue);
      await new Promise((resolve) => setTimeout(resolve, 3));
      running -= 1;
      if (change?.newValue === 2) throw new Error('of a promise');
    });
    await service.watchConfig('n', ([change]) => {
      if (change?.newValue === 3) throw new Error('at once');
    });
    const writes = Array.from({ length: 30 }, (_, n) => service.set('n', n + 1, global, 'ada'));
    await Promise.all(writes);
    await vi.waitFor(() => expect(seen).toHaveLength(30), soon);
    expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
    expect(warnings.map(String).sort()).toEqual(['Error: at once', 'Error: of a promise']);
  });

  it('starts no call after it was stopped: by unwatch, by a signal, by close', async () => {
    const { service } = await services.open();
    const calls = { unwatch: 0, signal: 0, close: 0, within: 0 };
    const controller = new AbortController();
    const unwatch = await service.watchConfig('n', () => (calls.unwatch += 1));
    await service.watchConfig('n', () => (calls.signal += 1), { signal: controller.signal });
    await service.watchConfig('n', () => (calls.close += 1));
    const stopWithin = await service.watchConfig('n', () => {
      calls.within += 1;
      stopWithin();
    });
    await Promise.all([1, 2, 3].map((n) => service.set('n', n, global, 'ada')));
    await vi.waitFor(() => expect(calls).toEqual({ unwatch: 3, signal: 3, close: 3, within: 1 }), soon);
    const last = service.set('n', 4, global, 'ada');
    unwatch();
    controller.abort();
    await last;
    await vi.waitFor(() => expect(calls.close).toBe(4), soon);
    await service.close();
    expect(calls).toEqual({ unwatch: 3, signal: 3, close: 4, within: 1 });
    const aborted = AbortSignal.abort();
    await expect(service.watchConfig('n', () => 0, { signal: aborted })).rejects.toMatchObject({ code: 'closed' });
  });

  it('iterates over changes, and ends with the loop, a signal or close', async () => {
    const { service } = await services.open();
    const values: unknown[] = [];
    const controller = new AbortController();
    const iterating = (async () => {
      for await (const change of service.changes('n', { fromRevision: 0, signal: controller.signal })) {
        values.push(change.newValue);
        if (change.newValue === 3) return;
      }
    })();
    for (const n of [1, 2, 3, 4]) await service.set('n', n, global, 'ada');
    await iterating;
    expect(values).toEqual([1, 2, 3]);
    const all: unknown[] = [];
    const other = (async () => {
      for await (const { newValue } of service.changes(['n'], { fromRevision: 0 })) all.push(newValue);
    })();
    await vi.waitFor(() => expect(all).toEqual([1, 2, 3, 4]), soon);
    await service.close();
    await other;
  });

  it('sees only its own environment, and goes on over the commits of others', async () => {
    const { service, database } = await services.open();
    const staging = services.on(database, { environment: 'staging' });
    const seen: unknown[] = [];
    await service.watchConfig('*', ([change]) => seen.push(change?.newValue));
    await staging.set('n', 'theirs', global, 'ada');
    await service.set('n', 'ours', global, 'ada');
    await vi.waitFor(() => expect(seen).toEqual(['ours']), soon);
  });

  it('refuses what can never match, and places that are none', async () => {
    const { service } = await services.open();
    const callback = (): undefined => undefined;
    const refused = { code: 'invalid_argument' };
    await expect(service.watchConfig([], callback)).rejects.toMatchObject(refused);
    await expect(service.watchConfig('a b*', callback)).rejects.toMatchObject(refused);
    await expect(service.watchConfig('a b', callback)).rejects.toMatchObject({ code: 'invalid_key' });
    await expect(service.watchConfig('n', undefined as never)).rejects.toMatchObject(refused);
    for (const fromRevision of [-1, 1.5, 'x', '1:2', '01', '1:', {}]) {
      await expect(service.watchConfig('n', callback, { fromRevision: fromRevision as never })).rejects.toMatchObject(
        refused,
      );
    }
    await expect(service.watchConfig('n', callback, { scope: { scope: 'user' } })).rejects.toMatchObject({
      code: 'invalid_scope',
    });
  });
});

describeDatabases('watching the effective values of a scope', (engine) => {
  const services = servicesOn(engine);

  const watch = async (options: { schema?: boolean } = {}) => {
    const { service, database } = await services.open();
    if (options.schema === true)
      await service.registerSchema('limits', z.object({ speed: z.number().optional(), load: z.number().optional() }));
    await service.registerScope({ ...team, parent: org });
    await service.registerScope({ ...user, parent: team });
    const seen: unknown[][] = [];
    await service.watchConfig('*', (changes) => seen.push(changes.map(short)), { scope: user });
    return { service, database, seen };
  };

  it('tells what changed above, merged, unless a layer below shields it', async () => {
    const { service, seen } = await watch();
    await service.set('limits', { speed: 80, load: 5 }, global, 'ada');
    await service.set('limits', { speed: 90 }, team, 'ada');
    await service.set('limits', { speed: 70, load: 5 }, global, 'ada');
    await service.set('limits', { speed: 1 }, { scope: 'team', scopeId: 'south' }, 'ada');
    await service.set('limits', { load: 6 }, org, 'ada');
    await service.delete('limits', team, 'ada');
    await service.set('limits', { $unset: true }, user, 'ada');
    await vi.waitFor(() => expect(seen).toHaveLength(5), soon);
    const at = 'user ada';
    expect(seen.flat()).toEqual([
      ['limits', at, 'set', null, { speed: 80, load: 5 }],
      ['limits', at, 'set', { speed: 80, load: 5 }, { speed: 90, load: 5 }],
      ['limits', at, 'set', { speed: 90, load: 5 }, { speed: 90, load: 6 }],
      ['limits', at, 'delete', { speed: 90, load: 6 }, { speed: 70, load: 6 }],
      ['limits', at, 'set', { speed: 70, load: 6 }, null],
    ]);
  });

  it('tells once of a commit that changes a key at several scopes', async () => {
    const { service, seen } = await watch();
    await service.commit(
      [
        { key: 'limits', ...global, value: { speed: 1, load: 1 } },
        { key: 'limits', ...org, value: { load: 2 } },
        { key: 'size', ...team, value: 3 },
      ],
      'ada',
    );
    await vi.waitFor(
      () =>
        expect(seen).toEqual([
          [
            ['limits', 'user ada', 'set', null, { speed: 1, load: 2 }],
            ['size', 'user ada', 'set', null, 3],
          ],
        ]),
      soon,
    );
  });

  it('tells what a move of its team or of itself changes', async () => {
    const { service, seen } = await watch();
    await service.set('limits', { speed: 1 }, org, 'ada');
    await service.set('limits', { speed: 2 }, { scope: 'org', scopeId: 'other' }, 'ada');
    await service.set('size', 3, { scope: 'org', scopeId: 'other' }, 'ada');
    await service.registerScope({ ...team, parent: { scope: 'org', scopeId: 'other' } });
    await service.registerScope({ ...user, parent: org });
    await vi.waitFor(() => expect(seen).toHaveLength(3), soon);
    expect(seen).toEqual([
      [['limits', 'user ada', 'set', null, { speed: 1 }]],
      [
        ['limits', 'user ada', 'scope', { speed: 1 }, { speed: 2 }],
        ['size', 'user ada', 'scope', null, 3],
      ],
      [
        ['limits', 'user ada', 'scope', { speed: 2 }, { speed: 1 }],
        ['size', 'user ada', 'scope', 3, null],
      ],
    ]);
  });

  it('tells what a new definition of a key changes, its defaults and its way to merge', async () => {
    const { service, seen } = await watch();
    await service.set('limits', { speed: 1 }, global, 'ada');
    await service.set('limits', { load: 2 }, org, 'ada');
    const shape = { speed: z.number().optional(), load: z.number().optional() };
    await service.registerSchema('limits', z.object({ ...shape, gear: z.number().default(4) }));
    await service.registerSchema('limits', z.object(shape), { merge: 'replace' });
    await vi.waitFor(() => expect(seen).toHaveLength(4), soon);
    expect(seen.flat().slice(2)).toEqual([
      ['limits', 'user ada', 'schema', { speed: 1, load: 2 }, { speed: 1, load: 2, gear: 4 }],
      ['limits', 'user ada', 'schema', { speed: 1, load: 2, gear: 4 }, { load: 2 }],
    ]);
  });

  it('tells the same to a reader of the past as to one who was there', async () => {
    const { service, database, seen } = await watch();
    await service.set('limits', { speed: 1 }, global, 'ada');
    await service.registerScope({ ...team, parent: { scope: 'org', scopeId: 'other' } });
    await service.set('limits', { load: 2 }, { scope: 'org', scopeId: 'other' }, 'ada');
    await service.set('limits', { speed: 3 }, { scope: 'org', scopeId: 'acme' }, 'ada');
    await service.registerScope({ ...team, parent: org });
    await vi.waitFor(() => expect(seen).toHaveLength(3), soon);
    const late: unknown[][] = [];
    const other = services.on(database);
    await other.watchConfig('*', (changes) => late.push(changes.map(short)), { scope: user, fromRevision: 0 });
    await vi.waitFor(() => expect(late).toEqual(seen), soon);
  });
});
