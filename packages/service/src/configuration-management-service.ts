/** Owns the public type of the service: every method with its promise. */
import type {
  ConfigScope,
  ConfigVersion,
  Definition,
  Diff,
  ImpactLevel,
  JsonObject,
  JsonValue,
  Lock,
  ScopeContext,
  ScopeInput,
  ScopeRef,
} from '@strata/core';
import type { ZodType } from 'zod';
import { actorOf } from './actor.ts';
import { blame } from './blame.ts';
import { close, type Context } from './context.ts';
import { migrate } from './db/migrate.ts';
import { explain } from './explain.ts';
import { exportConfig } from './export.ts';
import { getDiff, getHistory, getLayer, getVersion } from './history.ts';
import { listLocks, lockConfig, unlockConfig } from './locks.ts';
import { get, getAll, getBatch, getScopeChain, invalidateCache, peek } from './read.ts';
import { restore, rollback } from './rollback.ts';
import { getSchema, listSchemas, registerSchema, validateConfig } from './schemas.ts';
import { listScopes, registerScope, removeScope } from './scopes.ts';
import { createTag, listTags } from './tags.ts';
import { commit, remove, set } from './write.ts';

/** Who acts, with what is known of the request: goes into the audit log. */
export interface Actor {
  readonly id: string;
  readonly roles?: readonly string[];
  readonly ip?: string;
  readonly userAgent?: string;
  readonly requestId?: string;
}

/** The last argument of every write. */
export interface WriteOptions {
  /** The version that the caller saw (any reference; `null`: no value). A different current one is a `conflict`. */
  readonly ifVersion?: string | null;
  /** Removes this layer by itself at that time (the database's clock), within seconds. Only for a value that is set. */
  readonly expiresAt?: Date | string;
  /** A key under which a repeated call is applied once and answers the same. */
  readonly idempotencyKey?: string;
  /** Goes ahead although values below become invalid; the audit log says so. */
  readonly force?: boolean;
}

/** What a write would do. */
export interface DryRun {
  readonly dryRun: true;
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** Whether the write would make a version at all. */
  readonly changed: boolean;
  readonly impactLevel: ImpactLevel;
  /** What changes in the layer. */
  readonly diff: readonly Diff[];
  /** What changes in the effective value at this scope. */
  readonly effectiveDiff: readonly Diff[];
  /** The layers below that would become invalid. */
  readonly wouldBreak: readonly BrokenLayer[];
}

/** A stored layer whose effective value would not, or does not, fit the schema. */
export interface BrokenLayer {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  readonly errors: readonly ValidationProblem[];
}

/** One thing that is wrong with a value. */
export interface ValidationProblem {
  readonly path: string;
  readonly message: string;
}

/** The answer of `validateConfig`. */
export interface ValidationResult {
  readonly valid: boolean;
  readonly errors: readonly ValidationProblem[];
}

/** One change of a `commit`. */
export type CommitChange =
  | (ScopeInput & {
      readonly key: string;
      readonly value: unknown;
      readonly delete?: false;
      readonly ifVersion?: string | null;
      readonly expiresAt?: Date | string;
    })
  | (ScopeInput & { readonly key: string; readonly delete: true; readonly ifVersion?: string | null });

/** One atomic change by one actor with one comment. */
export interface Commit {
  readonly id: string;
  /** The revision; that of the newest version concerned where nothing changed. */
  readonly revision: number;
  readonly committedBy: string;
  readonly committedAt: Date;
  readonly comment: string | null;
  /** A version for each change, in the order given; the current one where the value was already there. */
  readonly versions: readonly ConfigVersion[];
}

/** The last argument of calls that list or resolve versions. */
export interface HistoryOptions {
  /** Only this scope; also the address that `HEAD` and `@time` mean (default: global). */
  readonly scope?: ScopeInput;
  /** Only versions of a revision before this one: the way to the next page. */
  readonly before?: number;
}

