/** Owns the proof of explanations: where each leaf of a value comes from, now and then, and who last changed it. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeDatabases } from '../../../test/databases.ts';
import { expectFrozen, expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Explanation } from './explain.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;

/** Each leaf in short: path, value, scope, version. */
const inShort = ({ leaves }: Explanation): unknown[] =>
  leaves.map(({ path, value, scope, version }) => [path, value, scope, version]);

describeDatabases('an explanation', (engine) => {
  const services = servicesOn(engine);

  it('names for each leaf the layer that gives it, the version that changed it last, and what else was on offer', async () => {
    const { service, revision } = await services.open();
    await service.registerScope({ ...team, parent: org });
    const first = await service.set('k', { a: 1, b: { c: 1, d: 1 }, list: [1] }, global, 'ann', 'start');
    const second = await service.set('k', { a: 2, b: { c: 1, d: 1 }, list: [1] }, global, 'bob', 'more');
    const atOrg = await service.set('k', { b: { c: 3, d: { $unset: true } }, e: {} }, org, 'carl', 'ours');
    const atTeam = await service.set('k', { b: { c: 4 } }, team, 'dora');
    const explanation = await service.explain('k', team);
    expect(explanation).toMatchObject({
      ...{ key: 'k', scope: 'team', scopeId: 't', revision: await revision() },
      chain: [{ scope: 'global', scopeId: null }, org, team],
      value: { a: 2, b: { c: 4 }, list: [1], e: {} },
    });
    expect(explanation.leaves).toEqual([
      {
        ...{ path: 'a', value: 2, scope: 'global', scopeId: null },
        ...{ version: second.version, changedBy: 'bob', changedAt: second.changedAt, comment: 'more' },
        candidates: [{ scope: 'global', scopeId: null, version: second.version, value: 2 }],
      },
      {
        ...{ path: 'b.c', value: 4, ...team },
        ...{ version: atTeam.version, changedBy: 'dora', changedAt: atTeam.changedAt, comment: null },
        candidates: [
          { scope: 'global', scopeId: null, version: second.version, value: 1 },
          { ...org, version: atOrg.version, value: 3 },
          { ...team, version: atTeam.version, value: 4 },
        ],
      },
      {
        ...{ path: 'list', value: [1], scope: 'global', scopeId: null },
        ...{ version: first.version, changedBy: 'ann', changedAt: first.changedAt, comment: 'start' },
        candidates: [{ scope: 'global', scopeId: null, version: second.version, value: [1] }],
      },
      {
        ...{ path: 'e', value: {}, ...org },
        ...{ version: atOrg.version, changedBy: 'carl', changedAt: atOrg.changedAt, comment: 'ours' },
        candidates: [{ ...org, version: atOrg.version, value: {} }],
      },
    ]);
    expect(explanation.value).toEqual(await service.get('k', team));
    expectFrozen(explanation.value);
  });

  it('of nothing has no leaves, and one of a scalar or null has one', async () => {
    const { service } = await services.open();
    expect(await service.explain('k')).toEqual({
      ...{ key: 'k', scope: 'global', scopeId: null, revision: 0, value: null, leaves: [] },
      chain: [{ scope: 'global', scopeId: null }],
    });
    const version = await service.set('k', null, global, 'ann');
    expect(inShort(await service.explain('k'))).toEqual([['$', null, 'global', version.version]]);
    await service.set('k', { $unset: true }, org, 'ann');
    expect(inShort(await service.explain('k', org))).toEqual([]);
    const zero = await service.set('k', 0, org, 'ann');
    const explanation = await service.explain('k', org);
    expect(inShort(explanation)).toEqual([['$', 0, 'org', zero.version]]);
    expect(explanation.leaves[0]?.candidates.map(({ value }) => value)).toEqual([null, 0]);
  });

  it('shows the lock on a leaf', async () => {
    const { service } = await services.open();
    await service.set('k', { a: { b: 1 }, c: 1 }, org, 'ann');
    const lock = await service.lockConfig('k', org, { path: 'a' }, 'ann', 'agreed');
    await service.registerScope({ ...team, parent: org });
    for (const scope of [org, team]) {
      const { leaves } = await service.explain('k', scope);
      expect(leaves.map(({ path, lock }) => [path, lock])).toEqual([
        ['a.b', lock],
        ['c', undefined],
      ]);
    }
    await service.unlockConfig('k', org, { path: 'a' }, 'ann');
    expect((await service.explain('k', team)).leaves.every((leaf) => leaf.lock === undefined)).toBe(true);
  });

  it('tells the past as it was: values, scopes, schemas and locks', async () => {
    const { service, database } = await services.open();
    const times: Date[] = [];
    const mark = async (): Promise<void> => {
      const [row] = await database.query<{ readonly at: Date }>('SELECT committed_at AS at FROM configuration_counter');
      times.push(row?.at ?? new Date(0));
      await wait(5);
    };
    const at = async (index: number): Promise<Explanation> => service.explain('k', user, { at: times[index] ?? '' });

    const settings = z.object({ size: z.number(), unit: z.string().default('m') });
    await service.registerSchema('k', settings);
    await service.registerScope({ ...team, parent: { scope: 'org', scopeId: 'a' } });
    await service.registerScope({ ...user, parent: team });
    const first = await service.set('k', { size: 1 }, { scope: 'org', scopeId: 'a' }, 'ann');
    const other = await service.set('k', { size: 2 }, { scope: 'org', scopeId: 'b' }, 'bob');
    await mark();
    await service.registerScope({ ...team, parent: { scope: 'org', scopeId: 'b' } });
    await mark();
    await service.registerSchema('k', settings.extend({ unit: z.string().default('km') }));
    await mark();
    await service.lockConfig('k', team, { path: 'size' }, 'ann');
    await mark();
    await service.unlockConfig('k', team, { path: 'size' }, 'ann');
    const changed = await service.set('k', { size: 3 }, { scope: 'org', scopeId: 'b' }, 'bob');
    await mark();
    await service.delete('k', { scope: 'org', scopeId: 'b' }, 'bob');

    const leaf = (path: string, value: unknown, scope: string, version: string | null): unknown[] => [path, value, scope, version]; // prettier-ignore
    expect(inShort(await at(0))).toEqual([leaf('size', 1, 'org', first.version), leaf('unit', 'm', 'schema', null)]);
    expect((await at(0)).chain.map(({ scopeId }) => scopeId)).toEqual([null, 'a', 't', 'u']);
    expect(inShort(await at(1))).toEqual([leaf('size', 2, 'org', other.version), leaf('unit', 'm', 'schema', null)]);
    expect((await at(1)).chain.map(({ scopeId }) => scopeId)).toEqual([null, 'b', 't', 'u']);
    expect(inShort(await at(2))).toEqual([leaf('size', 2, 'org', other.version), leaf('unit', 'km', 'schema', null)]);
    expect((await at(2)).leaves[0]?.lock).toBeUndefined();
    expect((await at(3)).leaves[0]?.lock).toMatchObject({ path: 'size', ...team });
    expect(inShort(await at(4))).toEqual([leaf('size', 3, 'org', changed.version), leaf('unit', 'km', 'schema', null)]);
    expect((await at(4)).leaves[0]?.lock).toBeUndefined();
    expect((await service.explain('k', user)).value).toBeNull();
    expect(await service.explain('k', user, { at: '2001-01-01' })).toMatchObject({
      revision: 0,
      value: null,
      leaves: [],
    });
    // The past leaves no trace in what holds now.
    await service.set('k', { size: 5 }, { scope: 'org', scopeId: 'b' }, 'bob');
    expect(await service.get('k', user)).toEqual({ size: 5, unit: 'km' });
  });

  it('of explicit parents follows them, also in the past', async () => {
    const { service } = await services.open();
    const first = await service.set('k', { a: 1 }, { scope: 'org', scopeId: 'b' }, 'ann');
    await wait(5);
    await service.set('k', { a: 2 }, { scope: 'org', scopeId: 'b' }, 'ann');
    const request = { ...user, organizationId: 'b' };
    expect((await service.explain('k', request)).value).toEqual({ a: 2 });
    expect((await service.explain('k', request, { at: first.changedAt })).value).toEqual({ a: 1 });
  });

  it('refuses a time that is none', async () => {
    const { service } = await services.open();
    for (const at of ['yesterday', '5', '', null, 0, new Date(Number.NaN), new Date(8.64e15), '0000-01-01'])
      await expectRefusal(service.explain('k', global, { at: at as string }), 'invalid_argument');
  });
});

