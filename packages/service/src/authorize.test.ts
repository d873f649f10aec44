/** Owns the proof of the hook `authorize`: only a literal true allows, and every operation asks. */
import { expect, it, vi } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { expectRefusal } from '../../../test/expectations.ts';
import { servicesOn } from '../../../test/services.ts';
import type { Authorize } from './authorize.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { ServiceOptions } from './create.ts';

const global = { scope: 'global' } as const;
const org = { scope: 'org', scopeId: 'o' } as const;
const team = { scope: 'team', scopeId: 't' } as const;
const user = { scope: 'user', scopeId: 'u' } as const;

type Call = (service: ConfigurationManagementService) => Promise<unknown>;

/** Every call that is about something which somebody may be refused. */
const calls: Readonly<Record<string, Call>> = {
  get: (service) => service.get('k', org),
  'get with a minimum': (service) => service.get('k', org, { minRevision: 1 }),
  getBatch: (service) => service.getBatch(['k'], org),
  getAll: (service) => service.getAll(org),
  read: (service) => service.read('k', team),
  readBatch: (service) => service.readBatch(['k'], team),
  readAll: (service) => service.readAll(team),
  'getVersion at a scope': (service) => service.getVersion('k', 'HEAD', { scope: org }),
  getHistory: (service) => service.getHistory('k'),
  'getHistory at a scope': (service) => service.getHistory('k', 5, { scope: org }),
  'getDiff at a scope': (service) => service.getDiff('k', 'HEAD', 'HEAD', { scope: org }),
  blame: (service) => service.blame('k', org),
  explain: (service) => service.explain('k', org),
  listTags: (service) => service.listTags(),
  listLocks: (service) => service.listLocks(),
  listScopes: (service) => service.listScopes(),
  getSchema: (service) => service.getSchema('branding'),
  validateConfig: (service) => service.validateConfig('branding', {}),
  getScopeChain: (service) => service.getScopeChain(org),
  getLayer: (service) => service.getLayer('k', org),
  exportConfig: (service) => service.exportConfig(org),
  'watchConfig at a scope': (service) => service.watchConfig('k', () => undefined, { scope: org }),
  'changes at a scope': (service) => service.changes('*', { scope: org }).next(),
  'subscribe at a scope': (service) => service.subscribe({ scope: org }, () => undefined),
  set: (service) => service.set('k', 2, org, 'ann'),
  delete: (service) => service.delete('k', org, 'ann'),
  commit: (service) => service.commit([{ key: 'k', ...org, value: 2 }], 'ann'),
  restore: (service) => service.restore({ revision: 1 }, org, 'ann'),
  registerSchema: (service) => service.registerSchema('other', { type: 'number' }),
  registerScope: (service) => service.registerScope({ ...team, parent: org }),
  removeScope: (service) => service.removeScope(user),
  lockConfig: (service) => service.lockConfig('k', org, {}, 'ann'),
  unlockConfig: (service) => service.unlockConfig('k', org, {}, 'ann'),
  setRole: (service) => service.setRole({ name: 'r', permissions: ['read'] }, 'ann'),
  removeRole: (service) => service.removeRole('r', 'ann'),
  listRoles: (service) => service.listRoles(),
  bindRole: (service) => service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...org }, 'ann'),
};

/** What a hook may answer that allows nothing. */
const refusals: Readonly<Record<string, unknown>> = {
  'says no': () => false,
  'promises no': async () => Promise.resolve(false),
  'answers what is like true': () => 1,
  'answers a text': () => 'true',
  'answers an object': () => ({ allowed: true }),
  'promises what is like true': async () => Promise.resolve('yes'),
  'promises an object': async () => Promise.resolve({}),
  'answers nothing': () => undefined,
  throws: () => {
    throw new Error('no connection');
  },
  rejects: async () => Promise.reject(new Error('no connection')),
  'never answers': async () => new Promise(() => undefined),
  'answers with something that only looks like a promise': () => ({
    then: (resolve: (value: unknown) => void) => resolve(1),
  }),
};

