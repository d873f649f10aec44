/** Owns the writes of values: from a caller's arguments to an intent, and from what became of it to version records. */
import { type Actor } from './actor.ts';
import { actionOf, type Expectation, type Intent, type Settled, type ValueChange } from './intent.ts';
import {
  collectionOf,
  ConfigurationError,
  formatAddress,
  formatScope,
  isCollection,
  isConfigurationError,
  jsonText,
  maskSecrets,
  parseJsonValue,
  parseKey,
  parseLayer,
  parseScope,
  parseVersionReference,
  refuseSealed,
  shortVersion,
  spreadEntries,
  type Address,
  type Collection,
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
import { readLayersOfScope } from './store/settings.ts';
import { readVersions, readVersionsAt, toPublicVersion, type StoredVersion } from './store/versions.ts';
import { toShownVersions } from './secrets/stored-secrets.ts';
import { tellingNoNames } from './secrets/refused-secrets.ts';
import { withSecrets } from './secrets/with-secrets.ts';
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

/** Stores one layer; several for a collection that is given several entries, as one commit of which the last version is answered. */
export async function set(
  context: Context,
  actor: Actor,
  key: string,
  value: unknown,
  scope: ScopeInput,
  comment: string | undefined,
  options: WriteOptions & { readonly dryRun?: boolean },
): Promise<ConfigVersion | DryRun> {
  const entries = isCollection(key) ? spreadEntries(key, value) : [[key, value] as const];
  const expiresAt = parseExpiry(options.expiresAt);
  const written: ValueChange[] = [];
  for (const [one, layer] of entries) {
    const address = parseWritten(one, scope);
    const value = tellingNoNames(context, address.key, () => parseNewLayer(layer));
    written.push({ ...address, value: value instanceof Promise ? await value : value, expiresAt });
  }
  const [change, ...others] = written;
  if (change !== undefined && others.length === 0) return writeOne(context, actor, change, comment, options);
  return writeEntries(
    context,
    actor,
    entries.map(([one, layer]) => ({
      key: one,
      ...scope,
      value: layer,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    })),
    comment,
    options,
  );
}

/** Writes several entries of a collection as one commit, and answers the version of the last. */
async function writeEntries(
  context: Context,
  actor: Actor,
  changes: readonly CommitChange[],
  comment: string | undefined,
  { ifVersion, dryRun: isDryRun, ...options }: WriteOptions & { readonly dryRun?: boolean },
): Promise<ConfigVersion> {
  if (ifVersion !== undefined || isDryRun === true) {
    throw new ConfigurationError('invalid_argument', {
      argument: ifVersion === undefined ? 'dryRun' : 'ifVersion',
      problem: 'it is about one entry of the collection, and this writes several; write them one by one',
    });
  }
  const { versions } = await commit(context, actor, changes, comment, options);
  const last = versions.at(-1);
  if (last === undefined) throw new Error('a commit of entries made no version');
  return last;
}

/** Removes one layer; for a collection those of all its entries at the scope. */
export async function remove(
  context: Context,
  actor: Actor,
  key: string,
  scope: ScopeInput,
  comment: string | undefined,
  options: WriteOptions & { readonly dryRun?: boolean },
): Promise<ConfigVersion | DryRun> {
  const address = parseWritten(key, scope);
  if (isCollection(address.key)) {
    // Before anything of the scope is looked at; each entry is asked about below.
    await requirePermission(context, actor, 'flags', { scope: address.scope, scopeId: address.scopeId }, 'list');
    return writeEntries(context, actor, [{ ...scope, key, delete: true }], comment, options);
  }
  return writeOne(context, actor, { ...address, value: undefined, mustExist: true }, comment, options);
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
  const intent = newIntent(actor, [{ ...change, expected: expected ?? change.expected }], comment, options, words);
  if (options.dryRun === true) return dryRun(context, actor, intent);
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
  for (const change of changes) parsed.push(...(await parseChange(context, change)));
  return refuseTwice(parsed);
}

function isList(changes: unknown): boolean {
  return Array.isArray(changes);
}

async function parseChange(context: Context, change: CommitChange): Promise<readonly ValueChange[]> {
  if (typeof change !== 'object' || (change as unknown) === null) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'changes',
      problem: 'a change is an object like { key, scope, scopeId, value } or { key, scope, scopeId, delete: true }',
    });
  }
  const address = parseAddress(change.key, change);
  if (isCollection(address.key)) return parseEntries(context, { ...address, key: address.key }, change);
  const expected = await parseExpectation(context, address, change.ifVersion);
  if (change.delete === true) return [{ ...address, value: undefined, mustExist: true, expected }];
  const value = await tellingNoNames(context, address.key, () => parseNewLayer(change.value));
  return [{ ...address, value, expiresAt: parseExpiry(change.expiresAt), expected }];
}

/** The changes of a collection's entries that a change of the collection means. */
async function parseEntries(
  context: Context,
  collection: Address & { readonly key: Collection },
  change: CommitChange,
): Promise<readonly ValueChange[]> {
  const { key, scope, scopeId } = collection;
  if (change.delete !== true) {
    const entries = spreadEntries(key, change.value).map(([entry, value]) => ({ ...change, key: entry, value }));
    if (entries.length > 1) refuseExpectation(change);
    return (await Promise.all(entries.map((entry) => parseChange(context, entry)))).flat();
  }
  refuseExpectation(change);
  const layers = await readLayersOfScope(context.db, context.environment, scope, scopeId);
  const own = layers.filter((layer) => collectionOf(layer.key) === key);
  if (own.length === 0) throw new ConfigurationError('key_not_found', { key, scope: formatScope(collection) });
  return own.map((layer) => ({ key: layer.key, scope, scopeId, value: undefined, mustExist: true }));
}

function refuseExpectation({ ifVersion }: CommitChange): void {
  if (ifVersion === undefined) return;
  throw new ConfigurationError('invalid_argument', {
    argument: 'ifVersion',
    problem: 'it is about one entry of the collection, and this writes several; give each as a change of its own',
  });
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
  const layer = parseLayer(refuseSealed(parseJsonValue(value)));
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
    return toCommit(settled, await versionsOf(context, intent, settled));
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
      return await withSecrets(context, intent, (given) => context.queue.submit(given));
    } catch (error) {
      if (!(error instanceof ApprovalNeeded)) throw error;
      const request = await fileValues(context, intent);
      if (request !== undefined) throw approvalRequired(request);
      // The policy that asked for approvals is gone.
    }
  }
}

async function versionsOf(context: Context, intent: Intent, settled: Settled): Promise<readonly ConfigVersion[]> {
  const { commit: stored, decision } = settled;
  if (stored !== undefined && decision === undefined) {
    const versions = await readVersionsAt(context.db, context.environment, intent.changes, stored.revision);
    return toShownVersions(context, inOrder(intent, versions));
  }
  const made = new Map(madeVersions(intent, settled).map((version) => [version.hash, toPublicVersion(version)]));
  const missing = await readVersions(
    context.db,
    settled.hashes.filter((hash) => !made.has(hash)),
  );
  for (const [index, version] of (await toShownVersions(context, missing)).entries()) {
    made.set(missing[index]?.hash ?? '', version);
  }
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
    const { version, value, secrets } = outcome;
    const made: StoredVersion = {
      hash: version.hash,
      parentHash: version.parent,
      deleted: value === undefined,
      version: shortVersion(version.hash),
      key: version.key,
      scope: version.scope,
      scopeId: version.scope === 'global' ? null : version.scopeId,
      operation: version.operation,
      value: value === undefined ? null : maskSecrets(value, secrets),
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