describeDatabases('blame', (engine) => {
  const services = servicesOn(engine);

  it('names the version that last changed each leaf of one layer', async () => {
    const { service } = await services.open();
    const first = await service.set('k', { a: 1, b: { c: 1 }, gone: { $unset: true } }, org, 'ann', 'one');
    const second = await service.set('k', { a: 2, b: { c: 1 }, gone: { $unset: true } }, org, 'bob', 'two');
    const third = await service.set('k', { a: 1, b: { c: 1 }, gone: { $unset: true }, d: [] }, org, 'carl');
    const told = (await service.blame('k', org)).map(({ path, version, changedBy, comment }) => [path, version, changedBy, comment]); // prettier-ignore
    expect(told).toEqual([
      ['a', third.version, 'carl', null],
      ['b.c', first.version, 'ann', 'one'],
      ['gone', first.version, 'ann', 'one'],
      ['d', third.version, 'carl', null],
    ]);
    expect((await service.blame('k', org))[1]).toEqual({
      ...{ path: 'b.c', value: 1, version: first.version, changedBy: 'ann' },
      ...{ changedAt: first.changedAt, comment: 'one' },
    });
    expect(second.value).toHaveProperty('a', 2);
    await service.delete('k', org, 'ann');
    expect(await service.blame('k', org)).toEqual([]);
    const again = await service.set('k', { a: 1 }, org, 'dora');
    expect((await service.blame('k', org)).map(({ version }) => version)).toEqual([again.version]);
    expect(await service.blame('never')).toEqual([]);
  });

  it('looks as far back as it has to', async () => {
    const { service } = await services.open();
    const first = await service.set('k', { old: 1, young: 0 }, global, 'ann', 'the first');
    let last = first;
    for (let young = 1; young <= 120; young += 1) last = await service.set('k', { old: 1, young }, global, 'bob');
    const told = (await service.blame('k')).map(({ path, version, changedBy }) => [path, version, changedBy]);
    expect(told).toEqual([
      ['old', first.version, 'ann'],
      ['young', last.version, 'bob'],
    ]);
    expect((await service.explain('k')).leaves.map(({ version }) => version)).toEqual([first.version, last.version]);
  });
});
