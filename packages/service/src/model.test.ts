/** Owns the comparison of the service with a model: random commands do to both the same. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isConfigurationError, type ConfigVersion, type JsonValue, type ScopeInput } from '@strata/core';
import { describeDatabases } from '../../../test/databases.ts';
import {
  leafPaths,
  Model,
  partAt,
  placeName,
  type Expected,
  type ModelChange,
  type ModelVersion,
  type Parents,
  type Place,
} from '../../../test/model.ts';
import { servicesOn } from '../../../test/services.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';
import type { Database } from './db/database.ts';
import { readProgress } from './store/counter.ts';

const isSoak = process.env['STRATA_SOAK'] === '1';
const runs = isSoak ? 1000 : 60;
const maxCommands = isSoak ? 120 : 40;

const keys = ['alpha', 'beta:x/1', 'toString'];
// Equal ids at different scopes, and characters that could be taken for separators.
const places: readonly Place[] = [
  { scope: 'global', scopeId: '' },
  { scope: 'org', scopeId: 'x' },
  { scope: 'org', scopeId: 'a:b/%' },
  { scope: 'team', scopeId: 'x' },
  { scope: 'team', scopeId: 't' },
  { scope: 'user', scopeId: 'x' },
  { scope: 'user', scopeId: 'u' },
];
const lockPaths = [[], ['a'], ['a', 'b'], ['hasOwnProperty']];

/** The service under test: one with a cache that does most of the writes, and a second one on the same store. */
interface Real {
  readonly service: ConfigurationManagementService;
  readonly other: ConfigurationManagementService;
  readonly database: Database;
  /** The revision of the store before the run. */
  readonly base: number;
  /** The commands so far: names their comments. */
  count: number;
}

const inputOf = ({ scope, scopeId }: Place): ScopeInput => (scope === 'global' ? { scope } : { scope, scopeId });
const pathText = (path: readonly string[]): string => (path.length === 0 ? '$' : path.join('.'));

/** One command: what it does to the service, and what the model says of it. */
class Command implements fc.AsyncCommand<Model, Real> {
  readonly #label: string;
  readonly #viaOther: boolean;
  readonly #run: Step;

  constructor(label: string, viaOther: boolean, run: Step) {
    this.#label = label;
    this.#viaOther = viaOther;
    this.#run = run;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    real.count += 1;
    const service = this.#viaOther ? real.other : real.service;
    await this.#run(model, service, { by: `actor-${String(real.count % 3)}`, comment: `c${String(real.count)}` });
    // What another process wrote would be seen a moment later; forgetting makes it now.
    if (this.#viaOther) await real.service.invalidateCache();
    await compare(model, real);
  }

  toString(): string {
    return this.#viaOther ? `${this.#label} elsewhere` : this.#label;
  }
}

type Step = (
  model: Model,
  service: ConfigurationManagementService,
  author: { readonly by: string; readonly comment: string },
) => Promise<void>;

/** Runs a call that the model expects something of: a refusal with its code, or an answer. */
async function agree<T, E>(
  call: Promise<T>,
  expected: Expected<E>,
  check: (answer: T, expected: E) => void,
): Promise<void> {
  const answer = await call.then(
    (value) => ({ value }),
    (error: unknown) => {
      if (!isConfigurationError(error)) throw error;
      return { code: error.code };
    },
  );
  if (expected.refused !== undefined) expect(answer).toEqual({ code: expected.refused });
  else if ('code' in answer) expect.fail(`refused as ${answer.code}`);
  else check(answer.value, expected.result);
}

function sameVersions(answers: readonly ConfigVersion[], expected: readonly ModelVersion[]): void {
  expect(answers).toHaveLength(expected.length);
  for (const [index, answer] of answers.entries()) {
    const version = expected[index];
    if (version === undefined) continue;
    if (version.hash === '') version.hash = answer.version;
    expect(described(answer)).toEqual(expectedVersion(version));
  }
}

/** What is compared of a version. */
type VersionRecord = Omit<
  ConfigVersion,
  'impactLevel' | 'changedAt' | 'revision' | 'commit' | 'tags' | 'rollbackFromVersion'
> & {
  readonly rollbackFrom: string | null;
  readonly tags: string[];
};

function described(version: ConfigVersion): VersionRecord {
  const { key, scope, scopeId, operation, value, changedBy, comment, isRollback, rollbackFromVersion, parent, tags } =
    version;
  return {
    ...{ version: version.version, key, scope, scopeId, operation, value, changedBy, comment, isRollback, parent },
    rollbackFrom: rollbackFromVersion ?? null,
    tags: [...tags].sort(),
  };
}

function expectedVersion(version: ModelVersion): VersionRecord {
  const { key, place, operation, value, by, comment, rollbackFrom, parent, tags } = version;
  return {
    ...{ version: version.hash, key, scope: place.scope, operation, comment },
    scopeId: place.scope === 'global' ? null : place.scopeId,
    value: value ?? null,
    changedBy: by,
    isRollback: rollbackFrom !== undefined,
    parent: parent?.hash ?? null,
    rollbackFrom: rollbackFrom?.hash ?? null,
    tags: [...tags].sort(),
  };
}

const key = fc.constantFrom(...keys);
const place = fc.constantFrom(...places);
const viaOther = fc.integer({ min: 0, max: 4 }).map((number) => number === 0);
const value: fc.Arbitrary<JsonValue> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom<JsonValue[]>(
      ...[null, 0, false, '', 1, 'text', {}, [], [1, { a: 2 }], { $unset: true }, { a: { $unset: true } }],
      ...[{ a: {} }, { a: null }, { a: { b: [] } }, { a: { b: { $unset: true }, c: 1 } }, { hasOwnProperty: 1 }],
    ),
  },
  {
    weight: 3,
    arbitrary: fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'hasOwnProperty'),
      fc.oneof(
        fc.constantFrom<JsonValue[]>(0, 1, 'x', null, { $unset: true }, {}, [0]),
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom<JsonValue[]>(1, 2, null, { $unset: true }, []), {
          noNullPrototype: true,
        }),
      ),
      { noNullPrototype: true },
    ),
  },
);