/** The last argument of `rollback`. A rollback puts back what was, so it takes no new expiry. */
export type RollbackOptions = Omit<WriteOptions, 'expiresAt'> & Pick<HistoryOptions, 'scope'>;

type DryRunnable = WriteOptions & { readonly dryRun?: boolean };

/** Where the value of one leaf comes from. */
export interface ExplainedLeaf {
  /** `a.b[0]`; `$` for the whole value. */
  readonly path: string;
  readonly value: JsonValue;
  /** The scope whose layer provides it; `schema` for a default of the schema. */
  readonly scope: ConfigScope | 'schema';
  readonly scopeId: string | null;
  /** The version that last changed this leaf; `null` for a default of the schema. */
  readonly version: string | null;
  readonly changedBy: string | null;
  readonly changedAt: Date | null;
  readonly comment: string | null;
  /** The lock that keeps scopes below from changing it. */
  readonly lock?: LockRecord;
  /** What each layer on the chain says about it, from global down. */
  readonly candidates: readonly LeafCandidate[];
}

/** What one layer says about a leaf: a value, or `{ $unset: true }`. */
export interface LeafCandidate {
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  readonly version: string;
  readonly value: JsonValue;
}

/** Why a value is what it is. */
export interface Explanation {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** The revision at which it was read. */
  readonly revision: number;
  /** The scopes it inherits along, from global down. */
  readonly chain: readonly { readonly scope: ConfigScope; readonly scopeId: string | null }[];
  readonly value: JsonValue;
  readonly leaves: readonly ExplainedLeaf[];
}

/** The last change of one leaf of a layer. */
export interface BlamedLeaf {
  readonly path: string;
  readonly value: JsonValue;
  readonly version: string;
  readonly changedBy: string;
  readonly changedAt: Date;
  readonly comment: string | null;
}

/** A lock as it is handed out: its path in the one notation, `scopeId` null at global. */
export interface LockRecord extends Omit<Lock, 'path' | 'scopeId'> {
  readonly path: string;
  readonly scopeId: string | null;
}

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

/** A scope to register. */
export interface ScopeRegistration {
  readonly scope: ConfigScope;
  readonly scopeId: string;
  /** One scope, or for a user a list of teams and orgs. Absent: it inherits from global directly. */
  readonly parent?: ScopeInput | readonly ScopeInput[];
  /** Which of the parents a user inherits from; default: the first. */
  readonly primary?: ScopeInput;
  readonly name?: string;
}

/** A registered scope. */
export interface RegisteredScope extends ScopeRef {
  readonly name: string | null;
  readonly parents: readonly (ScopeRef & { readonly primary: boolean })[];
  readonly revision: number;
}

/** What `registerSchema` takes besides the schema. */
export type SchemaOptions = Omit<Definition, 'jsonSchema' | 'code'> & {
  /** What happens when stored values do not fit: `report` (default) registers and lists them, `refuse` throws `schema_breaks_values`. */
  readonly onInvalid?: 'report' | 'refuse';
  readonly actor?: string;
  readonly comment?: string;
};

/** What `getSchema` and `registerSchema` answer. */
export interface RegisteredSchema extends Definition {
  readonly key: string;
  /** The Zod schema, where this process registered one. */
  readonly zod?: ZodType;
  /** Whether this process can check all of the schema's rules. */
  readonly enforcedHere: boolean;
  /** The revision of its registration; 0 for a built-in definition. */
  readonly revision: number;
}

/** The answer of `registerSchema`. */
export interface SchemaRegistration extends RegisteredSchema {
  /** The stored layers that the schema does not fit. */
  readonly invalid: readonly BrokenLayer[];
}

/** What `restore` puts back: the state at a time, at a revision, or every key's version that bears a tag. */
export type RestoreTarget = { readonly at: Date | string } | { readonly revision: number } | { readonly tag: string };

