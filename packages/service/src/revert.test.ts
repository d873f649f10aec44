/** Owns the proof that a commit is undone without losing what came later. */
import { describe, expect, it } from 'vitest';
import { describeDatabases, type TestDatabase } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;

/** What the audit log says of the one address that a commit changed. */
async function auditOf({ database }: TestDatabase, revision: number) {
  const [row] = await database.query<{ operation: string; user_id: string; metadata: string }>(
    'SELECT operation, user_id, metadata FROM configuration_audit_log WHERE revision = $1',
    [revision],
  );
  return { ...row, metadata: JSON.parse(row?.metadata ?? '') as unknown };
}

describeDatabases('a reverted commit', (engine) => {
  const services = servicesOn(engine);

  it('of a set puts the value before it back, as a rollback with author and reason', async () => {
    const opened = await services.open();
    const { service, revision } = opened;
    const first = await service.set('k', { a: 1 }, global, 'ann');
    const second = await service.set('k', { a: 2 }, global, 'ann');
    const reverted = await service.revert(second.commit, 'bob', ' wrong ');
    expect(reverted).toMatchObject({ revision: 3, committedBy: 'bob', comment: 'wrong' });
    expect(reverted.versions).toEqual([
      expect.objectContaining({ operation: 'rollback', isRollback: true, rollbackFromVersion: first.version }),
    ]);
    expect(reverted.versions).toMatchObject([{ value: { a: 1 }, parent: second.version, commit: reverted.id }]);
    expect(await service.get('k')).toEqual({ a: 1 });
    expect(await service.getLayer('k')).toEqual(reverted.versions[0]);
    expect(await revision()).toBe(3);
    expect(await auditOf(opened, 3)).toMatchObject({
      ...{ operation: 'rollback', user_id: 'bob' },
      metadata: { comment: 'wrong', reverts: second.commit },
    });
  });

  it('is named by its id, in any case, or by its revision, as a number or a text', async () => {
    const { service } = await services.open();
    for (const name of ['id', 'ID', 'number', 'text'] as const) {
      const key = `k-${name}`;
      await service.set(key, 1, global, 'ann');
      const { commit, revision } = await service.set(key, 2, global, 'ann');
      const names = { id: commit, ID: commit.toUpperCase(), number: revision, text: String(revision) };
      await service.revert(names[name], 'bob', 'x');
      expect(await service.get(key)).toBe(1);
    }
  });

  it('of a delete brings the layer back', async () => {
    const { service } = await services.open();
    const first = await service.set('k', { a: 1 }, org, 'ann');
    const { commit } = await service.delete('k', org, 'ann');
    const { versions } = await service.revert(commit, 'bob', 'x');
    expect(versions).toMatchObject([
      { ...org, operation: 'rollback', rollbackFromVersion: first.version, value: { a: 1 } },
    ]);
    expect(await service.get('k', org)).toEqual({ a: 1 });
  });

  it('of a first value removes it; of one after a delete goes back to the tombstone', async () => {
    const { service } = await services.open();
    const first = await service.set('k', 1, org, 'ann');
    const gone = (await service.revert(first.commit, 'bob', 'x')).versions[0];
    expect(gone).toMatchObject({ operation: 'delete', isRollback: false, value: null });
    expect(await service.getLayer('k', org)).toBeNull();
    const { commit } = await service.set('k', 2, org, 'ann');
    const [again] = (await service.revert(commit, 'bob', 'x')).versions;
    expect(again).toMatchObject({ operation: 'delete', isRollback: true, rollbackFromVersion: gone?.version });
  });

  it('of many keys and scopes is undone by one commit', async () => {
    const { service, revision } = await services.open();
    await service.set('a', { n: 1 }, global, 'ann');
    await service.set('b', 1, org, 'ann');
    const { id } = await service.commit(
      [
        { key: 'c', ...team, value: 'new' },
        { key: 'a', ...global, value: { n: 2 } },
        { key: 'b', ...org, delete: true },
      ],
      'ann',
    );
    const before = await revision();
    const { versions, ...reverted } = await service.revert(id, 'bob', 'x');
    expect(await revision()).toBe(before + 1);
    expect(versions.map(({ key, value, commit }) => [key, value, commit])).toEqual([
      ['a', { n: 1 }, reverted.id],
      ['b', 1, reverted.id],
      ['c', null, reverted.id],
    ]);
    expect([await service.get('a'), await service.get('b', org), await service.get('c', team)]).toEqual([
      { n: 1 },
      1,
      null,
    ]);
  });

  it('takes nothing with it that later commits changed elsewhere', async () => {
    const { service } = await services.open();
    await service.set('k', { a: 1, deep: { x: 1, y: 1 }, gone: true }, global, 'ann');
    const { commit } = await service.set('k', { a: 2, deep: { x: 2, y: 1 }, added: true }, global, 'ann');
    await service.set('k', { a: 2, deep: { x: 2, y: 3, z: 3 }, added: true, later: [1] }, global, 'carl');
    const { versions } = await service.revert(commit, 'bob', 'x');
    expect(versions).toMatchObject([{ operation: 'set', isRollback: false }]);
    expect(await service.get('k')).toEqual({ a: 1, deep: { x: 1, y: 3, z: 3 }, gone: true, later: [1] });
    const leaves = Object.fromEntries((await service.blame('k')).map((leaf) => [leaf.path, leaf.changedBy]));
    expect(leaves).toMatchObject({ a: 'bob', 'deep.x': 'bob', 'deep.y': 'carl', gone: 'bob', later: 'carl' });
  });

  it('can be one that reverts', async () => {
    const { service } = await services.open();
    await service.set('k', { a: 1, b: 1 }, global, 'ann');
    const change = await service.set('k', { a: 2, b: 1 }, global, 'ann');
    const back = await service.revert(change.commit, 'bob', 'x');
    await service.set('k', { a: 1, b: 3 }, global, 'carl');
    const forth = await service.revert(back.id, 'bob', 'y');
    expect(await service.get('k')).toEqual({ a: 2, b: 3 });
    await service.revert(forth.id, 'bob', 'z');
    expect(await service.get('k')).toEqual({ a: 1, b: 3 });
  });

  it('that is undone already changes nothing, and answers what is there', async () => {
    const { service, revision } = await services.open();
    await service.set('k', 1, global, 'ann');
    const { commit } = await service.set('k', 2, global, 'ann');
    const first = await service.revert(commit, 'bob', 'x');
    expect(await service.revert(commit, 'bob', 'x')).toEqual(first);
    expect(await revision()).toBe(3);
  });

  it('loses its expiry with it, brings none back, and leaves that of a later value', async () => {
    const { service } = await services.open();
    const expiresAt = new Date(Date.now() + 3_600_000);
    await service.set('k', { a: 1 }, global, 'ann', undefined, { expiresAt });
    const lasting = await service.set('k', { a: 2 }, global, 'ann');
    expect((await service.revert(lasting.commit, 'bob', 'x')).versions[0]).not.toHaveProperty('expiresAt');
    const onlyExpiry = await service.set('k', { a: 1 }, global, 'ann', undefined, { expiresAt });
    const [kept] = (await service.revert(onlyExpiry.commit, 'bob', 'x')).versions;
    expect(kept).toMatchObject({ value: { a: 1 } });
    expect(kept).not.toHaveProperty('expiresAt');
    const change = await service.set('k', { a: 3 }, global, 'ann');
    await service.set('k', { a: 3, b: 1 }, global, 'carl', undefined, { expiresAt });
    const [later] = (await service.revert(change.commit, 'bob', 'x')).versions;
    expect(later).toMatchObject({ value: { a: 1, b: 1 }, expiresAt });
  });
});

