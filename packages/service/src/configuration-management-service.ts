/** Owns the public type of the service: every method with its promise. */
import type {
  ApprovalPolicy,
  AuditCheckpoint,
  ConfigChange,
  ConfigScope,
  ConfigVersion,
  DependencyDirection,
  Diff,
  DocumentFormat,
  FeedEvent,
  FlagContext,
  FlagEvaluation,
  ImpactReport,
  JsonObject,
  JsonValue,
  KeyDefinitionInput,
  RoleBindingInput,
  RoleDefinition,
  ScopeContext,
  ScopeInput,
} from '@strata/core';
import type { ZodType } from 'zod';
import type { Actor } from './actor.ts';
import type { CheckpointFilter } from './audit/checkpoints.ts';
import type { AuditExportRange } from './audit/export.ts';
import type { AuditEntry, AuditFilter } from './audit/log.ts';
import type { AuditPruning, AuditRetention } from './audit/prune.ts';
import type { AuditVerification, AuditVerifyOptions } from './audit/verify.ts';
import type { BackupOptions } from './backup.ts';
import type { BlamedLeaf } from './blame.ts';
import type { CacheStats } from './cache-management.ts';
import type { ApproveOptions } from './change-request-decisions.ts';
import type { ChangeRequest } from './change-request-record.ts';
import type { ChangeEdit, ChangeRequestFilter, ChangeRequestInput } from './change-requests.ts';
import type { Comparison, PromoteOptions } from './compare.ts';
import type { MigrationResult } from './db/migrate.ts';
import type { DependencyRecord } from './dependencies.ts';
import type { DryRun } from './dry-run.ts';
import type { Explanation } from './explain.ts';
import type { ExportOptions } from './export-selection.ts';
import type { ExportStreamOptions } from './export.ts';
import type { EvaluateOptions, FlagExplanation } from './flag-evaluation.ts';
import type { FlagUsageFilter, FlagUsageReport, StaleFilter, StaleFlags } from './flag-usage.ts';
import type { FlagChangeOptions, FlagFilter, FlagRecord } from './flags.ts';
import type { HistoryOptions } from './history.ts';
import type { ImportResult } from './import-run.ts';
import type { ImportOptions } from './import.ts';
import type { KeyDefinitionRecord } from './key-definitions.ts';
import type { KeyRetirement, KeyRewrap, KeyRotation, KeyStatus } from './keys.ts';
import type { LockRecord } from './locks.ts';
import type { PolicyRecord } from './policies.ts';
import type { DatedValue, DatedValues, ReadOptions, WaitOptions } from './read-age.ts';
import type { RestoreBackupOptions, RestoredBackup } from './restore-backup.ts';
import type { RevertDryRun, RevertOptions } from './revert.ts';
import type { RoleBindingFilter, RoleBindingRecord } from './role-bindings.ts';
import type { RoleRecord } from './roles.ts';
import type { RestoreTarget, RollbackOptions } from './rollback.ts';
import type { RegisteredSchema, SchemaOptions, SchemaRegistration, ValidationResult } from './schemas.ts';
import type { RegisteredScope, ScopeRegistration } from './scopes.ts';
import type { Side } from './sides.ts';
import type { FeedSubscription } from './subscription.ts';
import type { Tag } from './tags.ts';
import type { UnusedFilter, UnusedKeys, UsageFilter, UsageReport } from './usage-report.ts';
import type { FeedOptions, SubscribeOptions, WatchOptions } from './watch.ts';
import type { Commit, CommitChange, WriteOptions } from './write.ts';

/**
 * The configuration plane of one environment of one store. Made by `createConfigurationService`; all methods may be called at once
 * from anywhere. Every refusal is a `ConfigurationError` with a `code`.
 *
 * Calls that carry no user act as the actor of `as`, else as `system`.
 */
