/** Owns who acts. */
import { ConfigurationError, parseId } from '@strata/core';

/** Who acts, with what is known of the request: goes into the audit log. */
export interface Actor {
  readonly id: string;
  /** What the host calls this user's roles: role bindings can name them as a group. */
  readonly roles?: readonly string[];
  readonly ip?: string;
  readonly userAgent?: string;
  readonly requestId?: string;
  /** The service that reads, for usage counters. Default: that of the option `serviceName`. Not in the audit log. */
  readonly service?: string;
}

/** The actor of calls that name none, and of what a process does by itself. */
export const systemActor: Actor = Object.freeze({ id: 'system' });

/**
 * The actor of a call: the user it names, with what is known of the bound actor's request; else the bound actor; else `system`.
 * @throws ConfigurationError `invalid_argument` for a user id that is not a text of 1 to 255 characters.
 */
export function actorOf(bound: Actor | undefined, id: string | undefined): Actor {
  return id === undefined ? (bound ?? systemActor) : userOf(bound, id);
}

/**
 * The actor of a call that has to name its user. The roles of the bound actor are not lent to another user. `system` is the process
 * itself only where no actor is bound: nobody becomes it by being called so.
 * @throws ConfigurationError `invalid_argument` as `actorOf`, also without a user id.
 */
export function userOf(bound: Actor | undefined, id: string): Actor {
  const named = parseId(id, 'userId');
  if (bound?.id === named) return bound;
  if (bound === undefined) return named === systemActor.id ? systemActor : Object.freeze({ id: named });
  const { roles: _roles, ...request } = bound;
  return Object.freeze({ ...request, id: named });
}

/**
 * Checks an actor to bind.
 * @throws ConfigurationError `invalid_argument` for an id that is none, for roles that are no list of texts, or for request data that is
 *   not text.
 */
export function parseActor(input: unknown): Actor {
  const given = typeof input === 'object' && input !== null ? (input as Actor) : { id: input as string };
  return Object.freeze({
    id: parseId(given.id, 'userId'),
    ...(given.roles === undefined ? {} : { roles: parseRoles(given.roles) }),
    ...(given.service === undefined ? {} : { service: parseId(given.service, 'service') }),
    ...parseRequest(given),
  });
}

function parseRoles(input: unknown): readonly string[] {
  if (!Array.isArray(input))
    throw new ConfigurationError('invalid_argument', { argument: 'roles', problem: 'give a list' });
  return Object.freeze(input.map((role) => parseId(role, 'roles')));
}

function parseRequest(given: Actor): Pick<Actor, 'ip' | 'userAgent' | 'requestId'> {
  const request: Partial<Record<'ip' | 'userAgent' | 'requestId', string>> = {};
  for (const name of ['ip', 'userAgent', 'requestId'] as const) {
    const text: unknown = given[name];
    if (text === undefined) continue;
    if (typeof text !== 'string' || !text.isWellFormed() || text.includes('\u0000')) {
      throw new ConfigurationError('invalid_argument', { argument: name, problem: 'give a text without U+0000' });
    }
    request[name] = text;
  }
  return request;
}
