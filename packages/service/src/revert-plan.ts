/** Owns what undoing a commit comes to at each address: the layer without its changes, or the conflicts with later ones. */
import {
  ConfigurationError,
  formatAddress,
  formatPath,
  rebase,
  sameJson,
  shortVersion,
  type ConfigScope,
  type JsonValue,
  type Rebased,
} from '@strata/core';
import type { ValueChange } from './intent.ts';
import type { Rules } from './rules.ts';
import type { ChangedAddress } from './store/revert.ts';

/** A part of a layer that a commit changed, and a later one changed again. Values are absent where there was none. */
export interface RevertConflict {
  readonly key: string;
  readonly scope: ConfigScope;
  readonly scopeId: string | null;
  /** `a.b[0]`; `$` for the whole layer. */
  readonly path: string;
  /** What it would be put back to. */
  readonly before?: JsonValue;
  /** What the commit to revert wrote. */
  readonly written?: JsonValue;
  readonly now?: JsonValue;
  /** The current version of the layer. */
  readonly version: string;
  /** Whether the values are kept back, since the key holds secrets. */
  readonly isSensitive: boolean;
}

/** The changes that undo a commit, one for each address, and what is in their way. */
export interface RevertPlan {
  /** In the order of the addresses. A part in conflict stays as it is. */
  readonly changes: readonly ValueChange[];
  readonly conflicts: readonly RevertConflict[];
}

/** Plans to undo what a commit changed, on the layers that are there now and on no other. */
export function planRevert(addresses: readonly ChangedAddress[], rules: Rules): RevertPlan {
  const plans = addresses.map((address) => ({ address, rebased: withoutCommit(address, rules) }));
  return {
    changes: plans.map(({ address, rebased }) => toChange(address, rebased.value)),
    conflicts: plans.flatMap(({ address, rebased }) => toConflicts(address, rebased, rules)),
  };
}

/** Three-way: what leads back from what the commit wrote, on top of what is there now. */
function withoutCommit({ key, written, before, now }: ChangedAddress, rules: Rules): Rebased {
  const [base, changed, current] = [written.value, before?.value, now.value];
  if (rules.byKey.get(key)?.definition.merge !== 'replace') return rebase(base, changed, current);
  // The parts of such a value mean nothing by themselves.
  if (sameJson(base, current)) return { value: changed, conflicts: [] };
  if (sameJson(base, changed) || sameJson(changed, current)) return { value: current, conflicts: [] };
  const states = {
    ...(base === undefined ? {} : { base }),
    ...(changed === undefined ? {} : { changed }),
    ...(current === undefined ? {} : { current }),
  };
  return { value: current, conflicts: [{ path: [], ...states }] };
}

function toChange(
  { key, scope, scopeId, written, before, now }: ChangedAddress,
  value: JsonValue | undefined,
): ValueChange {
  const isWhole = before !== undefined && sameJson(before.value, value);
  return {
    ...{ key, scope, scopeId, value },
    expected:
      now.value === undefined ? { text: 'no value', prefix: null } : { text: shortVersion(now.hash), prefix: now.hash },
    // The expiry that the commit gave goes with it; what a later one gave stays. An earlier one does not come back, as in a rollback.
    expiresAt: value === undefined || now.hash === written.hash ? undefined : now.expiresAt,
    rollbackFrom: isWhole ? before.hash : undefined,
    secrets: [written, before, now].flatMap((layer) => layer?.secrets ?? []),
  };
}

function toConflicts(
  { key, scope, scopeId, written, before, now }: ChangedAddress,
  { conflicts }: Rebased,
  rules: Rules,
): RevertConflict[] {
  const hasSecrets = [written, before, now].some((layer) => (layer?.secrets ?? []).length > 0);
  const isSensitive = hasSecrets || rules.byKey.get(key)?.sensitive === true;
  const place = { key, scope, scopeId: scope === 'global' ? null : scopeId };
  return conflicts.map(({ path, base, changed, current }) => ({
    ...place,
    path: formatPath(path),
    ...(isSensitive || changed === undefined ? {} : { before: changed }),
    ...(isSensitive || base === undefined ? {} : { written: base }),
    ...(isSensitive || current === undefined ? {} : { now: current }),
    version: shortVersion(now.hash),
    isSensitive,
  }));
}

/** How many conflicts a message names; the details have all. */
const namedConflicts = 5;
/** How many characters of a value a message shows. */
const shownLength = 60;

/** The refusal of a revert that later commits are in the way of. */
export function revertConflicts(
  commit: { readonly id: string; readonly revision: number },
  conflicts: readonly RevertConflict[],
): ConfigurationError<'revert_conflicts'> {
  const named = conflicts.slice(0, namedConflicts).map(describe).join('; ');
  const more = conflicts.length - namedConflicts;
  return new ConfigurationError('revert_conflicts', {
    commit: commit.id,
    revision: commit.revision,
    parts: more > 0 ? `${named}; and ${String(more)} more` : named,
    conflicts,
  });
}

function describe(conflict: RevertConflict): string {
  const { key, scope, scopeId, path, isSensitive } = conflict;
  const where = `${path} of ${formatAddress({ key, scope, scopeId: scopeId ?? '' })}`;
  if (isSensitive) return where;
  const [before, written, now] = [conflict.before, conflict.written, conflict.now].map(show);
  return `${where} (before ${String(before)}, the commit wrote ${String(written)}, now ${String(now)})`;
}

function show(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= shownLength ? text : `${text.slice(0, shownLength)}…`;
}
