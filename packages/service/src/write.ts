/** Owns the writes of values: from a caller's arguments to an intent, and from what became of it to version records. */
import { type Actor } from './actor.ts';
import { type Expectation, type Intent, type Settled, type ValueChange } from './intent.ts';
import {
  ConfigurationError,
  formatAddress,
  isConfigurationError,
  jsonText,
  parseJsonValue,
  parseKey,
  parseLayer,
  parseScope,
  parseVersionReference,
  shortVersion,
  type Address,
  type ConfigVersion,
  type JsonValue,
  type Permission,
  type ScopeInput,
  type ScopeRef,
} from '@strata/core';
import { begin, type Context } from './context.ts';
import { requirePermission } from './access.ts';
import { approvalRequired, fileValues } from './change-request-filing.ts';
import { dryRun, type DryRun } from './dry-run.ts';
import { ApprovalNeeded } from './gate.ts';
import { requireBreakGlass } from './break-glass.ts';
import { newIntent } from './new-commit.ts';
import { readVersions, readVersionsAt, toPublicVersion, type StoredVersion } from './store/versions.ts';
import { parseTime } from './time.ts';
import { resolveVersion } from './version-reference.ts';

/** The last argument of every write. */
export interface WriteOptions {
  /** The version that the caller saw (any reference; `null`: no value). A different current one is a `conflict`. */
  readonly ifVersion?: string | null;
  /** Removes this layer by itself at that time (the database's clock), within seconds. Only for a value that is set. */
  readonly expiresAt?: Date | string;
  /** A key under which a repeated call is applied once and answers the same. */
  readonly idempotencyKey?: string;
  /** Goes ahead although values below become invalid; the audit log says so. */
  readonly force?: boolean;
  /**
   * Goes ahead without the approvals that it needs, for the reason given. Takes the permission `break-glass`, which nobody has where neither
   * roles are bound nor `authorize` is set; the audit log names the reason and the policies.
   */
  readonly breakGlass?: string;
}

/** One change of a `commit`. */
export type CommitChange =
  | (ScopeInput & {
      readonly key: string;
      readonly value: unknown;
      readonly delete?: false;
      readonly ifVersion?: string | null;
      readonly expiresAt?: Date | string;
    })
  | (ScopeInput & { readonly key: string; readonly delete: true; readonly ifVersion?: string | null });

/** One atomic change by one actor with one comment. */
export interface Commit {
  readonly id: string;
  /** The revision; that of the newest version concerned where nothing changed. */
  readonly revision: number;
  readonly committedBy: string;
  readonly committedAt: Date;
  readonly comment: string | null;
  /** A version for each change, in the order given; the current one where the value was already there. */
  readonly versions: readonly ConfigVersion[];
}

const maxChanges = 5000;

/** Stores one layer. */
export async function set(
  context: Context,
  actor: Actor,
  key: string,
  value: unknown,
  scope: ScopeInput,
  comment: string | undefined,
  options: WriteOptions & { readonly dryRun?: boolean },
): Promise<ConfigVersion | DryRun> {
  const change = {
    ...parseWritten(key, scope),
    value: parseNewLayer(value),
    expiresAt: parseExpiry(options.expiresAt),
  };
  return writeOne(context, actor, change, comment, options);
}

/** The permission that a change takes. */
export function actionOf({ value }: Pick<ValueChange, 'value'>): Permission {
  return value === undefined ? 'delete' : 'write';
}

/** Removes one layer. */
export async function remove(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeInput,
  comment: string | undefined,
  options: WriteOptions & { readonly dryRun?: boolean },
): Promise<ConfigVersion | DryRun> {
  const change = { ...parseWritten(key, scope), value: undefined, mustExist: true };
  return writeOne(context, actor, change, comment, options);
}

/**
 * Writes one change of a value with the options that every write takes.
 * @param asked what the caller asked for, where that is not the change itself.
 */
