/** Lists every public name of the client. */
export { createClient, type ClientOptions, type StrataClient } from './client.ts';
export {
  isClientError,
  StrataClientError,
  type ClientErrorCode,
  type ClientErrorFacts,
  type ReportedProblem,
} from './client-error.ts';
export type { Place, WriteConditions } from './address.ts';
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
export type { BrokenLayer, Commit, CommitChange, DryRun, SetOptions, VersionRecord, WriteOptions } from './layers.ts';
export type { LockRecord } from './locks.ts';
export type { RegisteredSchema, SchemaOptions, SchemaRegistration, ValidationResult } from './schemas.ts';
export type { RegisteredScope, ScopeFilter, ScopeOptions, ScopePage } from './scopes.ts';
export type { Tag, TagFilter } from './tags.ts';
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
