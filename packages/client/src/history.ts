/** Owns the calls on versions: history, differences, the way back, and where values come from. */
import type { ConfigScope, Diff, ImpactAnalysis, JsonValue, ScopeContext, ScopeInput } from '@strata/core';
import { conditionHeaders, keyPath, scopeQuery, type Place } from './address.ts';
import { refuse, type Connection } from './connection.ts';
import type { Commit, DryRun, VersionRecord, WriteOptions } from './layers.ts';
import type { LockRecord } from './locks.ts';

/** Versions, newest first. */
export interface HistoryPage {
  readonly versions: readonly VersionRecord[];
  /** What to give as `before` for the next page; `null` on the last one. */
  readonly next: string | null;
}

/** What a history call takes. */
export interface HistoryOptions {
  /** Only this scope. Default: all scopes of the key. */
  readonly scope?: ScopeInput | undefined;
  /** At most so many versions: 1 to 1,000. Default: 50. */
  readonly limit?: number | undefined;
  /** Where the page begins: after what `next` of the page before names, or below a revision. */
  readonly before?: string | number | undefined;
}

/** The options of a rollback. The scope is the one that `HEAD` and `@<time>` belong to. */
export type RollbackOptions = Omit<WriteOptions, 'comment'> & { readonly scope?: ScopeInput | undefined };

/** What `restore` puts back: the state at a time (ISO 8601 with a zone), at a revision, or every key's version that bears a tag. */
export type RestoreTarget = { readonly at: string } | { readonly revision: number } | { readonly tag: string };

/** The options of a revert. It concerns every layer that a commit changed, so it is not conditional on the version of one. */
export type RevertOptions = Omit<WriteOptions, 'comment' | 'ifVersion'>;

/** What a revert would do to one layer. */
export type RevertedLayer = Pick<
  DryRun,
  'key' | 'scope' | 'scopeId' | 'changed' | 'impactLevel' | 'diff' | 'effectiveDiff'
>;

/** What a revert would do. */
export interface RevertDryRun extends Omit<ImpactAnalysis, 'revision'> {
  readonly dryRun: true;
  /** The commit that would be undone. */
  readonly commit: string;
  readonly revision: number;
  /** What would become of each layer that the commit changed. */
  readonly changes: readonly RevertedLayer[];
}

/** The last change of one leaf of a layer. */
export interface BlamedLeaf {
  readonly path: string;
  readonly value: JsonValue;
  readonly version: string;
  readonly changedBy: string;
  readonly changedAt: string;
  readonly comment: string | null;
}

/** Who last changed each leaf of a layer. */
export interface Blame extends Place {
  readonly key: string;
  readonly leaves: readonly BlamedLeaf[];
}

/** Where the value of one leaf comes from. */
export interface ExplainedLeaf {
  /** `a.b[0]`; `$` for the whole value. */
  readonly path: string;
  readonly value: JsonValue;
  /** The scope whose layer provides it; `schema` for a default of the schema. */
  readonly scope: ConfigScope | 'schema';
  readonly scopeId: string | null;
  readonly version: string | null;
  readonly changedBy: string | null;
  readonly changedAt: string | null;
  readonly comment: string | null;
  /** The lock that keeps scopes below from changing it. */
  readonly lock?: LockRecord;
  /** What each layer on the chain says about it, from global down. */
  readonly candidates: readonly (Place & { readonly version: string; readonly value: JsonValue })[];
}

/** Why a value is what it is. */
export interface Explanation extends Place {
  readonly key: string;
  readonly revision: number;
  /** The scopes it inherits along, from global down. */
  readonly chain: readonly Place[];
  readonly value: JsonValue;
  readonly leaves: readonly ExplainedLeaf[];
}

