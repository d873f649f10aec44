/** Owns the calls on impact: what a change would do, and what is said of keys. */
import type { ImpactReport, JsonValue, KeyDefinition, KeyDefinitionInput, ScopeInput } from '@strata/core';
import { keyPath, scopeQuery } from './address.ts';
import type { Connection } from './connection.ts';

/** What is said of a key besides its schema. */
export interface KeyDefinitionRecord extends KeyDefinition {
  readonly key: string;
  readonly definedBy: string;
  readonly definedAt: string;
  readonly comment: string | null;
  readonly revision: number;
}

/** One key depends on another. */
export interface DependencyRecord {
  readonly key: string;
  readonly dependsOn: string;
  readonly addedBy: string;
  readonly addedAt: string;
  readonly comment: string | null;
  readonly revision: number;
}

/** The keys that a key is tied to, over any number of steps, the nearest first. */
export interface Dependencies {
  readonly key: string;
  readonly dependencies: readonly string[];
  readonly dependents: readonly string[];
}

/** The calls on impact, definitions and dependencies. */
export function impactCalls(connection: Connection) {
  return {
    /** What storing a value would do, and what would refuse it. */
    analyzeImpact: (key: string, value: JsonValue, scope?: ScopeInput) =>
      connection.send<ImpactReport>({
        method: 'POST',
        path: keyPath('impact', key),
        query: scopeQuery(scope),
        body: { value },
      }),

    /** What is said of keys: of all, or of one. */
    listKeyDefinitions: ({ key }: { readonly key?: string | undefined } = {}) =>
      connection.send<{ readonly definitions: readonly KeyDefinitionRecord[] }>({ path: '/v1/keys', query: { key } }),

    /** Says something of a key; what is left out stays, and `null` takes it away. @throws `approval_required`. */
    defineKey: (key: string, definition: KeyDefinitionInput, comment?: string) =>
      connection.send<KeyDefinitionRecord>({
        method: 'PATCH',
        path: keyPath('keys', key),
        body: { ...definition, comment },
      }),

    /** The keys that a key depends on, and those that depend on it. */
    getDependencies: (key: string) => connection.send<Dependencies>({ path: keyPath('dependencies', key) }),

    /** The dependencies themselves: all, or those of one key in either direction. */
    listDependencies: ({ key }: { readonly key?: string | undefined } = {}) =>
      connection.send<{ readonly dependencies: readonly DependencyRecord[] }>({
        path: '/v1/dependencies',
        query: { key },
      }),

    /** Says that a key depends on another. @throws `dependency_cycle`. */
    addDependency: (key: string, dependsOn: string, comment?: string) =>
      connection.send<DependencyRecord>({
        method: 'PUT',
        path: keyPath('dependencies', key),
        body: { dependsOn, comment },
      }),

    /** Says that a key no longer depends on another. @throws `dependency_not_found`. */
    removeDependency: async (key: string, dependsOn: string, comment?: string): Promise<void> => {
      await connection.send({ method: 'DELETE', path: keyPath('dependencies', key), query: { dependsOn, comment } });
    },
  };
}
