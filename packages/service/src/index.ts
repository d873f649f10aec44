/** Lists every public name of the library. */
export {
  ConfigScope,
  ConfigurationError,
  ImpactLevel,
  isConfigurationError,
  type ConfigVersion,
  type Definition,
  type Diff,
  type ErrorCode,
  type JsonArray,
  type JsonObject,
  type JsonValue,
  type MergeStrategy,
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
export type {
  Actor,
  BlamedLeaf,
  BrokenLayer,
  Commit,
  CommitChange,
  ConfigurationManagementService,
  DryRun,
  ExplainedLeaf,
  Explanation,
  HistoryOptions,
  LeafCandidate,
  LockRecord,
  MigrationResult,
  RegisteredSchema,
  RegisteredScope,
  RestoreTarget,
  RollbackOptions,
  SchemaOptions,
  SchemaRegistration,
  ScopeRegistration,
  Tag,
  ValidationProblem,
  ValidationResult,
  WriteOptions,
} from './configuration-management-service.ts';
export { createConfigurationService, type ServiceOptions } from './create.ts';
export type { Database, Row, Sql, SqlParameter } from './db/database.ts';
export { openEmbeddedDatabase, type EmbeddedDatabase, type EmbeddedOptions } from './db/embedded.ts';
export type { PostgresPool } from './db/postgres-pool.ts';
