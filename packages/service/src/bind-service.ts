/** Owns the service as an object: which function each method is, and who acts where a call names nobody. */
import type { ScopeContext, ScopeInput } from '@strata/core';
import { actorOf, parseActor, systemActor, userOf, type Actor } from './actor.ts';
import { createAuditCheckpoint, listAuditCheckpoints } from './audit/checkpoints.ts';
import { exportAudit } from './audit/export.ts';
import { getAuditLog } from './audit/log.ts';
import { withNotedReads } from './audit/noted-reads.ts';
import { pruneAudit } from './audit/prune.ts';
import { verifyAudit } from './audit/verify.ts';
import { backup } from './backup.ts';
import { blame } from './blame.ts';
import { cacheStats, invalidateCache } from './cache-management.ts';
import { approveChange, commentOnChange, rejectChange, withdrawChange } from './change-request-decisions.ts';
import {
  editChange,
  getChangeRequest,
  getPendingChanges,
  listChangeRequests,
  requestChange,
  scheduleChange,
} from './change-requests.ts';
import { compareConfig, promoteConfig } from './compare.ts';
import { close, open, type Context } from './context.ts';
import { get, peek, read, readBatch, readEvery } from './dated-read.ts';
import { migrate } from './db/migrate.ts';
import { addDependency, getDependencies, listDependencies, removeDependency } from './dependencies.ts';
import { explain } from './explain.ts';
import { exportConfig, exportStream } from './export.ts';
import { evaluateAll, evaluateFlag, evaluateFlagDetail, explainFlag } from './flag-evaluation.ts';
import { getFlagUsage, listStaleFlags } from './flag-usage.ts';
import { archiveFlag, getFlag, listFlags, setFlagRollout, toggleFlag, type FlagChangeOptions } from './flags.ts';
import { getDiff, getHistory, getLayer, getVersion } from './history.ts';
import { analyzeImpact } from './impact.ts';
import { importConfig } from './import.ts';
import { defineKey, listKeyDefinitions } from './key-definitions.ts';
import { getKeyStatus, retireKey, rewrapKeys, rotateKeys } from './keys.ts';
import { lockConfig, unlockConfig } from './locks.ts';
import { parseReason } from './new-commit.ts';
import { listPolicies, removePolicy, setPolicy } from './policies.ts';
import { preloadHotConfigs } from './preload.ts';
import { waitForRevision, type DatedValue, type DatedValues, type ReadOptions } from './read-age.ts';
import { getScopeChain } from './read.ts';
import { restoreBackup } from './restore-backup.ts';
import { revert, type RevertOptions } from './revert.ts';
import { bindRole, listRoleBindings, unbindRole } from './role-bindings.ts';
import { listRoles, removeRole, setRole } from './roles.ts';
import { restore, rollback, type RollbackOptions } from './rollback.ts';
import { registerSchema } from './schemas.ts';
import { registerScope, removeScope } from './scopes.ts';
import { createTag } from './tags.ts';
import { getUsage, listUnusedKeys } from './usage-report.ts';
import { getSchema, listLocks, listSchemas, listScopes, listTags, validateConfig } from './visible-lists.ts';
import { changes, subscribe, watchConfig } from './watch.ts';
import { commit, remove, set, type WriteOptions } from './write.ts';
import type { ConfigurationManagementService } from './configuration-management-service.ts';

type DryRunnable = WriteOptions & { readonly dryRun?: boolean };

