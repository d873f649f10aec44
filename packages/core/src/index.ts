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
export { blameLeaves, blamePart, type Blame, type LayerVersion } from './blame.ts';
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
export type { Definition, MergeStrategy } from './definition.ts';
export { gainOf, lackingFor, type Handover } from './delegation.ts';
export { applyDiff, diff, sameJson, type Diff } from './diff.ts';
export {
  ApprovalRequiredError,
  ConfigurationError,
  describeInput,
  errorCatalogue,
  isConfigurationError,
  type ErrorCode,
  type ErrorDetails,
} from './errors.ts';
export { globMatcher } from './glob.ts';
export { changeLevel, ImpactLevel, impactLevels } from './impact.ts';
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
export { eachSubschema, knownFormats, resolveReference } from './json-schema.ts';
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
