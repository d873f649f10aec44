/** Owns writing the fleet demo into a store, through the public service alone. */
import { ConfigurationError, formatAddress, isConfigurationError } from '@strata/core';
import type { ConfigurationManagementService, ConfigVersion } from '@strata/service';
import { findObstacles } from './obstacles.ts';
import { addressOf, readProgress } from './progress.ts';
import {
  isValueStep,
  keysOf,
  type CommitStep,
  type DefinitionStep,
  type DemoStep,
  type LockStep,
  type RollbackStep,
  type ScopeStep,
  type TagStep,
} from './step.ts';
import { story } from './story.ts';

/** What the demo holds, and whether a call wrote any of it. */
export interface DemoSummary {
  /** Whether this call wrote anything; false for a store that held all of it before. */
  readonly seeded: boolean;
  readonly organizations: number;
  readonly teams: number;
  readonly users: number;
  /** Keys with values. */
  readonly keys: number;
  /** Changes of values, the rollback included. */
  readonly commits: number;
}

/**
 * Fills a store with three invented fleets: scopes, definitions, values on all four levels, locks, tags and their history. The
 * content is always the same; only hashes and times differ. A store that holds the demo is left as it is, whatever was done to it
 * since, and one where seeding was interrupted gets the rest. The database has to be migrated.
 * @throws ConfigurationError `demo_refused` when keys or scopes of the demo hold anything else; nothing is written then.
 */
export async function seedDemo(service: ConfigurationManagementService): Promise<DemoSummary> {
  const progress = await readProgress(service, story);
  const seeded = progress.done < story.length;
  if (seeded) {
    refuseObstacles(await findObstacles(service, story, progress));
    const writer: Writer = { service, heads: new Map(progress.heads) };
    for (const step of story.slice(progress.done)) await take(writer, step);
  }
  return { seeded, ...summary };
}

/** Whether a store has no commit at all, in any environment. */
export async function isEmptyStore(service: ConfigurationManagementService): Promise<boolean> {
  return (await service.explain('branding')).revision === 0;
}

const scopeCount = (scope: ScopeStep['scope']): number =>
  story.filter((step) => step.kind === 'scope' && step.scope === scope).length;

const summary: Omit<DemoSummary, 'seeded'> = {
  organizations: scopeCount('org'),
  teams: scopeCount('team'),
  users: scopeCount('user'),
  keys: keysOf(story).size,
  commits: story.filter(isValueStep).length,
};

/** How many obstacles a refusal lists. */
const listed = 10;

function refuseObstacles(obstacles: readonly string[]): void {
  if (obstacles.length === 0) return;
  const more = obstacles.length > listed ? `, and ${String(obstacles.length - listed)} more` : '';
  throw new ConfigurationError('demo_refused', { obstacles: obstacles.slice(0, listed).join(', ') + more });
}

/** The store while it is filled, with the newest version of each layer that the demo wrote. */
interface Writer {
  readonly service: ConfigurationManagementService;
  readonly heads: Map<string, string>;
}

async function take(writer: Writer, step: DemoStep): Promise<void> {
  switch (step.kind) {
    case 'scope':
      return register(writer, step);
    case 'definition':
      return define(writer, step);
    case 'commit':
      return commit(writer, step);
    case 'rollback':
      return rollback(writer, step);
    case 'lock':
      return lock(writer, step);
    case 'tag':
      return tag(writer, step);
  }
}

async function register({ service }: Writer, { scope, scopeId, name, parents, by }: ScopeStep): Promise<void> {
  await service.registerScope({ scope, scopeId, name, parent: parents }, { actor: by });
}

async function define({ service }: Writer, step: DefinitionStep): Promise<void> {
  const { key, jsonSchema, definition, by: actor, comment } = step;
  await service.registerSchema(key, jsonSchema, { ...definition, actor, comment, onInvalid: 'refuse' });
}

async function commit(writer: Writer, step: CommitStep): Promise<void> {
  const changes = step.changes.map(({ key, at, value }) => {
    const address = { key, ...at, ifVersion: writer.heads.get(formatAddress({ key, ...at })) ?? null };
    return value === undefined ? { ...address, delete: true as const } : { ...address, value };
  });
  const { versions } = await writer.service.commit(changes, step.by, step.comment);
  for (const version of versions) keepHead(writer, version);
}

async function rollback(writer: Writer, step: RollbackStep): Promise<void> {
  const { key, at: scope, by, comment } = step;
  const options = { scope, ifVersion: headOf(writer, step) };
  keepHead(writer, await writer.service.rollback(key, 'HEAD~1', by, comment, options));
}

async function lock({ service }: Writer, { key, at, path, by, comment }: LockStep): Promise<void> {
  try {
    await service.lockConfig(key, at, { path }, by, comment);
  } catch (error) {
    if (!isConfigurationError(error, 'lock_exists')) throw error;
  }
}

async function tag(writer: Writer, step: TagStep): Promise<void> {
  for (const layer of step.layers) {
    await writer.service.createTag(step.tag, headOf(writer, layer), step.comment, { actor: step.by });
  }
}

function keepHead(writer: Writer, version: ConfigVersion): void {
  writer.heads.set(formatAddress(addressOf(version)), version.version);
}

function headOf(writer: Writer, { key, at }: Pick<RollbackStep, 'key' | 'at'>): string {
  const name = formatAddress({ key, ...at });
  const head = writer.heads.get(name);
  if (head === undefined) throw new Error(`the demo names ${name} before it wrote it`);
  return head;
}
