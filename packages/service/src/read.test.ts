/** Owns the proof of reads: what they answer for any value, key and scope, and what they hand out. */
import { expect, it } from 'vitest';
import fc from 'fast-check';
import { parseJsonValue, type JsonValue } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import { expectFrozen, expectRefusal } from '../../../test/expectations.ts';
import { anyJson } from '../../../test/json-arbitraries.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;

describeDatabases('a read', (engine) => {
  const services = servicesOn(engine);

  it('hands out one deep-frozen object, again and again', async () => {
    const { service } = await services.open();
    await service.set('k', { a: { b: [1, { c: 2 }] } }, global, 'ann');
    await service.set('k', { a: { d: 1 } }, org, 'ann');
    for (const scope of [global, org]) {
      const first = await service.get<object>('k', scope);
      expectFrozen(first);
      expect(Object.getPrototypeOf(first)).toBe(Object.prototype);
      expect(await service.get('k', scope)).toBe(first);
      expect(service.peek('k', scope)).toBe(first);
      expect((await service.getBatch(['k'], scope)).get('k')).toBe(first);
    }
    expectFrozen((await service.getAll(org)).get('k'));
  });

  it('means global without a scope', async () => {
    const { service } = await services.open();
    await service.set('k', 1, global, 'ann');
    for (const scope of [
      undefined,
      global,
      { ...global, scopeId: null },
      { ...global, scopeId: '' },
      { ...global, scopeId: undefined },
    ])
      // prettier-ignore
      expect(await service.get('k', scope)).toBe(1);
  });

  it('answers the values that are false, empty or null, and does not take them for missing', async () => {
    const { service } = await services.open();
    const values: readonly JsonValue[] = [0, false, '', [], {}, null];
    for (const [index, value] of values.entries()) {
      await service.set(`k${String(index)}`, 'above', global, 'ann');
      await service.set(`k${String(index)}`, value, org, 'ann');
      for (let times = 0; times < 2; times += 1) expect(await service.get(`k${String(index)}`, org)).toEqual(value);
      expect(service.peek(`k${String(index)}`, org)).toEqual(value);
    }
    expect([...(await service.getAll(org)).values()]).toEqual(values);
    expect([...(await service.getBatch(['k5', 'k0'], org)).values()]).toEqual([null, 0]);
  });

  it('of a batch has an entry for every key asked', async () => {
    const { service } = await services.open();
    await service.set('a', 1, global, 'ann');
    expect(await service.getBatch(['missing', 'a', 'a', 'toString'])).toEqual(
      new Map<string, unknown>([
        ['missing', null],
        ['a', 1],
        ['toString', null],
      ]),
    );
    expect(await service.getBatch([])).toEqual(new Map());
    await service.delete('a', global, 'ann');
    expect(await service.getBatch(['a'])).toEqual(new Map([['a', null]]));
    const many = Array.from({ length: 2000 }, (_, index) => `many-${String(index)}`);
    expect((await service.getBatch(many, org)).size).toBe(2000);
    for (const keys of ['branding', undefined, null, { length: 1 }, new Set(['a'])])
      await expectRefusal(service.getBatch(keys as string[]), 'invalid_argument');
    await expectRefusal(service.getBatch(['a', 'b c']), 'invalid_key');
  });

  it('of all has every key with a layer on the chain, by key', async () => {
    const { service } = await services.open();
    await service.registerScope({ ...user, parent: org });
    await service.set('b', { from: 'global' }, global, 'ann');
    await service.set('a', 1, org, 'ann');
    await service.set('b', { more: 1 }, user, 'ann');
    await service.set('c', 1, { scope: 'org', scopeId: 'other' }, 'ann');
    await service.set('d', 1, global, 'ann');
    await service.set('d', { $unset: true }, org, 'ann');
    await service.set('e', 1, org, 'ann');
    await service.delete('e', org, 'ann');
    const all = new Map<string, unknown>([
      ['a', 1],
      ['b', { from: 'global', more: 1 }],
      ['d', null],
    ]);
    expect([...(await service.getAll(user))]).toEqual([...all]);
    expect([...(await service.getAll())]).toEqual([
      ['b', { from: 'global' }],
      ['d', 1],
    ]);
  });

  it('tells apart keys and properties of any name', async () => {
    const { service } = await services.open();
    const names = ['toString', 'hasOwnProperty', 'valueOf', 'length', 'then', 'Branding', 'branding', 'a.b', 'a', 'pm', 'pmx/secret', '0', 'a:b/c-d_e.f']; // prettier-ignore
    for (const name of names) {
      expect(await service.get(name)).toBeNull();
      if (name !== 'branding') await service.set(name, { [name]: name, toString: { valueOf: 1 } }, org, 'ann');
    }
    for (const name of names.filter((one) => one !== 'branding'))
      expect(await service.get(name, org)).toEqual({ [name]: name, toString: { valueOf: 1 } });
    expect(await service.get('branding', org)).toBeNull();
    expect((await service.getAll(org)).size).toBe(names.length - 1);
    await service.set('a', { toString: { hasOwnProperty: 2 } }, user, 'ann');
    expect(await service.get('a', { ...user, organizationId: 'o' })).toEqual({
      a: 'a',
      toString: { valueOf: 1, hasOwnProperty: 2 },
    });
  });

  it('answers any JSON value as it was written, whether from memory, the store or history', async () => {
    const { service, database } = await services.open();
    const other = services.on(database, { cacheEnabled: false });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(anyJson, async (value) => {
        count += 1;
        const key = `k${String(count)}`;
        const { version } = await service.set(key, value, global, 'ann');
        const expected = parseJsonValue(value);
        for (const found of [
          await service.get(key),
          await other.get(key),
          (await other.getVersion(key, version))?.value,
        ])
          expect(found).toStrictEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('does not take one name for another that was read before', async () => {
    const { service } = await services.open({ cacheEnabled: false });
    await service.set('k', { a: 1, '\\': 2 }, global, 'ann');
    await service.set('l', { a: 1, '\n': 2 }, global, 'ann');
    expect(await service.get('k')).toEqual({ a: 1, '\\': 2 });
    expect(await service.get('l')).toEqual({ a: 1, '\n': 2 });
    expect((await service.getHistory('l'))[0]?.value).toEqual({ a: 1, '\n': 2 });
  });

  it('needs a key and a scope that make sense, in memory or not', async () => {
    const { service } = await services.open();
    await service.set('k', 1, org, 'ann');
    await service.get('k', org);
    await service.get('k');
    const scopes = [null, 'org', 5, {}, { scope: 'city' }, { scope: 'toString' }, { scope: 'explicit', scopeId: 'o' }, { scope: 'constructor' }, { scope: 'org' }, { scope: 'org', scopeId: '' }, { scope: 'org', scopeId: null }, { scope: 'global', scopeId: 'x' }, { scope: 'org', scopeId: 'o', teamId: 't' }, { scope: 'org', scopeId: 'o', organizationId: 'o' }, { scope: 'global', teamId: 't' }, { scope: 'team', scopeId: 't', teamId: 't' }]; // prettier-ignore
    for (const scope of scopes) {
      for (const call of [
        () => service.get('k', scope as never),
        () => service.getBatch(['k'], scope as never),
        () => service.getAll(scope as never),
        () => service.getScopeChain(scope as never),
        () => service.explain('k', scope as never),
      ])
        await expectRefusal(call(), 'invalid_scope');
      expect(service.peek('k', scope as never)).toBeUndefined();
    }
    for (const scope of [
      { scope: 'org', scopeId: 5 },
      { scope: 'user', scopeId: 'u', teamId: '' },
      { scope: 'user', scopeId: 'u', organizationId: null },
      { scope: 'org', scopeId: 'a\u0000' },
      { scope: 'org', scopeId: 'x'.repeat(256) },
      { scope: 'org', scopeId: '\ud800' },
    ])
      // prettier-ignore
      await expectRefusal(service.get('k', scope as never), 'invalid_argument');
    for (const key of [
      '',
      ' ',
      'a b',
      '-a',
      'ä',
      'a\n',
      'x'.repeat(256),
      '__proto__',
      'a.constructor',
      'prototype/b',
      5,
      null,
      undefined,
      {},
      Symbol('k'),
    ])
      // prettier-ignore
      await expectRefusal(service.get(key as string), 'invalid_key');
  });
});
