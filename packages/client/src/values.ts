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

/** The calls on effective values. A scope is global where none is given. */
export function valueCalls(connection: Connection) {
  return {
    /** The effective value of a key at a scope. @throws `key_not_found` when no layer gives a value. */
    getValue: (key: string, scope?: ScopeContext) =>
      connection.send<EffectiveValue>({ path: keyPath('values', key), query: scopeQuery(scope) }),

    /** The effective values of several keys at one scope, read at once; `null` where a key has none. */
    getBatch: async (keys: readonly string[], scope?: ScopeContext): Promise<EffectiveValues> => {
      // No key at all would ask for every key.
      if (keys.length === 0) return { scope: scope?.scope ?? 'global', scopeId: scope?.scopeId ?? null, values: {} };
      return connection.send({ path: '/v1/values', query: { ...scopeQuery(scope), key: keys } });
    },

    /** The effective values of every key with a layer on the chain of a scope. */
    getAll: (scope?: ScopeContext) =>
      connection.send<EffectiveValues>({ path: '/v1/values', query: scopeQuery(scope) }),
  };
}