export interface ConfigurationManagementService {
  /**
   * The effective value of a key at a scope (default: global): the layers on its chain, merged from global down, completed with the
   * schema's defaults. Deep-frozen and shared: never changed afterwards. `null` when no layer gives a value. While the database is away,
   * what memory holds is served although its time has passed, unless anything is known to speak against it.
   * @throws `unavailable`; `revision_not_reached` when `minRevision` does not come in time.
   */
  // The contract reads properties from an untyped result, so the default has to be `any`.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  get<T = any>(key: string, scope?: ScopeContext, options?: ReadOptions): Promise<T>;

  /** What `get` would answer from memory right now, without waiting; `undefined` when it would ask the database. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  peek<T = any>(key: string, scope?: ScopeContext): T | undefined;

  /** The effective values of several keys at one scope, read in one query; an entry for every key asked, `null` where missing. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  getBatch<T = any>(keys: readonly string[], scope?: ScopeContext, options?: ReadOptions): Promise<Map<string, T>>;

  /** The effective values of every key with a layer on the chain of a scope. It is always read, so never while the database is away. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  getAll<T = any>(scope?: ScopeContext, options?: ReadOptions): Promise<Map<string, T>>;

  /**
   * The effective value with its secrets, for a reason that the audit log keeps.
   * @throws `reason_required`, `not_permitted` without `read-sensitive`.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  reveal<T = any>(key: string, scope: ScopeContext | undefined, reason: string): Promise<T>;

  /** As `get`, with the revision and the age of the value, and whether it is from memory while the database is away. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  read<T = any>(key: string, scope?: ScopeContext, options?: ReadOptions): Promise<DatedValue<T>>;

  /** As `getBatch`, with the age of the oldest value, and the revision of the newest. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readBatch<T = any>(keys: readonly string[], scope?: ScopeContext, options?: ReadOptions): Promise<DatedValues<T>>;

  /** As `getAll`, with the age of the values and their revision. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readAll<T = any>(scope?: ScopeContext, options?: ReadOptions): Promise<DatedValues<T>>;

  /**
   * Resolves once this process knows every commit up to a revision, such as that of a write of another process: reads after it are of that
   * revision or a later one.
   * @throws `revision_not_reached` when that takes longer than `timeoutMs` (default: 5,000).
   */
  waitForRevision(revision: number, options?: WaitOptions): Promise<void>;

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

  /** The versions of a key at all its scopes, newest first; `before` leads from page to page. @param limit default 50, at most 1,000. */
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

  /**
   * Undoes one commit of values, named by its id or its revision, as a new commit. What later commits changed stays: each layer is merged
   * leaf by leaf. A layer that goes back whole to what it was is a rollback to that version. An expiry that the commit gave goes, and none
   * comes back. Where nothing is left to undo, nothing is written.
   * @throws `revert_conflicts` with every part that later commits changed again (nothing is written), `revert_unsupported` for a commit that
   *   is not of values, `commit_not_found`, `reason_required`, and what any write throws.
   */
  revert(
    commit: string | number,
    userId: string,
    reason: string,
    options?: RevertOptions & { readonly dryRun?: false },
  ): Promise<Commit>;
  revert(
    commit: string | number,
    userId: string,
    reason: string,
    options: RevertOptions & { readonly dryRun: true },
  ): Promise<RevertDryRun>;