const setting = fc.tuple(key, place, value, viaOther).map(
  ([key, place, value, elsewhere]) =>
    new Command(
      `set ${key} at ${placeName(place)} to ${JSON.stringify(value)}`,
      elsewhere,
      async (model, service, author) => {
        const call = service.set(key, value, inputOf(place), author.by, author.comment);
        await agree(call, model.change([{ key, place, value }], author.by, author.comment), (answer, expected) => {
          sameVersions([answer], expected);
        });
      },
    ),
);

const deletion = fc.tuple(key, place, viaOther).map(
  ([key, place, elsewhere]) =>
    new Command(`delete ${key} at ${placeName(place)}`, elsewhere, async (model, service, author) => {
      const call = service.delete(key, inputOf(place), author.by, author.comment);
      const changes = [{ key, place, value: undefined, mustExist: true }];
      await agree(call, model.change(changes, author.by, author.comment), (answer, expected) => {
        sameVersions([answer], expected);
      });
    }),
);

const change: fc.Arbitrary<ModelChange> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ key, place, value }) },
  { weight: 1, arbitrary: fc.record({ key, place }).map((at) => ({ ...at, value: undefined, mustExist: true })) },
);
const commits = fc
  .tuple(
    fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ({ key, place }) => `${key} ${placeName(place)}` }),
    viaOther,
  )
  .map(
    ([changes, elsewhere]) =>
      new Command(`commit ${JSON.stringify(changes)}`, elsewhere, async (model, service, author) => {
        const call = service.commit(
          changes.map(({ key, place, value }) =>
            value === undefined ? { key, ...inputOf(place), delete: true } : { key, ...inputOf(place), value },
          ),
          author.by,
          author.comment,
        );
        await agree(call, model.change(changes, author.by, author.comment), (answer, expected) => {
          sameVersions(answer.versions, expected);
        });
      }),
  );

