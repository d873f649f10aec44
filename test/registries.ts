/** Owns random registries for property tests: few orgs, teams and users, so that they often meet, in every shape that a registry can have. */
import fc from 'fast-check';
import type { ConfigScope, ScopeRef } from '@strata/core';
import type { Database } from '../packages/service/src/db/database.ts';
import { storeScope } from '../packages/service/src/store/scopes.ts';

const orgs = ['o1', 'o2', 'o3'];
const teams = ['t1', 't2', 't3', 't4'];
const users = Array.from({ length: 9 }, (_, index) => `u${String(index + 1)}`);
/** Global, and every scope that there may be; the first eight are no users. */
export const places: readonly ScopeRef[] = [
  { scope: 'global', scopeId: '' },
  ...orgs.map((scopeId) => ({ scope: 'org', scopeId }) as const),
  ...teams.map((scopeId) => ({ scope: 'team', scopeId }) as const),
  // The last one is not registered.
  ...[...users, 'stranger'].map((scopeId) => ({ scope: 'user', scopeId }) as const),
];
/** A scope, as often above users as one of theirs. */
export const anyPlace = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(...places) },
  { weight: 1, arbitrary: fc.constantFrom(...places.slice(0, 8)) },
);

/** A user's parents: teams and orgs in any order, of which one is the primary one. */
const parentsOfUser = fc
  .uniqueArray(fc.constantFrom(...places.slice(1, 8)), { maxLength: 3, selector: ({ scopeId }) => scopeId })
  .chain((parents) => fc.tuple(fc.constant(parents), fc.nat({ max: Math.max(0, parents.length - 1) })));

/** A registry: teams with their orgs, users with their parents and which of these is the primary one. */
export const anyRegistry = fc.record({
  registered: fc.subarray(orgs, { minLength: 1 }),
  teams: fc.dictionary(fc.constantFrom(...teams), fc.option(fc.constantFrom(...orgs)), { minKeys: 1, maxKeys: 4 }),
  users: fc.dictionary(fc.constantFrom(...users), parentsOfUser, { minKeys: 1, maxKeys: 9 }),
});
export type Registry = typeof anyRegistry extends fc.Arbitrary<infer T> ? T : never;

/** Registers the scopes of a registry, as they would be after their commits. */
export async function register(database: Database, environment: string, registry: Registry): Promise<void> {
  await database.transaction(async (sql) => {
    const store = (scope: ConfigScope, scopeId: string, parents: readonly (ScopeRef & { primary: boolean })[]) =>
      storeScope(sql, environment, { scope, scopeId, name: null, parents }, 1);
    for (const org of registry.registered) await store('org', org, []);
    for (const [team, org] of Object.entries(registry.teams)) {
      await store('team', team, org === null ? [] : [{ scope: 'org', scopeId: org, primary: true }]);
    }
    for (const [user, [parents, primary]] of Object.entries(registry.users)) {
      await store(
        'user',
        user,
        parents.map((parent, index) => ({ ...parent, primary: index === primary })),
      );
    }
  });
}
