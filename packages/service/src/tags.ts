/** Owns tags: names that mark versions and never move. */
import { type Actor } from './actor.ts';
import {
  ConfigurationError,
  formatAddress,
  parseKey,
  parseScope,
  parseTag,
  shortVersion,
  type Address,
  type ConfigScope,
  type JsonValue,
  type ScopeInput,
} from '@strata/core';
import { requirePermission } from './access.ts';
import { begin, type Context } from './context.ts';
import { decideGated, type GatedPlan } from './change-request-filing.ts';
import { requirementAt } from './gate.ts';
import { readTags, storeTag, type StoredTag } from './store/tags.ts';
import type { Progress } from './store/counter.ts';
import { readVersions, type StoredVersion } from './store/versions.ts';
import { resolveHash } from './version-reference.ts';
import { visibilityOf } from './visibility.ts';
import { newCommit, parseComment } from './new-commit.ts';

/** A tag on a version. */
export interface Tag {
  readonly tag: string;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  readonly version: string;
  readonly description: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly revision: number;
}

/** Marks a version. The same tag on the same version again does no work. */
export async function createTag(
  context: Context,
  actor: Actor,
  tag: string,
  version: string,
  description: string | undefined,
): Promise<Tag> {
  begin(context);
  const name = parseTag(tag);
  const target = await resolveHash(context, await visibilityOf(context, actor, 'read'), version);
  if (target === undefined) throw new ConfigurationError('version_not_found', { version, key: 'any key' });
  await requirePermission(context, actor, 'tag', addressOf(target));
  const args = { tag: name, hash: target.hash };
  const proposal = { operation: 'tag', arguments: args, comment: parseComment(description) } as const;
  return decideGated(context, actor, proposal, (progress, context) =>
    planTag(progress, context, actor, args, description),
  );
}

function addressOf({ key, scope, scopeId }: StoredVersion): Address {
  return { key, scope, scopeId: scopeId ?? '' };
}

/** Decides on a tag. */
export async function planTag(
  progress: Progress,
  context: Context,
  actor: Actor,
  args: JsonValue,
  description: string | undefined,
): Promise<GatedPlan<Tag>> {
  const { tag: name, hash } = args as { readonly tag: string; readonly hash: string };
  const [target] = await readVersions(context.db, [hash]);
  if (target === undefined) throw new ConfigurationError('version_not_found', { version: hash, key: 'any key' });
  const address = addressOf(target);
  const [existing] = await readTags(context.db, context.environment, { tag: name, ...address });
  if (existing?.hash === target.hash) return { done: toTag(existing) };
  if (existing !== undefined) {
    throw new ConfigurationError('tag_exists', {
      tag: name,
      version: shortVersion(existing.hash),
      address: formatAddress(address),
    });
  }
  const commit = newCommit(actor, 'tag', [name, target.hash], description, {
    about: address,
    metadata: { tag: name, version: target.version },
  });
  const rules = await context.ruleBook.at(context.db, progress);
  return {
    gate: { requires: requirementAt(rules, address.key, address), before: null, about: address },
    commit,
    changes: 'nothing',
    store: async (sql, { revision, at }) => {
      const stored: StoredTag = {
        ...address,
        tag: name,
        hash: target.hash,
        description: commit.comment,
        createdBy: actor.id,
        createdAt: at,
        revision,
      };
      await storeTag(sql, context.environment, stored);
      return toTag(stored);
    },
  };
}

function toTag({ hash, scopeId, ...tag }: StoredTag): Tag {
  return { ...tag, scopeId: tag.scope === 'global' ? null : scopeId, version: shortVersion(hash) };
}

/** Tags, newest first. */
export async function listTags(
  context: Context,
  filter: { readonly key?: string; readonly tag?: string; readonly scope?: ScopeInput },
): Promise<Tag[]> {
  begin(context);
  const tags = await readTags(context.db, context.environment, {
    tag: filter.tag === undefined ? undefined : parseTag(filter.tag),
    key: filter.key === undefined ? undefined : parseKey(filter.key),
    ...(filter.scope === undefined ? {} : parseScope(filter.scope)),
  });
  return tags.map(toTag);
}