const rollback = fc.tuple(key, fc.nat(), fc.boolean(), viaOther).map(
  ([key, choice, byHash, elsewhere]) =>
    new Command(`roll ${key} back to its version ${String(choice)}`, elsewhere, async (model, service, author) => {
      const versions = model.versions.filter((version) => version.key === key);
      const target = versions[choice % Math.max(versions.length, 1)];
      if (target === undefined) {
        const call = service.rollback(key, 'HEAD', author.by, author.comment);
        await agree(call, { refused: 'version_not_found' }, () => undefined);
        return;
      }
      const { place, value } = target;
      const sameAddress = versions.filter((version) => placeName(version.place) === placeName(place));
      const back = sameAddress.length - 1 - sameAddress.indexOf(target);
      const call = byHash
        ? service.rollback(key, target.hash, author.by, author.comment)
        : service.rollback(key, `HEAD~${String(back)}`, author.by, author.comment, { scope: inputOf(place) });
      const changes = [{ key, place, value, from: target }];
      await agree(call, model.change(changes, author.by, author.comment), (answer, expected) => {
        sameVersions([answer], expected);
      });
    }),
);

const restoration = fc.tuple(place, fc.nat(), viaOther).map(
  ([place, choice, elsewhere]) =>
    new Command(`restore ${placeName(place)} to ${String(choice)}`, elsewhere, async (model, service, author) => {
      if (model.revision === 0) return;
      const revision = 1 + (choice % model.revision);
      const call = service.restore({ revision: baseOf(service) + revision }, inputOf(place), author.by, author.comment);
      const changes = model.changesBackTo(revision, place);
      const expected: Expected<ModelVersion[]> =
        changes.length === 0 ? { refused: 'version_not_found' } : model.change(changes, author.by, author.comment);
      await agree(call, expected, (answer, versions) => {
        const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
        sameVersions([...answer.versions].sort(byKey), [...versions].sort(byKey));
      });
    }),
);

/** The revision at which a run began, for the service that it uses. */
const bases = new WeakMap<ConfigurationManagementService, number>();
const baseOf = (service: ConfigurationManagementService): number => bases.get(service) ?? 0;

const lockable = fc.record(
  {
    key,
    place: fc.constantFrom(...places.filter(({ scope }) => scope !== 'user')),
    path: fc.constantFrom(...lockPaths),
  },
  { noNullPrototype: true },
);
const locking = fc.tuple(lockable, fc.boolean(), viaOther).map(
  ([lock, isLock, elsewhere]) =>
    new Command(
      `${isLock ? 'lock' : 'unlock'} ${pathText(lock.path)} of ${lock.key} at ${placeName(lock.place)}`,
      elsewhere,
      async (model, service, author) => {
        const at = [lock.key, inputOf(lock.place), { path: pathText(lock.path) }, author.by, author.comment] as const;
        const call: Promise<unknown> = isLock ? service.lockConfig(...at) : service.unlockConfig(...at);
        await agree(call, isLock ? model.lock(lock) : model.unlock(lock), () => undefined);
      },
    ),
);

const tagging = fc.tuple(fc.constantFrom('v1', 'stable'), fc.nat(), viaOther).map(
  ([tag, choice, elsewhere]) =>
    new Command(`tag version ${String(choice)} as ${tag}`, elsewhere, async (model, service) => {
      const version = model.versions[choice % Math.max(model.versions.length, 1)];
      if (version === undefined) return;
      await agree(service.createTag(tag, version.hash), model.tag(tag, version), (answer) => {
        expect(answer).toMatchObject({ tag, version: version.hash, key: version.key });
      });
    }),
);

const org = fc.constantFrom(...places.filter(({ scope }) => scope === 'org'));
const team = fc.constantFrom(...places.filter(({ scope }) => scope === 'team'));
const user = fc.constantFrom(...places.filter(({ scope }) => scope === 'user'));
const one = (parent: Place): Parents => ({ all: [parent], primary: parent });
const registration: fc.Arbitrary<readonly [Place, Parents]> = fc.oneof(
  fc.tuple(team, org.map(one)),
  fc.tuple(user, fc.oneof(team.map(one), org.map(one))),
  fc.tuple(
    user,
    fc.tuple(team, org, fc.boolean()).map(([team, org, first]) => ({ all: [team, org], primary: first ? team : org })),
  ),
  fc.tuple(fc.oneof(org, team, user), fc.constant<Parents>({ all: [], primary: undefined })),
);
const registering = fc.tuple(registration, viaOther).map(
  ([[child, parents], elsewhere]) =>
    new Command(
      `register ${placeName(child)} in ${JSON.stringify(parents)}`,
      elsewhere,
      async (model, service, { by }) => {
        const call = service.registerScope(
          {
            ...{ scope: child.scope, scopeId: child.scopeId, parent: parents.all },
            ...(parents.primary === undefined ? {} : { primary: parents.primary }),
          },
          { actor: by },
        );
        await agree(call, model.registerScope(child, parents), (answer) => {
          expect(answer.parents.map(({ scope, scopeId }) => ({ scope, scopeId }))).toEqual(parents.all);
        });
      },
    ),
);
const removal = fc.tuple(fc.oneof(org, team, user), viaOther).map(
  ([place, elsewhere]) =>
    new Command(`unregister ${placeName(place)}`, elsewhere, async (model, service, { by }) => {
      await agree(service.removeScope(inputOf(place), { actor: by }), model.removeScope(place), () => undefined);
    }),
);

