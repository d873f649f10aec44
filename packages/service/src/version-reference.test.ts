/** Owns the proof of versions: what is recorded of them, and what a reference to one means. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectFrozen, expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;

describeDatabases('versions', (engine) => {
  const services = servicesOn(engine);

  /** A key with three versions at global and one at an org. */
  async function openHistory() {
    const opened = await services.open();
    const { service } = opened;
    const first = await service.set('k', { a: 1 }, global, 'ann', 'one');
    await wait(5);
    const second = await service.set('k', { a: 2 }, global, 'bob', 'two');
    await wait(5);
    const atOrg = await service.set('k', { a: 3 }, org, 'bob', 'org');
    await wait(5);
    const third = await service.set('k', { a: 4 }, global, 'ann');
    return { ...opened, first, second, atOrg, third };
  }

  it('are recorded whole, and told the same by every call', async () => {
    const { service, first, second, atOrg, third } = await openHistory();
    expect(second).toEqual({
      ...{ key: 'k', scope: 'global', scopeId: null, operation: 'set', value: { a: 2 }, changedBy: 'bob' },
      ...{ comment: 'two', impactLevel: 'low', tags: [], isRollback: false, revision: 2, parent: first.version },
      version: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      changedAt: expect.any(Date) as Date,
      commit: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(first.parent).toBeNull();
    expect(atOrg.parent).toBeNull();
    expect(await service.getHistory('k')).toEqual([third, atOrg, second, first]);
    for (const version of [first, second, atOrg, third])
      expect(await service.getVersion('k', version.version)).toEqual(version);
    expect(await service.getLayer('k', org)).toEqual(atOrg);
    expect(await service.getLayer('k')).toEqual(third);
    expectFrozen((await service.getHistory('k')).map(({ value }) => value)[0]);
    expect(third.changedAt.getTime()).toBeGreaterThan(first.changedAt.getTime());
  });

  it('are listed newest first, page by page, at all scopes or one', async () => {
    const { service, first, second, atOrg, third } = await openHistory();
    expect(await service.getHistory('k', 2)).toEqual([third, atOrg]);
    expect(await service.getHistory('k', 2, { before: atOrg.revision })).toEqual([second, first]);
    expect(await service.getHistory('k', 50, { scope: org })).toEqual([atOrg]);
    expect(await service.getHistory('k', 2, { scope: global, before: third.revision })).toEqual([second, first]);
    expect(await service.getHistory('never')).toEqual([]);
    for (const limit of [0, -1, 1.5, 1001, Number.NaN, '5'])
      await expectRefusal(service.getHistory('k', limit as number), 'invalid_argument');
    await expectRefusal(service.getHistory('k', 5, { before: 0 }), 'invalid_argument');
  });

  it('are found by any prefix of 4 digits or more', async () => {
    const { service, database, second } = await openHistory();
    const [row] = await database.query<{ readonly hash: string }>(
      'SELECT hash FROM configuration_versions WHERE revision = 2',
    );
    const hash = row?.hash ?? '';
    expect(hash.slice(0, 16)).toBe(second.version);
    for (const reference of [hash, hash.toUpperCase(), hash.slice(0, 20), hash.slice(0, 4)])
      expect((await service.getVersion('k', reference))?.version).toBe(second.version);
    await expectRefusal(service.getVersion('k', hash.slice(0, 3)), 'invalid_version');
    expect(await service.getVersion('k', `${hash.slice(0, 63)}${hash.endsWith('0') ? '1' : '0'}`)).toBeNull();
  });

  it('of another key are not found', async () => {
    const { service, second, revision } = await openHistory();
    await service.set('l', 1, global, 'ann');
    const before = await revision();
    expect(await service.getVersion('l', second.version)).toBeNull();
    await expectRefusal(service.rollback('l', second.version, 'ann', 'x'), 'version_not_found');
    await expectRefusal(service.getDiff('l', second.version, 'HEAD'), 'version_not_found');
    expect(await revision()).toBe(before);
  });

  it('with a common prefix are listed as candidates', async () => {
    const { service, revision } = await services.open();
    const prefixes = new Map<string, string>();
    let common: string | undefined;
    for (let start = 0; common === undefined; start += 500) {
      const { versions } = await service.commit(
        Array.from({ length: 500 }, (_, index) => ({
          ...({ key: 'k', scope: 'user', scopeId: `u${String(start + index)}`, value: index } as const),
        })),
        'ann',
      );
      for (const { version } of versions) {
        if (prefixes.has(version.slice(0, 4))) common ??= version.slice(0, 4);
        prefixes.set(version.slice(0, 4), version);
      }
    }
    const before = await revision();
    const refusal = await expectRefusal(service.getVersion('k', common), 'ambiguous_version');
    expect(refusal.status).toBe(409);
    expect(refusal.message).toMatch(new RegExp(`It matches: ${common}[0-9a-f]{12} \\(user u\\d+\\), ${common}`));
    await expectRefusal(service.rollback('k', common, 'ann', 'x'), 'ambiguous_version');
    expect(await revision()).toBe(before);
    const one = refusal.details['versions'] as readonly { version: string; scope: 'user'; scopeId: string }[];
    const [chosen] = one;
    if (chosen === undefined) throw new Error('there are candidates');
    const found = await service.getVersion('k', common, { scope: { scope: 'user', scopeId: chosen.scopeId } });
    expect(found?.version).toBe(chosen.version);
  });

  it('are found by HEAD and HEAD~n of one address', async () => {
    const { service, first, second, third, atOrg } = await openHistory();
    const found = async (reference: string, scope: typeof global | typeof org = global): Promise<string | undefined> =>
      (await service.getVersion('k', reference, { scope }))?.version;
    expect(await found('HEAD')).toBe(third.version);
    expect(await found('HEAD~0')).toBe(third.version);
    expect(await found('HEAD~1')).toBe(second.version);
    expect(await found('HEAD~2')).toBe(first.version);
    expect(await found('HEAD~3')).toBeUndefined();
    expect(await found('HEAD', org)).toBe(atOrg.version);
    expect(await found('HEAD~1', org)).toBeUndefined();
    expect((await service.getVersion('k', 'HEAD'))?.version).toBe(third.version);
    expect(await service.getVersion('never', 'HEAD')).toBeNull();
    const deleted = await service.delete('k', org, 'ann');
    expect(await found('HEAD', org)).toBe(deleted.version);
  });

  it('are found by a time at one address', async () => {
    const { service, first, second, third, atOrg } = await openHistory();
    const at = async (time: Date, scope: typeof global | typeof org = global): Promise<string | undefined> =>
      (await service.getVersion('k', `@${time.toISOString()}`, { scope }))?.version;
    expect(await at(first.changedAt)).toBe(first.version);
    expect(await at(new Date(second.changedAt.getTime() - 1))).toBe(first.version);
    expect(await at(second.changedAt)).toBe(second.version);
    expect(await at(atOrg.changedAt)).toBe(second.version);
    expect(await at(atOrg.changedAt, org)).toBe(atOrg.version);
    expect(await at(second.changedAt, org)).toBeUndefined();
    expect(await at(new Date(Date.now() + 3_600_000))).toBe(third.version);
    expect(await at(new Date(first.changedAt.getTime() - 1))).toBeUndefined();
    expect((await service.getVersion('k', '@9999-12-31'))?.version).toBe(third.version);
    await expectRefusal(service.rollback('k', '@2001-01-01', 'ann', 'x'), 'version_not_found');
  });

  it('are compared by any kind of reference', async () => {
    const { service, first, atOrg } = await openHistory();
    expect(await service.getDiff('k', first.version, 'HEAD')).toEqual([
      { path: 'a', operation: 'modify', oldValue: 1, newValue: 4 },
    ]);
    expect(await service.getDiff('k', 'HEAD', 'HEAD')).toEqual([]);
    expect(await service.getDiff('k', first.version, atOrg.version)).toHaveLength(1);
    await service.delete('k', global, 'ann');
    expect(await service.getDiff('k', 'HEAD~1', 'HEAD')).toEqual([
      { path: '$', operation: 'delete', oldValue: { a: 4 } },
    ]);
  });

  it('refuse a reference that means nothing', async () => {
    const { service } = await services.open();
    const texts = [
      '',
      'x y',
      'ab',
      'HEAD~',
      'HEAD~-1',
      'HEAD~9999999',
      '@',
      '@yesterday',
      '@2026-02-30',
      '@2026-01-31T12:00',
    ];
    const times = ['@0000-01-01', '@0001-01-01T00:00:00+01:00', '@9999-12-31T23:59:59-01:00'];
    for (const reference of [...texts, ...times, 5, null, undefined, {}])
      await expectRefusal(service.getVersion('k', reference as string), 'invalid_version');
  });

  it('are not made by a write of what is there already', async () => {
    const { service, database, revision } = await services.open();
    const rowsOf = async (table: string): Promise<number> => (await database.query(`SELECT 1 FROM ${table}`)).length;
    const first = await service.set('k', { a: 1, b: [{ c: 2, d: 3 }] }, global, 'ann', 'one');
    const audited = await rowsOf('configuration_audit_log');
    const again = await service.set('k', { b: [{ d: 3, c: 2 }], a: 1 }, global, 'bob', 'two');
    expect(again).toEqual(first);
    const commit = await service.commit([{ key: 'k', ...global, value: { a: 1, b: [{ c: 2, d: 3 }] } }], 'bob', 'x');
    expect(commit).toEqual({
      ...{ id: first.commit, revision: 1, committedBy: 'ann', committedAt: first.changedAt, comment: 'one' },
      versions: [first],
    });
    expect((await service.rollback('k', first.version, 'bob', 'x')).version).toBe(first.version);
    expect((await service.restore({ revision: 1 }, global, 'bob')).versions).toEqual([first]);
    expect(await revision()).toBe(1);
    expect(await rowsOf('configuration_audit_log')).toBe(audited);
    expect(await rowsOf('configuration_commits')).toBe(1);
    expect(await service.getHistory('k')).toEqual([first]);
  });

  it('tell a delete, and what comes after it', async () => {
    const { service } = await services.open();
    await expectRefusal(service.delete('k', global, 'ann'), 'key_not_found');
    const first = await service.set('k', 1, global, 'ann');
    const deleted = await service.delete('k', global, 'bob', 'gone');
    expect(deleted).toMatchObject({
      ...{ operation: 'delete', value: null, changedBy: 'bob', comment: 'gone', parent: first.version },
      isRollback: false,
    });
    expect(await service.get('k')).toBeNull();
    expect(await service.getLayer('k')).toBeNull();
    expect((await service.getAll()).size).toBe(0);
    await expectRefusal(service.delete('k', global, 'ann'), 'key_not_found');
    const second = await service.set('k', 1, global, 'ann');
    expect(second.parent).toBe(deleted.version);
    expect(second.version).not.toBe(first.version);
    expect(await service.get('k')).toBe(1);
    expect(await service.getVersion('k', deleted.version)).toEqual(deleted);
  });

  it('differ although the same was written to many places at once', async () => {
    const { service } = await services.open();
    const scopes = Array.from({ length: 20 }, (_, index) => ({ scope: 'org', scopeId: `o${String(index)}` }) as const);
    const versions = await Promise.all(scopes.map((scope) => service.set('k', 1, scope, 'ann')));
    expect(new Set(versions.map(({ version }) => version)).size).toBe(20);
    expect(new Set(versions.map(({ revision }) => revision)).size).toBe(20);
  });

  it('stay as they are: commits, versions and the audit log take no change', async () => {
    const { service, database } = await services.open();
    await service.set('k', 1, global, 'ann');
    for (const table of ['configuration_commits', 'configuration_versions', 'configuration_audit_log']) {
      for (const statement of [
        `UPDATE ${table} SET environment = 'x'`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table} CASCADE`,
      ])
        // prettier-ignore
        await expect(database.query(statement)).rejects.toThrow('is append-only');
    }
    expect(await service.getHistory('k')).toHaveLength(1);
  });
});
