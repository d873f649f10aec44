/** Owns the memory of which secrets were revealed to whom in the last minute. */

/** How many reveals are remembered at most. */
const limit = 10_000;

/** Remembers until when the row of a reveal stands for its repetition. */
export class RevealLog {
  readonly #until = new Map<string, number>();

  /** Whether the audit log has a row for it in this minute. */
  has(name: string): boolean {
    return (this.#until.get(name) ?? 0) > performance.now();
  }

  /** Notes that it has one for so many seconds. */
  note(name: string, seconds: number): void {
    if (this.#until.size >= limit) this.#until.clear();
    this.#until.set(name, performance.now() + seconds * 1000);
  }
}