describeDatabases('a revert that later commits are in the way of', (engine) => {
  const services = servicesOn(engine);

  it('lists every conflict, and writes nothing', async () => {
    const { service, revision } = await services.open();
    await service.set('a', { x: 1, y: 1, z: 1 }, global, 'ann');
    const { id, revision: at } = await service.commit(
      [
        { key: 'a', ...global, value: { x: 2, y: 2, z: 2 } },
        { key: 'b', ...org, value: { n: 1 } },
        { key: 'c', ...org, value: 'free' },
      ],
      'ann',
    );
    const later = await service.set('a', { x: 3, y: 2 }, global, 'carl');
    const b = await service.set('b', { n: 1, more: true }, org, 'carl');
    const before = await revision();
    const refusal = await expectRefusal(service.revert(id, 'bob', 'x'), 'revert_conflicts');
    expect(refusal.status).toBe(409);
    expect(refusal.details).toMatchObject({ commit: id, revision: at });
    const versionOfA = { key: 'a', scope: 'global', scopeId: null, version: later.version, isSensitive: false };
    expect(refusal.details['conflicts']).toEqual([
      { ...versionOfA, path: 'x', before: 1, written: 2, now: 3 },
      { ...versionOfA, path: 'z', before: 1, written: 2 },
      {
        key: 'b',
        ...org,
        path: '$',
        written: { n: 1 },
        now: { n: 1, more: true },
        version: b.version,
        isSensitive: false,
      },
    ]);
    expect(refusal.message).toContain(`The commit ${id} cannot be reverted`);
    expect(refusal.message).toContain('x of a at global (before 1, the commit wrote 2, now 3)');
    expect(refusal.message).toContain('z of a at global (before 1, the commit wrote 2, now nothing)');
    expect(refusal.message).toContain('Revert those commits first');
    await expectRefusal(service.revert(id, 'bob', 'x', { dryRun: true }), 'revert_conflicts');
    expect(await revision()).toBe(before);
    expect(await service.get('c', org)).toBe('free');
  });

  it('names the first ones in its message, shortened, and says how many more there are', async () => {
    const { service } = await services.open();
    const value = (text: string) => Object.fromEntries(Array.from({ length: 7 }, (_, n) => [`p${String(n)}`, text]));
    await service.set('k', value('one'), global, 'ann');
    const { commit } = await service.set('k', value('two'), global, 'ann');
    await service.set('k', value('x'.repeat(500)), global, 'ann');
    const { message, details } = await expectRefusal(service.revert(commit, 'bob', 'x'), 'revert_conflicts');
    expect(details['conflicts']).toHaveLength(7);
    expect(message).toContain('p4');
    expect(message).not.toContain('p5');
    expect(message).toContain('; and 2 more');
    expect(message).not.toContain('x'.repeat(100));
  });

  it('tells no value of a key that holds secrets by now', async () => {
    const { service } = await services.open();
    await service.set('k', { a: 'secret-1' }, global, 'ann');
    const { commit } = await service.set('k', { a: 'secret-2' }, global, 'ann');
    const { version } = await service.set('k', { a: 'secret-3' }, global, 'ann');
    await service.registerSchema('k', {}, { sensitive: true });
    const { message, details } = await expectRefusal(service.revert(commit, 'bob', 'x'), 'revert_conflicts');
    const place = { key: 'k', scope: 'global', scopeId: null };
    expect(details['conflicts']).toEqual([{ ...place, path: 'a', version, isSensitive: true }]);
    expect(message + JSON.stringify(details)).not.toContain('secret');
  });

  it('takes a value that is merged whole as one part', async () => {
    const { service } = await services.open();
    await service.registerSchema('k', {}, { merge: 'replace' });
    await service.set('k', { a: 1, b: 1 }, global, 'ann');
    const { commit } = await service.set('k', { a: 2, b: 1 }, global, 'ann');
    await service.set('k', { a: 2, b: 2 }, global, 'ann');
    const { details } = await expectRefusal(service.revert(commit, 'bob', 'x'), 'revert_conflicts');
    expect(details['conflicts']).toMatchObject([{ path: '$', before: { a: 1, b: 1 }, now: { a: 2, b: 2 } }]);
    await service.set('k', { a: 2, b: 1 }, global, 'ann');
    await service.revert(commit, 'bob', 'x');
    expect(await service.get('k')).toEqual({ a: 1, b: 1 });
    expect((await service.revert(commit, 'bob', 'x')).versions).toMatchObject([{ value: { a: 1, b: 1 } }]);
  });
});