/** What `migrate` did. */
export interface MigrationResult {
  /** The names of the files applied by this call. */
  readonly applied: readonly string[];
  /** The names of all files that are in force. */
  readonly current: readonly string[];
}

/**
 * The configuration plane of one environment of one store. Made by `createConfigurationService`; all methods may be called at once
 * from anywhere. Every refusal is a `ConfigurationError` with a `code`.
 *
 * Calls that carry no user act as the actor of `as`, else as `system`.
 */
export interface ConfigurationManagementService {
  /**
   * The effective value of a key at a scope (default: global): the layers on its chain, merged from global down, completed with the
   * schema's defaults. Deep-frozen and shared: never changed afterwards. `null` when no layer gives a value.
   */
  // The contract reads properties from an untyped result, so the default has to be `any`.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  get<T = any>(key: string, scope?: ScopeContext): Promise<T>;

  /** What `get` would answer from memory right now, without waiting; `undefined` when it is not in memory or may be stale. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  peek<T = any>(key: string, scope?: ScopeContext): T | undefined;

  /** The effective values of several keys at one scope, read in one query; an entry for every key asked, `null` where missing. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  getBatch<T = any>(keys: readonly string[], scope?: ScopeContext): Promise<Map<string, T>>;

  /** The effective values of every key with a layer on the chain of a scope. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  getAll<T = any>(scope?: ScopeContext): Promise<Map<string, T>>;

  /**
   * Stores a layer and makes a version of it. Writing the value that is already there makes none and answers the current one.
   * @throws `validation_failed`, `locked`, `conflict` (with `ifVersion`), `would_break`, `scope_not_allowed`, `unavailable`, …
   */
  set<T = JsonValue>(
    key: string,
    value: T,
    scope: ScopeInput,
    userId: string,
    comment?: string,
    options?: WriteOptions & { readonly dryRun?: false },
  ): Promise<ConfigVersion<T>>;
  set<T = JsonValue>(
    key: string,
    value: T,
    scope: ScopeInput,
    userId: string,
    comment: string | undefined,
    options: WriteOptions & { readonly dryRun: true },
  ): Promise<DryRun>;

  /** Removes a layer, so that the scope inherits again. The version says so; nothing is lost. @throws `key_not_found` when there is no layer. */
  delete(
    key: string,
    scope: ScopeInput,
    userId: string,
    comment?: string,
    options?: WriteOptions & { readonly dryRun?: false },
  ): Promise<ConfigVersion>;
  delete(
    key: string,
    scope: ScopeInput,
    userId: string,
    comment: string | undefined,
    options: WriteOptions & { readonly dryRun: true },
  ): Promise<DryRun>;

  /** Applies several changes as one: all or none. */
  commit(
    changes: readonly CommitChange[],
    userId: string,
    comment?: string,
    options?: Omit<WriteOptions, 'ifVersion' | 'expiresAt'>,
  ): Promise<Commit>;

  /**
   * One version of a key, by a hash (4 or more digits), a tag, `HEAD`, `HEAD~2` or `@<ISO time>`. Hashes and tags are looked up among all
   * scopes of the key. `null` when there is none.
   * @throws `ambiguous_version` with the candidates.
   */
  getVersion(key: string, version: string, options?: Pick<HistoryOptions, 'scope'>): Promise<ConfigVersion | null>;

  /** The versions of a key at all its scopes, newest first. @param limit default 50, at most 1,000. */
  getHistory(key: string, limit?: number, options?: HistoryOptions): Promise<ConfigVersion[]>;

  /** What changed from one version of a key to another. */
  getDiff(key: string, versionA: string, versionB: string, options?: Pick<HistoryOptions, 'scope'>): Promise<Diff[]>;

  /** Puts an earlier version's value back at its own scope, as a new version. */
  rollback(
    key: string,
    toVersion: string,
    userId: string,
    reason: string,
    options?: RollbackOptions & { readonly dryRun?: false },
  ): Promise<ConfigVersion>;
  rollback(
    key: string,
    toVersion: string,
    userId: string,
    reason: string,
    options: RollbackOptions & { readonly dryRun: true },
  ): Promise<DryRun>;

