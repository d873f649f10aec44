/** Lists every public name of the library. */
export {
  ApprovalRequiredError,
  ConfigScope,
  ConfigurationError,
  ImpactLevel,
  isConfigurationError,
  type ApprovalPolicy,
  type AuditCheckpoint,
  type AuditExportResult,
  type AuditFinding,
  type AuditFindingKind,
  type ConfigChange,
  type AffectedSamples,
  type ConfigVersion,
  type Definition,
  type Diff,
  type DocumentFormat,
  type ErrorCode,
  type FeedCommit,
  type FeedEvent,
  type FeedReset,
  type FeatureFlag,
  type FlagCondition,
  type FlagContext,
  type FlagEvaluation,
  type FlagRule,
  type FlagSegment,
  type ImpactAnalysis,
  type ImpactGate,
  type ImpactReport,
  type JsonArray,
  type JsonObject,
  type JsonValue,
  type KeyDefinition,
  type KeyDefinitionInput,
  type MergeStrategy,
  type Permission,
  type RoleBindingInput,
  type RoleDefinition,
  type RoleSubject,
  type ScopeContext,
  type ScopeInput,
  type ScopeRef,
  type VersionOperation,
} from '@strata/core';
export type {
  ApprovalThresholds,
  Branding,
  EmailNotifications,
  PmIntervals,
  SystemSettings,
} from '@strata/core/schema';
export type { Actor } from './actor.ts';
export type { AccessResource, Authorize } from './authorize.ts';
export type { CheckpointFilter } from './audit/checkpoints.ts';
export { verifyAuditExport, type AuditExportRange } from './audit/export.ts';
export type { AuditEntry, AuditFilter } from './audit/log.ts';
export type { AuditOptions } from './audit/options.ts';
export type { AuditPruning, AuditRetention } from './audit/prune.ts';
export type { AuditVerification, AuditVerifyOptions } from './audit/verify.ts';
export type { BackupOptions, BackupProgress } from './backup.ts';
export type { BrokenLayer } from './validation.ts';
export type { BlamedLeaf } from './blame.ts';
export type { Approval, ChangeRequest, RequestedChange } from './change-request-record.ts';
export type { RequestComment } from './change-request-stored.ts';
export type { ApproveOptions } from './change-request-decisions.ts';
export type { ChangeEdit, ChangeProposal, ChangeRequestFilter, ChangeRequestInput } from './change-requests.ts';
export type { PolicyRecord } from './policies.ts';
export type { CacheStats } from './cache-management.ts';
export type { ConfigurationManagementService } from './configuration-management-service.ts';
export type { MigrationResult } from './db/migrate.ts';
export type { DependencyRecord } from './dependencies.ts';
export type { DryRun } from './dry-run.ts';
export type { ExplainedLeaf, Explanation, LeafCandidate } from './explain.ts';
export type { EvaluateOptions, FlagExplanation, FlagLayer, FlagOrigin, ScopePlace } from './flag-evaluation.ts';
export type { FlagChangeOptions, FlagFilter, FlagRecord } from './flags.ts';
export type { ExportStreamOptions } from './export.ts';
export type { ExportOptions } from './export-selection.ts';
export type { HistoryOptions } from './history.ts';
export type { LayerPreview } from './impact-analysis.ts';
export type { KeyDefinitionRecord } from './key-definitions.ts';
export type { ComparedPlace, Comparison, PromoteOptions } from './compare.ts';
export type { ImportOptions } from './import.ts';
export type { ImportPlace, ImportProgress, ImportResult } from './import-run.ts';
export type { KeyRetirement, KeyRewrap, KeyRotation, KeyStatus, WrappingKey } from './keys.ts';
export type { LockRecord } from './locks.ts';
export type { RedisClient } from './redis-client.ts';
export type { DatedValue, DatedValues, ReadAge, ReadOptions, WaitOptions } from './read-age.ts';
export type { DataKeyCount } from './store/data-keys.ts';
export type { KeyContext, KeyProvider, WrappedKey } from './secrets/key-ring.ts';
export type { RestoreBackupOptions, RestoredBackup } from './restore-backup.ts';
export type { RevertDryRun, RevertOptions } from './revert.ts';
export type { RevertConflict } from './revert-plan.ts';
export type { RoleBindingFilter, RoleBindingRecord } from './role-bindings.ts';
export type { RoleRecord } from './roles.ts';
export type { RestoreTarget, RollbackOptions } from './rollback.ts';
export type { RegisteredSchema, SchemaOptions, SchemaRegistration, ValidationResult } from './schemas.ts';
export type { RegisteredScope, ScopeRegistration } from './scopes.ts';
export type { Rejection, SharedCacheStats } from './shared-values.ts';
export type { DocumentSide, Side, StoredSide } from './sides.ts';
export type { FeedSubscription } from './subscription.ts';
export type { KeyUsage, UnusedKey } from './store/usage.ts';
export type { FlagUsage } from './store/evaluations.ts';
export {
  staleReasons,
  type FlagUsageFilter,
  type FlagUsageReport,
  type StaleFilter,
  type StaleFlag,
  type StaleFlags,
  type StaleReason,
} from './flag-usage.ts';
export type { Tag } from './tags.ts';
export type { UnusedFilter, UnusedKeys, UsageFilter, UsageReport } from './usage-report.ts';
export type { ValidationProblem } from './validation.ts';
export type { FeedOptions, SubscribeOptions, WatchOptions } from './watch.ts';
export type { Commit, CommitChange, WriteOptions } from './write.ts';
export { createConfigurationService, type ServiceOptions } from './create.ts';
export type { Database, QueryOptions, Row, Sql, SqlParameter } from './db/database.ts';
export { openEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedOptions } from './db/embedded.ts';
export type { PostgresPool } from './db/postgres-pool.ts';
