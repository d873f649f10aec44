/** Owns the decision on a write: whether it may be made on the heads that a view shows, and which versions it makes. */
import type { Decision, Intent, Outcome, ValueChange } from './intent.ts';
import { effectiveValue } from './effective-value.ts';
import {
  ConfigurationError,
  formatAddress,
  formatPath,
  formatScope,
  isConfigurationError,
  joinPaths,
  maskSecrets,
  sameJson,
  sameScope,
  secretPaths,
  shortVersion,
  touches,
  type ImpactLevel,
  type JsonValue,
  type Lock,
  type Path,
  type ScopeRef,
} from '@strata/core';
import { describeLayers, findNewlyBroken } from './below.ts';
import type { Context } from './context.ts';
import { checkFlagName, checkReferences } from './flag-check.ts';
import { ApprovalNeeded, levelOf, requirementOf } from './gate.ts';
import { digestOf, hashVersion } from './digest.ts';
import { isKeyed } from './secrets/with-secrets.ts';
import { SecretsNeeded } from './secrets/vault.ts';
import type { HeadView } from './heads.ts';
import type { Rule, Rules } from './rules.ts';
import type { Head } from './store/settings.ts';
import type { NewCommit, NewVersion, SeenHead } from './store/write.ts';
import { validationError, type ValidationProblem } from './validation.ts';

/** Whether deciding on the intent may have to read layers below it, which a shared step cannot do. */
export function isWide(intent: Intent, rules: Rules): boolean {
  return intent.changes.some(({ key, scope }) => {
    const rule = rules.byKey.get(key);
    return rule !== undefined && !rule.validator.propertywise && scope !== 'user';
  });
}

/** Whether a decision needs the layers above a change, and not only its own head. */
export function needsAncestors(key: string, rules: Rules): boolean {
  const rule = rules.byKey.get(key);
  return rule !== undefined && !rule.validator.propertywise;
}

/** Whether a decision needs to know which scopes a change inherits from: for the layers above it, for locks there, or for approvals. */
export function needsLinks(key: string, rules: Rules): boolean {
  return needsAncestors(key, rules) || rules.locks.has(key) || rules.isProtected(key);
}

/**
 * Decides on an intent. The view must hold the heads of all its chains; it is left as it was, the changes lie in `after`.
 * @throws ConfigurationError for every refusal.
 */
export async function decide(
  context: Context,
  view: HeadView,
  intent: Intent,
): Promise<{ decision: Decision; after: HeadView }> {
  const after = view.fork();
  const outcomes = intent.changes.map((change) => decideChange(context, view, after, intent, change));
  const written = intent.changes.filter((_, index) => outcomes[index]?.kind === 'version');
  checkEffective(after, written);
  const below = await findNewlyBroken(context, view, after, written);
  const references = await checkReferences(context, view, after, written);
  const broken = [...below.broken, ...references.broken];
  const quiet = new Map([...below.quiet, ...references.quiet]);
  if (broken.length > 0 && !intent.force) {
    throw new ConfigurationError('would_break', { layers: describeLayers(broken), broken });
  }
  const requires = requirementOf(view, written);
  if (requires !== undefined && intent.gate === 'refuse') throw new ApprovalNeeded(requires);
  return { decision: { outcomes, seen: seenBy(view, intent.changes), quiet, broken, requires }, after };
}

/** Everything that the changes themselves would be refused for, decided on one by one; layers below and approvals left out. */
export function refusalsOf(
  view: HeadView,
  after: HeadView,
  changes: readonly ValueChange[],
): readonly ConfigurationError[] {
  const checks = changes.flatMap((change): (() => void)[] => [
    () => checkExpectation(change, view.head(change)),
    () => checkFlagName(view, change),
    () => checkRule(view.rules.byKey.get(change.key), change),
    () => checkLocks(view, change),
    () => checkEffective(after, [change]),
  ]);
  const refusals = new Map<string, ConfigurationError>();
  for (const check of checks) {
    try {
      check();
    } catch (error) {
      if (!isConfigurationError(error)) throw error;
      refusals.set(error.message, error);
    }
  }
  return [...refusals.values()];
}

function decideChange(context: Context, view: HeadView, after: HeadView, intent: Intent, change: ValueChange): Outcome {
  const head = view.head(change);
  checkExpectation(change, head);
  if (change.value === undefined && head?.value === undefined) return decideAbsent(change, head);
  if (head !== undefined && isSame(change, head)) return { kind: 'unchanged', head };
  const rule = view.rules.byKey.get(change.key);
  checkFlagName(view, change);
  checkRule(rule, change);
  checkLocks(view, change);
  const secrets = secretsOf(context, rule, intent, change);
  const level = levelOf(view.rules, change.key, change);
  const version = newVersion(context, intent.commit, change, head, level, secrets);
  after.set({
    key: change.key,
    scope: change.scope,
    scopeId: change.scopeId,
    hash: version.hash,
    revision: Number.MAX_SAFE_INTEGER,
    value: change.value,
    secrets,
    expiresAt: change.expiresAt,
  });
  return { kind: 'version', version, value: change.value, secrets };
}

/** Where a change has secrets: by its definition, and by where its value comes from. @throws SecretsNeeded to have what they take. */
function secretsOf(
  { vault }: Context,
  rule: Rule | undefined,
  { commit }: Intent,
  { value, secrets = [] }: ValueChange,
): readonly Path[] {
  if (value === undefined || (rule?.sensitive !== true && secrets.length === 0)) return [];
  const paths = joinPaths(value, secretPaths(rule?.definition, value), secrets);
  if (paths.length > 0 && !(vault.canSeal && isKeyed(commit.requestDigest))) throw new SecretsNeeded();
  return paths;
}

