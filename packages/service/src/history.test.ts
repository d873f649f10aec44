import type { ConfigVersion } from '@strata/core';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { HistoryOptions } from './history.ts';

/** All pages of a listing, each led to by the last version of the one before. */
async function pages(
  service: ConfigurationManagementService,
  limit: number,
  options: Pick<HistoryOptions, 'scope'> = {},
): Promise<ConfigVersion[][]> {
  const found: ConfigVersion[][] = [];
  for (;;) {
    const last = found.at(-1)?.at(-1)?.version;
    const page = await service.getHistory('theme', limit, last === undefined ? options : { ...options, before: last });
    if (page.length === 0) return found;
    found.push(page);
  }
}

describeDatabases('the pages of a history', (engine) => {
  const services = servicesOn(engine);

  async function withHistory(): Promise<ConfigurationManagementService> {
    const { service } = await services.open();
    for (const round of [1, 2]) {
      const places = [
        { scope: 'global' } as const,
        ...['acme', 'bolt', 'crane'].map((scopeId) => ({ scope: 'org', scopeId }) as const),
        { scope: 'user', scopeId: 'ann' } as const,
      ];
      await service.commit(
        places.map((place) => ({ key: 'theme', ...place, value: round })),
        'ann',
      );
      await service.set('theme', -round, { scope: 'org', scopeId: 'bolt' }, 'ann');
    }
    return service;
  }

  it.each([1, 2, 3, 4, 5, 12])('of %i versions lose and repeat none, also within one commit', async (limit) => {
    const service = await withHistory();
    const all = await service.getHistory('theme', 1000);
    expect(all).toHaveLength(12);
    expect((await pages(service, limit)).flat()).toEqual(all);
  });

  it('can be those of one scope', async () => {
    const service = await withHistory();
    const scope = { scope: 'org', scopeId: 'bolt' } as const;
    expect((await pages(service, 1, { scope })).flat().map(({ value }) => value)).toEqual([-2, 2, -1, 1]);
  });

  it('begin below a revision where a number is given', async () => {
    const service = await withHistory();
    const all = await service.getHistory('theme', 1000);
    const revision = all[1]?.revision ?? 0;
    expect(await service.getHistory('theme', 1000, { before: revision })).toEqual(
      all.filter((version) => version.revision < revision),
    );
    expect(await service.getHistory('theme', 50, { before: 1 })).toEqual([]);
  });

  it('stay where they were while versions are added', async () => {
    const service = await withHistory();
    const [first = [], second] = await pages(service, 3);
    await service.set('theme', 9, { scope: 'global' }, 'ann');
    expect(await service.getHistory('theme', 3, { before: first.at(-1)?.version ?? '' })).toEqual(second);
  });

  it('begin after nothing that is not of this listing', async () => {
    const service = await withHistory();
    const other = await service.set('other', 1, { scope: 'global' }, 'ann');
    const global = (await service.getHistory('theme', 1, { scope: { scope: 'global' } }))[0]?.version ?? '';
    const org = { scope: 'org', scopeId: 'bolt' } as const;
    for (const [before, options] of [
      [other.version, {}],
      ['ffffffffffffffff', {}],
      [global, { scope: org }],
    ] as const) {
      await expect(service.getHistory('theme', 5, { before, ...options })).rejects.toMatchObject({
        code: 'version_not_found',
      });
    }
    await expect(service.getHistory('theme', 5, { before: '' })).rejects.toMatchObject({ code: 'invalid_version' });
    await expect(service.getHistory('theme', 5, { before: 0 })).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
