/** Owns who acts. */
import { parseId } from '@strata/core';

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
  if (id === undefined) return bound ?? systemActor;
  return { ...bound, id: parseId(id, 'userId') };
}
