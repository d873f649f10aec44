/** Owns how commits are told to readers: the changes in them, and events that readers who want the same share. */
import { formatCursor, maskSecrets, type ConfigChange, type FeedCommit } from '@strata/core';
import type { ChangedLayer, FeedRecord } from './store/feed.ts';

/** Which keys are wanted; filters of equal names want the same. */
export interface KeyFilter {
  readonly name: string;
  /** The keys, where no glob is among them. */
  readonly names: readonly string[] | undefined;
  readonly matches: (key: string) => boolean;
}

/** The changes of the layers of each record that is handed out. */
const changes = new WeakMap<FeedRecord, readonly ConfigChange[]>();

/** What a commit changed, layer by layer. */
export function layerChanges(record: FeedRecord): readonly ConfigChange[] {
  let made = changes.get(record);
  if (made === undefined) {
    made = Object.freeze(record.layers.map((layer) => layerChange(record, layer)));
    changes.set(record, made);
  }
  return made;
}

function layerChange(record: FeedRecord, { key, scope, scopeId, values }: ChangedLayer): ConfigChange {
  if (values === undefined) throw new Error('a commit was read without its values');
  return Object.freeze({
    key,
    scope,
    scopeId: scope === 'global' ? null : scopeId,
    operation: values.operation,
    oldValue: maskSecrets(values.before ?? null),
    newValue: maskSecrets(values.after ?? null),
    ...authorOf(record),
    version: values.version,
    revision: record.revision,
    commit: record.commit,
  });
}

/** Who made a commit, when and why. */
export function authorOf({
  actor,
  at,
  comment,
}: FeedRecord): Pick<ConfigChange, 'changedBy' | 'changedAt' | 'comment'> {
  return { changedBy: actor, changedAt: at, comment };
}

/** The event made last of each record: while a commit is handed out, most readers want the same of it. */
const lastEvents = new WeakMap<FeedRecord, { readonly filter: string; readonly event: FeedCommit | undefined }>();

/** The event of a commit for all readers with the same filter; undefined where nothing in it is wanted. */
export function commitEvent(
  record: FeedRecord,
  filter: KeyFilter,
  select: () => readonly ConfigChange[],
): FeedCommit | undefined {
  const last = lastEvents.get(record);
  if (last?.filter === filter.name) return last.event;
  const event = toEvent(record, select());
  lastEvents.set(record, { filter: filter.name, event });
  return event;
}

/** The event of some changes of a commit; undefined where there are none. */
export function toEvent(record: FeedRecord, selected: readonly ConfigChange[]): FeedCommit | undefined {
  if (selected.length === 0) return undefined;
  const { revision, commit } = record;
  return Object.freeze({
    type: 'commit',
    cursor: formatCursor(record),
    revision,
    commit,
    changes: Object.freeze(selected),
  });
}
