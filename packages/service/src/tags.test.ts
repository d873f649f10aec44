/** Owns the proof of tags: names that mark versions and never move. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

describeDatabases('a tag', (engine) => {
  const services = servicesOn(engine);

  it('names a version, wherever one is taken', async () => {
    const { service, revision } = await services.open();
    const first = await service.set('k', 1, global, 'ann');
    await service.set('k', 2, global, 'ann');
    const tag = await service.createTag('release-1', first.version.slice(0, 12), 'The first', { actor: 'bob' });
    expect(tag).toEqual({
      ...{ tag: 'release-1', key: 'k', scope: 'global', scopeId: null, version: first.version },
      ...{ description: 'The first', createdBy: 'bob', createdAt: expect.any(Date) as Date, revision: 3 },
    });
    expect(await revision()).toBe(3);
    expect(await service.getVersion('k', 'release-1')).toEqual({ ...first, tags: ['release-1'] });
    expect((await service.getHistory('k')).map(({ tags }) => tags)).toEqual([[], ['release-1']]);
    expect(await service.getDiff('k', 'release-1', 'HEAD')).toHaveLength(1);
    expect(await service.getVersion('other', 'release-1')).toBeNull();
  });

  it('never moves, and the same again does no work', async () => {
    const { service, revision } = await services.open();
    const first = await service.set('k', 1, global, 'ann');
    const second = await service.set('k', 2, global, 'ann');
    const tag = await service.createTag('release', first.version);
    const before = await revision();
    const refusal = await expectRefusal(service.createTag('release', second.version), 'tag_exists');
    expect(refusal.message).toContain(`already marks version ${first.version} of k at global`);
    expect(await service.createTag('release', first.version, 'other words')).toEqual(tag);
    expect(await revision()).toBe(before);
    expect(await service.listTags()).toEqual([tag]);
    await service.createTag('release-2', first.version);
    expect((await service.getVersion('k', 'HEAD~1'))?.tags).toEqual(['release', 'release-2']);
  });

  it('can mark many keys and scopes, and is ambiguous where it marks several of a key', async () => {
    const { service } = await services.open();
    const versions = [
      await service.set('k', 1, global, 'ann'),
      await service.set('k', 2, org, 'ann'),
      await service.set('l', 3, global, 'ann'),
    ];
    for (const { version } of versions) await service.createTag('release', version);
    expect((await service.getVersion('l', 'release'))?.value).toBe(3);
    const refusal = await expectRefusal(service.getVersion('k', 'release'), 'ambiguous_version');
    expect(refusal.message).toContain('(org o)');
    expect((await service.getVersion('k', 'release', { scope: org }))?.value).toBe(2);
    expect((await service.rollback('k', 'release', 'ann', 'x', { scope: global })).value).toBe(1);
    const keys = async (filter: Parameters<typeof service.listTags>[0]): Promise<string[]> =>
      (await service.listTags(filter)).map(({ key, scope }) => `${key} ${scope}`);
    expect(await keys({})).toEqual(['l global', 'k org', 'k global']);
    expect(await keys({ key: 'k' })).toEqual(['k org', 'k global']);
    expect(await keys({ scope: org })).toEqual(['k org']);
    expect(await keys({ tag: 'nothing' })).toEqual([]);
  });

  it('that looks like something else is refused, and so is a version that is none', async () => {
    const { service, revision } = await services.open();
    const { version } = await service.set('k', 1, global, 'ann');
    const names = ['', 'abcd', 'ABCDEF0123', '0', 'f'.repeat(64), 'HEAD', 'head', 'HEAD~1', '@now', '@2026-01-01', 'a b', 'ä', '-x', 'x'.repeat(256), null, undefined, 5, {}]; // prettier-ignore
    for (const name of names) await expectRefusal(service.createTag(name as string, version), 'invalid_tag');
    const versions = ['', version.slice(0, 11), 'HEAD', 'HEAD~1', '@2026-01-01', 'release', `${version}g`, null, 5];
    for (const wrong of versions) await expectRefusal(service.createTag('ok', wrong as string), 'invalid_version');
    await expectRefusal(service.createTag('ok', '0123456789ab'), 'version_not_found');
    expect(await revision()).toBe(1);
    for (const name of ['HEADER', 'v1.0', 'a/b:c', 'x'.repeat(255), 'toString', 'abcdefg'])
      expect((await service.createTag(name, version)).tag).toBe(name);
  });

  it('given to two versions at once by two processes ends at one of them', async () => {
    const { service, database } = await services.open();
    const other = services.on(database);
    for (let round = 0; round < 5; round += 1) {
      const tag = `release-${String(round)}`;
      const versions = [
        (await service.set('k', `a${String(round)}`, global, 'ann')).version,
        (await service.set('k', `b${String(round)}`, global, 'ann')).version,
      ] as const;
      const results = await Promise.allSettled([
        service.createTag(tag, versions[0]),
        other.createTag(tag, versions[1]),
      ]);
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused).toMatchObject([{ reason: { code: 'tag_exists' } }]);
      expect(await service.listTags({ tag })).toHaveLength(1);
    }
  });
});
