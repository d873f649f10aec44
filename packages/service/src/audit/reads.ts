/** Owns the audit of ordinary reads, where it is asked for: kept for a moment and stored together, equal ones as one row with their number. */
import { isConfigurationError } from '@strata/core';
import type { AuditedReads, Context } from '../context.ts';
import type { AuditEntry } from '../store/audit.ts';
import { recordAlone } from './record.ts';

/** How long reads are kept before they are stored, in milliseconds. */
const interval = 1000;
/** How many different reads wait at most. */
const limit = 10_000;
/** How many rows are stored at once. */
const pageSize = 500;

interface NotedRead {
  readonly entry: AuditEntry;
  reads: number;
}

/** Keeps reads and stores them soon. What does not fit is counted, and the count is stored. */
export class ReadLog implements AuditedReads {
  readonly #context: () => Context;
  #waiting = new Map<string, NotedRead>();
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #storing: Promise<void> = Promise.resolve();

  constructor(context: () => Context) {
    this.#context = context;
  }

  /** Keeps a read until it is stored. */
  note(entry: AuditEntry): void {
    const { about, actor, metadata, success } = entry;
    const name = JSON.stringify([about, actor.id, actor.ip, actor.userAgent, actor.requestId, metadata, success]);
    const same = this.#waiting.get(name);
    if (same !== undefined) same.reads += 1;
    else if (this.#waiting.size >= limit) this.#dropped += 1;
    else this.#waiting.set(name, { entry, reads: 1 });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#storing = this.#storing.then(() => this.#store());
    }, interval).unref();
  }

  /** Stores what was read so far. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await (this.#storing = this.#storing.then(() => this.#store()));
  }

  async #store(): Promise<void> {
    const context = this.#context();
    const taken = [...this.#waiting.values()];
    const dropped = this.#dropped;
    const [first] = taken;
    if (first === undefined) return;
    const entries = taken.map(({ entry, reads }) => ({ ...entry, metadata: { ...entry.metadata, reads } }));
    const lost = { operation: 'reads-dropped', actor: first.entry.actor, success: false, metadata: { dropped } };
    this.#waiting = new Map();
    this.#dropped = 0;
    const rows: AuditEntry[] = dropped === 0 ? entries : [...entries, lost];
    for (let start = 0; start < rows.length; start += pageSize) {
      try {
        await recordAlone(context, rows.slice(start, start + pageSize));
      } catch (error) {
        // What was read is not kept for ever while the database is away; how much was lost is told once it is back.
        this.#dropped += rows.slice(start).reduce((sum, { metadata }) => sum + Number(metadata['reads'] ?? 0), 0);
        context.report(error);
        return;
      }
    }
  }
}

/** Notes a read of some places, and answers what it answers. What is refused is noted too; what fails otherwise has read nothing. */
export function noting<T>(
  log: AuditedReads,
  read: Omit<AuditEntry, 'operation' | 'success' | 'about'>,
  places: () => readonly AuditEntry['about'][],
  run: () => T,
): T {
  const note = (success: boolean, refusal: Readonly<Record<string, unknown>> = {}): void => {
    const metadata = { ...read.metadata, ...refusal };
    for (const about of places()) log.note({ operation: 'read', ...read, about, success, metadata });
  };
  const fail = (error: unknown): never => {
    if (isConfigurationError(error, 'not_permitted')) note(false, { code: error.code });
    throw error;
  };
  let answer: T;
  try {
    answer = run();
  } catch (error) {
    return fail(error);
  }
  if (answer instanceof Promise) {
    const noted = answer.then((value: unknown) => {
      note(true);
      return value;
    }, fail);
    return noted as T;
  }
  // Memory had nothing to serve.
  if (answer !== undefined) note(true);
  return answer;
}
