/** Owns the benchmark of reads from memory (P5, P6): the service's cache beside a bare Map. */
import { createConfigurationService, openEmbeddedDatabase, type JsonValue, type ScopeContext } from '@strata/service';
import { compare, type Contender } from '../harness.ts';
import { publish } from '../report.ts';
import { packageVersion } from '../versions.ts';

const keyCount = 100;
const userCount = 100;
const keys = Array.from({ length: keyCount }, (_, n) => `bench/setting-${String(n)}`);
const scopes: ScopeContext[] = Array.from({ length: userCount }, (_, n) => ({
  scope: 'user',
  scopeId: `user-${String(n)}`,
}));

const database = await openEmbeddedDatabase();
const service = createConfigurationService(database);
await fill();

const bare = new Map<string, JsonValue>();
/** Each cached value as the service and as the Map are asked for it. */
const asked: { readonly key: string; readonly scope: ScopeContext; readonly name: string }[] = [];
for (const key of keys) {
  for (const [user, scope] of scopes.entries()) {
    const name = `${key} ${String(user)}`;
    asked.push({ key, scope, name });
    bare.set(name, await service.get<JsonValue>(key, scope));
  }
}

// What is read is used, so that no read can be left out as useless.
let seen = 0;
const use = (value: unknown): void => {
  if (value !== undefined) seen += 1;
};
// A stride that visits every entry, in no order that a cache of the processor could guess.
const stride = 7919;

const contenders: Record<'peek' | 'get' | 'map' | 'asyncMap', Contender> = {
  peek: {
    name: '`peek`',
    run: (operations) => {
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % asked.length) {
        use(service.peek(asked[at]?.key ?? '', asked[at]?.scope));
      }
    },
  },
  map: {
    name: '`Map.get`',
    run: (operations) => {
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % asked.length)
        use(bare.get(asked[at]?.name ?? ''));
    },
  },
  get: {
    name: '`await get`',
    run: async (operations) => {
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % asked.length) {
        use(await service.get(asked[at]?.key ?? '', asked[at]?.scope));
      }
    },
  },
  asyncMap: {
    name: 'awaited async Map read',
    run: async (operations) => {
      const read = async (name: string): Promise<JsonValue | undefined> => bare.get(name);
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % asked.length)
        use(await read(asked[at]?.name ?? ''));
    },
  },
};
const { peek, get, map, asyncMap } = contenders;
const goal = { measure: 'time' } as const;
const effort = { clock: 'processor', rounds: 41, roundMs: 60 } as const;
const comparisons = [
  await compare(
    'Synchronous read',
    [peek, map],
    [{ ...goal, id: 'P5', subject: peek.name, peer: map.name, must: 3, stretch: 1.5 }],
    effort,
  ),
  await compare(
    'Awaited read',
    [get, asyncMap],
    [{ ...goal, id: 'P6', subject: get.name, peer: asyncMap.name, must: 1.5, stretch: 1.1 }],
    effort,
  ),
];
await service.close();
await database.close();
if (seen === 0) throw new Error('nothing was read');
publish({
  name: 'storage/hot-reads',
  about: `${String(asked.length)} effective values (${String(keyCount)} keys at ${String(userCount)} users, each merged from four layers) read from memory in a fixed scattered order; the bare Map holds the same values under ready-made names.`,
  comparisons,
  versions: { PGlite: packageVersion('@electric-sql/pglite') },
});

async function fill(): Promise<void> {
  await service.registerScope({ scope: 'team', scopeId: 'team', parent: { scope: 'org', scopeId: 'org' } });
  for (const { scopeId } of scopes) {
    await service.registerScope({ scope: 'user', scopeId: scopeId ?? '', parent: { scope: 'team', scopeId: 'team' } });
  }
  for (const key of keys) {
    const layers = [
      { scope: 'global' },
      { scope: 'org', scopeId: 'org' },
      { scope: 'team', scopeId: 'team' },
      ...scopes,
    ] as const;
    await service.commit(
      layers.map((at) => ({ key, ...at, value: { [at.scope]: true, limits: { [at.scope]: 1 } } })),
      'bench',
    );
  }
}
