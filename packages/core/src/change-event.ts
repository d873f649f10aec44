/** Owns what the feed tells: changes, the commits that hold them, and the cursors by which a reader goes on. */
import { ConfigurationError, describeInput } from './errors.ts';
import type { JsonValue } from './json.ts';
import type { ConfigScope } from './scope.ts';
import type { VersionOperation } from './version.ts';

/** One layer that a commit changed; or, for a reader at one scope, one effective value of that scope. */
export interface ConfigChange {
  readonly key: string;
  readonly scope: ConfigScope;
  /** `null` at global. */
  readonly scopeId: string | null;
  /** What was done; for an effective value also `scope` (the scope moved) and `schema` (the key's definition changed). */
  readonly operation: VersionOperation | 'scope' | 'schema';
  /** `null` where there was none. */
  readonly oldValue: JsonValue;
  /** `null` where there is none any more. */
  readonly newValue: JsonValue;
  readonly changedBy: string;
  /** The database's time, to the millisecond; it never decreases from one revision to the next. */
  readonly changedAt: Date;
  readonly comment: string | null;
  /** The version that did it, at whichever scope; `null` where a scope moved or a definition changed. */
  readonly version: string | null;
  /** The place of the commit in the one total order of all commits. */
  readonly revision: number;
  /** The id of the commit. */
  readonly commit: string;
}

/** All that one commit changed, as far as the reader asked for it: never a part of it. */
export interface FeedCommit {
  readonly type: 'commit';
  /** From where to go on after this commit. */
  readonly cursor: string;
  readonly revision: number;
  readonly commit: string;
  /** At least one, by key and scope. */
  readonly changes: readonly ConfigChange[];
}

/**
 * The reader cannot be told what came after its cursor: those commits are no longer kept (`compacted`), or the store does not hold the
 * commit of the cursor (`reset`: it was restored, or failed over to a copy that lagged). Read anew what you hold; later commits follow.
 */
export interface FeedReset {
  readonly type: 'compacted' | 'reset';
  readonly cursor: string;
  readonly revision: number;
}

export type FeedEvent = FeedCommit | FeedReset;

/** A place in the feed: after the commit of a revision. Without the commit's id nobody can tell whether it is still the same store. */
export interface Cursor {
  readonly revision: number;
  /** Absent where only the revision is known, and at revision 0. */
  readonly commit: string | undefined;
}

/** A cursor as text: `42:<commit id>`, or the revision alone. */
export function formatCursor({ revision, commit }: Cursor): string {
  return commit === undefined ? String(revision) : `${String(revision)}:${commit}`;
}

const form = /^(0|[1-9][0-9]{0,15})(?::([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))?$/;

/**
 * Reads a cursor: what `formatCursor` wrote, or a revision.
 * @throws ConfigurationError `invalid_argument` for anything else.
 */
export function parseCursor(input: unknown, argument: string): Cursor {
  if (typeof input === 'number' && Number.isSafeInteger(input) && input >= 0)
    return { revision: input, commit: undefined };
  const parts = typeof input === 'string' ? form.exec(input) : null;
  const revision = Number(parts?.[1]);
  if (parts === null || !Number.isSafeInteger(revision)) {
    const problem = `${describeInput(input)} is no place in the feed: give a revision, or the cursor of an event`;
    throw new ConfigurationError('invalid_argument', { argument, problem });
  }
  return { revision, commit: parts[2] };
}
