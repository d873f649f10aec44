/** Owns the proof that tenants are apart: for whoever is bound to one org, another one is as if it did not exist, and cannot be changed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { servicesOn } from '../../../test/services.ts';
import { isConfigurationError, permissions, type ScopeContext } from '@strata/core';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

/** The org that the actor is bound to, the other one, and one that there never was. */
const own = 'acme';
const foreign = 'zebra';
const ghost = 'ghost';
type Org = typeof own | typeof foreign | typeof ghost;

/** What a call is about: in place of the other org's names and hashes it can be given those of one that there is not. */
interface World {
  readonly org: Org;
  readonly hash: string;
}

type Call = (service: ConfigurationManagementService, world: World) => Promise<unknown>;

const place = (kind: 'org' | 'team' | 'user' | 'global', org: Org): ScopeContext =>
  kind === 'global' ? { scope: kind } : { scope: kind, scopeId: kind === 'org' ? org : `${org}-${kind}` };

const kinds = fc.constantFrom('org', 'team', 'user', 'global');
const keys = fc.constantFrom('k', 'l', 'theirs');
const keyOf = (key: string, { org }: World): string => (key === 'theirs' ? `${org}/k` : key);

/** Where a call points: at one of the two orgs, or at both, by parents that are named. */
const places = fc
  .tuple(kinds, fc.boolean(), fc.constantFrom(undefined, 'organizationId', 'teamId', 'both'), fc.boolean())
  .map(([kind, isForeign, named, isParentForeign]) => ({ org }: World): ScopeContext => {
    const at = place(kind, isForeign ? org : own);
    const parent = isParentForeign ? org : own;
    const takesOrg = (kind === 'team' || kind === 'user') && (named === 'organizationId' || named === 'both');
    const takesTeam = kind === 'user' && (named === 'teamId' || named === 'both');
    return {
      ...at,
      ...(takesOrg ? { organizationId: parent } : {}),
      ...(takesTeam ? { teamId: `${parent}-team` } : {}),
    };
  });
const plain = fc.tuple(kinds, fc.boolean()).map(
  ([kind, isForeign]) =>
    ({ org }: World) =>
      place(kind, isForeign ? org : own),
);
const references = fc.constantFrom('hash', 'prefix', 'tag', 'HEAD', 'HEAD~1').map(
  (kind) =>
    ({ hash, org }: World) =>
      kind === 'hash' ? hash : kind === 'prefix' ? hash.slice(0, 8) : kind === 'tag' ? `${org}-release` : kind,
);

const parts = fc.record({ key: keys, other: keys, at: places, to: plain, version: references });
type Parts = typeof parts extends fc.Arbitrary<infer T> ? T : never;

