/** Lists every public name of the rules. */
export {
  approvalProblem,
  expiryOf,
  highestLevel,
  isOpenRequest,
  missingApprovals,
  nextStatus,
  possibleEvents,
  requestEvents,
  requestStatuses,
  strictest,
  type Approvable,
  type Approver,
  type RequestEvent,
  type RequestStatus,
  type Requirement,
} from './approval.ts';
export {
  auditRowText,
  auditSealText,
  firstAuditLink,
  nextAuditLink,
  parseAuditStatement,
  readAuditStatement,
  type AuditCheckpoint,
  type AuditFinding,
  type AuditFindingKind,
  type AuditRow,
  type AuditStatement,
  type Sha256,
} from './audit.ts';
export {
  AuditExportCheck,
  type AuditExportCheckpoint,
  type AuditExportEnd,
  type AuditExportHeader,
  type AuditExportResult,
  type AuditExportRow,
  type AuditExportTools,
} from './audit-export.ts';
export { blameLeaves, blamePart, type Blame, type LayerVersion } from './blame.ts';
export {
  bundleVersion,
  BundleText,
  effectiveName,
  exportName,
  readBundle,
  settingsName,
  type Bundle,
  type BundledSetting,
  type BundleHeader,
  type BundleOptions,
  type TakeText,
} from './bundle.ts';
export {
  compareSides,
  takeOver,
  type ComparedSetting,
  type ComparedSide,
  type Difference,
  type DifferenceFilter,
} from './comparison.ts';
export { canonicalJson } from './canonical.ts';
export {
  formatCursor,
  parseCursor,
  type ConfigChange,
  type Cursor,
  type FeedCommit,
  type FeedEvent,
  type FeedReset,
} from './change-event.ts';
export { closestName } from './closest.ts';
export {
  collectionOf,
  collections,
  entriesPattern,
  entryKey,
  entryName,
  gatherEntries,
  isCollection,
  spreadEntries,
  type Collection,
} from './collection.ts';
export type { Definition, MergeStrategy } from './definition.ts';
export { circleOf, dependenciesOf, type Dependency, type DependencyDirection } from './dependency.ts';
export { gainOf, lackingFor, type Handover } from './delegation.ts';
export { applyDiff, diff, sameJson, type Diff } from './diff.ts';
export { documentFormats, positionOf, refuseDocument, withoutMark, type DocumentFormat } from './document-text.ts';
export { dotenvJson, dotenvLine, dotenvNote, readDotenv, type DotenvEntry, type DotenvFile } from './dotenv.ts';
export {
  ApprovalRequiredError,
  ConfigurationError,
  describeInput,
  errorCatalogue,
  isConfigurationError,
  type ErrorCode,
  type ErrorDetails,
} from './errors.ts';
export { attributePath } from './flags/attribute.ts';
export { bucketOf, murmur3, rolloutSeed, splitSeed, unitText } from './flags/bucket.ts';
export { compileFlag, isContext, type CompiledFlag, type FlagCompilation, type FlagWorld } from './flags/compile.ts';
export {
  bucketCount,
  bucketsOf,
  flagOperators,
  type FeatureFlag,
  type FlagCondition,
  type FlagContext,
  type FlagErrorCode,
  type FlagEvaluation,
  type FlagOperand,
  type FlagOperator,
  type FlagPrerequisite,
  type FlagProblem,
  type FlagReason,
  type FlagRolloutStep,
  type FlagRule,
  type FlagSchedule,
  type FlagSegment,
  type FlagServing,
  type FlagShare,
  type PatternEngine,
} from './flags/flag.ts';
export { createFlagSet, type FlagSet, type FlagSource } from './flags/flag-set.ts';
export {
  deepestPrerequisites,
  flagReferenceProblems,
  flagsThatNeed,
  flagsWithSegment,
  variantsOf,
  type FlagReferences,
} from './flags/references.ts';
export { notFound } from './flags/result.ts';
export { compileSegment, type CompiledSegment } from './flags/segment.ts';
export { isDefinitionName } from './flags/shape.ts';
export {
  explainEvaluation,
  type BucketTrace,
  type ConditionTrace,
  type FlagDecision,
  type FlagTrace,
  type PrerequisiteTrace,
  type RuleTrace,
} from './flags/trace.ts';
export { flagImpact } from './flag-impact.ts';
export { unjudgedParts, type UnjudgedPart } from './flags/unjudged.ts';
export { refuseProblems, validateFlag, validateSegment, type FlagValidation } from './flags/validate.ts';
export { globMatcher } from './glob.ts';
export {
  changeLevel,
  defaultBaseImpact,
  explainLevel,
  ImpactLevel,
  impactLevels,
  rollbackPriorityOf,
  type RollbackPriority,
} from './impact.ts';
export type {
  AffectedSamples,
  FlagFlip,
  FlagImpact,
  ImpactAnalysis,
  ImpactGate,
  ImpactReport,
  NamedScope,
} from './impact-report.ts';
export { estimatedDowntime, type RestartNeed } from './downtime.ts';
export {
  mergeKeyDefinition,
  parseKeyDefinition,
  type KeyDefinition,
  type KeyDefinitionInput,
} from './key-definition.ts';
export {
  deepFreeze,
  isForbiddenName,
  isJsonArray,
  isJsonObject,
  jsonText,
  parseJsonValue,
  propertyOf,
  readJson,
  setProperty,
  utf8Length,
  valueLimits,
  type JsonArray,
  type JsonObject,
  type JsonPrimitive,
  type JsonValue,
} from './json.ts';
export { eachSubschema, knownFormats, listOf, mapOf, resolveReference } from './json-schema.ts';
export { checkJsonSchema } from './schema-check.ts';
export { layerSchema, partOfSchema } from './layer-schema.ts';
export { touches, type Lock } from './lock.ts';
export {
  candidateAt,
  explainLayers,
  isUnset,
  leavesOf,
  mergeLayers,
  parseLayer,
  valueAt,
  type Leaf,
  type OriginatedLayer,
  type TracedLeaf,
  type TracedValue,
} from './merge.ts';
export { formatPath, isWithin, parsePath, type Path } from './path.ts';
export {
  authorityChains,
  builtInRoles,
  grantsOf,
  isGranted,
  isGrantedForSome,
  isOn,
  isPermitted,
  isSubject,
  parseEffect,
  parseKeyGlob,
  parsePermission,
  parseRole,
  parseRoleName,
  parseSubject,
  permissions,
  type Grant,
  type Permission,
  type PermissionResource,
  type PermittedActor,
  type RoleBinding,
  type RoleBindingInput,
  type RoleDefinition,
  type RoleSubject,
} from './permission.ts';
export {
  defaultExpiry,
  defaultPolicy,
  governingPolicy,
  mayNeedApproval,
  parsePolicy,
  parsePolicyName,
  type ApprovalPolicy,
  type PolicyApprovers,
} from './policy.ts';
export { isPropertywise } from './propertywise.ts';
export { rebase, type RebaseConflict, type Rebased } from './rebase.ts';
export { defaultOf, defaultPaths, hasDefaults, withDefaults } from './schema-default.ts';
export {
  checkParents,
  ConfigScope,
  formatAddress,
  formatScope,
  globalScope,
  parseId,
  parseKey,
  parseScope,
  parseScopeContext,
  resolveChain,
  sameScope,
  scopes,
  type Address,
  type ScopeContext,
  type ScopeInput,
  type ScopeLink,
  type ScopeRef,
  type ScopeRequest,
} from './scope.ts';
export { readJsonDocument, readLongDocument, readStrictJson, shorten, type LongDocument } from './strict-json.ts';
export {
  isMasked,
  joinPaths,
  lowersSecrecy,
  mapParts,
  masked,
  maskSecrets,
  refuseSealed,
  sealedPaths,
  sealedText,
  secretPaths,
  toSealed,
} from './secret.ts';
export { sensitivePaths } from './sensitive.ts';
export {
  parseLongHash,
  parseTag,
  parseVersionReference,
  shortVersion,
  versionDigits,
  versionText,
  type ConfigVersion,
  type VersionContent,
  type VersionOperation,
  type VersionReference,
} from './version.ts';
export { rollbackPlan } from './rollback-plan.ts';
export { testingRecommendations } from './testing-recommendations.ts';
