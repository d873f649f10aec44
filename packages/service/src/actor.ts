/** Owns who acts. */
import { parseId } from '@strata/core';
import type { Actor } from './configuration-management-service.ts';

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