describeDatabases('the hook', (engine) => {
  const services = servicesOn(engine);

  async function stored(options: ServiceOptions) {
    const opened = await services.open();
    await opened.service.registerScope({ ...team, parent: org });
    await opened.service.registerScope({ ...user });
    await opened.service.set('k', 1, org, 'ann');
    return { ...opened, guarded: services.on(opened.database, options) };
  }

  it.each(Object.entries(refusals))('that %s allows nothing', async (_name, authorize) => {
    const { guarded, revision } = await stored({ authorize: authorize as Authorize, authorizeTimeout: 20 });
    const before = await revision();
    for (const name of ['get', 'getAll', 'getHistory', 'exportConfig', 'set', 'lockConfig', 'watchConfig at a scope']) {
      await expectRefusal(calls[name]?.(guarded.as('ann')) ?? Promise.reject(new Error(name)), 'not_permitted');
    }
    expect(guarded.as('ann').peek('k', org)).toBeUndefined();
    expect(await revision()).toBe(before);
  });

  it.each(Object.entries(calls))('is asked by %s', async (_name, call) => {
    const authorize = vi.fn(() => false);
    const { guarded, revision } = await stored({ authorize });
    const before = await revision();
    await expectRefusal(call(guarded.as('ann')), 'not_permitted');
    await expectRefusal(call(guarded), 'not_permitted');
    expect(authorize).toHaveBeenCalled();
    expect(await revision()).toBe(before);
  });

  it('lets the error tell what it threw, and nobody else', async () => {
    const fault = new Error('no connection');
    const { guarded } = await stored({
      authorize: () => {
        throw fault;
      },
    });
    const error = await expectRefusal(guarded.get('k', org), 'not_permitted');
    expect(error.cause).toBe(fault);
    expect(error.message).not.toContain('no connection');
  });

  it('allows with a literal true, or a promise of it', async () => {
    for (const authorize of [() => true, async () => Promise.resolve(true)]) {
      const { guarded } = await stored({ authorize });
      expect(await guarded.get('k', org)).toBe(1);
      expect(await guarded.get('k', org)).toBe(1);
      await guarded.set('k', 2, org, 'ann');
      expect(await guarded.get('k', org)).toBe(2);
      expect([...(await guarded.getAll(org))]).toEqual([['k', 2]]);
    }
  });

  it('is told who, what and where', async () => {
    const authorize = vi.fn(() => true);
    const { guarded } = await stored({ authorize });
    const actor = { id: 'ann', roles: ['ops'], ip: '192.0.2.1' };
    await guarded.as(actor).get('k', team);
    expect(authorize.mock.calls).toEqual([
      [actor, 'read', { key: 'k', scope: 'team', scopeId: 't', organizationId: 'o', environment: 'default' }],
    ]);
    authorize.mockClear();
    await guarded.as(actor).set('k', 3, global, 'ann');
    expect(authorize).toHaveBeenCalledWith({ id: 'ann', roles: ['ops'], ip: '192.0.2.1' }, 'write', {
      key: 'k',
      scope: 'global',
      scopeId: null,
      environment: 'default',
    });
    authorize.mockClear();
    await guarded.get('k');
    expect(authorize).toHaveBeenCalledWith({ id: 'system' }, 'read', expect.anything());
  });

  it('is asked again about what is in memory', async () => {
    let allowed = true;
    const { guarded } = await stored({ authorize: () => allowed });
    const ann = guarded.as('ann');
    expect(await ann.get('k', org)).toBe(1);
    expect(ann.peek('k', org)).toBe(1);
    allowed = false;
    await expectRefusal(ann.get('k', org), 'not_permitted');
    expect(ann.peek('k', org)).toBeUndefined();
    allowed = true;
    expect(await ann.get('k', org)).toBe(1);
  });

  it('hides what it refuses: lists, histories and references know nothing of it', async () => {
    const isOwn: Authorize = (_actor, _action, { scope, scopeId }) => scope === 'global' || scopeId === 'o';
    const { guarded, service } = await stored({ authorize: isOwn });
    const hidden = await service.set('k', 5, { scope: 'org', scopeId: 'p' }, 'eve');
    await service.createTag('mine', hidden.version);
    await service.set('k', 2, global, 'ann');
    expect((await guarded.getHistory('k')).map(({ scopeId }) => scopeId)).toEqual([null, 'o']);
    expect(await guarded.getVersion('k', hidden.version)).toBeNull();
    expect(await guarded.getVersion('k', 'mine')).toBeNull();
    await expectRefusal(guarded.getDiff('k', hidden.version, 'HEAD'), 'version_not_found');
    expect(await guarded.listTags()).toEqual([]);
    await expectRefusal(guarded.createTag('theirs', hidden.version), 'version_not_found');
    await expectRefusal(guarded.rollback('k', hidden.version, 'ann', 'back'), 'version_not_found');
  });

  it('has to agree with the roles, and they with it', async () => {
    let allowed = true;
    const { guarded, service } = await stored({ authorize: () => allowed });
    await service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...org }, 'system');
    await vi.waitFor(() => expectRefusal(guarded.as('bob').get('k', org), 'not_permitted'), { timeout: 8000 });
    expect(await guarded.as('ann').get('k', org)).toBe(1);
    await expectRefusal(guarded.set('k', 2, org, 'ann'), 'not_permitted');
    allowed = false;
    await expectRefusal(guarded.as('ann').get('k', org), 'not_permitted');
  });

  it('may itself read from the service, also while a role is given', async () => {
    const { database } = await stored({});
    const plain = services.on(database);
    const guarded = services.on(database, { authorize: async () => (await plain.get('k', org)) === 1 });
    await guarded.bindRole({ subject: { user: 'ann' }, role: 'admin', ...global }, 'root');
    await guarded.set('l', 1, org, 'system');
    expect(await guarded.listRoleBindings()).toHaveLength(1);
  });
});
