/** Owns the undoing of one commit of values: what it changed is taken back, and what later commits changed stays. */
import {
  ConfigurationError,
  describeInput,
  globalScope,
  isConfigurationError,
  type ImpactAnalysis,
} from '@strata/core';
import { notPermitted, requirePermission, type Place } from './access.ts';
import type { Actor } from './actor.ts';
import { requireBreakGlass } from './break-glass.ts';
import { begin, type Context } from './context.ts';
import { analyzeIntent, toPreview, type LayerPreview } from './impact-analysis.ts';
import type { Intent } from './intent.ts';
import { newIntent, parseReason } from './new-commit.ts';
import { planRevert, revertConflicts } from './revert-plan.ts';
import { findCommits, type CommitOperation } from './store/commits.ts';
import {
  readChangedAddresses,
  readCommit,
  type ChangedAddress,
  type CommitHead,
  type CommitReference,
  type Layer,
} from './store/revert.ts';
import { visibilityOf } from './visibility.ts';
import { submit, type Commit, type WriteOptions } from './write.ts';

/** The last argument of `revert`. It concerns all addresses of a commit, so it takes neither an expected version nor an expiry. */
export type RevertOptions = Omit<WriteOptions, 'ifVersion' | 'expiresAt'>;

/** What a revert would do. */
export interface RevertDryRun extends Omit<ImpactAnalysis, 'revision'> {
  readonly dryRun: true;
  /** The commit that would be undone. */
  readonly commit: string;
  readonly revision: number;
  /** What would become of each layer that the commit changed. */
  readonly changes: readonly LayerPreview[];
}

/** How often a revert is planned anew, when a layer changes between the look at it and the write, before it answers `busy`. */
const maxTries = 10;

/**
 * Undoes one commit of values as one commit, three-way and leaf by leaf: what later commits changed elsewhere stays.
 * @param reference the id of the commit, or its revision.
 * @throws ConfigurationError `commit_not_found`, `revert_unsupported`, `revert_conflicts`, and what any write throws.
 */
export async function revert(
  context: Context,
  actor: Actor,
  reference: string | number,
  reason: string,
  options: RevertOptions & { readonly dryRun?: boolean },
): Promise<Commit | RevertDryRun> {
  begin(context);
  const comment = parseReason(reason);
  const { commit, ...subject } = await requireSubject(context, actor, parseCommitReference(reference));
  await requireBreakGlass(context, actor, subject.addresses, options.breakGlass);
  let { addresses } = subject;
  for (let tries = 1; ; tries += 1) {
    const opened = await openChanged(context, addresses);
    const { changes, conflicts } = planRevert(opened, await context.ruleBook.now(context.db));
    const intent = revertIntent(actor, commit, changes, comment, options);
    // A call that is repeated is told what the first one did, whatever was changed since.
    if (conflicts.length > 0 && !(await isRepeated(context, options))) throw revertConflicts(commit, conflicts);
    try {
      return options.dryRun === true
        ? await previewRevert(context, actor, commit, intent)
        : await submit(context, intent);
    } catch (error) {
      if (!isConfigurationError(error, 'conflict')) throw error;
      if (tries === maxTries) throw new ConfigurationError('busy', { tries }, { cause: error });
    }
    addresses = await readChangedAddresses(context.db, context.environment, commit.revision);
  }
}

/** The same addresses with their secrets opened. */
async function openChanged(context: Context, addresses: readonly ChangedAddress[]): Promise<ChangedAddress[]> {
  const open = async <T extends Layer>(at: ChangedAddress, layer: T): Promise<T> =>
    layer.value === undefined
      ? layer
      : { ...layer, ...(await context.vault.open(context.db, layer.value, { ...at, version: layer.hash })) };
  const opened: ChangedAddress[] = [];
  for (const at of addresses) {
    const before = at.before === undefined ? undefined : await open(at, at.before);
    opened.push({ ...at, before, written: await open(at, at.written), now: await open(at, at.now) });
  }
  return opened;
}

async function previewRevert(
  context: Context,
  actor: Actor,
  { id, revision }: CommitHead,
  intent: Intent,
): Promise<RevertDryRun> {
  const { layers, analysis } = await analyzeIntent(context, actor, intent);
  return { ...analysis, dryRun: true, commit: id, revision, changes: layers.map(toPreview) };
}

