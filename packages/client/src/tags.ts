/** Owns the calls on tags. */
import type { ScopeInput } from '@strata/core';
import { scopeQuery, type Place } from './address.ts';
import type { Connection } from './connection.ts';

/** A tag on a version. */
export interface Tag extends Place {
  readonly tag: string;
  readonly key: string;
  readonly version: string;
  readonly description: string | null;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly revision: number;
}

/** Which tags are asked for. */
export interface TagFilter {
  readonly key?: string | undefined;
  readonly tag?: string | undefined;
  readonly scope?: ScopeInput | undefined;
}

/** The calls on tags. */
export function tagCalls(connection: Connection) {
  return {
    /** Tags, newest first: all, or those of a key, a scope or a name. */
    listTags: ({ key, tag, scope }: TagFilter = {}) =>
      connection.send<{ readonly tags: readonly Tag[] }>({
        path: '/v1/tags',
        query: { ...scopeQuery(scope), key, tag },
      }),

    /** Names a version (12 or more digits of its hash). A tag never moves. @throws `tag_exists`, `version_not_found`. */
    createTag: (tag: string, version: string, description?: string) =>
      connection.send<Tag>({ method: 'POST', path: '/v1/tags', body: { tag, version, description } }),
  };
}