const commands = fc.commands<Model, Real, false>(
  [
    ...[setting, setting, setting, setting, commits, commits, rollback, rollback, deletion],
    ...[registering, registering, restoration, locking, locking, tagging, removal],
  ],
  { maxCommands, size: 'max' },
);

function expectSame(what: string, found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found, what).toEqual(expected);
}

/** Compares what can be read now: values everywhere, the revision, and one key's history. */
async function compare(model: Model, { service, database, base, count }: Real): Promise<void> {
  const { revision } = await readProgress(database);
  expectSame('the revision', revision, base + model.revision);
  for (const place of places) {
    const expected = new Map(keys.map((key) => [key, model.effective(key, place)]));
    expectSame(placeName(place), await service.getBatch(keys, inputOf(place)), expected);
    for (const key of keys) expectSame(`peek ${key}`, service.peek(key, inputOf(place)), expected.get(key));
  }
  const key = keys[count % keys.length] ?? 'alpha';
  const at = places[count % places.length] ?? { scope: 'global', scopeId: '' };
  expectSame('get', await service.get<JsonValue>(key, inputOf(at)), model.effective(key, at));
  const all = new Map(
    keys
      .toSorted()
      .filter((key) => model.chain(at).some((one) => model.layer(key, one) !== undefined))
      .map((key) => [key, model.effective(key, at)]),
  );
  expectSame('getAll', await service.getAll(inputOf(at)), all);
  const versions = model.versions.filter((version) => version.key === key).map(expectedVersion);
  const history = (await service.getHistory(key, 1000)).map(described);
  const byVersion = (a: { readonly version: string }, b: { readonly version: string }): number =>
    a.version < b.version ? -1 : 1;
  expectSame('history', history.sort(byVersion), versions.sort(byVersion));
  await compareBlame(model, service, key, at);
}

async function compareBlame(
  model: Model,
  service: ConfigurationManagementService,
  key: string,
  at: Place,
): Promise<void> {
  const layer = model.layer(key, at);
  const expected = (layer === undefined ? [] : leafPaths(layer)).map((path) => {
    const last = model.lastChange(key, at, path);
    return [pathText(path), partAt(layer, path), last?.hash, last?.by, last?.comment];
  });
  const blamed = await service.blame(key, inputOf(at));
  const found = blamed.map((leaf) => [leaf.path, leaf.value, leaf.version, leaf.changedBy, leaf.comment]);
  expectSame('blame', found, expected);
}

/** The revision that a time stands for: the last one of that time. */
async function timesOf(database: Database, base: number): Promise<{ readonly at: Date; readonly revision: number }[]> {
  const rows = await database.query<{ readonly revision: number; readonly committed_at: Date }>(
    'SELECT revision, committed_at FROM configuration_commits WHERE revision > $1::bigint ORDER BY revision',
    [base],
  );
  return rows
    .filter(({ committed_at }, index) => rows[index + 1]?.committed_at.getTime() !== committed_at.getTime())
    .map(({ revision, committed_at }) => ({ at: committed_at, revision: revision - base }));
}

