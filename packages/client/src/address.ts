/** Owns how keys, scopes and conditions are written in a request. */
import { parseKey, parseScopeContext, type ConfigScope, type ScopeContext, type ScopeInput } from '@strata/core';
import type { Call } from './connection.ts';
import { refusalsOfCore, refuse } from './connection.ts';

/** A scope as answers have it: `scopeId` is null at global. */
export interface Place {
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
}

/**
 * The path of a key below a route. A key is sent as it is.
 * @throws StrataClientError `invalid_key`, also for a key that a URL cannot hold (`a/../b` would come to mean another key on its way).
 */
export function keyPath(route: string, key: string): string {
  refusalsOfCore(() => parseKey(key));
  const segments = key.split('/');
  if (segments.slice(0, -1).includes('') || segments.some((segment) => /^\.+$/.test(segment))) {
    refuse('key', `${JSON.stringify(key)} has an empty segment or one of dots alone, which a URL cannot hold`);
  }
  return `/v1/${route}/${key}`;
}

/** The query of a scope; nothing where none is given. @throws StrataClientError `invalid_scope`. */
export function scopeQuery(scope: ScopeContext | undefined): NonNullable<Call['query']> {
  if (scope === undefined) return {};
  const { organizationId, teamId, ...place } = refusalsOfCore(() => parseScopeContext(scope));
  return { ...placeQuery(place), organizationId, teamId };
}

function placeQuery({ scope, scopeId }: ScopeInput): NonNullable<Call['query']> {
  return { scope, scopeId: scopeId === '' ? undefined : scopeId };
}

/** The conditions of a write. */
export interface WriteConditions {
  /** The version that the caller saw (16 or more digits; `null`: no value). With a different current one the call fails with `conflict`. */
  readonly ifVersion?: string | null | undefined;
  /** A key under which a repeated call is applied once: 1 to 255 printable ASCII characters. */
  readonly idempotencyKey?: string | undefined;
}

/** The headers of a write's conditions. @throws StrataClientError `invalid_argument`. */
export function conditionHeaders({ ifVersion, idempotencyKey }: WriteConditions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (ifVersion === null) headers['if-none-match'] = '*';
  else if (ifVersion !== undefined) headers['if-match'] = `"${parseVersion(ifVersion)}"`;
  if (idempotencyKey !== undefined) headers['idempotency-key'] = quoted(idempotencyKey);
  return headers;
}

function parseVersion(version: string): string {
  if (/^[0-9a-f]{16,64}$/.test(version)) return version;
  return refuse('ifVersion', `${JSON.stringify(version)} is not a version of 16 or more digits`);
}

function quoted(text: string): string {
  if (!/^[ -~]{1,255}$/.test(text)) refuse('idempotencyKey', 'it takes 1 to 255 printable ASCII characters');
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
