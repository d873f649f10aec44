/** Owns the assessment of a change: decided as the write path would decide on it, and where that refuses it, with every refusal. */
import type { ConfigurationError } from '@strata/core';
import {
  diff,
  explainLevel,
  highestLevel,
  isConfigurationError,
  joinPaths,
  sameJson,
  secretPaths,
  shortVersion,
  type Diff,
  type ImpactLevel,
  type Path,
  type Requirement,
} from '@strata/core';
import { findNewlyBroken } from './below.ts';
import type { Context } from './context.ts';
import { decide, refusalsOf } from './decide.ts';
import { effectiveSecrets, effectiveValue } from './effective-value.ts';
import { checkReferences } from './flag-check.ts';
import { requirementAt, requirementOf } from './gate.ts';
import { HeadMemory, HeadView } from './heads.ts';
import type { Intent, ValueChange } from './intent.ts';
import { saidImpactOf } from './rules.ts';
import { maskDiffs, type Opened } from './secrets/vault.ts';
import { readProgress } from './store/counter.ts';
import type { BrokenLayer } from './validation.ts';

/** What would become of one layer. */
export interface AssessedLayer {
  readonly change: ValueChange;
  /** Whether the write would make a version at all. */
  readonly changed: boolean;
  readonly impactLevel: ImpactLevel;
  readonly reasons: readonly string[];
  /** The current version; null where there is no value. */
  readonly version: string | null;
  readonly diff: readonly Diff[];
  readonly effectiveDiff: readonly Diff[];
  /** The parts of the values that are secret. */
  readonly secret: readonly Path[];
}

/** What was found out about a change on the heads of one snapshot. */
export interface Assessment {
  readonly revision: number;
  readonly before: HeadView;
  readonly after: HeadView;
  readonly layers: readonly AssessedLayer[];
  readonly impactLevel: ImpactLevel;
  readonly broken: readonly BrokenLayer[];
  readonly requires: Requirement | undefined;
  /** What the way back would need. */
  readonly wayBackRequires: Requirement | undefined;
  /** What the write would be refused with, besides approvals and broken layers. */
  readonly refusals: readonly ConfigurationError[];
}

/**
 * Assesses an intent. All is read through the context given.
 * @param collect whether refusals are a part of the answer; else the first of them is thrown.
 */
export async function assess(context: Context, intent: Intent, collect: boolean): Promise<Assessment> {
  const memory = new HeadMemory(context.vault);
  await memory.read(context.db, context.environment, intent.changes);
  const progress = memory.progress ?? (await readProgress(context.db));
  const before = new HeadView(memory, await context.ruleBook.at(context.db, progress));
  const decided = await decideOn(context, before, intent, collect);
  const layers = intent.changes.map((change, index) =>
    describe(context, change, decided.changed[index] === true, before, decided.after),
  );
  const written = layers.filter(({ changed }) => changed).map(({ change }) => change);
  return {
    revision: progress.revision,
    before,
    layers,
    impactLevel: highestLevel(layers.map(({ impactLevel }) => impactLevel)),
    wayBackRequires: requirementOfAll(before, written),
    ...decided,
  };
}

/** What changes of values that are there need together: those of the way back are. */
function requirementOfAll(view: HeadView, changes: readonly ValueChange[]): Requirement | undefined {
  const needed = changes.flatMap((change) => requirementAt(view.rules, change.key, change) ?? []);
  return needed.reduce<Requirement | undefined>(
    (most, one) => (most === undefined || one.minimumApprovals > most.minimumApprovals ? one : most),
    undefined,
  );
}

type Decided = Pick<Assessment, 'after' | 'broken' | 'requires' | 'refusals'> & {
  readonly changed: readonly boolean[];
};

async function decideOn(context: Context, before: HeadView, intent: Intent, collect: boolean): Promise<Decided> {
  try {
    const { decision, after } = await decide(context, before, { ...intent, force: true, gate: 'report' });
    const { broken, requires, outcomes } = decision;
    return { after, broken, requires, refusals: [], changed: outcomes.map(({ kind }) => kind === 'version') };
  } catch (error) {
    if (!collect || !isConfigurationError(error) || error.code === 'unavailable') throw error;
  }
  const after = before.fork();
  for (const { key, scope, scopeId, value, expiresAt } of intent.changes) {
    after.set({ key, scope, scopeId, hash: '', revision: Number.MAX_SAFE_INTEGER, value, expiresAt });
  }
  const changed = intent.changes.map((change) => !sameJson(before.head(change)?.value, change.value));
  const written = intent.changes.filter((_, index) => changed[index] === true);
  const below = await findNewlyBroken(context, before, after, written);
  const refusals = new Map(refusalsOf(before, after, intent.changes).map((one) => [one.message, one]));
  const references = await checkReferences(context, before, after, written).catch((error: unknown) => {
    if (!isConfigurationError(error, 'validation_failed')) throw error;
    refusals.set(error.message, error);
    return { broken: [] };
  });
  return {
    after,
    broken: [...below.broken, ...references.broken],
    requires: requirementOf(before, written),
    refusals: [...refusals.values()],
    changed,
  };
}

function describe(
  { vault }: Context,
  change: ValueChange,
  changed: boolean,
  before: HeadView,
  after: HeadView,
): AssessedLayer {
  const { key, scope } = change;
  const chain = before.chain(change);
  const base = saidImpactOf(before.rules, key);
  const { level, reasons } = explainLevel({ key, scope, base, changed });
  const head = before.head(change);
  const definition = before.rules.byKey.get(key)?.definition;
  const layerOf = (view: HeadView): Opened | undefined => {
    const { value, secrets = [] } = view.head(change) ?? {};
    return value === undefined
      ? undefined
      : { value, secrets: joinPaths(value, secretPaths(definition, value), secrets) };
  };
  const effectiveOf = (view: HeadView): Opened | undefined => {
    const value = effectiveValue(view, key, chain);
    return value === undefined ? undefined : { value, secrets: effectiveSecrets(view, key, chain, value) };
  };
  const states = [before, after].flatMap((view) => [layerOf(view), effectiveOf(view)]);
  const [layer, effective, newLayer, newEffective] = states.map((state) =>
    state === undefined ? undefined : vault.comparable(state),
  );
  return {
    change,
    changed,
    impactLevel: level,
    reasons,
    version: head?.value === undefined ? null : shortVersion(head.hash),
    diff: maskDiffs(diff(layer, newLayer)),
    effectiveDiff: maskDiffs(diff(effective, newEffective)),
    secret: states.flatMap((state) => state?.secrets ?? []),
  };
}
