/** Owns the promise that a remembered chain is never read along once a scope has moved, whoever moved it. */
import { globalScope } from '@strata/core';
import { describe, expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';
import { ChainMemory } from './chains.ts';

const user = { scope: 'user', scopeId: 'ada' } as const;
const place = (scope: 'org' | 'team', scopeId: string) => ({ scope, scopeId });

describeDatabases('a chain', (engine) => {
  const services = servicesOn(engine);

  it('is the one of the moment for every read, without any cache', async () => {
    const { database, service: reader } = await services.open({ cacheEnabled: false });
    const other = services.on(database, { cacheEnabled: false });
    for (const at of [place('org', 'one'), place('org', 'two'), place('team', 'red'), place('team', 'blue')]) {
      await other.set('theme', at.scopeId, at, 'ada');
      await other.set('size', at.scopeId, at, 'ada');
    }
    const read = async () => [
      await reader.get<string>('theme', user),
      await reader.get<string>('size', user),
      [...(await reader.getBatch<string>(['theme', 'size', 'none'], user)).values()],
      [...(await reader.getAll<string>(user))],
    ];
    const all = (value: string | null) => [
      value,
      value,
      [value, value, null],
      value === null
        ? []
        : [
            ['size', value],
            ['theme', value],
          ],
    ];
    expect(await read()).toEqual(all(null));
    await other.registerScope({ ...user, parent: place('org', 'one') });
    expect(await read()).toEqual(all('one'));
    await other.registerScope({ ...place('team', 'red'), parent: place('org', 'two') });
    await other.registerScope({ ...user, parent: place('team', 'red') });
    expect(await read()).toEqual(all('red'));
    for (const key of ['theme', 'size']) await other.delete(key, place('team', 'red'), 'ada');
    expect(await read()).toEqual(all('two'));
    await other.registerScope({ ...place('team', 'red'), parent: place('org', 'one') });
    expect(await read()).toEqual(all('one'));
    await other.registerScope({
      ...user,
      parent: [place('team', 'red'), place('team', 'blue')],
      primary: place('team', 'blue'),
    });
    expect(await read()).toEqual(all('blue'));
  });

  it('begins with explicit parents wherever they are given', async () => {
    const { service } = await services.open({ cacheEnabled: false });
    for (const at of [place('org', 'one'), place('org', 'two'), place('team', 'red'), place('team', 'blue')]) {
      await service.set('theme', { [at.scopeId]: true }, at, 'ada');
    }
    await service.registerScope({ ...place('team', 'red'), parent: place('org', 'one') });
    await service.registerScope({ ...user, parent: place('team', 'red') });
    const keysWith = async (parents: { readonly organizationId?: string; readonly teamId?: string }) =>
      Object.keys(await service.get<object>('theme', { ...user, ...parents }));
    expect(await keysWith({})).toEqual(['one', 'red']);
    expect(await keysWith({ teamId: 'blue' })).toEqual(['blue']);
    expect(await keysWith({ teamId: 'red' })).toEqual(['one', 'red']);
    expect(await keysWith({ organizationId: 'two' })).toEqual(['two']);
    expect(await keysWith({ organizationId: 'one' })).toEqual(['one', 'red']);
    expect(await keysWith({ organizationId: 'two', teamId: 'red' })).toEqual(['two', 'red']);
    expect(await keysWith({})).toEqual(['one', 'red']);
  });
});

describe('the memory of chains', () => {
  const request = { scope: 'user', scopeId: 'ada' } as const;
  const chain = [globalScope, request];

  it('knows a chain at its own decision revision alone', () => {
    const memory = new ChainMemory();
    memory.remember(request, chain, 5);
    expect(memory.find(request)).toEqual({ chain, decisionRevision: 5 });
    memory.moveTo(6);
    expect(memory.find(request)).toBeUndefined();
  });

  it('does not take a chain that was read before the newest decision', () => {
    const memory = new ChainMemory();
    memory.moveTo(6);
    memory.remember(request, chain, 5);
    expect(memory.find(request)).toBeUndefined();
  });

  it('needs no registry at global, at an org, and where every parent is given', () => {
    const memory = new ChainMemory();
    const scopesOf = (given: Parameters<ChainMemory['find']>[0]) =>
      memory.find(given)?.chain.map(({ scope, scopeId }) => `${scope} ${scopeId}`.trim());
    expect(scopesOf(globalScope)).toEqual(['global']);
    expect(scopesOf({ scope: 'org', scopeId: 'one' })).toEqual(['global', 'org one']);
    expect(scopesOf({ scope: 'team', scopeId: 'red', organizationId: 'one' })).toEqual([
      'global',
      'org one',
      'team red',
    ]);
    expect(scopesOf({ ...request, organizationId: 'one' })).toBeUndefined();
    expect(scopesOf({ ...request, teamId: 'red' })).toBeUndefined();
    expect(scopesOf({ ...request, organizationId: 'one', teamId: 'red' })).toEqual([
      'global',
      'org one',
      'team red',
      'user ada',
    ]);
  });
});
