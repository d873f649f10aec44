/** Owns the sealer of a process: it seals what waits every second, and has the chain signed every few minutes. */
import type { Context } from '../context.ts';
import { isOutage } from '../lane.ts';
import { checkpointIfDue } from './checkpoints.ts';
import { sealWaiting } from './seal.ts';

/** The time between two looks at what waits, in milliseconds. */
const interval = 1000;
/** The time between two looks at whether the chain is to be signed, in milliseconds. */
const signingInterval = 60_000;

/** Seals in the background. Of several processes the one that comes first does it. */
export class AuditSealer {
  readonly #context: () => Context;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isSigned = false;
  #lookedAt = -Infinity;
  #reported = '';
  #stopped = false;

  constructor(context: () => Context) {
    this.#context = context;
  }

  /** Begins to seal. The timer keeps no process alive. */
  start(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = setInterval(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    }, interval);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    const context = this.#context();
    try {
      if ((await sealWaiting(context, false)) > 0) this.#isSigned = false;
      await this.#sign(context);
      this.#reported = '';
    } catch (error) {
      // An outage passes, and is told to those who wait for an answer. What does not pass is reported once.
      if (isOutage(error) || String(error) === this.#reported) return;
      this.#reported = String(error);
      context.report(error);
    }
  }

  async #sign(context: Context): Promise<void> {
    if (this.#isSigned || performance.now() - this.#lookedAt < signingInterval) return;
    this.#lookedAt = performance.now();
    this.#isSigned = await checkpointIfDue(context);
  }

  /** Seals what waits a last time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
    if (this.#timer !== undefined) await this.#run();
  }
}
