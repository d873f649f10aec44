/** Owns the calls on locks. */
import type { ScopeInput } from '@strata/core';
import { keyPath, scopeQuery, type Place } from './address.ts';
import type { Connection } from './connection.ts';

/** A lock in force: it binds the scopes below its own. */
export interface LockRecord extends Place {
  readonly key: string;
  /** The part of the value that is locked; `$` for all of it. */
  readonly path: string;
  /** The version that the locking scope had when it locked; `null` if it had no value. */
  readonly version: string | null;
  readonly revision: number;
  readonly lockedBy: string;
  readonly lockedAt: string;
  readonly comment: string | null;
}

/** The calls on locks. A path is written `a.b[0]`; without one the whole value is meant. */
export function lockCalls(connection: Connection) {
  return {
    /** The locks in force: all, or those of a key or a scope. */
    listLocks: ({ key, scope }: { readonly key?: string | undefined; readonly scope?: ScopeInput | undefined } = {}) =>
      connection.send<{ readonly locks: readonly LockRecord[] }>({
        path: '/v1/locks',
        query: { ...scopeQuery(scope), key },
      }),

    /** Forbids the scopes below to say anything about a key, or about one part of it. @throws `lock_exists`, `lock_broken`. */
    lock: (
      key: string,
      scope: ScopeInput,
      { path, comment }: { readonly path?: string | undefined; readonly comment?: string | undefined } = {},
    ) =>
      connection.send<LockRecord>({
        method: 'PUT',
        path: keyPath('locks', key),
        query: { ...scopeQuery(scope), path },
        body: { comment },
      }),

    /** Takes a lock away. @throws `lock_not_found`. */
    unlock: async (
      key: string,
      scope: ScopeInput,
      { path, comment }: { readonly path?: string | undefined; readonly comment?: string | undefined } = {},
    ): Promise<void> => {
      await connection.send({
        method: 'DELETE',
        path: keyPath('locks', key),
        query: { ...scopeQuery(scope), path, comment },
      });
    },
  };
}