describeDatabases('a revert', (engine) => {
  const services = servicesOn(engine);

  it('is refused for commits that hold no values, with the call that undoes them', async () => {
    const { service, revision } = await services.open();
    const { version } = await service.set('k', 1, global, 'ann');
    const refusals: string[] = [];
    const after = async (call: Promise<unknown>): Promise<void> => {
      await call;
      const { details, message } = await expectRefusal(
        service.revert(await revision(), 'bob', 'x'),
        'revert_unsupported',
      );
      expect(message).toContain(String(details['call']));
      refusals.push(`${String(details['operation'])}: ${String(details['call'])}`);
    };
    await after(service.registerScope({ ...team, parent: org }));
    await after(service.removeScope(team));
    await after(service.registerSchema('k', {}));
    await after(service.lockConfig('k', global, {}, 'ann'));
    await after(service.unlockConfig('k', global, {}, 'ann'));
    await after(service.createTag('stable', version));
    expect(refusals).toEqual([
      'scope: registerScope or removeScope',
      'scope-removal: registerScope',
      'schema: registerSchema',
      'lock: unlockConfig',
      'unlock: lockConfig',
      'tag: createTag under another name, as a tag never moves',
    ]);
  });

  it('needs a commit that there is, and a reason', async () => {
    const { service } = await services.open();
    const { commit } = await service.set('k', 1, global, 'ann');
    await expectRefusal(service.revert('01234567-89ab-4def-8123-456789abcdef', 'bob', 'x'), 'commit_not_found');
    await expectRefusal(service.revert(2, 'bob', 'x'), 'commit_not_found');
    for (const wrong of [0, -1, 1.5, Number.NaN, 1e21, '', '01', 'HEAD', '0123456789abcdef', null, undefined, {}]) {
      await expectRefusal(service.revert(wrong as string, 'bob', 'x'), 'invalid_argument');
    }
    for (const none of ['', '  ', undefined, null]) {
      await expectRefusal(service.revert(commit, 'bob', none as unknown as string), 'reason_required');
    }
    expect(await service.get('k')).toBe(1);
  });

  it('of another environment is not found', async () => {
    const { service, database } = await services.open();
    const { commit } = await service.set('k', 1, global, 'ann');
    const other = services.on(database, { environment: 'other' });
    await expectRefusal(other.revert(commit, 'bob', 'x'), 'commit_not_found');
    await expectRefusal(other.revert(1, 'bob', 'x'), 'commit_not_found');
  });

  it('is checked like any other write', async () => {
    const { service, revision } = await services.open();
    await service.set('k', { a: 'text' }, org, 'ann');
    const { commit } = await service.set('k', { a: 1 }, org, 'ann');
    const first = await service.set('l', 1, global, 'ann');
    await service.registerSchema('k', { type: 'object', properties: { a: { type: 'number' } } });
    const before = await revision();
    await expectRefusal(service.revert(commit, 'bob', 'x'), 'validation_failed');
    await service.registerSchema('k', {});
    await service.delete('k', org, 'ann');
    await service.lockConfig('k', global, { path: 'a' }, 'ann');
    const deletion = (await service.getHistory('k', 1))[0];
    await expectRefusal(service.revert(deletion?.commit ?? '', 'bob', 'x'), 'locked');
    await service.unlockConfig('k', global, { path: 'a' }, 'ann');
    expect(await service.get('k', org)).toBeNull();
    expect(await revision()).toBe(before + 4);
    await service.registerSchema('l', { type: 'object', required: ['n'] }, { onInvalid: 'report' });
    await service.revert(first.commit, 'bob', 'x');
    expect(await service.get('l')).toBeNull();
  });

  it('that breaks values below is refused, unless it is forced', async () => {
    const { service } = await services.open();
    await service.registerSchema('k', { type: 'object', maxProperties: 2 });
    await service.set('k', { a: 1, b: 1 }, global, 'ann');
    const { commit } = await service.set('k', { a: 1 }, global, 'ann');
    await service.set('k', { c: 1 }, org, 'ann');
    const dry = await service.revert(commit, 'bob', 'x', { dryRun: true });
    expect(dry.wouldBreak).toMatchObject([{ key: 'k', ...org }]);
    await expectRefusal(service.revert(commit, 'bob', 'x'), 'would_break');
    await service.revert(commit, 'bob', 'x', { force: true });
    expect(await service.get('k')).toEqual({ a: 1, b: 1 });
  });

  it('as a dry run tells of each layer, and writes nothing', async () => {
    const { service, revision } = await services.open();
    await service.set('a', { n: 0, inherited: true }, global, 'ann');
    await service.set('a', { n: 1 }, org, 'ann');
    const { id } = await service.commit(
      [
        { key: 'a', ...org, value: { n: 2 } },
        { key: 'b', ...global, value: 1 },
      ],
      'ann',
    );
    await service.delete('b', global, 'ann');
    const before = await revision();
    expect(await service.revert(id, 'bob', 'x', { dryRun: true })).toMatchObject({
      dryRun: true,
      commit: id,
      revision: 3,
      changes: [
        {
          ...{ key: 'a', ...org, changed: true, impactLevel: 'low' },
          diff: [{ path: 'n', operation: 'modify', oldValue: 2, newValue: 1 }],
          effectiveDiff: [{ path: 'n', operation: 'modify', oldValue: 2, newValue: 1 }],
        },
        { key: 'b', scope: 'global', scopeId: null, changed: false, impactLevel: 'none', diff: [], effectiveDiff: [] },
      ],
      ...{ wouldBreak: [], requiresApproval: false, minimumApprovals: 0, impactLevel: 'low', affectedUsers: 0 },
    });
    expect(await revision()).toBe(before);
  });

  it('with an idempotency key answers the same again, also when the same parts were changed since', async () => {
    const { service, revision } = await services.open();
    await service.set('k', 1, global, 'ann');
    const { commit, revision: at } = await service.set('k', 2, global, 'ann');
    const call = { idempotencyKey: 'call-1' };
    const first = await service.revert(commit, 'bob', 'x', call);
    expect(await service.revert(at, 'bob', 'x', call)).toEqual(first);
    await service.set('k', 3, global, 'carl');
    expect(await service.revert(commit, 'bob', 'x', call)).toEqual(first);
    await expectRefusal(service.revert(commit, 'bob', 'x', { idempotencyKey: 'call-2' }), 'revert_conflicts');
    await expectRefusal(service.revert(commit, 'bob', 'another', call), 'idempotency_conflict');
    await expectRefusal(service.revert(1, 'bob', 'x', call), 'idempotency_conflict');
    expect([await service.get('k'), await revision()]).toEqual([3, 4]);
  });

  it('that needs approvals becomes a change request, which undoes it once it has them', async () => {
    const opened = await services.open();
    const { service, revision } = opened;
    await service.set('system_settings', { sessionTimeout: 10 }, global, 'ann');
    const dry = await service.revert(1, 'bob', 'x', { dryRun: true });
    expect(dry).toMatchObject({ requiresApproval: true, minimumApprovals: 2 });
    const { details } = await expectRefusal(service.revert(1, 'bob', 'too short'), 'approval_required');
    expect([await service.get('system_settings'), await revision()]).toEqual([{ sessionTimeout: 10 }, 1]);
    const requestId = String(details['requestId']);
    await expectRefusal(service.approveChange(requestId, 'bob'), 'self_approval');
    await service.approveChange(requestId, 'carl');
    await service.approveChange(requestId, 'dora');
    expect(await service.getLayer('system_settings')).toBeNull();
    expect((await service.getHistory('system_settings', 1))[0]).toMatchObject({
      changedBy: 'bob',
      comment: 'too short',
    });
    const [{ commit: undone } = { commit: '' }] = (await service.getHistory('system_settings', 2)).slice(1);
    expect(await auditOf(opened, 2)).toMatchObject({ metadata: { reverts: undone, changeRequest: requestId } });
  });
});