  /** Puts a whole scope back, as one commit: to a time, to a revision, or every tagged key to its tagged version. */
  restore(
    target: RestoreTarget,
    scope: ScopeInput,
    userId: string,
    comment?: string,
    options?: Pick<WriteOptions, 'force' | 'idempotencyKey'>,
  ): Promise<Commit>;

  /** The last change of each leaf of a layer. Empty when there is no layer. */
  blame(key: string, scope?: ScopeInput): Promise<BlamedLeaf[]>;

  /** Why each leaf of an effective value is what it is, now or at a past time. */
  explain(key: string, scope?: ScopeContext, options?: { readonly at?: Date | string }): Promise<Explanation>;

  /** Names a version (12 or more digits of its hash). A tag never moves. @throws `tag_exists`, `version_not_found`. */
  createTag(tag: string, version: string, description?: string, options?: { readonly actor?: string }): Promise<Tag>;

  /** Tags, newest first: all, or those of a key, a scope or a name. */
  listTags(filter?: { readonly key?: string; readonly tag?: string; readonly scope?: ScopeInput }): Promise<Tag[]>;

  /** Checks a whole value against the schema of a key, without storing anything. */
  validateConfig(key: string, value: unknown): Promise<ValidationResult>;

  /** Gives a key a schema: a Zod schema, or JSON Schema 2020-12. The same one again does no work. */
  registerSchema(key: string, schema: ZodType | JsonObject, options?: SchemaOptions): Promise<SchemaRegistration>;

  /** The definition of a key; `null` when it has none. */
  getSchema(key: string): Promise<RegisteredSchema | null>;

  /** The definitions of all keys, the built-in ones included. */
  listSchemas(): Promise<RegisteredSchema[]>;

  /** Registers a scope and its parents, or replaces what was registered. Parents that are not registered are registered with it. */
  registerScope(scope: ScopeRegistration, options?: { readonly actor?: string }): Promise<RegisteredScope>;

  /** Removes a registered scope. @throws `scope_in_use` while it has children or layers. */
  removeScope(scope: ScopeInput, options?: { readonly actor?: string }): Promise<void>;

  /** The registered scopes, by kind and id. */
  listScopes(filter?: {
    readonly scope?: ConfigScope;
    readonly parent?: ScopeInput;
    readonly after?: ScopeInput;
    readonly limit?: number;
  }): Promise<RegisteredScope[]>;

  /** The scopes that a read at `scope` inherits along, from global down. */
  getScopeChain(scope?: ScopeContext): Promise<{ scope: ConfigScope; scopeId: string | null }[]>;

  /** Forbids the scopes below to say anything about a key, or about one part of it. */
  lockConfig(
    key: string,
    scope: ScopeInput,
    options: { readonly path?: string } | undefined,
    userId: string,
    comment?: string,
  ): Promise<LockRecord>;

  /** Takes a lock away. @throws `lock_not_found`. */
  unlockConfig(
    key: string,
    scope: ScopeInput,
    options: { readonly path?: string } | undefined,
    userId: string,
    comment?: string,
  ): Promise<void>;

  /** The locks in force: all, or those of a key or a scope. */
  listLocks(filter?: { readonly key?: string; readonly scope?: ScopeInput }): Promise<LockRecord[]>;

  /** The layer stored at one scope, as its current version; `null` when there is none. */
  getLayer(key: string, scope?: ScopeInput): Promise<ConfigVersion | null>;

  /** The layers of a scope as a document: own values, never inherited ones. */
  exportConfig(scope: ScopeInput, format?: 'json'): Promise<string>;

  /** Forgets cached values: all, those of a key, or those of keys that match a glob (`pm_*`). */
  invalidateCache(pattern?: string): Promise<void>;

  /** The same service, acting as `actor` in calls that carry no user. */
  as(actor: string | Actor): ConfigurationManagementService;

