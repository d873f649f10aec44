/** Owns the proof that those whom an analysis counts are those whose values change: against a count of everybody, one by one. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { inTier } from '../../../test/kill/tier.ts';
import { anyPlace, anyRegistry, places, register } from '../../../test/registries.ts';
import { servicesOn } from '../../../test/services.ts';
import { isConfigurationError, sameJson, type ConfigScope, type ImpactReport, type JsonValue } from '@strata/core';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import { createConfigurationService } from './create.ts';

const names = fc.constantFrom('a', 'b', 'c');
const scalars = fc.constantFrom<JsonValue>(null, 1, 2, 'x', false);
const unset: JsonValue = { $unset: true };
const { layer: layers } = fc.letrec<{ layer: JsonValue; part: JsonValue }>((tie) => ({
  part: fc.oneof(
    { depthSize: 'small' },
    scalars,
    fc.constant(unset),
    fc.dictionary(names, tie('part'), { maxKeys: 2 }),
  ),
  layer: fc.oneof(
    { weight: 8, arbitrary: fc.dictionary(names, tie('part'), { maxKeys: 3 }) },
    { weight: 1, arbitrary: scalars },
    { weight: 1, arbitrary: fc.constant(unset) },
  ),
}));

const worlds = fc.record({
  registry: anyRegistry,
  layers: fc.uniqueArray(fc.tuple(anyPlace, layers), {
    maxLength: 12,
    selector: ([at]) => `${at.scope} ${at.scopeId}`,
  }),
  schema: fc.constantFrom('none', 'defaults', 'replace'),
  lock: fc.option(fc.constantFrom(...places.slice(0, 8)), { freq: 4 }),
  change: fc.tuple(anyPlace, layers),
});
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

async function build(service: ConfigurationManagementService, world: World): Promise<void> {
  if (world.schema !== 'none') {
    const schema = { properties: { a: { default: 1 }, d: { default: 'd' } } };
    await service.registerSchema('k', schema, world.schema === 'replace' ? { merge: 'replace' } : {});
  }
  if (world.lock !== null) await service.lockConfig('k', world.lock, { path: 'c' }, 'ann');
  for (const [at, value] of world.layers) {
    await service.set('k', value, at, 'ann').catch((error: unknown) => {
      // What the lock forbids is not stored.
      if (!isConfigurationError(error, 'locked')) throw error;
    });
  }
}

/** The effective values of all registered scopes, by kind and id. */
async function valuesOf(service: ConfigurationManagementService): Promise<ReadonlyMap<string, JsonValue>> {
  const all = await service.listScopes();
  return new Map(
    await Promise.all(
      all.map(async (at) => [`${at.scope} ${at.scopeId}`, await service.get<JsonValue>('k', at)] as const),
    ),
  );
}

/** The counts of an analysis, as counting everybody gives them. */
function countOf(
  before: ReadonlyMap<string, JsonValue>,
  after: ReadonlyMap<string, JsonValue>,
  kind: ConfigScope,
): string[] {
  return [...before]
    .filter(([name, value]) => name.startsWith(`${kind} `) && !sameJson(value, after.get(name)))
    .map(([name]) => name.slice(kind.length + 1));
}

describeDatabases('the reach of a change', (engine) => {
  const services = servicesOn(engine);
  let worldsBuilt = 0;

  it(
    'is that of everybody whose value changes',
    { timeout: inTier({ quick: 120_000, ci: 120_000, soak: 3_600_000 }) },
    async () => {
      const { database } = await services.open();
      await fc.assert(
        fc.asyncProperty(worlds, async (world) => {
          const environment = `world-${String((worldsBuilt += 1))}`;
          await register(database, environment, world.registry);
          const service = createConfigurationService(database, { environment });
          try {
            await build(service, world);
            await compare(service, world);
          } finally {
            await service.close();
          }
        }),
        { numRuns: inTier({ quick: 10, ci: 10, soak: 1000 }) },
      );
    },
  );
});

async function compare(service: ConfigurationManagementService, { change: [at, value] }: World): Promise<void> {
  const before = await valuesOf(service);
  const report: ImpactReport = await service.analyzeImpact('k', value, at);
  try {
    await service.set('k', value, at, 'ann', undefined, { force: true });
  } catch (error) {
    if (!isConfigurationError(error, 'locked')) throw error;
    expect(report.gates.map(({ code }) => code)).toContain('locked');
    return;
  }
  expect(report.gates).toEqual([]);
  const after = await valuesOf(service);
  const [affectedUsers, affectedTeams, affectedOrganizations] = (['user', 'team', 'org'] as const).map((kind) =>
    countOf(before, after, kind),
  );
  expect({
    users: report.affectedUsers,
    teams: report.affectedTeams,
    organizations: report.affectedOrganizations,
  }).toEqual({
    users: affectedUsers?.length,
    teams: affectedTeams?.length,
    organizations: affectedOrganizations?.length,
  });
  const { users, teams, organizations, shielded } = report.samples;
  expect(users).toHaveLength(Math.min(5, report.affectedUsers));
  expect(new Set(users).size).toBe(users.length);
  expect(affectedUsers).toEqual(expect.arrayContaining([...users]));
  expect(affectedTeams).toEqual(expect.arrayContaining([...teams]));
  expect(affectedOrganizations).toEqual(expect.arrayContaining([...organizations]));
  for (const { scope, scopeId } of shielded) {
    const name = `${scope} ${String(scopeId)}`;
    expect(after.get(name)).toEqual(before.get(name));
  }
  // Below is who inherits from where it changes; for each of them the chain tells.
  let below = 0;
  for (const { scopeId } of await service.listScopes({ scope: 'user' })) {
    const chain = await service.getScopeChain({ scope: 'user', scopeId });
    if (chain.some((one) => one.scope === at.scope && (one.scopeId ?? '') === at.scopeId)) below += 1;
  }
  expect(report.shieldedUsers).toBe(report.changed ? below - report.affectedUsers : 0);
}
