/** Owns who acts in a request. */
import { parseId } from '@strata/core';
import type { Actor } from '@strata/service';
import type { FastifyRequest } from 'fastify';
import { singleHeader } from './request-guard.ts';

/** The header that names who acts. There is no login yet: whoever reaches the server is believed. */
export const actorHeader = 'x-strata-actor';

/** The header that names the service for which is read, for usage counters. */
export const serviceHeader = 'x-strata-service';

/** How much of a user agent goes into the audit log. */
const userAgentLength = 512;

/**
 * The actor of a request: its `X-Strata-Actor`, else `anonymous`, with what is known of the request and its `X-Strata-Service`.
 * @throws ConfigurationError `invalid_argument`, `invalid_request`.
 */
export function actorOf(request: FastifyRequest): Actor {
  const userAgent = request.headers['user-agent'];
  const service = singleHeader(request, serviceHeader);
  return {
    id: parseId(singleHeader(request, actorHeader) ?? 'anonymous', 'X-Strata-Actor'),
    ip: request.ip,
    requestId: request.id,
    ...(service === undefined ? {} : { service: parseId(service, 'X-Strata-Service') }),
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, userAgentLength) }),
  };
}
