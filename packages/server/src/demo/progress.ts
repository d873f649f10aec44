/** Owns how far a store has come in the demo, as its history tells. */
import { isDeepStrictEqual } from 'node:util';
import { formatAddress, type Address } from '@strata/core';
import type { ConfigurationManagementService, ConfigVersion, ScopeInput } from '@strata/service';
import { changesOf, isValueStep, type DemoChange, type DemoStep, type ValueStep } from './step.ts';

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
    for (const version of found)
      if (version !== undefined) heads.set(formatAddress(addressOf(version)), version.version);
    done = index + 1;
  }
  return { done, heads };
}

/** The versions of each layer of the demo, oldest first; taking one from its list means to go on to the next. */
type Histories = ReadonlyMap<string, ConfigVersion[]>;

async function readHistories(service: ConfigurationManagementService, story: readonly DemoStep[]): Promise<Histories> {
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

/** The address that a version belongs to. */
export function addressOf({ key, scope, scopeId }: ConfigVersion): Address {
  return { key, scope, scopeId: scopeId ?? '' };
}