const reads: readonly ((parts: Parts) => Call)[] = [
  ({ key, at }) =>
    (service, world) =>
      service.get(keyOf(key, world), at(world)),
  ({ key, at }) =>
    async (service, world) =>
      Promise.resolve(service.peek<unknown>(keyOf(key, world), at(world))),
  ({ key, at }) =>
    (service, world) =>
      service.get(keyOf(key, world), at(world), { minRevision: 1 }),
  ({ key, at }) =>
    (service, world) =>
      service.getBatch([keyOf(key, world)], at(world)),
  ({ at }) =>
    (service, world) =>
      service.getAll(at(world)),
  ({ key, version }) =>
    (service, world) =>
      service.getVersion(keyOf(key, world), version(world)),
  ({ key, version, to }) =>
    (service, world) =>
      service.getVersion(keyOf(key, world), version(world), { scope: to(world) }),
  ({ key }) =>
    (service, world) =>
      service.getHistory(keyOf(key, world)),
  ({ key, to }) =>
    (service, world) =>
      service.getHistory(keyOf(key, world), 3, { scope: to(world) }),
  ({ key, version }) =>
    (service, world) =>
      service.getHistory(keyOf(key, world), 3, { before: version(world) }),
  ({ key, version }) =>
    (service, world) =>
      service.getDiff(keyOf(key, world), version(world), version(world)),
  ({ key, to }) =>
    (service, world) =>
      service.blame(keyOf(key, world), to(world)),
  ({ key, at }) =>
    (service, world) =>
      service.explain(keyOf(key, world), at(world)),
  ({ key }) =>
    (service, world) =>
      service.listTags({ key: keyOf(key, world) }),
  ({ to }) =>
    (service, world) =>
      service.listTags({ scope: to(world) }),
  () =>
    (service, { org }) =>
      service.listTags({ tag: `${org}-release` }),
  () => (service) => service.listTags(),
  ({ to }) =>
    (service, world) =>
      service.listLocks({ scope: to(world) }),
  () => (service) => service.listLocks(),
  () => (service) => service.listScopes(),
  ({ to }) =>
    (service, world) =>
      service.listScopes({ parent: to(world) }),
  ({ at }) =>
    (service, world) =>
      service.getScopeChain(at(world)),
  ({ key, to }) =>
    (service, world) =>
      service.getLayer(keyOf(key, world), to(world)),
  ({ to }) =>
    (service, world) =>
      service.exportConfig(to(world)),
  ({ to }) =>
    (service, world) =>
      service.listRoleBindings({ scope: to(world) }),
  () => (service) => service.listRoleBindings(),
  ({ key }) =>
    (service, world) =>
      service.getUsage({ key: keyOf(key, world) }),
  () => (service) => service.getUsage(),
  () => (service) => service.listUnusedKeys({ days: 1 }),
  ({ key, to }) =>
    (service, world) =>
      service.analyzeImpact(keyOf(key, world), 'changed', to(world)),
  ({ key, to }) =>
    (service, world) =>
      service.set(keyOf(key, world), 'changed', to(world), 'ann', undefined, { dryRun: true }),
  ({ key }) =>
    (service, world) =>
      service.getDependencies(keyOf(key, world)),
  () => (service) => service.listDependencies(),
  () => (service) => service.listKeyDefinitions(),
];

/** Writes use keys that both have: one that is named after the other would be there from then on. */
const written = (key: string): string => (key === 'theirs' ? 'k' : key);
const writes: readonly ((parts: Parts) => Call)[] = [
  ({ key, to }) =>
    (service, world) =>
      service.set(written(key), 'changed', to(world), 'ann'),
  ({ key, to }) =>
    (service, world) =>
      service.delete(written(key), to(world), 'ann'),
  ({ key, to, other }) =>
    (service, world) =>
      service.commit(
        [
          { key: written(key), ...place('org', own), value: 'changed' },
          { key: written(other), ...to(world), value: 'changed' },
        ],
        'ann',
      ),
  ({ key, version }) =>
    (service, world) =>
      service.rollback(written(key), version(world), 'ann', 'back'),
  ({ to }) =>
    (service, world) =>
      service.restore({ revision: 3 }, to(world), 'ann'),
  ({ to }) =>
    (service, { org, hash }) =>
      service.restore({ tag: `${org}-release` }, to({ org, hash }), 'ann'),
  () =>
    (service, { hash }) =>
      service.createTag('mine', hash),
  ({ key, to }) =>
    (service, world) =>
      service.lockConfig(written(key), to(world), {}, 'ann'),
  ({ key, to }) =>
    (service, world) =>
      service.unlockConfig(written(key), to(world), {}, 'ann'),
  () =>
    (service, { org }) =>
      service.registerScope({ scope: 'user', scopeId: `${org}-user`, parent: place('org', own) }),
  () =>
    (service, { org }) =>
      service.registerScope({ scope: 'user', scopeId: `${own}-user`, parent: place('org', org) }),
  () =>
    (service, { org }) =>
      service.removeScope(place('user', org)),
  ({ to }) =>
    (service, world) =>
      service.bindRole({ subject: { user: 'ann' }, role: 'viewer', ...to(world) }, 'ann'),
  ({ key }) =>
    (service) =>
      service.registerSchema(written(key), { type: 'string' }),
];

const calls = fc
  .tuple(fc.constantFrom(...reads, ...writes), parts)
  .map(([make, given]) => ({ call: make(given), isWrite: writes.includes(make) }));
/** What either org writes before the calls: for which key, where, and with which value. */
const data = fc.array(
  fc.tuple(fc.constantFrom(own, foreign), keys, fc.constantFrom('org', 'team', 'user'), fc.integer()),
  {
    maxLength: 4,
  },
);

