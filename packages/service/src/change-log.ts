/** Owns the last commits that this process has read, so that all who follow the feed here read each of them once. */
import type { FeedRecord } from './store/feed.ts';

const maxRecords = 4096;
const maxBytes = 16 * 1024 * 1024;

/** A run of commits without a gap, bounded by number and bytes; the oldest are forgotten first. */
export class ChangeLog {
  #records: FeedRecord[] = [];
  /** Where in `#records` it begins: forgetting one at a time must not move all the others. */
  #offset = 0;
  #bytes = 0;
  /** The revision before its first commit. */
  #start = 0;

  /** Begins anew, empty, after a revision. */
  begin(revision: number): void {
    if (this.#records.length > 0) this.#records = [];
    this.#offset = 0;
    this.#bytes = 0;
    this.#start = revision;
  }

  /** Adds the next commit. */
  append(record: FeedRecord): void {
    this.#records.push(record);
    this.#bytes += record.bytes;
    while (this.#records.length - this.#offset > maxRecords || this.#bytes > maxBytes) this.#forgetFirst();
    if (this.#offset > maxRecords) {
      this.#records = this.#records.slice(this.#offset);
      this.#offset = 0;
    }
  }

  #forgetFirst(): void {
    const first = this.#records[this.#offset];
    if (first === undefined) return;
    this.#offset += 1;
    this.#bytes -= first.bytes;
    this.#start = first.revision;
  }

  /** The commit after a revision; undefined where that is the last one, `gone` where it is no longer here. */
  after(revision: number): FeedRecord | 'gone' | undefined {
    if (revision < this.#start) return 'gone';
    return this.#records[this.#offset + revision - this.#start];
  }
}