describeDatabases('a revert by somebody who may not see or change everything', (engine) => {
  const services = servicesOn(engine);

  it('is refused without telling of what is hidden', async () => {
    const { service, database } = await services.open();
    const mine = await service.set('k', 1, org, 'ann');
    const hidden = await service.set('hidden', 1, { scope: 'org', scopeId: 'rival' }, 'ann');
    const both = await service.commit(
      [
        { key: 'k', ...org, value: 2 },
        { key: 'hidden', scope: 'org', scopeId: 'rival', value: 2 },
      ],
      'ann',
    );
    await service.registerSchema('secret-plan', {});
    const schema = await service.lockConfig('k', { scope: 'org', scopeId: 'rival' }, {}, 'ann');
    const guarded = services.on(database, {
      authorize: (actor, action, { scope, scopeId }) =>
        scope === 'org' && scopeId === 'o' && (action === 'read' || (action === 'rollback' && actor.id === 'bob')),
    });
    for (const revision of [hidden.revision, 4, schema.revision, 99]) {
      const { message } = await expectRefusal(guarded.as('bob').revert(revision, 'bob', 'x'), 'commit_not_found');
      expect(message).not.toMatch(/hidden|rival|secret/);
    }
    const refused = await expectRefusal(guarded.as('bob').revert(both.id, 'bob', 'x'), 'not_permitted');
    expect(refused.message + JSON.stringify(refused.details)).not.toMatch(/hidden|rival/);
    await expectRefusal(guarded.as('eve').revert(both.id, 'eve', 'x'), 'not_permitted');
    await expectRefusal(guarded.as('eve').revert(mine.commit, 'eve', 'x'), 'not_permitted');
    await service.set('k', 1, org, 'ann');
    await guarded.as('bob').revert(mine.commit, 'bob', 'x');
    expect(await service.getLayer('k', org)).toBeNull();
    await expectRefusal(service.revert(both.id, 'bob', 'x', { breakGlass: 'fire' }), 'not_permitted');
  });
});

