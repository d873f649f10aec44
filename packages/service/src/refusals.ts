/** Owns the audit of what was refused: kept for a moment, and stored together, so that whoever is refused a lot slows nobody down. */
import { isConfigurationError, type ErrorCode } from '@strata/core';
import type { Actor } from './actor.ts';
import { recordAlone } from './audit/record.ts';
import type { Context, RefusalLog } from './context.ts';
import type { AuditEntry } from './store/audit.ts';

/** How many refusals wait to be stored at most. */
const limit = 1000;
/** How many are stored at once. */
const pageSize = 200;

const refusing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'not_permitted',
  'self_approval',
  'already_approved',
  'not_an_approver',
  'not_the_author',
  'request_expired',
  'request_applied',
  'request_edited',
  'request_conflicted',
  'request_closed',
  'request_state',
]);

/** Keeps refusals and stores them soon. What does not fit is counted, and the count is stored. */
export class RefusalQueue implements RefusalLog {
  readonly #context: () => Context;
  #waiting: AuditEntry[] = [];
  #dropped = 0;
  #storing: Promise<void> | undefined;

  constructor(context: () => Context) {
    this.#context = context;
  }

  /** Keeps a refusal until it is stored. */
  note(entry: AuditEntry): void {
    if (this.#waiting.length >= limit) this.#dropped += 1;
    else this.#waiting.push(entry);
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined;
    });
  }

  /** Resolves when all that was refused so far is stored, or could not be. */
  async idle(): Promise<void> {
    while (this.#storing !== undefined) await this.#storing;
  }

  async #store(): Promise<void> {
    const context = this.#context();
    const { lane, report } = context;
    while (this.#waiting.length > 0) {
      const page = this.#waiting.slice(0, pageSize);
      const dropped = this.#dropped;
      const [last] = page.slice(-1);
      const lost: AuditEntry[] =
        dropped === 0 || last === undefined
          ? []
          : [{ operation: 'refusals-dropped', actor: last.actor, success: false, metadata: { dropped } }];
      try {
        await lane.run(() => recordAlone(context, [...page, ...lost]));
      } catch (error) {
        // The next refusal tries again; what waits is bounded.
        report(error);
        return;
      }
      this.#waiting.splice(0, page.length);
      this.#dropped -= dropped;
    }
  }
}

/** Runs what somebody wants to do with a request, and notes where he is refused. */
export async function noteRefusals<T>(
  context: Context,
  actor: Actor,
  operation: string,
  requestId: string,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    // A missing permission is noted where it is found missing.
    if (isConfigurationError(error) && error.code !== 'not_permitted' && refusing.has(error.code)) {
      context.refusals.note({
        operation,
        actor,
        success: false,
        metadata: { changeRequest: requestId, code: error.code },
      });
    }
    throw error;
  }
}
