/** Owns the way back: one address to an earlier version, or a whole scope to an earlier state. */
import { type Actor } from './actor.ts';
import { type ValueChange } from './intent.ts';
import {
  ConfigurationError,
  formatScope,
  parseKey,
  parseScope,
  parseTag,
  type ConfigVersion,
  type ScopeInput,
  type ScopeRef,
} from '@strata/core';
import { requirePermission } from './access.ts';
import { requireBreakGlass } from './break-glass.ts';
import { begin, type Context } from './context.ts';
import { parseCount, visibleVersions, type HistoryOptions } from './history.ts';
import { openLayer } from './secrets/stored-secrets.ts';
import { readProgress } from './store/counter.ts';
import { revisionAt } from './store/commits.ts';
import { readLayersOfScope } from './store/settings.ts';
import { readScopeAt, type StoredVersion } from './store/versions.ts';
import { parseTime } from './time.ts';
import { requireVersion } from './version-reference.ts';
import { newIntent } from './new-commit.ts';
import { parseWrittenScope, submit, writeOne, type Commit, type WriteOptions } from './write.ts';
import type { DryRun } from './dry-run.ts';

/** What `restore` puts back: the state at a time, at a revision, or every key's version that bears a tag. */
export type RestoreTarget = { readonly at: Date | string } | { readonly revision: number } | { readonly tag: string };

/** The last argument of `rollback`. A rollback puts back what was, so it takes no new expiry. */
export type RollbackOptions = Omit<WriteOptions, 'expiresAt'> & Pick<HistoryOptions, 'scope'>;

/** Puts the value of an earlier version back at that version's own scope. */
export async function rollback(
  context: Context,
  actor: Actor,
  key: string,
  toVersion: string,
  reason: string,
  options: WriteOptions & Pick<HistoryOptions, 'scope'> & { readonly dryRun?: boolean },
): Promise<ConfigVersion | DryRun> {
  begin(context);
  const parsed = parseKey(key);
  const see = await visibleVersions(context, actor, parsed, options);
  const target = await requireVersion(context, parsed, toVersion, options, see);
  const scope = options.scope === undefined ? null : formatScope(parseScope(options.scope));
  const asRollback = { ...options, action: 'rollback' } as const;
  const change = await putBack(context, target);
  return writeOne(context, actor, change, reason, asRollback, ['rollback', target.key, toVersion, scope]);
}

async function putBack(context: Context, target: StoredVersion): Promise<ValueChange> {
  const opened = await openLayer(context, target);
  return {
    key: target.key,
    scope: target.scope,
    scopeId: target.scopeId ?? '',
    value: opened?.value,
    secrets: opened?.secrets,
    rollbackFrom: target.hash,
  };
}

/** Puts a whole scope back as one commit. Only that scope's own layers are concerned; a tag concerns only the keys that bear it. */
export async function restore(
  context: Context,
  actor: Actor,
  target: RestoreTarget,
  scope: ScopeInput,
  comment: string | undefined,
  options: Pick<WriteOptions, 'force' | 'idempotencyKey' | 'breakGlass'>,
): Promise<Commit> {
  begin(context);
  const place = parseWrittenScope(scope);
  // Before anything of the scope is looked at; each key is asked about below.
  await requirePermission(context, actor, 'rollback', place, 'list');
  const changes = await restoringChanges(context, await parseTarget(context, target), place);
  if (changes.length === 0) {
    throw new ConfigurationError('version_not_found', {
      version: JSON.stringify(target),
      key: `any key at ${formatScope(place)}`,
    });
  }
  for (const change of changes) await requirePermission(context, actor, 'rollback', change);
  await requireBreakGlass(context, actor, changes, options.breakGlass);
  const asked = ['restore', JSON.stringify(target), formatScope(place)];
  return submit(context, newIntent(actor, changes, comment, options, asked));
}

async function parseTarget(
  context: Context,
  target: RestoreTarget,
): Promise<{ readonly revision: number } | { readonly tag: string }> {
  const given = typeof target === 'object' && (target as unknown) !== null ? Object.keys(target) : [];
  if (given.length !== 1 || !['at', 'revision', 'tag'].includes(String(given[0]))) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'target',
      problem: 'give exactly one of { at }, { revision } and { tag }',
    });
  }
  if ('tag' in target) return { tag: parseTag(target.tag) };
  if ('revision' in target) {
    const { revision } = await readProgress(context.db);
    return { revision: parseCount(target.revision, 'revision', Math.max(revision, 1)) };
  }
  return { revision: await revisionAt(context.db, parseTime(target.at, 'at')) };
}

async function restoringChanges(
  context: Context,
  target: { readonly revision: number } | { readonly tag: string },
  place: ScopeRef,
): Promise<ValueChange[]> {
  const then = await readScopeAt(context.db, context.environment, place, target);
  const changes: ValueChange[] = [];
  for (const version of then) changes.push(await putBack(context, version));
  if ('tag' in target) return changes;
  const known = new Set(then.map((version) => version.key));
  const now = await readLayersOfScope(context.db, context.environment, place.scope, place.scopeId);
  const added = now.filter((head) => !known.has(head.key));
  return [...changes, ...added.map(({ key }) => ({ key, ...place, value: undefined }))];
}
