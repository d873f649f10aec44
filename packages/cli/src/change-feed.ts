/** Owns how a commit of the feed is shown to people. */
import type { WatchedChange, WatchedCommit } from '@strata/client';
import { diff, isJsonObject, type JsonValue } from '@strata/core';
import { showDiff } from './change-view.ts';
import { localTime, scopeName } from './output.ts';
import { printable, type Colours } from './terminal.ts';

/** When, what, where and by whom; then what it was and is, leaf by leaf. One such part for each change. */
export function showEvent({ changes }: WatchedCommit, colours: Colours): string {
  return changes.map((change) => showChange(change, colours)).join('\n');
}

function showChange(change: WatchedChange, colours: Colours): string {
  const { key, changedAt, changedBy, comment, revision } = change;
  const why = comment === null ? '' : `: ${printable(comment).replaceAll(/\s*\n\s*/g, ' ')}`;
  const head = `${colours.dim(localTime(changedAt))} ${colours.yellow(key)} at ${scopeName(change)} ${words[change.operation]} by ${printable(changedBy)} (revision ${String(revision)})${why}`;
  return `${head}\n${showDiff(leaves(change), colours).replaceAll(/^/gm, '  ')}`;
}

const words = {
  set: 'set',
  delete: 'deleted',
  rollback: 'rolled back',
  scope: 'changed by a move of a scope',
  schema: 'changed by its schema',
} as const;

/** `null` stands for no value in the feed; beside an object it is shown as each of that object's properties coming or going. */
function leaves({ oldValue, newValue }: WatchedChange): ReturnType<typeof diff> {
  const absent = (other: JsonValue): JsonValue | undefined => (isJsonObject(other) ? {} : undefined);
  if (oldValue === null && newValue === null) return [];
  if (oldValue === null) return diff(absent(newValue), newValue);
  if (newValue === null) return diff(oldValue, absent(oldValue));
  return diff(oldValue, newValue);
}
