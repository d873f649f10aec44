/** Owns the proof of who is told of changes: each is asked about when it is told. */
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const other = { scope: 'org', scopeId: 'p' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;
const soon = { timeout: 8000, interval: 10 };

describeDatabases('a watcher', (engine) => {
  const services = servicesOn(engine);

  async function governed() {
    const { service, ...opened } = await services.open({ pollInterval: 20 });
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'system');
    const viewer = await service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...org }, 'root');
    const root = service.as('root');
    return { ...opened, service, viewer, root, ann: service.as('ann') };
  }

  it('without a scope hears of the layers that he may read, also within one commit', async () => {
    const { service, ann } = await governed();
    const seen: unknown[] = [];
    await ann.watchConfig('*', (changes) => seen.push(...changes.map(({ scopeId, newValue }) => [scopeId, newValue])));
    await service.set('k', 1, other, 'root');
    await service.commit(
      [
        { key: 'k', ...org, value: 2 },
        { key: 'k', ...other, value: 3 },
        { key: 'k', ...global, value: 4 },
      ],
      'root',
    );
    await service.set('k', 5, org, 'root');
    await vi.waitFor(() => expect(seen).toEqual([['o', 2], ['o', 5]]), soon); // prettier-ignore
  });

  it('is told nothing more once the role is gone, and goes on when it is given again', async () => {
    const { service, ann, viewer, root } = await governed();
    const layers: unknown[] = [];
    const values: unknown[] = [];
    const all: unknown[] = [];
    await ann.watchConfig('k', ([change]) => layers.push(change?.newValue));
    await ann.watchConfig('k', ([change]) => values.push(change?.newValue), { scope: org });
    await root.watchConfig('k', ([change]) => all.push(change?.newValue));
    await service.set('k', 1, org, 'root');
    await vi.waitFor(() => expect([layers, values]).toEqual([[1], [1]]), soon);
    await service.unbindRole(viewer.id, 'root');
    await service.set('k', 2, org, 'root');
    await service.set('k', 3, org, 'root');
    await vi.waitFor(() => expect(all).toEqual([1, 2, 3]), soon);
    await service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...org }, 'root');
    await service.set('k', 4, org, 'root');
    await vi.waitFor(() => expect([layers, values]).toEqual([[1, 4], [1, 4]]), soon); // prettier-ignore
  });

  it('in another process is told nothing more once the role is gone', async () => {
    const { service, database, viewer } = await governed();
    const there = services.on(database, { pollInterval: 20 });
    const seen: unknown[] = [];
    const all: unknown[] = [];
    await there.as('ann').watchConfig('k', ([change]) => seen.push(change?.newValue));
    await there.as('root').watchConfig('k', ([change]) => all.push(change?.newValue));
    await service.set('k', 1, org, 'root');
    await service.unbindRole(viewer.id, 'root');
    await service.set('k', 2, org, 'root');
    await vi.waitFor(() => expect(all).toEqual([1, 2]), soon);
    expect(seen.filter((value) => value !== 1)).toEqual([]);
  });

  it('is refused where he may read nothing of it', async () => {
    const { ann, service } = await governed();
    await expectRefusal(
      ann.watchConfig('k', () => undefined, { scope: other }),
      'not_permitted',
    );
    await expectRefusal(ann.changes('k', { scope: global }).next(), 'not_permitted');
    await expectRefusal(
      service.as('eve').subscribe({}, () => undefined),
      'not_permitted',
    );
  });

  it('of a scope learns nothing of where it inherited from before', async () => {
    const { service, ann, revision } = await governed();
    await service.set('k', 'of the other', other, 'root');
    await service.registerScope({ ...user, parent: other }, { actor: 'root' });
    const from = await revision();
    await service.set('k', 'of the other, again', other, 'root');
    await service.registerScope({ ...user, parent: org }, { actor: 'root' });
    await service.set('k', 'own', org, 'root');
    const seen: unknown[] = [];
    const options = { scope: user, fromRevision: from };
    await ann.watchConfig('k', (changes) => seen.push(...changes.map((one) => [one.oldValue, one.newValue])), options);
    await vi.waitFor(() => expect(seen).toEqual([[null, 'own']]), soon);
    const past = new Date(Date.now() - 3_600_000);
    expect((await ann.explain('k', user)).value).toBe('own');
    await expectRefusal(ann.explain('k', user, { at: (await service.getHistory('k', 9, { scope: other }))[0]?.changedAt ?? past }), 'not_permitted'); // prettier-ignore
  });

  it('is told nothing where the hook does not allow it, whatever it answers instead', async () => {
    const { service, database } = await governed();
    let answer: unknown = true;
    const warnings: unknown[] = [];
    const onWarning = (warning: unknown) => warnings.push(warning);
    const guarded = services.on(database, { authorize: () => answer as boolean, pollInterval: 20, onWarning });
    const seen: unknown[] = [];
    const values: unknown[] = [];
    await guarded.watchConfig('k', ([change]) => seen.push(change?.newValue));
    await guarded.watchConfig('k', ([change]) => values.push(change?.newValue), { scope: org });
    await service.set('k', 1, org, 'root');
    await vi.waitFor(() => expect([seen, values]).toEqual([[1], [1]]), soon);
    answer = 'true';
    await service.set('k', 2, org, 'root');
    await guarded.waitForRevision((await service.read('k', org)).revision);
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer = true;
    await service.set('k', 3, org, 'root');
    await vi.waitFor(() => expect([seen, values]).toEqual([[1, 3], [1, 3]]), soon); // prettier-ignore
    // Nobody can be told but whoever looks after the process.
    expect(warnings).toHaveLength(2);
    for (const warning of warnings) {
      expect(warning).toMatchObject({
        code: 'not_permitted',
        cause: { message: expect.stringContaining('only true allows') as string },
      });
    }
  });
});