export async function writeOne(
  context: Context,
  actor: Actor,
  change: ValueChange,
  comment: string | undefined,
  options: WriteOptions & { readonly dryRun?: boolean; readonly action?: Permission },
  asked?: JsonValue,
): Promise<ConfigVersion | DryRun> {
  begin(context);
  const expected = await parseExpectation(context, change, options.ifVersion);
  await requirePermission(context, actor, options.action ?? actionOf(change), change);
  await requireBreakGlass(context, actor, [change], options.breakGlass);
  const words = asked === undefined ? undefined : [asked, expected?.text ?? null];
  const intent = newIntent(actor, [{ ...change, expected }], comment, options, words);
  if (options.dryRun === true) return dryRun(context, intent);
  const { versions } = await submit(context, intent);
  return versions[0] ?? lost(intent);
}

/** Applies several changes as one commit. */
export async function commit(
  context: Context,
  actor: Actor,
  changes: readonly CommitChange[],
  comment: string | undefined,
  options: WriteOptions,
): Promise<Commit> {
  begin(context);
  const parsed = await parseChanges(context, changes);
  for (const change of parsed) await requirePermission(context, actor, actionOf(change), change);
  await requireBreakGlass(context, actor, parsed, options.breakGlass);
  return submit(context, newIntent(actor, parsed, comment, options));
}

/** Checks the changes of a commit. */
export async function parseChanges(
  context: Context,
  changes: readonly CommitChange[],
): Promise<readonly ValueChange[]> {
  if (!isList(changes) || changes.length === 0 || changes.length > maxChanges) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'changes',
      problem: `give a list of 1 to ${String(maxChanges)} changes`,
    });
  }
  const parsed: ValueChange[] = [];
  for (const change of changes) parsed.push(await parseChange(context, change));
  return refuseTwice(parsed);
}

function isList(changes: unknown): boolean {
  return Array.isArray(changes);
}

async function parseChange(context: Context, change: CommitChange): Promise<ValueChange> {
  if (typeof change !== 'object' || (change as unknown) === null) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'changes',
      problem: 'a change is an object like { key, scope, scopeId, value } or { key, scope, scopeId, delete: true }',
    });
  }
  const address = parseAddress(change.key, change);
  const expected = await parseExpectation(context, address, change.ifVersion);
  if (change.delete === true) return { ...address, value: undefined, mustExist: true, expected };
  return { ...address, value: parseNewLayer(change.value), expiresAt: parseExpiry(change.expiresAt), expected };
}

function refuseTwice(changes: readonly ValueChange[]): readonly ValueChange[] {
  const seen = new Set<string>();
  for (const change of changes) {
    const name = formatAddress(change);
    if (seen.has(name)) {
      throw new ConfigurationError('invalid_argument', { argument: 'changes', problem: `${name} stands there twice` });
    }
    seen.add(name);
  }
  return changes;
}

/** Checks the scope of a write: it has to be named, lest one that is missing by mistake means everyone. */
export function parseWrittenScope(scope: ScopeInput): ScopeRef {
  if ((scope as unknown) !== undefined) return parseScope(scope);
  throw new ConfigurationError('invalid_scope', {
    problem: 'a write names its scope; give { scope: "global" } for global',
  });
}

/** Checks a key and the scope of a write to it. */
export function parseWritten(key: string, scope: ScopeInput): Address {
  const { scope: level, scopeId } = parseWrittenScope(scope);
  return { key: parseKey(key), scope: level, scopeId };
}

/** Checks a key and a scope. */
export function parseAddress(key: string, scope: ScopeInput | undefined): Address {
  const { scope: level, scopeId } = parseScope(scope);
  return { key: parseKey(key), scope: level, scopeId };
}

function parseNewLayer(value: unknown): JsonValue {
  const layer = parseLayer(parseJsonValue(value));
  jsonText(layer);
  return layer;
}

function parseExpiry(input: Date | string | undefined): Date | undefined {
  return input === undefined ? undefined : parseTime(input, 'expiresAt');
}

async function parseExpectation(
  context: Context,
  address: Address,
  ifVersion: string | null | undefined,
): Promise<Expectation | undefined> {
  if (ifVersion === undefined) return undefined;
  if (ifVersion === null) return { text: 'no value', prefix: null };
  const reference = parseVersionReference(ifVersion);
  if (reference.kind === 'hash') return { text: ifVersion, prefix: reference.prefix };
  const version = await resolveVersion(context, address.key, ifVersion, { scope: address });
  if (version === undefined) {
    throw new ConfigurationError('version_not_found', { version: ifVersion, key: formatAddress(address) });
  }
  return { text: ifVersion, prefix: version.deleted ? null : version.hash };
}