  /** Brings the database's tables to this version of Strata. Safe to call from many processes at once, and again. */
  migrate(): Promise<MigrationResult>;

  /** Waits for writes under way and ends what the service opened; the pool stays the caller's. */
  close(): Promise<void>;
}

/** The service on a context, acting as `bound` where a call names no user. */
export function bindService(context: Context, bound: Actor | undefined): ConfigurationManagementService {
  const by = (id: string | undefined): Actor => actorOf(bound, id);
  const service: ConfigurationManagementService = {
    get: <T>(key: string, scope?: ScopeContext) => get(context, key, scope) as Promise<T>,
    peek: <T>(key: string, scope?: ScopeContext) => peek(context, key, scope) as T | undefined,
    getBatch: <T>(keys: readonly string[], scope?: ScopeContext) =>
      getBatch(context, keys, scope) as Promise<Map<string, T>>,
    getAll: <T>(scope?: ScopeContext) => getAll(context, scope) as Promise<Map<string, T>>,
    set: async (
      key: string,
      value: unknown,
      scope: ScopeInput,
      userId: string,
      comment?: string,
      options: DryRunnable = {},
    ) => (await set(context, by(userId), key, value, scope, comment, options)) as never,
    delete: async (key: string, scope: ScopeInput, userId: string, comment?: string, options: DryRunnable = {}) =>
      (await remove(context, by(userId), key, scope, comment, options)) as never,
    commit: async (changes, userId, comment, options = {}) => commit(context, by(userId), changes, comment, options),
    getVersion: async (key, version, options = {}) => getVersion(context, key, version, options),
    getHistory: async (key, limit = 50, options = {}) => getHistory(context, key, limit, options),
    getDiff: async (key, versionA, versionB, options = {}) => getDiff(context, key, versionA, versionB, options),
    rollback: async (
      key: string,
      toVersion: string,
      userId: string,
      reason: string,
      options: RollbackOptions & DryRunnable = {},
    ) => (await rollback(context, by(userId), key, toVersion, reason, options)) as never,
    restore: async (target, scope, userId, comment, options = {}) =>
      restore(context, by(userId), target, scope, comment, options),
    blame: async (key, scope) => blame(context, key, scope),
    explain: async (key, scope, options = {}) => explain(context, key, scope, options),
    createTag: async (tag, version, description, options = {}) =>
      createTag(context, by(options.actor), tag, version, description),
    listTags: async (filter = {}) => listTags(context, filter),
    validateConfig: async (key, value) => validateConfig(context, key, value),
    registerSchema: async (key, schema, options = {}) =>
      registerSchema(context, by(options.actor), key, schema, options),
    getSchema: async (key) => getSchema(context, key),
    listSchemas: async () => listSchemas(context),
    registerScope: async (scope, options = {}) => registerScope(context, by(options.actor), scope),
    removeScope: async (scope, options = {}) => removeScope(context, by(options.actor), scope),
    listScopes: async (filter = {}) => listScopes(context, filter),
    getScopeChain: async (scope) => getScopeChain(context, scope),
    lockConfig: async (key, scope, options, userId, comment) =>
      lockConfig(context, by(userId), key, scope, options ?? {}, comment),
    unlockConfig: async (key, scope, options, userId, comment) =>
      unlockConfig(context, by(userId), key, scope, options ?? {}, comment),
    listLocks: async (filter = {}) => listLocks(context, filter),
    getLayer: async (key, scope) => getLayer(context, key, scope),
    exportConfig: async (scope, format = 'json') => exportConfig(context, scope, format),
    invalidateCache: async (pattern) => invalidateCache(context, pattern),
    as: (actor) =>
      bindService(context, typeof actor === 'string' ? actorOf(undefined, actor) : actorOf(actor, actor.id)),
    migrate: async () => migrate(context.db),
    close: async () => close(context),
  };
  return Object.freeze(service);
}
