/** Owns the registry of dependencies: which key depends on which, added, ended, and followed both ways. */
import {
  circleOf,
  ConfigurationError,
  dependenciesOf,
  globalScope,
  parseKey,
  type Dependency,
  type DependencyDirection,
  type JsonObject,
  type JsonValue,
} from '@strata/core';
import { requirePermission } from './access.ts';
import type { Actor } from './actor.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { begin, type Context } from './context.ts';
import { visibleDependencies } from './key-visibility.ts';
import { newCommit, parseComment } from './new-commit.ts';
import type { Progress } from './store/counter.ts';
import { endDependency, readDependencies, storeDependency, type StoredDependency } from './store/dependencies.ts';

/** A dependency, as it is handed out. */
export type DependencyRecord = StoredDependency;

/** Says that a key depends on another. */
export async function addDependency(
  context: Context,
  actor: Actor,
  key: string,
  dependsOn: string,
  comment: string | undefined,
): Promise<DependencyRecord> {
  const added = await change(context, actor, { key, dependsOn, isThere: true }, comment);
  if (added === undefined) throw new Error('a dependency was added and is not there');
  return added;
}

/** Takes a dependency away. */
export async function removeDependency(
  context: Context,
  actor: Actor,
  key: string,
  dependsOn: string,
  comment: string | undefined,
): Promise<void> {
  await change(context, actor, { key, dependsOn, isThere: false }, comment);
}

/** What is asked for: a dependency that is there, or is no more. */
interface Asked extends Dependency {
  readonly isThere: boolean;
}

async function change(
  context: Context,
  actor: Actor,
  asked: Asked,
  comment: string | undefined,
): Promise<DependencyRecord | undefined> {
  begin(context);
  const args = { ...asked, key: parseKey(asked.key), dependsOn: parseKey(asked.dependsOn) };
  await requirePermission(context, actor, 'schema', { key: args.key, ...globalScope });
  const proposal = { operation: 'dependency', arguments: args, comment: parseComment(comment) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planDependency(progress, context, actor, args, comment),
  );
}

/** Decides on a dependency, or on its end. It needs no approvals, since nothing is decided by it. */
export async function planDependency(
  _progress: Progress,
  { db, environment }: Context,
  actor: Actor,
  args: JsonValue,
  comment: string | undefined,
): Promise<GatedPlan<DependencyRecord | undefined>> {
  const { key, dependsOn, isThere } = args as unknown as Asked;
  const all = await readDependencies(db, environment);
  const existing = all.find((one) => one.key === key && one.dependsOn === dependsOn);
  if (isThere) {
    if (existing !== undefined) return { done: existing };
    const circle = circleOf(all, { key, dependsOn });
    if (circle !== undefined)
      throw new ConfigurationError('dependency_cycle', { key, dependsOn, circle: circle.join(' -> ') });
  } else if (existing === undefined) {
    throw new ConfigurationError('dependency_not_found', { key, dependsOn });
  }
  const commit = newCommit(actor, 'dependency', [key, dependsOn, isThere], comment, {
    about: { key },
    metadata: { dependsOn, isThere } satisfies JsonObject,
  });
  return {
    gate: { requires: undefined, before: null, about: { key, ...globalScope } },
    commit,
    changes: 'nothing',
    store: async (sql, { revision, at }) => {
      if (!isThere) {
        await endDependency(sql, environment, { key, dependsOn }, revision);
        return undefined;
      }
      const stored = { key, dependsOn, addedBy: actor.id, addedAt: at, comment: commit.comment, revision };
      await storeDependency(sql, environment, stored);
      return stored;
    },
  };
}

/** The keys that one depends on, or those that depend on it, over any number of steps: the nearest first. */
export async function getDependencies(
  context: Context,
  actor: Actor,
  key: string,
  direction: DependencyDirection = 'dependencies',
): Promise<readonly string[]> {
  begin(context);
  if (direction !== 'dependencies' && (direction as unknown) !== 'dependents') {
    throw new ConfigurationError('invalid_argument', {
      argument: 'direction',
      problem: `${JSON.stringify(direction)} is none of dependencies, dependents`,
    });
  }
  const parsed = parseKey(key);
  const all = await visibleDependencies(context, actor, await readDependencies(context.db, context.environment));
  return dependenciesOf(all, parsed, direction);
}

/** The dependencies between keys that an actor may read; those of one key in either direction where it is given. */
export async function listDependencies(
  context: Context,
  actor: Actor,
  filter: { readonly key?: string },
): Promise<DependencyRecord[]> {
  begin(context);
  const key = filter.key === undefined ? undefined : parseKey(filter.key);
  const all = await visibleDependencies(context, actor, await readDependencies(context.db, context.environment));
  return all.filter((one) => key === undefined || one.key === key || one.dependsOn === key);
}