  /** Puts a whole scope back, as one commit: to a time, to a revision, or every tagged key to its tagged version. */
  restore(
    target: RestoreTarget,
    scope: ScopeInput,
    userId: string,
    comment?: string,
    options?: Pick<WriteOptions, 'force' | 'idempotencyKey' | 'breakGlass'>,
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

  /**
   * Says what storing a value at a scope (default: global) would do, and writes nothing: its level with reasons, whose effective values it
   * changes (exact counts of registered users, teams and orgs, with some names), what keeps the others as they are, the layers that would
   * become invalid, whose approval it needs and everything else that would block it, what is to be tested, for how long services are
   * away, and how it is undone. Refusals that a write would meet are told as `gates`. What the caller may not read at is neither
   * counted nor named; `partial` says whether there is any. `set`, `delete`, `rollback` and `revert` answer the same with `dryRun`.
   */
  analyzeImpact(key: string, newValue: unknown, scope?: ScopeInput): Promise<ImpactReport>;

  /**
   * Says whose a key is, which services use it, what a change of it weighs, and whether these have to start again for it. What is left out
   * stays, `null` takes it away. The base impact counts before that of the schema; built-in keys keep theirs. Needs the permission `schema`,
   * and where it changes the impact of a key in use the approvals that a change of its values would need.
   * @throws `not_permitted`, `approval_required`.
   */
  defineKey(
    key: string,
    definition: KeyDefinitionInput,
    userId: string,
    comment?: string,
  ): Promise<KeyDefinitionRecord>;

  /** What `defineKey` said of the keys that the caller may read, by key; of one key where it is given. */
  listKeyDefinitions(filter?: { readonly key?: string }): Promise<KeyDefinitionRecord[]>;

  /** Says that a key depends on another. Needs the permission `schema` for the key. @throws `dependency_cycle`. */
  addDependency(key: string, dependsOn: string, userId: string, comment?: string): Promise<DependencyRecord>;

  /** Says that a key no longer depends on another. @throws `dependency_not_found`. */
  removeDependency(key: string, dependsOn: string, userId: string, comment?: string): Promise<void>;

  /**
   * The keys that a key depends on, over any number of steps, the nearest first; with the direction `dependents` those that depend on it.
   */
  getDependencies(key: string, options?: { readonly direction?: DependencyDirection }): Promise<readonly string[]>;

  /** The dependencies themselves, with who said so and why: all, or those of one key in either direction. */
  listDependencies(filter?: { readonly key?: string }): Promise<DependencyRecord[]>;

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

  /**
   * Defines a role, or replaces the one of its name: a name for some permissions. Roles that are given to somebody change with it. Needs
   * the permission `policy` at global, and every permission that somebody gains by it where he gains it.
   * @throws `not_permitted`, `self_grant`, `approval_required`, `invalid_argument` for a built-in role.
   */
  setRole(role: RoleDefinition, userId: string, comment?: string): Promise<RoleRecord>;

  /** Takes a role away that nobody has any more. @throws `role_in_use`, `role_not_found`, `not_permitted`, `approval_required`. */
  removeRole(name: string, userId: string, comment?: string): Promise<void>;

  /** The roles there are: the built-in ones (viewer, editor, approver, admin), then the others by name. */
  listRoles(): Promise<RoleRecord[]>;

  /**
   * Gives a role to a user, or to all of whom the host says that they have a role of that name (`group`): at a scope and all below it, for the
   * keys of a glob (default: all). With the effect `deny` it takes the permissions of the role away, whatever allows them. As soon as there
   * is one binding, nobody may do what no binding allows. Needs the permission `policy` there, and each permission that it gives.
   * @throws `role_not_found`, `not_permitted`, `self_grant`, `approval_required`.
   */
  bindRole(binding: RoleBindingInput, userId: string, comment?: string): Promise<RoleBindingRecord>;

  /** Takes a role from somebody again, or lifts a denial. @throws `binding_not_found`, `not_permitted`, `approval_required`. */
  unbindRole(id: string, userId: string, comment?: string): Promise<void>;

  /** Who has which role: the caller's own bindings, and those at scopes where he has the permission `policy`. */
  listRoleBindings(filter?: RoleBindingFilter): Promise<RoleBindingRecord[]>;

  /** The layer stored at one scope, as its current version; `null` when there is none. */
  getLayer(key: string, scope?: ScopeInput): Promise<ConfigVersion | null>;

  /**
   * The layers of a scope, or of its whole subtree, as a document in JSON, YAML or .env: own values, never inherited ones, unless
   * `values: 'effective'` asks for what is read there. The same state gives the same bytes.
   */
  exportConfig(scope: ScopeInput, format?: DocumentFormat, options?: ExportOptions): Promise<string>;

  /** The same text in pieces, for large documents: of one revision, whatever is written meanwhile. */
  exportStream(scope: ScopeInput, options?: ExportStreamOptions): AsyncGenerator<string, void, undefined>;

  /**
   * Writes what a document holds: an export, or an object of keys and values in JSON, YAML or .env. A `scope` takes the place of the one that
   * was exported. Every key passes the same checks as `set`; those that need approvals become one change request. What is there already
   * is skipped, so that importing twice changes nothing.
   * @throws `malformed_document`, `document_changed`, `document_unsupported`, `document_too_large` before anything is written.
   */
  importConfig(
    data: string,
    format: DocumentFormat,
    userId: string,
    scope?: ScopeInput,
    options?: ImportOptions,
  ): Promise<ImportResult>;

  /**
   * What turns one side into another: values of a scope or its subtree, now, at a time or revision, under a tag, in another environment of the
   * store, or in a document (such as the export of another store). What you may not read is as if it did not exist.
   */
  compareConfig(left: Side, right: Side): Promise<Comparison>;

  /**
   * Gives a scope the values of a side: what differs, or only some keys or leaves of it, as one commit, as one change request where any of it
   * needs approvals, or not at all. @param target default: the scope of the source.
   */
  promoteConfig(source: Side, userId: string, target?: ScopeInput, options?: PromoteOptions): Promise<ImportResult>;

  /**
   * The whole store as a file, in pieces: all environments, with history, tags, scopes, requests, roles, keys and the audit log, of one moment
   * while writers go on. Secrets stay the ciphertext that they are; with a passphrase everything is encrypted.
   * @throws `not_permitted` for who has not `export` and `audit` at global, for every key, in every environment.
   */
  backup(options?: BackupOptions): AsyncGenerator<Uint8Array, void, undefined>;

  /**
   * Restores a backup into this store, which has to be empty: all of it or nothing, on either kind of database. What is stored is read back and
   * compared. Watchers whose place the store does not have are told `reset`.
   * @throws `store_not_empty`, `backup_unreadable`, `passphrase_wrong`, `not_permitted`.
   */
  restoreBackup(file: AsyncIterable<Uint8Array>, options?: RestoreBackupOptions): Promise<RestoredBackup>;

  /**
   * Sets an approval policy, in the place of the one of its name: `{ name, keys, scopes?, levels?, minimumApprovals, approvers?, firstValues?,
   * expiresIn? }`. Of the policies that are about a change the one with the most specific key pattern decides. The name `default` replaces
   * the built-in policy: changes of critical impact to a value that is there need two approvals. Once a protected value is stored this
   * needs as many approvals itself as the strictest policy in force asks for.
   * @throws ApprovalRequiredError in that case.
   */
  setPolicy(policy: ApprovalPolicy, userId: string, comment?: string): Promise<PolicyRecord>;

  /** Takes a policy away, guarded like `setPolicy`. Removing `default` puts the built-in one back. @throws `policy_not_found`. */
  removePolicy(name: string, userId: string, comment?: string): Promise<void>;

  /** The policies in force, by name, the built-in one included. */
  listPolicies(): Promise<PolicyRecord[]>;

  /**
   * Asks for a change, or for several that are applied together, and answers the request. It waits for the approvals that the policies ask
   * for; where they ask for none, for one. The last approval applies it, or `applyAt` does.
   */
  requestChange(request: ChangeRequestInput): Promise<ChangeRequest>;

  /**
   * Approves a request. The last approval that it needs applies it in the same transaction. Authors and editors cannot, nobody can twice.
   * A request that was edited is approved by naming the `edition` that was looked at.
   * @throws `self_approval`, `already_approved`, `not_an_approver`, `request_expired`, `request_applied`, `request_edited`,
   *   `request_closed`, `request_not_found`; `request_conflicted` where it is no longer what was shown, and says why.
   */
  approveChange(
    requestId: string,
    approverId: string,
    comment?: string,
    options?: ApproveOptions,
  ): Promise<ChangeRequest>;

  /** Rejects a request for good. Takes a reason, and somebody who may approve it. */
  rejectChange(requestId: string, approverId: string, reason: string): Promise<ChangeRequest>;

  /** Takes a request back. @throws `not_the_author` for anybody but who made it. */
  withdrawChange(requestId: string, userId: string, reason?: string): Promise<ChangeRequest>;

  /**
   * Replaces what a request says, on the values as they are now, and dismisses its approvals. Whoever edits it becomes an author. An edit
   * of nothing proposes a conflicted or suspended request anew.
   */
  editChange(requestId: string, edit: ChangeEdit, userId: string): Promise<ChangeRequest>;

  /** Sets when a request is applied once it has its approvals, `null` for at once. Dismisses the approvals it has, like any edit. */
  scheduleChange(requestId: string, applyAt: Date | string | null, userId: string): Promise<ChangeRequest>;

  /** Says something about a request. */
  commentOnChange(requestId: string, userId: string, comment: string): Promise<ChangeRequest>;

  /** The requests that wait for approvals, the newest first; with an approver those that he can still approve. */
  getPendingChanges(approverId?: string): Promise<ChangeRequest[]>;

  /** One request. @throws `request_not_found`. */
  getChangeRequest(requestId: string): Promise<ChangeRequest>;

  /** Requests in whichever state, the newest first. */
  listChangeRequests(filter?: ChangeRequestFilter): Promise<ChangeRequest[]>;

  /**
   * Whether a flag is on for a context: `{ userId, organizationId, teamId, environment, attributes }`. Layers of the flag at the user, the team
   * and the org that the context names override parts of it, as do those of the scopes that these are registered under. Never waits for
   * the database once flags are loaded, but to look a user or team up whose parents the context does not name, where a flag has layers at
   * teams or orgs; never rejects, whatever name and context are.
   * @param fallback what an unknown flag is. Default: false.
   */
  evaluateFlag(name: string, context?: FlagContext, fallback?: boolean, options?: EvaluateOptions): Promise<boolean>;

  /**
   * What a flag serves for a context: `{ flag, value, variant, on, reason, ruleId, version, errorCode, errorMessage }`, in the words of
   * OpenFeature. Frozen.
   * @param fallback the value of a flag that cannot be evaluated (`FLAG_NOT_FOUND`). Default: false.
   */
  evaluateFlagDetail(
    name: string,
    context?: FlagContext,
    fallback?: JsonValue,
    options?: EvaluateOptions,
  ): Promise<FlagEvaluation>;

  /** What each flag serves for a context, by name; archived flags are left out. @throws `not_permitted`, `unavailable` before the first load. */
  evaluateAll(context?: FlagContext, options?: EvaluateOptions): Promise<Map<string, FlagEvaluation>>;

  /**
   * An evaluation with the way to it: what was asked in which order, the condition that failed, the bucket of the unit, the layers that the flag
   * is made of and the one that gives the part that decided.
   */
  explainFlag(
    name: string,
    context?: FlagContext,
    fallback?: JsonValue,
    options?: EvaluateOptions,
  ): Promise<FlagExplanation>;

  /** The flags at a scope (default: global), merged with what it inherits, by name. Archived ones only if asked for. */
  listFlags(filter?: FlagFilter): Promise<FlagRecord[]>;

  /** One flag at a scope (default: global), merged with what it inherits. @throws `flag_not_found`. */
  getFlag(name: string, scope?: ScopeContext): Promise<FlagRecord>;

  /**
   * Sets the percentage of units that a flag is on for: 0 to 100, in steps of 0.001. Raising it never takes a unit out. Like every change of a
   * flag it is a version, and passes the same gates. The permission is `flags`.
   * @throws `flag_not_found`, `validation_failed`, `flag_archived`, `ApprovalRequiredError`, `locked`, …
   */
  setFlagRollout(
    name: string,
    percentage: number,
    options?: FlagChangeOptions & { readonly dryRun?: false },
  ): Promise<ConfigVersion>;
  setFlagRollout(
    name: string,
    percentage: number,
    options: FlagChangeOptions & { readonly dryRun: true },
  ): Promise<DryRun>;

  /** Switches a flag on or off at once, for everybody. @param enabled default: what it is not now. */
  toggleFlag(
    name: string,
    enabled?: boolean,
    options?: FlagChangeOptions & { readonly dryRun?: false },
  ): Promise<ConfigVersion>;
  toggleFlag(
    name: string,
    enabled: boolean | undefined,
    options: FlagChangeOptions & { readonly dryRun: true },
  ): Promise<DryRun>;

  /**
   * Archives a flag: it is off for good, and nothing is written to it or under its name again, so that code which still asks for it never
   * finds another flag there.
   * @throws `would_break` while another flag needs it as a prerequisite.
   */
  archiveFlag(name: string, options?: FlagChangeOptions & { readonly dryRun?: false }): Promise<ConfigVersion>;
  archiveFlag(name: string, options: FlagChangeOptions & { readonly dryRun: true }): Promise<DryRun>;

  /**
   * Calls `callback` with the changes of each commit that changes any of `keys` (names, or globs such as `pm_*`): every commit, in the order of
   * revisions, whichever process made it, never a part of one. With `scope` it tells of that scope's effective values. A promise that
   * the callback returns is awaited before the next call; what it throws is reported (`onWarning`) and ends nothing. However slow it is,
   * nothing is kept for it: it goes on reading where it is. Resolves once nothing can be missed any more, to what stops it: no call starts
   * after that.
   */
  watchConfig(
    keys: string | readonly string[],
    callback: (changes: readonly ConfigChange[]) => unknown,
    options?: WatchOptions,
  ): Promise<() => void>;

  /**
   * The same as an iterator: `for await (const change of service.changes('branding')) …`. It ends with `signal` or `close`.
   * @throws `changes_missed` where commits were missed for good.
   */
  changes(keys: string | readonly string[], options?: FeedOptions): AsyncGenerator<ConfigChange, void, undefined>;

  /** The events that watchers are made of, with the cursor from which to go on after each; for those who pass them on. */
  subscribe(options: SubscribeOptions, listener: (event: FeedEvent) => unknown): Promise<FeedSubscription>;

  /** @internal Wakes the feed of this process, and stores nothing: it looks for new commits now rather than at its next poll. */
  broadcastChange(): void;

  /**
   * Forgets cached values: all, those of a key, or those of keys that match a glob (`pm_*`). Once it resolves, this process serves nothing
   * of them that was read before the call, from memory or from Redis. No write needs it: every process learns of every commit by itself.
   */
  invalidateCache(pattern?: string): Promise<void>;

  /**
   * Loads into memory what was read most often in the last day, by the counters that the option `usage` keeps, and the built-in keys at
   * global: at most 1,000 values. Resolves to how many were not in memory before.
   */
  preloadHotConfigs(): Promise<number>;

  /**
   * Which services read which keys in the last days, and how often: the most-read first, with how far the counters that the option `usage`
   * keeps can be relied on. They are of all scopes together, so only keys are told of that the actor may read at global.
   * @throws ConfigurationError `invalid_argument`, `invalid_key`, `not_permitted`.
   */
  getUsage(filter?: UsageFilter): Promise<UsageReport>;

  /**
   * The keys with a definition or layers that are older than `days` (30) and that no service has read since, by key, each with when it was
   * read last; with since when reads are counted at all. Only keys that the actor may read at global.
   * @throws ConfigurationError `invalid_argument`, `invalid_key`, `not_permitted`.
   */
  listUnusedKeys(filter?: UnusedFilter): Promise<UnusedKeys>;

  /**
   * Which flags served which variants to which services in the last days, and how often: what was served most first. Only flags that the
   * actor may read at global.
   * @throws ConfigurationError `invalid_argument`, `not_permitted`.
   */
  getFlagUsage(filter?: FlagUsageFilter): Promise<FlagUsageReport>;

  /**
   * The flags that are older than `days` (30) and were not evaluated since, or served the same variant every time, each with the reason; with
   * since when evaluations are counted at all. Neither archived ones, nor those that are prerequisites of others.
   * @throws ConfigurationError `invalid_argument`, `not_permitted`.
   */
  listStaleFlags(filter?: StaleFilter): Promise<StaleFlags>;

  /** What was counted of the caches since the service was made. Takes no query. */
  cacheStats(): CacheStats;

  /**
   * The audit log, the newest first: who did what, when, and what was refused. Only rows of keys and scopes for which the caller has the
   * permission `audit`. @param filter.limit default 50, at most 1,000; `before` leads from page to page.
   */
  getAuditLog(filter?: AuditFilter): Promise<AuditEntry[]>;

  /**
   * Proves the audit log, as of one moment: every row is what was written, every seal the sealer's, none is missing, put in or in another
   * place; versions are what their hashes say, current values are theirs, and each commit has its rows. Needs the permission `audit` at
   * global. @param options.checkpoints those that were kept elsewhere, without which nobody can tell that the end of the log is missing.
   * @throws `audit_key_missing`.
   */
  verifyAudit(options?: AuditVerifyOptions): Promise<AuditVerification>;

  /**
   * Seals what waits and signs how far the log has come. Kept elsewhere, the answer proves later what there was. `onCheckpoint` is handed it.
   * @throws `audit_key_missing`, `audit_chain_broken`.
   */
  createAuditCheckpoint(): Promise<AuditCheckpoint>;

  /** The checkpoints, the newest first. */
  listAuditCheckpoints(filter?: CheckpointFilter): Promise<AuditCheckpoint[]>;

  /**
   * The sealed audit log as lines of JSON, sealed and signed up to now, which `verifyAuditExport` checks offline with the public key. Needs the
   * permissions `audit` and `export` at global.
   */
  exportAudit(range?: AuditExportRange): AsyncGenerator<string, void, undefined>;

  /**
   * Removes the oldest rows of the log, after proving that everything holds, under a signed checkpoint that says so. Needs the permissions
   * `audit` and `policy` at global. @throws `audit_broken`, `reason_required`.
   */
  pruneAudit(retention: AuditRetention, userId: string, reason: string): Promise<AuditPruning>;

  /** The keys that encrypt secrets, and how much each is in use. Takes the permission `policy` at global, as what follows. */
  getKeyStatus(): Promise<KeyStatus>;

  /**
   * Goes on with new keys: a new wrapping key where Strata keeps them in a file, and new data keys. With a configured ring, put a new key first
   * in it before. What there is stays readable.
   */
  rotateKeys(userId: string): Promise<KeyRotation>;

  /**
   * Wraps all data keys with the key that wraps now, so that an earlier one is no longer needed. Values are read and written meanwhile, and
   * where it is ended halfway the next call goes on.
   */
  rewrapKeys(userId: string): Promise<KeyRewrap>;

  /** Does without a key from now on: takes it out of the key file. @throws `encryption_key_in_use` while anything needs it. */
  retireKey(keyId: string, userId: string): Promise<KeyRetirement>;

  /** The same service, acting as `actor` in calls that carry no user. */
  as(actor: string | Actor): ConfigurationManagementService;

  /** Brings the database's tables to this version of Strata. Safe to call from many processes at once, and again. */
  migrate(): Promise<MigrationResult>;

  /** Waits for writes under way and ends what the service opened; the pool stays the caller's. */
  close(): Promise<void>;
}
