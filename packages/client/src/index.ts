/** Lists every public name of the client. */
export { createClient, type ClientOptions, type StrataClient } from './client.ts';
export {
  isClientError,
  StrataClientError,
  type ClientErrorCode,
  type ClientErrorFacts,
  type ReportedProblem,
} from './client-error.ts';
export type { AuditEntry, AuditFilter, AuditVerification } from './audit.ts';
export type { Place, WriteConditions } from './address.ts';
export type { BackupOptions, RestoredBackup } from './backup.ts';
export type { Comparison, DocumentSide, PromoteOptions, Side, StoredSide } from './compare.ts';
export type { ExportOptions, ImportOptions, ImportPlace, ImportProgress, ImportResult } from './documents.ts';
export type {
  EvaluateOptions,
  FlagChangeOptions,
  FlagExplanation,
  FlagFilter,
  FlagLayer,
  FlagList,
  FlagRecord,
} from './flags.ts';
export type {
  Blame,
  BlamedLeaf,
  ExplainedLeaf,
  Explanation,
  HistoryOptions,
  HistoryPage,
  RestoreTarget,
  RevertDryRun,
  RevertedLayer,
  RevertOptions,
  RollbackOptions,
} from './history.ts';
export type { Dependencies, DependencyRecord, KeyDefinitionRecord } from './impact.ts';
export type { BrokenLayer, Commit, CommitChange, DryRun, SetOptions, VersionRecord, WriteOptions } from './layers.ts';
export type { DataKeyCount, KeyRetirement, KeyRewrap, KeyRotation, KeyStatus, WrappingKey } from './keys.ts';
export type { LockRecord } from './locks.ts';
export type { RegisteredSchema, SchemaOptions, SchemaRegistration, ValidationResult } from './schemas.ts';
export type { RegisteredScope, ScopeFilter, ScopeOptions, ScopePage } from './scopes.ts';
export type { Tag, TagFilter } from './tags.ts';
export type { FlagUsage, FlagUsageFilter, FlagUsageReport, StaleFlag, StaleFlags } from './usage.ts';
export type { KeyUsage, UnusedFilter, UnusedKey, UnusedKeys, UsageFilter, UsageReport } from './usage.ts';
export type { EffectiveValue, EffectiveValues, ReadOptions } from './values.ts';
export type { WatchedChange, WatchedCommit, WatchEvent, WatchOptions, WatchState } from './watch.ts';
export type { Wire } from './wire.ts';
export type {
  ChangeEdit,
  ChangeProposal,
  ChangeRequest,
  ChangeRequestFilter,
  ChangeRequests,
  ChangeRequestInput,
  PolicyRecord,
  RequestedChange,
  RoleBindingFilter,
  RoleBindingInput,
  RoleBindingRecord,
  RoleRecord,
} from './change-requests.ts';