/** A version is named by 4 or more digits of its hash, a tag, `HEAD`, `HEAD~2` or `@<ISO time>`; the last two need the scope. */
export function historyCalls(connection: Connection) {
  return {
    /** The versions of a key, newest first. */
    getHistory: (key: string, { scope, limit, before }: HistoryOptions = {}) =>
      connection.send<HistoryPage>({
        path: keyPath('history', key),
        query: { ...scopeQuery(scope), limit, before },
      }),

    /** One version of a key. @throws `version_not_found`, `ambiguous_version`. */
    getVersion: (key: string, version: string, scope?: ScopeInput) =>
      connection.send<VersionRecord>({ path: keyPath('versions', key), query: { ...scopeQuery(scope), version } }),

    /** What changed from one version of a key to another. */
    getDiff: (key: string, from: string, to: string, scope?: ScopeInput) =>
      connection.send<{ readonly diff: readonly Diff[] }>({
        path: keyPath('diff', key),
        query: { ...scopeQuery(scope), from, to },
      }),

    /** Puts an earlier version's value back at its own scope, as a new version. */
    rollback: (key: string, toVersion: string, reason: string, options: RollbackOptions = {}) =>
      connection.send<VersionRecord>(rollbackCall(key, toVersion, reason, options)),

    /** What `rollback` would do. */
    tryRollback: (key: string, toVersion: string, reason: string, options: RollbackOptions = {}) => {
      const call = rollbackCall(key, toVersion, reason, options);
      return connection.send<DryRun>({ ...call, query: { ...call.query, dryRun: 'true' } });
    },

    /**
     * Undoes one commit of values, named by its id or its revision, as a new commit. What later commits changed stays.
     * @throws `revert_conflicts` where later commits changed the same parts, `revert_unsupported`, `commit_not_found`, …
     */
    revert: (commit: string | number, reason: string, options: RevertOptions = {}) =>
      connection.send<Commit>(revertCall(commit, reason, options)),

    /** What `revert` would do. @throws what `revert` throws, `would_break` aside. */
    tryRevert: (commit: string | number, reason: string, options: RevertOptions = {}) =>
      connection.send<RevertDryRun>({ ...revertCall(commit, reason, options), query: { dryRun: 'true' } }),

    /** Puts a whole scope back, as one commit. */
    restore: (
      target: RestoreTarget,
      scope: ScopeInput,
      options: Pick<WriteOptions, 'comment' | 'force' | 'breakGlass'> = {},
    ) =>
      connection.send<Commit>({
        method: 'POST',
        path: '/v1/restore',
        query: scopeQuery(scope),
        body: { ...target, ...options },
      }),

    /** Who last changed each leaf of a layer; no leaf when there is no layer. */
    blame: (key: string, scope?: ScopeInput) =>
      connection.send<Blame>({ path: keyPath('blame', key), query: scopeQuery(scope) }),

    /** Why each leaf of an effective value is what it is, now or at a past time (ISO 8601 with a zone). */
    explain: (key: string, scope?: ScopeContext, options: { readonly at?: string | undefined } = {}) =>
      connection.send<Explanation>({ path: keyPath('explain', key), query: { ...scopeQuery(scope), at: options.at } }),
  };
}

function rollbackCall(key: string, toVersion: string, reason: string, options: RollbackOptions) {
  return {
    method: 'POST',
    path: keyPath('rollback', key),
    query: scopeQuery(options.scope),
    headers: conditionHeaders(options),
    body: { toVersion, reason, force: options.force, breakGlass: options.breakGlass },
  } as const;
}

function revertCall(commit: string | number, reason: string, options: RevertOptions) {
  const name = String(commit);
  // It becomes a part of the path.
  if (!/^[0-9A-Fa-f-]{1,36}$/.test(name)) {
    refuse('commit', `${JSON.stringify(commit)} is neither the id of a commit nor its revision`);
  }
  return {
    method: 'POST',
    path: `/v1/commits/${name}/revert`,
    headers: conditionHeaders({ idempotencyKey: options.idempotencyKey }),
    body: { reason, force: options.force, breakGlass: options.breakGlass },
  } as const;
}
