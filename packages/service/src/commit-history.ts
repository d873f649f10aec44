/** Owns what this process knows of which commit bears which revision: by that it tells its store's history from any other. */

interface Commit {
  readonly revision: number;
  readonly commit: string;
}

/** The last commits that the feed followed, bounded. Empty until the feed has caught up with where this process began to read. */
export class CommitHistory {
  readonly #limit: number;
  readonly #commits = new Map<number, string>();
  /** What was read ahead of the feed. */
  readonly #ahead = new Map<number, string>();
  #seen = 0;
  #latest = -1;
  #since = 0;
  #isContradicted = false;

  /** @param limit how many commits are remembered. */
  constructor(limit = 20_000) {
    this.#limit = limit;
  }

  /** Begins anew: nothing is known until the commits up to `since` have been noted. */
  begin(since: number): void {
    this.#commits.clear();
    this.#ahead.clear();
    this.#seen = 0;
    this.#latest = -1;
    this.#since = since;
    this.#isContradicted = false;
  }

  /** Notes the commit of a revision, the one after the last noted. @param commit empty at revision 0. */
  note(revision: number, commit: string): void {
    this.#commits.set(revision, commit);
    this.#commits.delete(revision - this.#limit);
    this.#ahead.delete(revision);
    this.#latest = revision;
  }

  /** Notes which commit a read found at its revision: what the feed brings has to agree with it. */
  saw(revision: number, commit: string): void {
    this.#seen = Math.max(this.#seen, revision);
    const known = this.#commits.get(revision) ?? this.#ahead.get(revision);
    if (known !== undefined) this.#isContradicted ||= known !== commit;
    else if (revision > this.#latest && this.#ahead.size < this.#limit) this.#ahead.set(revision, commit);
  }

  /** The newest revision that a read has found. */
  get seen(): number {
    return this.#seen;
  }

  /**
   * Whether commits that follow the last noted one are of another history than what was read: the store was put back in between.
   * @param tip the last revision of the store, asked for when `seen` was read.
   */
  isContradictedBy(commits: readonly Commit[], tip: number, seen: number): boolean {
    return (
      this.#isContradicted ||
      tip < seen ||
      commits.some(({ revision, commit }) => (this.#ahead.get(revision) ?? commit) !== commit)
    );
  }

  /** The revision up to which every change is known; undefined while that is less than what this process has read. */
  get followed(): number | undefined {
    return this.#latest < this.#since ? undefined : this.#latest;
  }

  /** Whether the store's history has this commit at this revision: false for another, and where that is not known. */
  holds(revision: number, commit: string): boolean {
    return this.followed !== undefined && this.#commits.get(revision) === commit;
  }
}
