/** Owns the calls on layers: what is stored at one scope, and its change, alone or with others. */
import type { ConfigVersion, ImpactReport, JsonValue, ScopeInput } from '@strata/core';
import { conditionHeaders, keyPath, scopeQuery, type Place, type WriteConditions } from './address.ts';
import type { ReportedProblem } from './client-error.ts';
import type { Connection } from './connection.ts';
import type { Wire } from './wire.ts';

/** One address changed by one commit. */
export type VersionRecord = Wire<ConfigVersion>;

/** A stored layer that does not fit its schema, or would not. */
export interface BrokenLayer extends Place {
  readonly key: string;
  readonly errors: readonly ReportedProblem[];
}

/** What a write would do. */
export interface DryRun extends ImpactReport {
  readonly dryRun: true;
}

/** The options of a write. */
export interface WriteOptions extends WriteConditions {
  readonly comment?: string | undefined;
  /** Goes ahead although values below become invalid; the audit log says so. */
  readonly force?: boolean | undefined;
  /**
   * Goes ahead without the approvals that it needs, for the reason given. Takes the permission `break-glass`; the audit log names the reason
   * and the policies.
   */
  readonly breakGlass?: string | undefined;
}

/** The options of a write that stores a value. */
export interface SetOptions extends WriteOptions {
  /** When the layer removes itself: ISO 8601 with a zone. */
  readonly expiresAt?: string | undefined;
}

/** One change of a commit. */
export type CommitChange = ScopeInput & { readonly key: string; readonly ifVersion?: string | null } & (
    { readonly value: JsonValue; readonly expiresAt?: string } | { readonly delete: true }
  );

/** One atomic change by one actor with one comment. */
export interface Commit {
  readonly id: string;
  readonly revision: number;
  readonly committedBy: string;
  readonly committedAt: string;
  readonly comment: string | null;
  /** A version for each change, in the order given; the current one where the value was already there. */
  readonly versions: readonly VersionRecord[];
}

/** The calls on layers. */
export function layerCalls(connection: Connection) {
  return {
    /** The layer stored at one scope, as its current version. @throws `key_not_found`. */
    getLayer: (key: string, scope: ScopeInput) =>
      connection.send<VersionRecord>({ path: keyPath('layers', key), query: scopeQuery(scope) }),

    /** Stores a layer. @throws `validation_failed`, `locked`, `conflict`, `would_break`, … */
    set: (key: string, value: JsonValue, scope: ScopeInput, options: SetOptions = {}) =>
      connection.send<VersionRecord>(setCall(key, value, scope, options)),

    /** What `set` would do. @throws what `set` throws, `would_break` aside. */
    trySet: (key: string, value: JsonValue, scope: ScopeInput, options: SetOptions = {}) =>
      connection.send<DryRun>(dry(setCall(key, value, scope, options))),

    /** Removes a layer, so that the scope inherits again. @throws `key_not_found` when there is none. */
    remove: (key: string, scope: ScopeInput, options: WriteOptions = {}) =>
      connection.send<VersionRecord>(removeCall(key, scope, options)),

    /** What `remove` would do. */
    tryRemove: (key: string, scope: ScopeInput, options: WriteOptions = {}) =>
      connection.send<DryRun>(dry(removeCall(key, scope, options))),

    /** Applies several changes as one: all or none. */
    commit: (changes: readonly CommitChange[], options: Omit<WriteOptions, 'ifVersion'> = {}) =>
      connection.send<Commit>({ method: 'POST', path: '/v1/commits', body: { changes, ...options } }),
  };
}

function setCall(key: string, value: JsonValue, scope: ScopeInput, options: SetOptions) {
  const { comment, expiresAt, force, breakGlass } = options;
  return {
    method: 'PUT',
    path: keyPath('layers', key),
    query: scopeQuery(scope),
    headers: conditionHeaders(options),
    body: { value, comment, expiresAt, force, breakGlass },
  } as const;
}

function removeCall(key: string, scope: ScopeInput, options: WriteOptions) {
  const { comment, force, breakGlass } = options;
  return {
    method: 'DELETE',
    path: keyPath('layers', key),
    // Many programs and proxies drop the body of a DELETE.
    query: { ...scopeQuery(scope), comment, force: force === true ? 'true' : undefined, breakGlass },
    headers: conditionHeaders(options),
  } as const;
}

function dry<Sent extends { readonly query: object }>(call: Sent): Sent {
  return { ...call, query: { ...call.query, dryRun: 'true' } };
}