function decideAbsent(change: ValueChange, head: Head | undefined): Outcome {
  if (head === undefined || change.mustExist === true) {
    throw new ConfigurationError('key_not_found', { key: change.key, scope: formatScope(change) });
  }
  return { kind: 'unchanged', head };
}

function isSame(change: ValueChange, head: Head): boolean {
  // A version that is put back where it still is changes nothing, not even when it expires.
  if (change.rollbackFrom === head.hash) return true;
  return (
    change.value !== undefined &&
    head.value !== undefined &&
    head.fault === undefined &&
    change.expiresAt?.getTime() === head.expiresAt?.getTime() &&
    sameJson(change.value, head.value)
  );
}

function checkExpectation({ expected, ...address }: ValueChange, head: Head | undefined): void {
  if (expected === undefined) return;
  const current = head?.value === undefined ? null : head.hash;
  if (expected.prefix === null ? current === null : (current?.startsWith(expected.prefix) ?? false)) return;
  throw new ConfigurationError('conflict', {
    address: formatAddress(address),
    expected: expected.text,
    current: current === null ? 'no value' : shortVersion(current),
    currentVersion: current === null ? null : shortVersion(current),
    currentValue: head?.value === undefined ? null : maskSecrets(head.value, head.secrets),
  });
}

function checkRule(rule: Rule | undefined, { key, scope, value }: ValueChange): void {
  if (rule === undefined) return;
  const { definition, validator } = rule;
  if (!validator.enforcedHere && definition.withoutCode !== 'accept') {
    throw new ConfigurationError('schema_code_missing', { key });
  }
  if (value === undefined) return;
  if (definition.allowedScopes !== undefined && !definition.allowedScopes.includes(scope)) {
    throw new ConfigurationError('scope_not_allowed', { key, scope, allowed: definition.allowedScopes.join(', ') });
  }
  refuseProblems(validator.layer(value));
}

function refuseProblems(problems: readonly ValidationProblem[]): void {
  if (problems.length > 0) throw validationError(problems);
}

function checkLocks(view: HeadView, change: ValueChange): void {
  const locks = view.rules.locks.get(change.key);
  if (locks === undefined) return;
  const lock = brokenLock(locks, view.chain(change), change.value, view.rules.byKey.get(change.key));
  if (lock !== undefined) throw lockedError(lock);
}

/** The refusal of what a lock forbids; `layer` is the scope whose layer would break it, where that is not the one written to. */
export function lockedError(lock: Lock, layer?: ScopeRef): ConfigurationError<'locked'> {
  return new ConfigurationError('locked', {
    key: lock.key,
    path: formatPath(lock.path),
    lockScope: formatScope(lock),
    version: lock.version ?? 'none',
    revision: lock.revision,
    lockedBy: lock.lockedBy,
    ...(layer === undefined ? {} : { layer: formatScope(layer) }),
  });
}

/** The first lock of a scope above the last one of `chain` that a layer there would touch. */
export function brokenLock(
  locks: readonly Lock[],
  chain: readonly ScopeRef[],
  layer: JsonValue | undefined,
  rule: Rule | undefined,
): Lock | undefined {
  const above = chain.slice(0, -1);
  const strategy = rule?.definition.merge ?? 'deep';
  return locks.find((lock) => above.some((scope) => sameScope(scope, lock)) && touches(layer, lock.path, strategy));
}

function checkEffective(after: HeadView, changes: readonly ValueChange[]): void {
  for (const change of changes) {
    // Where a layer is removed, what is above it stands, and was checked there.
    if (change.value === undefined) continue;
    const validator = after.rules.byKey.get(change.key)?.validator;
    if (validator === undefined || validator.propertywise) continue;
    const value = effectiveValue(after, change.key, after.chain(change));
    if (value !== undefined) refuseProblems(validator.effective(value));
  }
}

function newVersion(
  { environment, vault }: Context,
  commit: NewCommit,
  change: ValueChange,
  head: Head | undefined,
  impactLevel: ImpactLevel,
  secrets: readonly Path[],
): Omit<NewVersion, 'commit'> {
  const { key, scope, scopeId, value, rollbackFrom, expiresAt } = change;
  const operation = value === undefined ? 'delete' : rollbackFrom === undefined ? 'set' : 'rollback';
  const parent = head?.hash ?? null;
  const address = { key, scope, scopeId };
  const named = {
    parent,
    environment,
    address,
    operation,
    actor: commit.actor,
    comment: commit.comment,
    commit: commit.id,
  } as const;
  const valueDigest = value === undefined ? null : secrets.length === 0 ? digestOf(value) : vault.digestOf(value);
  const hash = hashVersion({ ...named, valueDigest });
  const stored =
    value === undefined || secrets.length === 0 ? value : vault.seal(value, secrets, { ...address, version: hash });
  return {
    ...address,
    hash,
    parent,
    operation,
    // The limit is of what the caller gave, which was checked; sealed it is longer.
    value: stored === undefined ? null : JSON.stringify(stored),
    rollbackFrom: rollbackFrom ?? null,
    impactLevel,
    expiresAt: expiresAt ?? null,
  };
}

function seenBy(view: HeadView, changes: readonly ValueChange[]): SeenHead[] {
  return changes.flatMap((change) => {
    // Whether a first value needs approvals depends on what there is above it.
    const isFirst = view.rules.isProtected(change.key) && view.head(change) === undefined;
    const scopes = isFirst || needsAncestors(change.key, view.rules) ? view.chain(change) : [change];
    return scopes.map(({ scope, scopeId }) => {
      const address = { key: change.key, scope, scopeId };
      return { ...address, hash: view.head(address)?.hash ?? null };
    });
  });
}
