/** Owns who acts. */
import { ConfigurationError, parseId } from '@strata/core';

/** Who acts, with what is known of the request: goes into the audit log. */
export interface Actor {
  readonly id: string;
  readonly roles?: readonly string[];
  readonly ip?: string;
  readonly userAgent?: string;
  readonly requestId?: string;
}

/** The actor of calls that name none. */
export const systemActor: Actor = Object.freeze({ id: 'system' });

/**
 * The actor of a call: the user it names, with what is known of the bound actor's request; else the bound actor; else `system`.
 * @throws ConfigurationError `invalid_argument` for a user id that is not a text of 1 to 255 characters.
 */
export function actorOf(bound: Actor | undefined, id: string | undefined): Actor {
  return id === undefined ? (bound ?? systemActor) : userOf(bound, id);
}

/** The actor of a call that has to name its user. @throws ConfigurationError `invalid_argument` as `actorOf`, also without a user id. */
export function userOf(bound: Actor | undefined, id: string): Actor {
  return { ...bound, id: parseId(id, 'userId') };
}

/**
 * Checks an actor to bind.
 * @throws ConfigurationError `invalid_argument` for an id that is none, or for request data that is not text.
 */
export function parseActor(input: unknown): Actor {
  const actor = typeof input === 'object' && input !== null ? (input as Actor) : { id: input as string };
  for (const name of ['ip', 'userAgent', 'requestId'] as const) {
    const text: unknown = actor[name];
    if (text === undefined || (typeof text === 'string' && text.isWellFormed() && !text.includes('\u0000'))) continue;
    throw new ConfigurationError('invalid_argument', { argument: name, problem: 'give a text without U+0000' });
  }
  return userOf(actor, actor.id);
}