describe('a revert under concurrent writers', () => {
  describeDatabases('never loses a leaf', (engine) => {
    const services = servicesOn(engine);

    it('in 50 rounds, from two processes', { timeout: 120_000 }, async () => {
      const { service, database } = await services.open();
      const other = services.on(database);
      await service.set('k', { base: 0 }, global, 'ann');
      const expected: Record<string, number> = { base: 0 };
      for (let round = 0; round < 50; round += 1) {
        const bad = await service.set('k', { ...expected, bad: round }, global, 'ann');
        // Each writer adds a leaf of its own to what it has read, as often as it takes.
        const add = async (by: typeof service, name: string): Promise<void> => {
          for (;;) {
            const layer = await by.getLayer('k');
            const value = { ...(layer?.value as Record<string, number>), [name]: round };
            try {
              await by.set('k', value, global, name, undefined, { ifVersion: layer?.version ?? null });
              return;
            } catch (error) {
              if ((error as { code?: string }).code !== 'conflict') throw error;
            }
          }
        };
        const [mine, its] = [`s${String(round % 5)}`, `o${String(round % 5)}`];
        await Promise.all([add(service, mine), add(other, its), other.revert(bad.commit, 'bob', 'x')]);
        Object.assign(expected, { [mine]: round, [its]: round });
        expect((await service.getLayer('k'))?.value).toEqual(expected);
      }
    });

    it('at once on the same commit does its work once', async () => {
      const { service, database, revision } = await services.open();
      const other = services.on(database);
      await service.set('k', { a: 1 }, global, 'ann');
      const { commit } = await service.set('k', { a: 2 }, global, 'ann');
      await Promise.all(
        Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? service : other).revert(commit, 'bob', 'x')),
      );
      expect([await service.get('k'), await revision()]).toEqual([{ a: 1 }, 3]);
    });
  });
});