function revertIntent(
  actor: Actor,
  { id }: CommitHead,
  changes: Intent['changes'],
  comment: string,
  options: RevertOptions,
): Intent {
  const intent = newIntent(actor, changes, comment, options, ['revert', id]);
  return { ...intent, commit: { ...intent.commit, metadata: { ...intent.commit.metadata, reverts: id } } };
}

async function isRepeated(
  { db, environment }: Context,
  { idempotencyKey, dryRun }: RevertOptions & { readonly dryRun?: boolean },
): Promise<boolean> {
  if (idempotencyKey === undefined || dryRun === true) return false;
  return (await findCommits(db, environment, [idempotencyKey])).length > 0;
}

/** A revision has at most 15 digits, so that it cannot be mistaken for the hash of a version. */
const revisionForm = /^[1-9][0-9]{0,14}$/;
const idForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function parseCommitReference(reference: unknown): CommitReference {
  const text = typeof reference === 'number' ? String(reference) : reference;
  if (typeof text === 'string') {
    if (revisionForm.test(text)) return { revision: Number(text) };
    if (typeof reference === 'string' && idForm.test(text)) return { id: text.toLowerCase() };
  }
  const given = typeof reference === 'number' ? text : describeInput(reference);
  throw new ConfigurationError('invalid_argument', {
    argument: 'commit',
    problem: `${String(given)} is neither the id of a commit nor its revision; both stand in its versions`,
  });
}

/** A commit of values, and what it changed. */
interface Subject {
  readonly commit: CommitHead;
  readonly addresses: readonly ChangedAddress[];
}

/**
 * The commit that is meant, where the actor may take back all that it changed. What he may not read is named by no refusal.
 * @throws ConfigurationError `commit_not_found`, also where he may read nothing of it; `revert_unsupported`, `not_permitted`.
 */
async function requireSubject(context: Context, actor: Actor, reference: CommitReference): Promise<Subject> {
  const { db, environment } = context;
  const commit = await readCommit(db, environment, reference);
  const addresses = commit?.operation === 'change' ? await readChangedAddresses(db, environment, commit.revision) : [];
  const places: readonly Place[] = commit === undefined || addresses.length > 0 ? addresses : [placeOf(commit)];
  const seen = await (await visibilityOf(context, actor, 'read')).filter(places, (place) => place);
  if (commit === undefined || seen.length === 0) {
    throw new ConfigurationError('commit_not_found', { commit: 'id' in reference ? reference.id : reference.revision });
  }
  if (commit.operation !== 'change') throw unsupported(commit.operation, commit);
  for (const place of seen) await requirePermission(context, actor, 'rollback', place);
  if (seen.length < places.length) throw notPermitted(actor, 'rollback', globalScope);
  return { commit, addresses };
}

type OtherOperation = Exclude<CommitOperation, 'change'>;

/** Commits that are not of values: what they are, how they are undone, and whether they are about one key. */
const others: Readonly<
  Record<OtherOperation, { readonly subject: string; readonly call: string; readonly isOfKey: boolean }>
> = {
  scope: { subject: 'the registration of a scope', call: 'registerScope or removeScope', isOfKey: false },
  'scope-removal': { subject: 'the removal of a scope', call: 'registerScope', isOfKey: false },
  schema: { subject: 'the registration of a schema', call: 'registerSchema', isOfKey: true },
  lock: { subject: 'a lock', call: 'unlockConfig', isOfKey: true },
  unlock: { subject: 'the removal of a lock', call: 'lockConfig', isOfKey: true },
  tag: { subject: 'a tag', call: 'createTag under another name, as a tag never moves', isOfKey: true },
  policy: { subject: 'a change of an approval policy', call: 'setPolicy or removePolicy', isOfKey: false },
  role: { subject: 'a change of a role', call: 'setRole or removeRole', isOfKey: false },
  binding: { subject: 'a change of who has a role', call: 'bindRole or unbindRole', isOfKey: false },
  definition: { subject: 'a definition of a key', call: 'defineKey', isOfKey: true },
  dependency: { subject: 'a change of a dependency', call: 'addDependency or removeDependency', isOfKey: true },
};

/** What a commit that is not of values is about. */
function placeOf({ operation, key, scope = 'global', scopeId = '' }: CommitHead): Place {
  return operation !== 'change' && others[operation].isOfKey ? { key, scope, scopeId } : { scope, scopeId };
}

function unsupported(
  operation: OtherOperation,
  { id, revision }: CommitHead,
): ConfigurationError<'revert_unsupported'> {
  const { subject, call } = others[operation];
  return new ConfigurationError('revert_unsupported', { commit: id, revision, operation, subject, call });
}
