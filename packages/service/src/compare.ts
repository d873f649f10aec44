/** Owns the comparison of two sides, and the promotion of what differs from one to the other. */
import {
  compareSides,
  ConfigurationError,
  isConfigurationError,
  parseScope,
  refuseSealed,
  sameJson,
  type ConfigScope,
  type Diff,
  type Difference,
  type DifferenceFilter,
  type ScopeInput,
  parsePath,
  takeOver,
} from '@strata/core';
import type { Actor } from './actor.ts';
import { requireBreakGlass } from './break-glass.ts';
import { begin, type Context } from './context.ts';
import { permittedChanges, type Failure } from './import-changes.ts';
import { ImportRun, type ImportProgress, type ImportResult } from './import-run.ts';
import type { ValueChange } from './intent.ts';
import { maskingOf, readSide, type ReadSide, type Side } from './sides.ts';

/** One side, as a comparison saw it. */
export interface ComparedPlace {
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** The revision that was read; `null` for a tag and for an object of keys and values. */
  readonly revision: number | null;
}

/** What turns the left side into the right one. */
export interface Comparison {
  readonly left: ComparedPlace;
  readonly right: ComparedPlace;
  /** By scope, id and key; at places of the left side. */
  readonly differences: readonly {
    readonly key: string;
    readonly scope: ConfigScope;
    readonly scopeId: string | null;
    /** Whether the value is only on the right side, on both, or only on the left one. */
    readonly operation: 'add' | 'modify' | 'delete';
    readonly diff: readonly Diff[];
  }[];
}

/** How what differs is promoted. */
export interface PromoteOptions {
  /** Only these keys (names or globs), or only these leaves of them. Default: all. */
  readonly only?: readonly DifferenceFilter[];
  /** Also removes what the source has not. Default: false. */
  readonly removals?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly breakGlass?: string;
  /** Why. Default: where the values come from. */
  readonly comment?: string;
  readonly onProgress?: (progress: ImportProgress) => void;
}

/** Compares two sides: what the actor may not read of them is as if it did not exist. */
export async function compareConfig(context: Context, actor: Actor, left: Side, right: Side): Promise<Comparison> {
  begin(context);
  const masked = await maskingOf(context);
  const read = async (side: Side): Promise<ReadSide> => {
    const { settings, ...rest } = await readSide(context, actor, side);
    return { ...rest, settings: settings.map(masked) };
  };
  const [one, other] = [await read(left), await read(right)];
  return {
    left: placeOf(one),
    right: placeOf(other),
    differences: compareSides(one, other).map(({ key, scope, scopeId, operation, diff }) => ({
      ...{ key, scope, scopeId: shownId(scope, scopeId), operation, diff },
    })),
  };
}

const shownId = (scope: ConfigScope, scopeId: string): string | null => (scope === 'global' ? null : scopeId);

function placeOf({ top, revision }: ReadSide): ComparedPlace {
  return { scope: top.scope, scopeId: shownId(top.scope, top.scopeId), revision };
}

/**
 * Gives a scope the values of a side: as one commit, or one change request where any of it needs approvals, or not at all. What the side has
 * not stays, unless `removals` says otherwise.
 * @param target where they go; default: the scope of the source.
 */
export async function promoteConfig(
  context: Context,
  actor: Actor,
  source: Side,
  target: ScopeInput | undefined,
  options: PromoteOptions,
): Promise<ImportResult> {
  begin(context);
  const { force = false, breakGlass, dryRun = false } = options;
  const only = options.only?.map(parseFilter);
  const from = await readSide(context, actor, source);
  if ('values' in source && source.values === 'effective') {
    refuse('values', 'effective values would be pinned where they were inherited; promote own ones');
  }
  const at = target === undefined ? from.top : parseScope(target);
  const into = await readSide(context, actor, { ...at, subtree: from.isSubtree });
  const differences = compareSides(into, from).filter(
    ({ operation }) => operation !== 'delete' || options.removals === true,
  );
  const wanted = differences.flatMap((difference) => toChange(difference, only));
  const masked = wanted.filter(isFailure);
  const { changes, failures } = await permittedChanges(context, actor, wanted.filter(isChange), []);
  await requireBreakGlass(context, actor, changes, breakGlass);
  const comment = options.comment ?? `Promoted from ${from.name}`;
  const run = new ImportRun(context, { actor, comment, force, breakGlass }, options.onProgress, changes.length);
  run.fail([...masked, ...failures]);
  if (dryRun) await run.lookAhead(changes, true);
  else await run.atOnce(changes);
  return run.result(dryRun);
}

/** What a difference asks for. A secret is masked in it, so that it cannot be taken over: it has to be set where it is wanted. */
function toChange(
  difference: Difference,
  only: readonly DifferenceFilter[] | undefined,
): readonly (ValueChange | Failure)[] {
  const { key, scope, scopeId, left } = difference;
  const value = takeOver(difference, only);
  if (sameJson(value, left)) return [];
  try {
    return [{ key, scope, scopeId, value: value === undefined ? undefined : refuseSealed(value) }];
  } catch (error) {
    if (!isConfigurationError(error)) throw error;
    return [{ key, scope, scopeId, error }];
  }
}

const isFailure = (one: ValueChange | Failure): one is Failure => 'error' in one;
const isChange = (one: ValueChange | Failure): one is ValueChange => !('error' in one);

function parseFilter(filter: DifferenceFilter): DifferenceFilter {
  if (typeof filter !== 'object' || (filter as unknown) === null || typeof filter.key !== 'string') {
    refuse('only', 'give a list of { key } and { key, path }');
  }
  if (filter.path !== undefined) parsePath(filter.path);
  return filter;
}

function refuse(argument: string, problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument, problem });
}
