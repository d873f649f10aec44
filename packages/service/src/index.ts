/** Lists every public name of the library. */
export {
  ApprovalRequiredError,
  ConfigScope,
  ConfigurationError,
  ImpactLevel,
  isConfigurationError,
  type ApprovalPolicy,
  type ConfigChange,
  type ConfigVersion,
  type Definition,
  type Diff,
  type ErrorCode,
  type FeedCommit,
  type FeedEvent,
  type FeedReset,
  type JsonArray,
  type JsonObject,
  type JsonValue,
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
export type { BrokenLayer } from './validation.ts';
export type { BlamedLeaf } from './blame.ts';
export type { Approval, ChangeRequest, RequestComment, RequestedChange } from './change-request-record.ts';
export type { ApproveOptions } from './change-request-decisions.ts';
export type { ChangeEdit, ChangeProposal, ChangeRequestFilter, ChangeRequestInput } from './change-requests.ts';
export type { PolicyRecord } from './policies.ts';
export type { CacheStats } from './cache-management.ts';
export type { ConfigurationManagementService } from './configuration-management-service.ts';
export type { MigrationResult } from './db/migrate.ts';
export type { DryRun, LayerPreview } from './dry-run.ts';
export type { ExplainedLeaf, Explanation, LeafCandidate } from './explain.ts';
export type { HistoryOptions } from './history.ts';
export type { LockRecord } from './locks.ts';
export type { RedisClient } from './redis-client.ts';
export type { DatedValue, DatedValues, ReadAge, ReadOptions, WaitOptions } from './read-age.ts';
export type { RevertDryRun, RevertOptions } from './revert.ts';
export type { RevertConflict } from './revert-plan.ts';
export type { RoleBindingFilter, RoleBindingRecord } from './role-bindings.ts';
export type { RoleRecord } from './roles.ts';
export type { RestoreTarget, RollbackOptions } from './rollback.ts';
export type { RegisteredSchema, SchemaOptions, SchemaRegistration, ValidationResult } from './schemas.ts';
export type { RegisteredScope, ScopeRegistration } from './scopes.ts';
export type { Rejection, SharedCacheStats } from './shared-values.ts';
export type { FeedSubscription } from './subscription.ts';
export type { Tag } from './tags.ts';
export type { ValidationProblem } from './validation.ts';
export type { FeedOptions, SubscribeOptions, WatchOptions } from './watch.ts';
export type { Commit, CommitChange, WriteOptions } from './write.ts';
export { createConfigurationService, type ServiceOptions } from './create.ts';
export type { Database, QueryOptions, Row, Sql, SqlParameter } from './db/database.ts';
export { openEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedOptions } from './db/embedded.ts';
export type { PostgresPool } from './db/postgres-pool.ts';
