/** Owns what is told to callers in tests of secrets: every answer and every error, kept to be searched. */
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { isConfigurationError, type ErrorCode } from '../../packages/core/src/errors.ts';
import type { Places } from './markers.ts';

/** Keeps what calls answer and throw. */
export class Heard {
  readonly #places: Places;
  readonly #codes = new Set<ErrorCode>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** The codes of all refusals so far. */
  get codes(): ReadonlySet<ErrorCode> {
    return this.#codes;
  }

  /** Keeps what a call answers that may be shown. */
  async answer<T>(call: Promise<T>): Promise<T> {
    const answer = await call;
    this.#places.add('answers', shown(answer));
    return answer;
  }

  /** Expects a call to be refused, and keeps all that the error holds, with its causes. */
  async refusal(code: ErrorCode, call: Promise<unknown>): Promise<void> {
    const error: unknown = await call.then(
      (answer) => expect.fail(`expected ${code}, not ${shown(answer)}`),
      (reason: unknown) => reason,
    );
    if (!isConfigurationError(error, code)) throw error;
    this.#codes.add(code);
    const all = [error.message, JSON.stringify(error.details), error.stack ?? '', shown(error)];
    this.#places.add('errors', all.join('\n'), code);
  }

  /** Keeps the pieces of a stream as one text. */
  async text(pieces: AsyncIterable<string>): Promise<void> {
    const all: string[] = [];
    for await (const piece of pieces) all.push(piece);
    this.#places.add('answers', all.join(''));
  }
}

/** Everything that a program would print of a value, however deep. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 20, maxArrayLength: null, maxStringLength: null, showHidden: true });
}
