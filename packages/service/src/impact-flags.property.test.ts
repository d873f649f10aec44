/** Owns the proof that those whom an analysis counts as flipped are those for whom the flag is evaluated otherwise once it is written. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeDatabases } from '../../../test/databases.ts';
import { anyFlag, anySegment, segmentNames } from '../../../test/flag-arbitraries.ts';
import { inTier } from '../../../test/kill/tier.ts';
import { anyPlace, anyRegistry, register } from '../../../test/registries.ts';
import { servicesOn } from '../../../test/services.ts';
import {
  isConfigurationError,
  sameJson,
  type FeatureFlag,
  type FlagContext,
  type FlagEvaluation,
  type JsonValue,
  type ScopeRef,
} from '@strata/core';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import { createConfigurationService } from './create.ts';

const layerOf = (flag: string, needs: readonly string[]) =>
  fc
    .tuple(
      anyFlag(flag, needs),
      fc.constantFrom('whole', 'part'),
      fc.constantFrom('enabled', 'rolloutPercentage', 'rules'),
    )
    .map(([{ name: _, ...layer }, how, part]): JsonValue => {
      // Parts that are undefined are none.
      const value = JSON.parse(JSON.stringify(layer)) as Readonly<Record<string, JsonValue>>;
      return how === 'whole' || value[part] === undefined ? value : { [part]: value[part] };
    });

const worlds = fc.record({
  registry: anyRegistry,
  segments: fc.tuple(...segmentNames.map(anySegment)),
  needed: fc.array(fc.tuple(anyPlace, layerOf('needed', [])), { maxLength: 4 }),
  layers: fc.array(fc.tuple(anyPlace, layerOf('f', ['needed'])), { maxLength: 5 }),
  change: fc.tuple(anyPlace, layerOf('f', ['needed'])),
});
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** Stores what is valid where it is stored. */
async function store(
  service: ConfigurationManagementService,
  key: string,
  value: JsonValue,
  at: ScopeRef,
): Promise<boolean> {
  try {
    await service.set(key, value, at, 'ann');
    return true;
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return false;
  }
}

const global = { scope: 'global', scopeId: '' } as const;

async function build(service: ConfigurationManagementService, world: World): Promise<void> {
  for (const { name, ...segment } of world.segments) {
    await store(service, `flag_segments/${name}`, JSON.parse(JSON.stringify(segment)) as JsonValue, global);
  }
  const first: JsonValue = { enabled: true } satisfies Partial<FeatureFlag>;
  await store(service, 'feature_flags/needed', first, global);
  for (const [at, layer] of world.needed) await store(service, 'feature_flags/needed', layer, at);
  for (const [at, layer] of world.layers) await store(service, 'feature_flags/f', layer, at);
}

/** What each registered user gets, evaluated one by one: with the team and org that he inherits from. */
async function evaluations(service: ConfigurationManagementService): Promise<ReadonlyMap<string, FlagEvaluation>> {
  const all = new Map<string, FlagEvaluation>();
  for (const { scopeId: userId } of await service.listScopes({ scope: 'user' })) {
    const chain = await service.getScopeChain({ scope: 'user', scopeId: userId });
    const idOf = (kind: string): string | null => chain.find(({ scope }) => scope === kind)?.scopeId ?? null;
    const context: FlagContext = { userId, teamId: idOf('team'), organizationId: idOf('org') };
    all.set(userId, await service.evaluateFlagDetail('f', context));
  }
  return all;
}

function flipsBetween(before: ReadonlyMap<string, FlagEvaluation>, after: ReadonlyMap<string, FlagEvaluation>) {
  const flips = new Map<string, number>();
  for (const [user, was] of before) {
    const is = after.get(user);
    if (is === undefined || (was.variant === is.variant && sameJson(was.value, is.value))) continue;
    const way = JSON.stringify([was.variant ?? null, is.variant ?? null]);
    flips.set(way, (flips.get(way) ?? 0) + 1);
  }
  return Object.fromEntries(flips);
}

async function compare(service: ConfigurationManagementService, { change: [at, value] }: World): Promise<boolean> {
  const before = await evaluations(service);
  const report = await service.analyzeImpact('feature_flags/f', value, at);
  if (!(await store(service, 'feature_flags/f', value, at))) {
    expect(report.gates).not.toEqual([]);
    return false;
  }
  expect(report.gates).toEqual([]);
  const expected = flipsBetween(before, await evaluations(service));
  const [impact] = report.flags ?? [];
  const told = Object.fromEntries(
    (impact?.flips ?? []).map(({ from, to, users }) => [JSON.stringify([from, to]), users]),
  );
  expect(told).toEqual(expected);
  expect(impact?.flippedUsers ?? 0).toBe(Object.values(expected).reduce((sum, users) => sum + users, 0));
  return Object.keys(expected).length > 0;
}

describeDatabases('the flips of a flag', (engine) => {
  const services = servicesOn(engine);
  let worldsBuilt = 0;

  it(
    'are those of everybody for whom it is evaluated otherwise',
    { timeout: inTier({ quick: 120_000, ci: 120_000, soak: 3_600_000 }) },
    async () => {
      const { database } = await services.open();
      let flipped = 0;
      await fc.assert(
        fc.asyncProperty(worlds, async (world) => {
          const environment = `world-${String((worldsBuilt += 1))}`;
          await register(database, environment, world.registry);
          const service = createConfigurationService(database, { environment });
          try {
            await build(service, world);
            if (await compare(service, world)) flipped += 1;
          } finally {
            await service.close();
          }
        }),
        { numRuns: inTier({ quick: 15, ci: 15, soak: 1000 }) },
      );
      expect(flipped).toBeGreaterThan(0);
    },
  );
});
