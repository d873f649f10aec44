/** Owns the look at a store before the demo is written: how much of the demo it holds, and what stands in the way of the rest. */
import { isDeepStrictEqual } from 'node:util';
import { formatAddress, formatScope, parseScope, type ScopeRef } from '@strata/core';
import type {
  ConfigurationManagementService,
  ConfigVersion,
  RegisteredSchema,
  RegisteredScope,
  ScopeInput,
} from '@strata/service';
import {
  changesOf,
  isValueStep,
  type DefinitionStep,
  type DemoChange,
  type DemoStep,
  type ScopeStep,
  type ValueStep,
} from './step.ts';

/** How far a store has come in the demo. */
export interface DemoProgress {
  /** How many steps it has taken: all those up to the last change of values that is found in its history. */
  readonly done: number;
  /** The newest version that the demo made of a layer, by its address as people read it. */
  readonly heads: ReadonlyMap<string, string>;
}

const pageSize = 1000;

/** Finds the demo in the history of a store. What others did to its layers afterwards changes nothing about it. */
export async function readProgress(
  service: ConfigurationManagementService,
  story: readonly DemoStep[],
): Promise<DemoProgress> {
  const histories = await readHistories(service, story);
  const heads = new Map<string, string>();
  let done = 0;
  for (const [index, step] of story.entries()) {
    if (!isValueStep(step)) continue;
    const found = changesOf(step).map((change) => nextVersion(histories, step, change));
    if (found.includes(undefined)) break;
    for (const version of found) if (version !== undefined) heads.set(formatAddress(addressOf(version)), version.version);
    done = index + 1;
  }
  return { done, heads };
}

/** The versions of each layer of the demo, oldest first; taking one from its list means to go on to the next. */
type Histories = ReadonlyMap<string, ConfigVersion[]>;

async function readHistories(
  service: ConfigurationManagementService,
  story: readonly DemoStep[],
): Promise<Histories> {
  const layers = story.filter(isValueStep).flatMap(changesOf);
  const histories = new Map<string, ConfigVersion[]>();
  for (const { key, at } of layers) {
    const name = formatAddress({ key, ...at });
    if (!histories.has(name)) histories.set(name, await readHistory(service, key, at));
  }
  return histories;
}

async function readHistory(
  service: ConfigurationManagementService,
  key: string,
  scope: ScopeInput,
): Promise<ConfigVersion[]> {
  const versions: ConfigVersion[] = [];
  for (;;) {
    const before = versions.at(-1)?.revision;
    const page = await service.getHistory(key, pageSize, before === undefined ? { scope } : { scope, before });
    versions.push(...page);
    if (page.length < pageSize) return versions.reverse();
  }
}

function nextVersion(histories: Histories, step: ValueStep, change: DemoChange): ConfigVersion | undefined {
  const versions = histories.get(formatAddress({ key: change.key, ...change.at }));
  const next = versions?.[0];
  if (next === undefined || !isMadeBy(next, step, change)) return undefined;
  return versions?.shift();
}

function isMadeBy(version: ConfigVersion, step: ValueStep, { value }: DemoChange): boolean {
  if (version.changedBy !== step.by || version.comment !== step.comment) return false;
  if (step.kind === 'rollback') return version.operation === 'rollback';
  if (value === undefined) return version.operation === 'delete';
  return version.operation === 'set' && isDeepStrictEqual(version.value, value);
}

function addressOf({ key, scope, scopeId }: ConfigVersion): ScopeRef & { readonly key: string } {
  return { key, scope, scopeId: scopeId ?? '' };
}

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
    ...(await foreignScopes(service, rest.filter((step) => step.kind === 'scope'))),
  ];
}

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
    for (const version of await service.getHistory(key, pageSize)) count(stored, formatAddress(addressOf(version)));
  }
  return [...stored].filter(([name, versions]) => versions > (made.get(name) ?? 0)).map(([name]) => name);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The keys that the demo writes. */
export function keysOf(story: readonly DemoStep[]): ReadonlySet<string> {
  return new Set(story.filter(isValueStep).flatMap((step) => changesOf(step).map(({ key }) => key)));
}

async function foreignLocks(service: ConfigurationManagementService, story: readonly DemoStep[]): Promise<string[]> {
  const own = story.filter((step) => step.kind === 'lock');
  const keys = keysOf(story);
  return (await service.listLocks())
    .filter((lock) => keys.has(lock.key))
    .filter((lock) => {
      const at = { scope: lock.scope, scopeId: lock.scopeId ?? '' };
      return !own.some((step) => step.key === lock.key && step.path === lock.path && isDeepStrictEqual(step.at, at));
    })
    .map((lock) => `a lock on ${lock.key} at ${formatScope(parseScope(lock))}`);
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

async function foreignScopes(
  service: ConfigurationManagementService,
  steps: readonly ScopeStep[],
): Promise<string[]> {
  if (steps.length === 0) return [];
  const registered = new Map((await allScopes(service)).map((one) => [formatScope(one), one]));
  return steps.map(formatScope).filter((name, index) => {
    const [stored, step] = [registered.get(name), steps[index]];
    return stored !== undefined && step !== undefined && !isSameScope(stored, step);
  });
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