describeDatabases('another tenant', (engine) => {
  const services = servicesOn(engine);

  it('is as if it did not exist, for every call, and stays as it is', { timeout: 60_000 }, async () => {
    const { service } = await services.open();
    await service.setRole({ name: 'all', permissions: [...permissions] }, 'system');
    for (const org of [own, foreign] as const) {
      await service.registerScope({ scope: 'team', scopeId: `${org}-team`, parent: place('org', org) });
      await service.registerScope({ scope: 'user', scopeId: `${org}-user`, parent: place('team', org) });
      for (const kind of ['org', 'team', 'user'] as const) {
        await service.set('k', { of: `${org} ${kind}` }, place(kind, org), `${org}-admin`, `${org} says`);
      }
      const tagged = await service.set(`${org}/k`, { of: org }, place('org', org), `${org}-admin`);
      await service.createTag(`${org}-release`, tagged.version, `${org} says`);
      await service.lockConfig('l', place('org', org), { path: org }, `${org}-admin`);
    }
    for (const org of [own, foreign] as const) {
      await service.bindRole({ subject: { user: `${org}-admin` }, role: 'all', ...place('org', org) }, 'system');
    }
    await service.bindRole({ subject: { user: 'ann' }, role: 'all', ...place('org', own) }, 'system');
    const ann = service.as('ann');
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(data, fc.array(calls, { minLength: 5, maxLength: 12 }), async (before, made) => {
        for (const [org, key, kind, value] of before) {
          const name = key === 'theirs' ? `${org}/k` : key;
          await service.set(name, { of: org, value }, place(kind, org), 'system', `${org} says`).catch(() => undefined);
        }
        const [newest] = await service.getHistory(`${foreign}/k`);
        const state = await stateOf(service, foreign);
        for (const { call, isWrite } of made) {
          const real = await outcomeOf(call(ann, { org: foreign, hash: newest?.version ?? '' }));
          if (!isError(real) && !/^\{("value":(null|\[\]))?\}$/.test(real)) answered += 1;
          if (isWrite && !isError(real)) {
            // Made again it would find itself done.
            expect(real).not.toContain(foreign);
            continue;
          }
          const imagined = await outcomeOf(call(ann, { org: ghost, hash: 'fedcba9876543210' }));
          expect(told(real)).toBe(told(imagined));
        }
        expect(await stateOf(service, foreign)).toEqual(state);
      }),
      { numRuns: 100 },
    );
    // It is no proof that she is refused everything.
    expect(answered).toBeGreaterThan(100);
  });
});

/** What became of a call, as text. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    return toText(await call);
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return `${error.code}: ${error.message} ${toText(error.details)}`;
  }
}

const isError = (outcome: string): boolean => /^[a-z_]+: /.test(outcome);

function toText(value: unknown): string {
  return JSON.stringify({ value }, (_key, part: unknown) => (part instanceof Map ? [...part] : part));
}

/** The outcome without what differs from call to call, and without which of the two names was given. */
function told(outcome: string): string {
  return outcome
    .replaceAll(foreign, ghost)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replaceAll(/\b[0-9a-f]{64}\b/g, '<hash>')
    .replaceAll(/\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b/g, '<hash>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/"revision":\d+/g, '"revision":<n>');
}

/** Everything that an org has. */
async function stateOf(service: ConfigurationManagementService, org: Org): Promise<unknown> {
  const at = (['org', 'team', 'user'] as const).map((kind) => place(kind, org));
  return {
    histories: await Promise.all(
      ['k', 'l', `${org}/k`].flatMap((key) => at.map((scope) => service.getHistory(key, 1000, { scope }))),
    ),
    values: await Promise.all(at.map((scope) => service.getAll(scope))),
    chains: await Promise.all(at.map((scope) => service.getScopeChain(scope))),
    tags: await service.listTags({ tag: `${org}-release` }),
    locks: await service.listLocks({ scope: place('org', org) }),
    bindings: await service.listRoleBindings({ scope: place('org', org) }),
    schemas: await service.getSchema(`${org}/k`),
  };
}