/** The service on a context, acting as `bound` where a call names no user. */
export function bindService(context: Context, bound: Actor | undefined): ConfigurationManagementService {
  const by = (id: string | undefined): Actor => actorOf(bound, id);
  const actor = bound ?? systemActor;
  const user = (id: string): Actor => userOf(bound, id);
  const service: ConfigurationManagementService = {
    get: <T>(key: string, scope?: ScopeContext, options?: ReadOptions) =>
      get(context, actor, key, scope, options) as Promise<T>,
    peek: <T>(key: string, scope?: ScopeContext) => peek(context, actor, key, scope) as T | undefined,
    getBatch: async <T>(keys: readonly string[], scope?: ScopeContext, options: ReadOptions = {}) =>
      (await readBatch(context, actor, keys, scope, options)).values as Map<string, T>,
    getAll: async <T>(scope?: ScopeContext, options: ReadOptions = {}) =>
      (await readEvery(context, actor, scope, options)).values as Map<string, T>,
    read: async <T>(key: string, scope?: ScopeContext, options: ReadOptions = {}) =>
      (await read(context, actor, key, scope, options)) as DatedValue<T>,
    reveal: async <T>(key: string, scope: ScopeContext | undefined, reason: string) =>
      (await read(context, actor, key, scope, { reason: parseReason(reason) })).value as T,
    readBatch: async <T>(keys: readonly string[], scope?: ScopeContext, options: ReadOptions = {}) =>
      (await readBatch(context, actor, keys, scope, options)) as DatedValues<T>,
    readAll: async <T>(scope?: ScopeContext, options: ReadOptions = {}) =>
      (await readEvery(context, actor, scope, options)) as DatedValues<T>,
    waitForRevision: async (revision, options = {}) => waitForRevision(context, revision, options),
    set: async (
      key: string,
      value: unknown,
      scope: ScopeInput,
      userId: string,
      comment?: string,
      options: DryRunnable = {},
    ) => (await set(context, user(userId), key, value, scope, comment, options)) as never,
    delete: async (key: string, scope: ScopeInput, userId: string, comment?: string, options: DryRunnable = {}) =>
      (await remove(context, user(userId), key, scope, comment, options)) as never,
    commit: async (changes, userId, comment, options = {}) => commit(context, user(userId), changes, comment, options),
    getVersion: async (key, version, options = {}) => getVersion(context, actor, key, version, options),
    getHistory: async (key, limit = 50, options = {}) => getHistory(context, actor, key, limit, options),
    getDiff: async (key, versionA, versionB, options = {}) => getDiff(context, actor, key, versionA, versionB, options),
    rollback: async (
      key: string,
      toVersion: string,
      userId: string,
      reason: string,
      options: RollbackOptions & DryRunnable = {},
    ) => (await rollback(context, user(userId), key, toVersion, reason, options)) as never,
    revert: async (
      commit: string | number,
      userId: string,
      reason: string,
      options: RevertOptions & { readonly dryRun?: boolean } = {},
    ) => (await revert(context, user(userId), commit, reason, options)) as never,
    restore: async (target, scope, userId, comment, options = {}) =>
      restore(context, user(userId), target, scope, comment, options),
    blame: async (key, scope) => blame(context, actor, key, scope),
    explain: async (key, scope, options = {}) => explain(context, actor, key, scope, options),
    createTag: async (tag, version, description, options = {}) =>
      createTag(context, by(options.actor), tag, version, description),
    listTags: async (filter = {}) => listTags(context, actor, filter),
    validateConfig: async (key, value) => validateConfig(context, actor, key, value),
    registerSchema: async (key, schema, options = {}) =>
      registerSchema(context, by(options.actor), key, schema, options),
    getSchema: async (key) => getSchema(context, actor, key),
    listSchemas: async () => listSchemas(context, actor),
    analyzeImpact: async (key, newValue, scope) => analyzeImpact(context, actor, key, newValue, scope),
    defineKey: async (key, definition, userId, comment) => defineKey(context, user(userId), key, definition, comment),
    listKeyDefinitions: async (filter = {}) => listKeyDefinitions(context, actor, filter),
    addDependency: async (key, dependsOn, userId, comment) =>
      addDependency(context, user(userId), key, dependsOn, comment),
    removeDependency: async (key, dependsOn, userId, comment) =>
      removeDependency(context, user(userId), key, dependsOn, comment),
    getDependencies: async (key, options = {}) => getDependencies(context, actor, key, options.direction),
    listDependencies: async (filter = {}) => listDependencies(context, actor, filter),
    registerScope: async (scope, options = {}) => registerScope(context, by(options.actor), scope),
    removeScope: async (scope, options = {}) => removeScope(context, by(options.actor), scope),
    listScopes: async (filter = {}) => listScopes(context, actor, filter),
    getScopeChain: async (scope) => getScopeChain(context, actor, scope),
    lockConfig: async (key, scope, options, userId, comment) =>
      lockConfig(context, user(userId), key, scope, options ?? {}, comment),
    unlockConfig: async (key, scope, options, userId, comment) =>
      unlockConfig(context, user(userId), key, scope, options ?? {}, comment),
    listLocks: async (filter = {}) => listLocks(context, actor, filter),
    setRole: async (role, userId, comment) => setRole(context, user(userId), role, comment),
    removeRole: async (name, userId, comment) => removeRole(context, user(userId), name, comment),
    listRoles: async () => listRoles(context, actor),
    bindRole: async (binding, userId, comment) => bindRole(context, user(userId), binding, comment),
    unbindRole: async (id, userId, comment) => unbindRole(context, user(userId), id, comment),
    listRoleBindings: async (filter = {}) => listRoleBindings(context, actor, filter),
    getLayer: async (key, scope) => getLayer(context, actor, key, scope),
    exportConfig: async (scope, format = 'json', options = {}) => exportConfig(context, actor, scope, format, options),
    exportStream: (scope, options = {}) => exportStream(context, actor, scope, options),
    importConfig: async (data, format, userId, scope, options = {}) =>
      importConfig(context, user(userId), data, format, scope, options),
    compareConfig: async (left, right) => compareConfig(context, actor, left, right),
    promoteConfig: async (source, userId, target, options = {}) =>
      promoteConfig(context, user(userId), source, target, options),
    backup: (options = {}) => backup(context, actor, options),
    restoreBackup: async (file, options = {}) => restoreBackup(context, actor, file, options),
    setPolicy: async (policy, userId, comment) => setPolicy(context, user(userId), policy, comment),
    removePolicy: async (name, userId, comment) => removePolicy(context, user(userId), name, comment),
    listPolicies: async () => listPolicies(context, by(undefined)),
    requestChange: async (request) => requestChange(context, user(request.requestedBy), request),
    approveChange: async (requestId, approverId, comment, options = {}) =>
      approveChange(context, user(approverId), requestId, comment, options),
    rejectChange: async (requestId, approverId, reason) => rejectChange(context, user(approverId), requestId, reason),
    withdrawChange: async (requestId, userId, reason) => withdrawChange(context, user(userId), requestId, reason),
    editChange: async (requestId, edit, userId) => editChange(context, user(userId), requestId, edit),
    scheduleChange: async (requestId, applyAt, userId) => scheduleChange(context, user(userId), requestId, applyAt),
    commentOnChange: async (requestId, userId, comment) => commentOnChange(context, user(userId), requestId, comment),
    getPendingChanges: async (approverId) =>
      getPendingChanges(context, by(undefined), approverId === undefined ? undefined : user(approverId)),
    getChangeRequest: async (requestId) => getChangeRequest(context, by(undefined), requestId),
    listChangeRequests: async (filter = {}) => listChangeRequests(context, by(undefined), filter),
    evaluateFlag: (name, given, fallback = false, options) =>
      evaluateFlag(context, actor, name, given, fallback, options),
    evaluateFlagDetail: (name, given, fallback = false, options) =>
      evaluateFlagDetail(context, actor, name, given, fallback, options),
    evaluateAll: async (given, options = {}) => evaluateAll(context, actor, given, options),
    explainFlag: async (name, given, fallback = false, options = {}) =>
      explainFlag(context, actor, name, given, fallback, options),
    listFlags: async (filter = {}) => listFlags(context, actor, filter),
    getFlag: async (name, scope) => getFlag(context, actor, name, scope),
    setFlagRollout: async (name: string, percentage: number, options: FlagChangeOptions & DryRunnable = {}) =>
      (await setFlagRollout(context, by(options.actor), name, percentage, options)) as never,
    toggleFlag: async (name: string, enabled?: boolean, options: FlagChangeOptions & DryRunnable = {}) =>
      (await toggleFlag(context, by(options.actor), name, enabled, options)) as never,
    archiveFlag: async (name: string, options: FlagChangeOptions & DryRunnable = {}) =>
      (await archiveFlag(context, by(options.actor), name, options)) as never,
    watchConfig: async (keys, callback, options = {}) => watchConfig(context, actor, keys, callback, options),
    changes: (keys, options = {}) => changes(context, actor, keys, options),
    subscribe: async (options, listener) => subscribe(context, actor, options, listener),
    broadcastChange: () => {
      open(context).feed.wake();
    },
    invalidateCache: async (pattern) => invalidateCache(context, pattern),
    preloadHotConfigs: async () => preloadHotConfigs(context),
    getUsage: async (filter = {}) => getUsage(context, actor, filter),
    listUnusedKeys: async (filter = {}) => listUnusedKeys(context, actor, filter),
    getFlagUsage: async (filter = {}) => getFlagUsage(context, actor, filter),
    listStaleFlags: async (filter = {}) => listStaleFlags(context, actor, filter),
    cacheStats: () => cacheStats(context),
    getAuditLog: async (filter = {}) => getAuditLog(context, by(undefined), filter),
    verifyAudit: async (options = {}) => verifyAudit(context, by(undefined), options),
    createAuditCheckpoint: async () => createAuditCheckpoint(context, by(undefined)),
    listAuditCheckpoints: async (filter = {}) => listAuditCheckpoints(context, by(undefined), filter),
    exportAudit: (range = {}) => exportAudit(context, by(undefined), range),
    pruneAudit: async (retention, userId, reason) => pruneAudit(context, user(userId), retention, reason),
    getKeyStatus: async () => getKeyStatus(context, actor),
    rotateKeys: async (userId) => rotateKeys(context, user(userId)),
    rewrapKeys: async (userId) => rewrapKeys(context, user(userId)),
    retireKey: async (keyId, userId) => retireKey(context, user(userId), keyId),
    as: (given) => bindService(context, parseActor(given)),
    migrate: async () => migrate(open(context).db),
    close: async () => close(context),
  };
  const { reads } = context.audit;
  return Object.freeze(reads === undefined ? service : withNotedReads(reads, actor, service));
}
