/** Owns the proof of comparisons, and of what is promoted by them. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import { newKey } from './secrets/key-ring.ts';

const global = { scope: 'global' } as const;
const acme = { scope: 'org', scopeId: 'acme' } as const;
const globex = { scope: 'org', scopeId: 'globex' } as const;
const mailerSchema = {
  type: 'object',
  properties: { host: { type: 'string' }, password: { type: 'string', 'x-sensitive': true } },
};
const team = { scope: 'team', scopeId: 'north' } as const;

describeDatabases('a comparison', (engine) => {
  const services = servicesOn(engine);

  async function twoOrgs() {
    const opened = await services.open();
    const { service } = opened;
    await service.set('branding', { primaryColor: '#111111', companyName: 'Acme' }, acme, 'ann');
    await service.set('branding', { primaryColor: '#222222', companyName: 'Acme' }, globex, 'ann');
    await service.set('same', [1, 2], acme, 'ann');
    await service.set('same', [1, 2], globex, 'ann');
    await service.set('mine', 1, acme, 'ann');
    await service.set('theirs', null, globex, 'ann');
    return opened;
  }

  it('of two scopes tells what turns the left one into the right one', async () => {
    const { service, revision } = await twoOrgs();
    const at = await revision();
    expect(await service.compareConfig(acme, globex)).toEqual({
      left: { ...acme, revision: at },
      right: { ...globex, revision: at },
      differences: [
        {
          key: 'branding',
          ...acme,
          operation: 'modify',
          diff: [{ path: 'primaryColor', operation: 'modify', oldValue: '#111111', newValue: '#222222' }],
        },
        { key: 'mine', ...acme, operation: 'delete', diff: [{ path: '$', operation: 'delete', oldValue: 1 }] },
        { key: 'theirs', ...acme, operation: 'add', diff: [{ path: '$', operation: 'add', newValue: null }] },
      ],
    });
    expect((await service.compareConfig(acme, acme)).differences).toEqual([]);
  });

  it('takes times, tags, environments, documents, subtrees and effective values', async () => {
    const { service, database } = await twoOrgs();
    const before = await service.set('mine', 2, acme, 'ann');
    await service.createTag('release', before.version);
    await service.set('mine', 3, acme, 'ann');
    const keysOf = async (...sides: Parameters<typeof service.compareConfig>): Promise<string[]> =>
      (await service.compareConfig(...sides)).differences.map(
        ({ key, scope, operation }) => `${operation} ${key} at ${scope}`,
      );
    expect(await keysOf({ ...acme, revision: before.revision }, acme)).toEqual(['modify mine at org']);
    expect(await keysOf({ ...acme, at: before.changedAt }, acme)).toEqual(['modify mine at org']);
    expect(await keysOf({ ...acme, tag: 'release' }, acme)).toEqual([
      'add branding at org',
      'modify mine at org',
      'add same at org',
    ]);
    const staging = services.on(database, { environment: 'staging' });
    await staging.set('mine', 3, acme, 'ann');
    expect(await keysOf({ ...acme, environment: 'staging' }, acme)).toEqual(['add branding at org', 'add same at org']);
    const document = await service.exportConfig(acme, 'yaml');
    expect(await keysOf({ document, format: 'yaml' }, acme)).toEqual([]);
    expect(await keysOf({ document: '{"mine": 4}' }, acme)).toEqual([
      'add branding at global',
      'modify mine at global',
      'add same at global',
    ]);
    await service.registerScope({ ...team, parent: acme });
    await service.set('mine', 5, team, 'ann');
    expect(await keysOf({ ...acme, subtree: true }, { ...globex, subtree: true })).toContain('delete mine at team');
    expect(await keysOf({ ...team, values: 'effective' as const }, { ...acme, values: 'effective' as const })).toEqual([
      'modify mine at team',
    ]);
    await expectRefusal(service.compareConfig({ ...acme, tag: 'release', subtree: true }, acme), 'invalid_argument');
    await expectRefusal(service.compareConfig({ ...acme, tag: 'nightly' }, acme), 'version_not_found');
    await expectRefusal(service.compareConfig({ document: '{' }, acme), 'malformed_document');
    await expectRefusal(service.compareConfig(acme, undefined as never), 'invalid_argument');
  });

  it('shows only what the actor may read, in whichever environment', async () => {
    const { service, database } = await twoOrgs();
    const staging = services.on(database, { environment: 'staging' });
    await staging.set('secret-plan', 1, acme, 'root');
    await staging.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
    await service.bindRole({ subject: { user: 'root' }, role: 'admin', ...global }, 'root');
    await service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...acme, keys: 'mine' }, 'root');
    const ann = service.as('ann');
    expect((await ann.compareConfig({ document: '{}', ...acme }, acme)).differences).toMatchObject([{ key: 'mine' }]);
    await expectRefusal(ann.compareConfig(acme, globex), 'not_permitted');
    await expectRefusal(ann.compareConfig({ ...acme, environment: 'staging' }, acme), 'not_permitted');
    await expectRefusal(
      service.promoteConfig({ document: '{"mine": 2}' }, 'ann', acme).then((result) => {
        expect(result).toMatchObject({ imported: 0, failed: 1, errors: [{ key: 'mine', code: 'not_permitted' }] });
        return service.as('ann').compareConfig(globex, globex);
      }),
      'not_permitted',
    );
  });

  it('is promoted as one commit, and what the source has not stays', async () => {
    const { service, revision } = await twoOrgs();
    const before = await revision();
    const dry = await service.promoteConfig(acme, 'bob', globex, { dryRun: true });
    expect(dry).toMatchObject({ imported: 2, changes: [{ key: 'branding', ...globex }, { key: 'mine' }] });
    expect(await revision()).toBe(before);
    expect(await service.promoteConfig(acme, 'bob', globex)).toMatchObject({
      imported: 2,
      failed: 0,
      revision: before + 1,
    });
    expect(await service.getLayer('mine', globex)).toMatchObject({
      value: 1,
      changedBy: 'bob',
      comment: `Promoted from org acme at revision ${String(before)}`,
    });
    expect(await service.get('theirs', globex)).toBeNull();
    expect(await service.getLayer('theirs', globex)).not.toBeNull();
    expect(await service.promoteConfig(acme, 'bob', globex)).toMatchObject({ imported: 0, revision: null });
    expect(await service.promoteConfig(acme, 'bob', globex, { removals: true })).toMatchObject({ imported: 1 });
    expect(await service.getLayer('theirs', globex)).toBeNull();
    expect((await service.compareConfig(acme, globex)).differences).toEqual([]);
  });

  it('is promoted key by key and leaf by leaf where that is asked for', async () => {
    const { service } = await twoOrgs();
    await service.set(
      'branding',
      { primaryColor: '#333333', companyName: 'New', secondaryColor: '#444444' },
      acme,
      'ann',
    );
    await service.set('mine', { a: { b: 1, c: 2 } }, acme, 'ann');
    const only = [
      { key: 'brand*', path: 'primaryColor' },
      { key: 'mine', path: 'a.b' },
    ];
    expect(await service.promoteConfig(acme, 'bob', globex, { only, comment: 'Two leaves' })).toMatchObject({
      imported: 2,
    });
    expect(await service.getLayer('branding', globex)).toMatchObject({
      value: { primaryColor: '#333333', companyName: 'Acme' },
      comment: 'Two leaves',
    });
    expect(await service.get('mine', globex)).toEqual({ a: { b: 1 } });
    await expectRefusal(
      service.promoteConfig(acme, 'bob', globex, { only: [{ key: 'a', path: 'a..b' }] }),
      'invalid_argument',
    );
    await expectRefusal(
      service.promoteConfig({ ...acme, values: 'effective' as const }, 'bob', globex),
      'invalid_argument',
    );
  });

  it('waits as one change request where any of it needs approvals', async () => {
    const { service, database } = await twoOrgs();
    const staging = services.on(database, { environment: 'staging' });
    await service.set('approval_thresholds', { budgetVariance: 1 }, acme, 'ann');
    await staging.set('approval_thresholds', { budgetVariance: 2 }, acme, 'ann');
    await staging.set('mine', 7, acme, 'ann');
    const result = await service.promoteConfig({ ...acme, environment: 'staging' }, 'bob');
    expect(result).toMatchObject({ imported: 0, pendingApproval: [{ key: 'approval_thresholds' }, { key: 'mine' }] });
    const requestId = result.pendingApproval[0]?.requestId ?? '';
    await service.approveChange(requestId, 'cy');
    await service.approveChange(requestId, 'dan');
    expect(await service.get('mine', acme)).toBe(7);
    expect(await staging.get('mine', acme)).toBe(7);
  });

  it('of a subtree is promoted to the scopes of the same ids', async () => {
    const { service } = await twoOrgs();
    await service.registerScope({ ...team, parent: acme });
    await service.set('mine', 1, team, 'ann');
    const document = await service.exportConfig(acme, 'json', { subtree: true });
    await service.set('mine', 2, team, 'ann');
    await service.set('mine', 2, acme, 'ann');
    expect(await service.promoteConfig({ document }, 'ann')).toMatchObject({ imported: 2 });
    expect([await service.get('mine', team), await service.get('mine', acme)]).toEqual([1, 1]);
  });

  it('shows secrets masked, and leaves them where they are', async () => {
    const { service } = await services.open({ encryptionKey: newKey() });
    await service.registerSchema('mailer', mailerSchema);
    await service.set('mailer', { host: 'one', password: 'marker-of-one' }, acme, 'ann');
    await service.set('mailer', { host: 'two', password: 'marker-of-two' }, globex, 'ann');
    const compared = await service.compareConfig(acme, globex);
    expect(compared.differences).toMatchObject([{ key: 'mailer', diff: [{ path: 'host', newValue: 'two' }] }]);
    const absent = await service.compareConfig(team, globex);
    expect(JSON.stringify([compared, absent])).not.toContain('marker-of');
    expect(JSON.stringify([compared, absent])).not.toContain('$sealed');
    const promoted = await service.promoteConfig(globex, 'ann', team);
    expect(promoted).toMatchObject({ imported: 0, failed: 1, errors: [{ key: 'mailer' }] });
    expect(JSON.stringify(promoted.errors)).toContain('mask of a secret');
    expect(await service.getLayer('mailer', team)).toBeNull();
  });
});