/**
 * Queues an intent and answers the commit it made, with a version for each change in the order given.
 * @throws ApprovalRequiredError where it needs approvals; a request for it was made.
 */
export async function submit(context: Context, intent: Intent): Promise<Commit> {
  const settled = await passGate(context, intent);
  try {
    return toCommit(settled, (await versionsOf(context, intent, settled)).map(toPublicVersion));
  } catch (error) {
    if (settled.commit === undefined || !isConfigurationError(error, 'unavailable')) throw error;
    // It is stored, and only the look at its versions failed.
    const { idempotencyKey } = intent.commit;
    throw new ConfigurationError('outcome_unknown', { idempotencyKey }, { cause: error });
  }
}

async function passGate(context: Context, intent: Intent): Promise<Settled> {
  for (;;) {
    try {
      return await context.queue.submit(intent);
    } catch (error) {
      if (!(error instanceof ApprovalNeeded)) throw error;
      const request = await fileValues(context, intent);
      if (request !== undefined) throw approvalRequired(request);
      // The policy that asked for approvals is gone.
    }
  }
}

async function versionsOf(context: Context, intent: Intent, settled: Settled): Promise<readonly StoredVersion[]> {
  const { commit: stored, decision } = settled;
  if (stored !== undefined && decision === undefined) {
    return inOrder(intent, await readVersionsAt(context.db, context.environment, intent.changes, stored.revision));
  }
  const made = new Map(madeVersions(intent, settled).map((version) => [version.hash, version]));
  const missing = settled.hashes.filter((hash) => !made.has(hash));
  for (const version of await readVersions(context.db, missing)) made.set(version.hash, version);
  return settled.hashes.map((hash) => made.get(hash) ?? lost(intent));
}

function toCommit(settled: Settled, versions: readonly ConfigVersion[]): Commit {
  if (settled.commit !== undefined) {
    const { id, revision, actor, comment, at } = settled.commit;
    return { id, revision, committedBy: actor, committedAt: at, comment, versions };
  }
  const newest = versions.reduce((a, b) => (b.revision > a.revision ? b : a));
  return {
    id: newest.commit,
    revision: newest.revision,
    committedBy: newest.changedBy,
    committedAt: newest.changedAt,
    comment: newest.comment,
    versions,
  };
}

function inOrder(intent: Intent, versions: readonly StoredVersion[]): readonly StoredVersion[] {
  const byAddress = new Map(
    versions.map((version) => [formatAddress({ ...version, scopeId: version.scopeId ?? '' }), version]),
  );
  return intent.changes.flatMap((change) => byAddress.get(formatAddress(change)) ?? []);
}

function lost(intent: Intent): never {
  throw new Error(`the version of commit ${intent.commit.id} was written and cannot be found`);
}

function madeVersions(intent: Intent, { commit: stored, decision }: Settled): StoredVersion[] {
  if (stored === undefined || decision === undefined) return [];
  return decision.outcomes.flatMap((outcome) => {
    if (outcome.kind === 'unchanged') return [];
    const { version, value } = outcome;
    const made: StoredVersion = {
      hash: version.hash,
      parentHash: version.parent,
      deleted: value === undefined,
      version: shortVersion(version.hash),
      key: version.key,
      scope: version.scope,
      scopeId: version.scope === 'global' ? null : version.scopeId,
      operation: version.operation,
      value: value ?? null,
      changedBy: stored.actor,
      changedAt: stored.at,
      comment: stored.comment,
      impactLevel: version.impactLevel,
      tags: [],
      isRollback: version.rollbackFrom !== null,
      ...(version.rollbackFrom === null ? {} : { rollbackFromVersion: shortVersion(version.rollbackFrom) }),
      parent: version.parent === null ? null : shortVersion(version.parent),
      revision: stored.revision,
      commit: intent.commit.id,
      ...(version.expiresAt === null ? {} : { expiresAt: version.expiresAt }),
    };
    return [made];
  });
}
