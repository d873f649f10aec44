/** Owns tags: names that mark versions and never move. */
import { type Actor } from './actor.ts';
import {
  ConfigurationError,
  formatAddress,
  parseKey,
  parseLongHash,
  parseScope,
  parseTag,
  shortVersion,
  type ConfigScope,
  type ScopeInput,
} from '@strata/core';
import { begin, type Context } from './context.ts';
import { commitDecision } from './decision-commit.ts';
import { readTags, storeTag, type StoredTag } from './store/tags.ts';
import { findVersions } from './store/versions.ts';
import { only } from './version-reference.ts';
import { newCommit } from './write.ts';

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
export function createTag(
  context: Context,
  actor: Actor,
  tag: string,
  version: string,
  description: string | undefined,
): Promise<Tag> {
  begin(context);
  const name = parseTag(tag);
  const prefix = parseLongHash(version);
  return commitDecision(context, async (_progress, context) => {
    const target = only(version, await findVersions(context.db, context.environment, undefined, undefined, prefix, 2));
    if (target === undefined) throw new ConfigurationError('version_not_found', { version, key: 'any key' });
    const address = { key: target.key, scope: target.scope, scopeId: target.scopeId ?? '' };
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
    return {
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
  });
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
