/** Owns what stands in the way of the demo: everything in a store that it would write over or build on, and that is not its own. */
import { isDeepStrictEqual } from 'node:util';
import { formatAddress, formatScope, parseScope, sameScope } from '@strata/core';
import type { ConfigurationManagementService, LockRecord, RegisteredSchema, RegisteredScope } from '@strata/service';
import { addressOf, type DemoProgress } from './progress.ts';
import {
  changesOf,
  isValueStep,
  keysOf,
  type DefinitionStep,
  type DemoStep,
  type LockStep,
  type ScopeStep,
} from './step.ts';

/**
 * What a store holds that is not the demo's and that the rest of the demo would write over or build on: versions and locks of its
 * keys, definitions, scopes.
 */
export async function findObstacles(
  service: ConfigurationManagementService,
  story: readonly DemoStep[],
  { done }: DemoProgress,
): Promise<string[]> {
  const rest = story.slice(done);
  return [
    ...(await foreignValues(service, story, done)),
    ...(await foreignLocks(service, story)),
    ...(await foreignDefinitions(service, story)),
    ...(await foreignScopes(
      service,
      rest.filter((step) => step.kind === 'scope'),
    )),
  ];
}

/** Many more than the demo makes of a key: where there are as many, some are not its own. */
const mostVersions = 1000;

async function foreignValues(
  service: ConfigurationManagementService,
  story: readonly DemoStep[],
  done: number,
): Promise<string[]> {
  const made = new Map<string, number>();
  for (const step of story.slice(0, done).filter(isValueStep)) {
    for (const { key, at } of changesOf(step)) count(made, formatAddress({ key, ...at }));
  }
  const stored = new Map<string, number>();
  for (const key of keysOf(story)) {
    for (const version of await service.getHistory(key, mostVersions)) count(stored, formatAddress(addressOf(version)));
  }
  return [...stored].filter(([name, versions]) => versions > (made.get(name) ?? 0)).map(([name]) => name);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

async function foreignLocks(service: ConfigurationManagementService, story: readonly DemoStep[]): Promise<string[]> {
  const own = story.filter((step) => step.kind === 'lock');
  const keys = keysOf(story);
  return (await service.listLocks())
    .filter((lock) => keys.has(lock.key) && !own.some((step) => isSameLock(lock, step)))
    .map((lock) => `a lock on ${lock.key} at ${formatScope(parseScope(lock))}`);
}

function isSameLock(lock: LockRecord, { key, path, at }: LockStep): boolean {
  return lock.key === key && lock.path === path && sameScope(parseScope(lock), at);
}

async function foreignDefinitions(
  service: ConfigurationManagementService,
  story: readonly DemoStep[],
): Promise<string[]> {
  const own = new Map(story.filter((step) => step.kind === 'definition').map((step) => [step.key, step]));
  const foreign: string[] = [];
  for (const key of keysOf(story)) {
    const stored = await service.getSchema(key);
    // A built-in definition that nobody replaced has no revision.
    if (stored === null || stored.revision === 0 || isSameDefinition(stored, own.get(key))) continue;
    foreign.push(`a definition of ${key}`);
  }
  return foreign;
}

function isSameDefinition(stored: RegisteredSchema, step: DefinitionStep | undefined): boolean {
  if (step === undefined) return false;
  const { key: _key, revision: _revision, enforcedHere: _enforcedHere, ...definition } = stored;
  return isDeepStrictEqual(definition, { ...step.definition, jsonSchema: step.jsonSchema });
}

async function foreignScopes(service: ConfigurationManagementService, steps: readonly ScopeStep[]): Promise<string[]> {
  if (steps.length === 0) return [];
  const registered = new Map((await allScopes(service)).map((one) => [formatScope(one), one]));
  return steps
    .filter((step) => {
      const stored = registered.get(formatScope(step));
      return stored !== undefined && !isSameScope(stored, step);
    })
    .map(formatScope);
}

async function allScopes(service: ConfigurationManagementService): Promise<RegisteredScope[]> {
  const limit = 10_000;
  const scopes: RegisteredScope[] = [];
  for (;;) {
    const after = scopes.at(-1);
    const page = await service.listScopes(after === undefined ? { limit } : { limit, after });
    scopes.push(...page);
    if (page.length < limit) return scopes;
  }
}

function isSameScope(stored: RegisteredScope, step: ScopeStep): boolean {
  const parents = step.parents.map((parent, index) => ({ ...parent, primary: index === 0 }));
  return stored.name === step.name && isDeepStrictEqual(stored.parents, parents);
}