/** Compares the past with what the model remembers of it: explanations, versions at a time, and a restored state. */
async function comparePast(model: Model, { service, database, base }: Real): Promise<void> {
  const times = await timesOf(database, base);
  for (const [index, { at, revision }] of times.entries()) {
    if (!isSoak && index % 7 !== model.revision % 7) continue;
    const state = model.at(revision);
    for (const [number, place] of places.entries()) {
      const key = keys[(number + revision) % keys.length] ?? 'alpha';
      await compareExplanation(model, service, key, place, at, revision, base);
      const version = await service.getVersion(key, `@${at.toISOString()}`, { scope: inputOf(place) });
      expectSame('the version at a time', version?.version, model.head(key, place, state)?.hash);
    }
  }
}

async function compareExplanation(
  model: Model,
  service: ConfigurationManagementService,
  key: string,
  place: Place,
  at: Date,
  revision: number,
  base: number,
): Promise<void> {
  const state = model.at(revision);
  const explanation = await service.explain(key, inputOf(place), { at });
  const value = model.merged(key, place, state);
  expectSame('the value explained', [explanation.revision, explanation.value], [base + revision, value ?? null]);
  const expected = (value === undefined ? [] : leafPaths(value)).map((path) => {
    const origin = model.originOf(key, place, path, state);
    const last = origin && model.lastChange(key, origin, path, state);
    return [pathText(path), partAt(value, path), origin?.scope, last?.hash, last?.by];
  });
  const found = explanation.leaves.map((leaf) => [leaf.path, leaf.value, leaf.scope, leaf.version, leaf.changedBy]);
  expectSame('the leaves explained', found, expected);
}

/** Puts every scope back to one revision, and expects its layers to be those of then. */
async function restoreAll(model: Model, { service, base }: Real): Promise<void> {
  for (const lock of model.now.locks)
    await service.unlockConfig(lock.key, inputOf(lock.place), { path: pathText(lock.path) }, 'end');
  if (model.revision === 0) return;
  const revision = 1 + (model.versions.length % model.revision);
  for (const place of places) {
    if (model.changesBackTo(revision, place).length === 0) continue;
    await service.restore({ revision: base + revision }, inputOf(place), 'end');
    for (const key of keys) {
      const layer = await service.getLayer(key, inputOf(place));
      expectSame('the layer restored', layer?.value, model.layer(key, place, model.at(revision)));
    }
  }
}

describe('the model', () => {
  it('knows what it stands for', () => {
    const model = new Model();
    const [global, orgX, , teamX] = places;
    if (global === undefined || orgX === undefined || teamX === undefined) throw new Error('the places are fixed');
    model.registerScope(teamX, one(orgX));
    model.change([{ key: 'alpha', place: global, value: { a: { b: 1, c: 2 }, d: 3 } }], 'ann', 'c1');
    model.change([{ key: 'alpha', place: orgX, value: { a: { b: { $unset: true } } } }], 'ann', 'c2');
    expect(model.effective('alpha', teamX)).toEqual({ a: { c: 2 }, d: 3 });
    expect(model.lock({ key: 'alpha', place: global, path: ['a', 'b'] })).toEqual({ refused: 'lock_broken' });
    expect(model.lock({ key: 'alpha', place: global, path: ['a', 'c'] })).toEqual({ result: undefined });
    expect(model.change([{ key: 'alpha', place: teamX, value: { a: 1 } }], 'ann', 'c3')).toEqual({ refused: 'locked' });
    expect(model.revision).toBe(4);
  });
});

describeDatabases('the service and its model', (engine) => {
  const services = servicesOn(engine);

  it('agree on every command, and on the past', { timeout: isSoak ? 3_600_000 : 120_000 }, async () => {
    const { database } = await engine.open();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(commands, async (steps) => {
        run += 1;
        // Each run has an environment of its own, so that all share one database.
        const environment = `run ${String(run)}`;
        const service = services.on(database, { environment });
        const other = services.on(database, { environment, cacheEnabled: false });
        const { revision: base } = await readProgress(database);
        bases.set(service, base).set(other, base);
        const model = new Model();
        const real: Real = { service, other, database, base, count: 0 };
        await fc.asyncModelRun(() => ({ model, real }), steps);
        await comparePast(model, real);
        await restoreAll(model, real);
        await Promise.all([service.close(), other.close()]);
      }),
      { numRuns: runs, endOnFailure: false },
    );
  });
});
