/** Owns the tests of what is said of keys: their definitions, and their dependencies on each other. */
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';

const global = { scope: 'global' } as const;

describeDatabases('what is said of keys', (engine) => {
  const services = servicesOn(engine);

  it('is kept with who said so, part by part', async () => {
    const { service, revision } = await services.open();
    const first = await service.defineKey('k', { owner: 'fleet', services: ['b', 'a'] }, 'ann', 'why');
    expect(first).toMatchObject({ key: 'k', owner: 'fleet', services: ['a', 'b'], definedBy: 'ann', comment: 'why' });
    expect(first.revision).toBe(await revision());
    const second = await service.defineKey('k', { owner: null, restartNeeded: true }, 'bob');
    expect(second).toMatchObject({ services: ['a', 'b'], restartNeeded: true, definedBy: 'bob' });
    expect(second.owner).toBeUndefined();
    // The same again does no work.
    expect(await service.defineKey('k', { restartNeeded: true }, 'eve')).toEqual(second);
    await service.defineKey('j', {}, 'ann');
    expect((await service.listKeyDefinitions()).map(({ key }) => key)).toEqual(['j', 'k']);
    expect(await service.listKeyDefinitions({ key: 'k' })).toEqual([second]);
  });

  it('decides on the impact of changes, before the schema does', async () => {
    const { service } = await services.open();
    await service.registerSchema('k', { type: 'number' }, { baseImpact: 'medium' });
    expect((await service.set('k', 1, global, 'ann')).impactLevel).toBe('medium');
    await service.defineKey('k', { baseImpact: 'critical' }, 'ann');
    expect((await service.analyzeImpact('k', 2)).impactLevel).toBe('critical');
    const refusal = await expectRefusal(service.set('k', 2, global, 'ann'), 'approval_required');
    expect(refusal.details).toMatchObject({ minimumApprovals: 2 });
    await expectRefusal(service.defineKey('pm_intervals', { baseImpact: 'low' }, 'ann'), 'invalid_argument');
    await service.defineKey('pm_intervals', { baseImpact: 'high', owner: 'fleet' }, 'ann');
  });

  it('takes approvals where it lowers the impact of a key in use, and is applied by the last one', async () => {
    const { service } = await services.open();
    await service.defineKey('k', { baseImpact: 'critical' }, 'ann');
    await service.set('k', 1, global, 'ann');
    await service.defineKey('k', { services: ['api'] }, 'ann');
    const refusal = await expectRefusal(service.defineKey('k', { baseImpact: 'low' }, 'ann'), 'approval_required');
    const requestId = String(refusal.details['requestId']);
    expect(await service.getChangeRequest(requestId)).toMatchObject({ operation: 'definition', key: 'k' });
    await service.approveChange(requestId, 'bob');
    expect((await service.analyzeImpact('k', 2)).impactLevel).toBe('critical');
    expect(await service.approveChange(requestId, 'eve')).toMatchObject({ status: 'applied' });
    expect((await service.analyzeImpact('k', 2)).impactLevel).toBe('low');
    expect(await service.listKeyDefinitions({ key: 'k' })).toMatchObject([{ baseImpact: 'low', services: ['api'] }]);
  });

  it('are dependencies, which close no circle', async () => {
    const { service, revision } = await services.open();
    const added = await service.addDependency('a', 'b', 'ann', 'why');
    expect(added).toMatchObject({
      key: 'a',
      dependsOn: 'b',
      addedBy: 'ann',
      comment: 'why',
      revision: await revision(),
    });
    expect(await service.addDependency('a', 'b', 'bob')).toEqual(added);
    await service.addDependency('b', 'c', 'ann');
    const refusal = await expectRefusal(service.addDependency('c', 'a', 'ann'), 'dependency_cycle');
    expect(refusal.message).toBe('c cannot depend on a, since that would close a circle: c -> a -> b -> c.');
    await expectRefusal(service.addDependency('a', 'a', 'ann'), 'dependency_cycle');
    expect(await service.getDependencies('a')).toEqual(['b', 'c']);
    expect(await service.getDependencies('c', { direction: 'dependents' })).toEqual(['b', 'a']);
    await expectRefusal(service.getDependencies('c', { direction: 'up' as never }), 'invalid_argument');
    expect((await service.listDependencies({ key: 'b' })).map(({ key }) => key)).toEqual(['a', 'b']);
    await service.removeDependency('b', 'c', 'ann');
    await expectRefusal(service.removeDependency('b', 'c', 'ann'), 'dependency_not_found');
    await service.addDependency('c', 'a', 'ann');
    expect(await service.getDependencies('c')).toEqual(['a', 'b']);
  });

  it('closes no circle either where two say so at once', async () => {
    const { service, database } = await services.open();
    const other = services.on(database);
    const both = await Promise.allSettled([
      service.addDependency('a', 'b', 'ann'),
      other.addDependency('b', 'a', 'bob'),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('takes the permission schema, and is told only of keys that the caller may read', async () => {
    const { service } = await services.open();
    await service.addDependency('a.x', 'b.x', 'system');
    await service.addDependency('b.x', 'a.y', 'system');
    await service.defineKey('a.x', { owner: 'fleet' }, 'system');
    await service.defineKey('b.x', { owner: 'fleet' }, 'system');
    await service.bindRole({ role: 'admin', subject: { user: 'root' }, ...global }, 'system');
    await service.bindRole({ role: 'viewer', subject: { user: 'bob' }, ...global, keys: 'a.*' }, 'system');
    await expectRefusal(service.defineKey('a.x', { owner: 'me' }, 'bob'), 'not_permitted');
    await expectRefusal(service.addDependency('a.x', 'a.y', 'bob'), 'not_permitted');
    await expectRefusal(service.removeDependency('a.x', 'b.x', 'bob'), 'not_permitted');
    const bob = service.as('bob');
    expect((await bob.listKeyDefinitions()).map(({ key }) => key)).toEqual(['a.x']);
    expect(await bob.listDependencies()).toEqual([]);
    // Over what is hidden nothing is reached.
    expect(await bob.getDependencies('a.x')).toEqual([]);
    expect(await bob.analyzeImpact('a.x', 1)).toMatchObject({ dependencies: [] });
  });
});
