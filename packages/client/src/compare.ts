/** Owns the calls that compare two sides and promote what differs. */
import type { Diff, DocumentFormat, ScopeInput } from '@strata/core';
import type { Place } from './address.ts';
import type { Connection } from './connection.ts';
import type { ImportResult } from './documents.ts';

/** Values that are stored: at a scope, now or at a past time. */
export interface StoredSide extends ScopeInput {
  readonly subtree?: boolean | undefined;
  /** ISO 8601 with a zone. */
  readonly at?: string | undefined;
  readonly revision?: number | undefined;
  /** Each key's version that bears this tag, in the place of a time. */
  readonly tag?: string | undefined;
  readonly values?: 'own' | 'effective' | undefined;
  /** Another environment of the store. */
  readonly environment?: string | undefined;
}

/** Values in a document: an export, such as that of another server, or an object of keys and values. */
export interface DocumentSide extends Partial<ScopeInput> {
  readonly document: string;
  readonly format?: DocumentFormat | undefined;
  readonly verify?: boolean | undefined;
}

/** One side of a comparison. */
export type Side = StoredSide | DocumentSide;

/** What turns the left side into the right one, at places of the left one. */
export interface Comparison {
  readonly left: Place & { readonly revision: number | null };
  readonly right: Place & { readonly revision: number | null };
  readonly differences: readonly (Place & {
    readonly key: string;
    readonly operation: 'add' | 'modify' | 'delete';
    readonly diff: readonly Diff[];
  })[];
}

/** How what differs is promoted. */
export interface PromoteOptions {
  /** Where it goes. Default: the scope of the source. */
  readonly target?: ScopeInput | undefined;
  /** Only these keys (names or globs), or only these leaves of them. */
  readonly only?: readonly { readonly key: string; readonly path?: string | undefined }[] | undefined;
  /** Also removes what the source has not. */
  readonly removals?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly comment?: string | undefined;
  readonly force?: boolean | undefined;
  readonly breakGlass?: string | undefined;
}

/** The calls on comparisons. */
export function compareCalls(connection: Connection) {
  return {
    /** What differs between two scopes, times, tags, environments or documents. */
    compareConfig: (left: Side, right: Side) =>
      connection.send<Comparison>({ method: 'POST', path: '/v1/compare', body: { left, right } }),

    /** Gives a scope the values of a side: as one commit, as one change request, or not at all. */
    promoteConfig: (source: Side, options: PromoteOptions = {}) =>
      connection.send<ImportResult>({ method: 'POST', path: '/v1/promote', body: { source, ...options } }),
  };
}
