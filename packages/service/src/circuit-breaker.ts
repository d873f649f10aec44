/** Owns asking something that may be slow or away without ever waiting long for it. */

/** Whether it is asked (`closed`), left alone (`open`), or tried again in the background (`half-open`). */
export type CircuitState = 'closed' | 'open' | 'half-open';

/** Times in milliseconds. */
export interface CircuitTimes {
  /** How long an answer is waited for. Default 50. */
  readonly patience: number;
  /** Answers that take longer than this count as slow; three in turn open the circuit. Default 25. */
  readonly slow: number;
  /** How long it stays open at first, and at most; each time a random part of it, from half of it on. Default 100 and 10,000. */
  readonly firstPause: number;
  readonly longestPause: number;
}

const defaults: CircuitTimes = { patience: 50, slow: 25, firstPause: 100, longestPause: 10_000 };
/** How many slow answers in turn open it. */
const maxSlow = 3;
/** After how many good answers its next pause is a short one again. */
const goodStreak = 100;

/**
 * A circuit breaker. The first answer that fails or does not come in time opens it, and with it all that wait give up at once, so that an
 * opening costs a caller its patience and no more. While it is open nothing is asked; when its pause is over, one question goes out that
 * nobody waits for, and an answer to that closes it.
 */
export class CircuitBreaker {
  readonly #times: CircuitTimes;
  readonly #random: () => number;
  readonly #waiting = new Set<() => void>();
  #state: CircuitState = 'closed';
  #resume = 0;
  #pause: number;
  #slow = 0;
  #good = 0;
  #openings = 0;
  #errors = 0;

  /** @param random from 0 up to 1, so that processes do not try again all at once. */
  constructor(times: Partial<CircuitTimes> = {}, random: () => number = Math.random) {
    this.#times = { ...defaults, ...times };
    this.#random = random;
    this.#pause = this.#times.firstPause;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** How often it went from closed to open. */
  get openings(): number {
    return this.#openings;
  }

  /** How many questions failed or were not answered in time. */
  get errors(): number {
    return this.#errors;
  }

  /** Counts a failure that says nothing about whether questions are answered. */
  countError(): void {
    this.#errors += 1;
  }

  /** The answer to a question; undefined when it fails, takes too long, or is not asked. Never rejects. */
  run<T>(ask: () => Promise<T>): Promise<T | undefined> {
    if (this.#state === 'closed') return this.#ask(ask);
    if (this.#state === 'open' && performance.now() >= this.#resume) {
      this.#state = 'half-open';
      void this.#ask(ask);
    }
    return Promise.resolve(undefined);
  }

  #ask<T>(ask: () => Promise<T>): Promise<T | undefined> {
    return new Promise((resolve) => {
      const began = performance.now();
      const settle = (answer: T | undefined): boolean => {
        if (!this.#waiting.delete(giveUp)) return false;
        clearTimeout(timer);
        resolve(answer);
        return true;
      };
      const giveUp = (): void => void settle(undefined);
      const fail = (): void => {
        if (!settle(undefined)) return;
        this.#errors += 1;
        this.#open();
      };
      // A process that was busy finds its timer over before it has looked whether the answer is there.
      const timer = setTimeout(() => setImmediate(fail), this.#times.patience);
      this.#waiting.add(giveUp);
      started(ask).then((answer) => {
        if (settle(answer)) this.#answered(performance.now() - began);
      }, fail);
    });
  }

  #answered(took: number): void {
    if (this.#state === 'half-open') {
      this.#state = 'closed';
      this.#good = 0;
      return;
    }
    this.#slow = took > this.#times.slow ? this.#slow + 1 : 0;
    if (this.#slow >= maxSlow) {
      this.#open();
      return;
    }
    this.#good += 1;
    if (this.#good === goodStreak) this.#pause = this.#times.firstPause;
  }

  #open(): void {
    if (this.#state === 'closed') this.#openings += 1;
    this.#state = 'open';
    this.#slow = 0;
    this.#resume = performance.now() + this.#pause * (0.5 + this.#random() / 2);
    this.#pause = Math.min(this.#pause * 2, this.#times.longestPause);
    for (const giveUp of this.#waiting) giveUp();
  }
}

/** Asks; a question that throws at once comes to a promise that rejects as well. */
export async function started<T>(ask: () => Promise<T>): Promise<T> {
  return ask();
}
