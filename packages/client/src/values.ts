/** Owns the calls on effective values. */
import type { JsonValue, ScopeContext } from '@strata/core';
import { keyPath, scopeQuery, type Place } from './address.ts';
import type { Connection } from './connection.ts';

/** An effective value with its address. */
export interface EffectiveValue extends Place {
  readonly key: string;
  readonly value: JsonValue;
}

/** The effective values at one scope. */
export interface EffectiveValues extends Place {
  readonly values: Readonly<Record<string, JsonValue>>;
}

/** How new what is read has to be. */
export interface ReadOptions {
  /** A revision that was seen before, such as `lastRevision` of another client: what is read is of that one or a later one. */
  readonly minRevision?: number | undefined;
}

/** The calls on effective values. A scope is global where none is given. */
export function valueCalls(connection: Connection) {
  return {
    /** The effective value of a key at a scope, its secrets masked. @throws `key_not_found` when no layer gives a value; `revision_not_reached`. */
    getValue: (key: string, scope?: ScopeContext, { minRevision }: ReadOptions = {}) =>
      connection.send<EffectiveValue>({ path: keyPath('values', key), query: { ...scopeQuery(scope), minRevision } }),

    /**
     * The effective value of a key with its secrets, which all other calls mask; the audit log keeps the reason.
     * @throws `not_permitted` without the permission `read-sensitive`, `key_not_found`.
     */
    reveal: (key: string, scope: ScopeContext | undefined, reason: string) =>
      connection.send<EffectiveValue>({
        method: 'POST',
        path: keyPath('reveal', key),
        query: scopeQuery(scope),
        body: { reason },
      }),

    /** The effective values of several keys at one scope, read at once; `null` where a key has none. */
    getBatch: async (
      keys: readonly string[],
      scope?: ScopeContext,
      { minRevision }: ReadOptions = {},
    ): Promise<EffectiveValues> => {
      // No key at all would ask for every key.
      if (keys.length === 0) return { scope: scope?.scope ?? 'global', scopeId: scope?.scopeId ?? null, values: {} };
      return connection.send({ path: '/v1/values', query: { ...scopeQuery(scope), minRevision, key: keys } });
    },

    /** The effective values of every key with a layer on the chain of a scope. */
    getAll: (scope?: ScopeContext, { minRevision }: ReadOptions = {}) =>
      connection.send<EffectiveValues>({ path: '/v1/values', query: { ...scopeQuery(scope), minRevision } }),
  };
}
