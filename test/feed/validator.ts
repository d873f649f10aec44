/** Owns the judgement of what readers of the feed were told: everything, in order, whole, and twice only after they came back. */

/** One commit as the store holds it, or as a reader was told of it. */
export interface ToldCommit {
  readonly revision: number;
  readonly commit: string;
  /** What it changed, a text for each change, in order. */
  readonly changes: readonly string[];
}

/** What happened to one reader, in order. */
export type Observation =
  /** It began, or began again, to read after a revision. */
  | { readonly is: 'connected'; readonly after: number }
  /** Some of the commit's changes were told; `isWhole` unless the text of a stream said otherwise. */
  | ({ readonly is: 'commit' } & ToldCommit)
  /** It was told that it missed something for good. */
  | { readonly is: 'reset'; readonly reason: string };

/** What one reader went through. */
export interface Reader {
  readonly name: string;
  readonly observations: readonly Observation[];
}

/** Everything that is wrong with what readers were told of a store's commits; those that concern nobody are not among `commits`. */
export function judge(commits: readonly ToldCommit[], readers: readonly Reader[]): string[] {
  const stored = new Map(commits.map((commit) => [commit.revision, commit]));
  return readers.flatMap(({ name, observations }) =>
    judgeReader(stored, observations).map((problem) => `${name}: ${problem}`),
  );
}

function judgeReader(stored: ReadonlyMap<number, ToldCommit>, observations: readonly Observation[]): string[] {
  const problems: string[] = [];
  const seen = new Set<number>();
  let start: number | undefined;
  let newest = -1;
  let lastInConnection = -1;
  for (const observation of observations) {
    switch (observation.is) {
      case 'connected':
        start ??= observation.after;
        if (observation.after > newest && newest >= 0)
          problems.push(`went on after ${String(observation.after)}, having seen ${String(newest)}`);
        newest = Math.max(newest, start);
        lastInConnection = observation.after;
        break;
      case 'reset':
        problems.push(`was told that it missed something: ${observation.reason}`);
        break;
      case 'commit': {
        const { revision } = observation;
        if (revision <= lastInConnection)
          problems.push(`was told of ${String(revision)} after ${String(lastInConnection)}`);
        if (revision < newest && !seen.has(revision))
          problems.push(`was told of ${String(revision)} only after ${String(newest)}`);
        lastInConnection = Math.max(lastInConnection, revision);
        newest = Math.max(newest, revision);
        seen.add(revision);
        problems.push(...compare(stored.get(revision), observation));
      }
    }
  }
  const from = start ?? 0;
  for (const revision of stored.keys()) {
    if (revision > from && !seen.has(revision)) problems.push(`was never told of ${String(revision)}`);
  }
  return problems;
}

function compare(stored: ToldCommit | undefined, told: ToldCommit): string[] {
  const at = String(told.revision);
  if (stored === undefined) return [`was told of ${at}, which the store does not hold`];
  if (stored.commit !== told.commit) return [`was told of ${at} as ${told.commit}, which is ${stored.commit}`];
  const same =
    stored.changes.length === told.changes.length && stored.changes.every((change, n) => change === told.changes[n]);
  return same ? [] : [`was told of ${at} with [${told.changes.join(', ')}], which has [${stored.changes.join(', ')}]`];
}
