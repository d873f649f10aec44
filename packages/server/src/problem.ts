/** Owns how errors are told over HTTP: `application/problem+json` (RFC 9457), from the error catalogue. */
import { ConfigurationError, isConfigurationError, type ErrorCode } from '@strata/core';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { tellRevision } from './revision-headers.ts';
import { securityHeaders } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The codes with which a route refuses what it was asked, besides those that any request can meet. */
    readonly errors?: readonly ErrorCode[];
    /** The headers that its answers bear, for the API's document. */
    readonly answerHeaders?: Readonly<Record<string, object>>;
    /** The media types of its body, for the API's document. Default: `application/json`. */
    readonly bodyTypes?: readonly string[];
  }
}

/** The largest body, in bytes. */
export const bodyLimit = 1024 * 1024;

/** The body of every answer of status 400 and above. */
export const problemSchema = z
  .object({
    /** `urn:strata:error:` and the code. */
    type: z.string(),
    /** The code in words. */
    title: z.string(),
    status: z.int(),
    /** What is wrong, with which value, and what to do next. */
    detail: z.string(),
    /** The stable word of the error catalogue. */
    code: z.string(),
    /** The id under which the server's log and the audit log know this request. */
    requestId: z.string(),
    /** Every single thing that is wrong, by path. */
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    /** What the message was built from, for programs. */
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof problemSchema>;

/**
 * Tells an error as a problem. What is not of the catalogue becomes `internal_error`, and nothing of it is told.
 * @param status differs from the catalogue's where HTTP has a better one for how the request was made.
 */
export function toProblem(error: unknown, requestId: string, status?: number): Problem {
  const known = isConfigurationError(error) ? error : new ConfigurationError('internal_error', { requestId });
  const { errors, ...details } = known.details;
  return {
    type: `urn:strata:error:${known.code}`,
    title: titleOf(known.code),
    status: status ?? known.status,
    detail: known.message,
    code: known.code,
    requestId,
    ...(Array.isArray(errors) ? { errors: errors as { path: string; message: string }[] } : {}),
    ...(Object.keys(details).length > 0 ? { details } : {}),
  };
}

function titleOf(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll('_', ' ');
}

/** Answers with the problem that `error` is, and logs what is not the caller's doing. */
export async function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const known = fromFramework(error, request);
  const problem = toProblem(known, request.id, statusOf(known, request));
  const isFault = problem.status >= 500 && problem.code !== 'server_closing';
  if (isFault) request.log.error({ err: error, requestId: request.id }, problem.detail);
  if (problem.status === 503) reply.header('retry-after', '1');
  if (isConfigurationError(known, 'conflict') || isConfigurationError(known, 'key_not_found')) {
    const { revision } = known.details;
    if (typeof revision === 'number') tellRevision(reply, revision);
  }
  if (isConfigurationError(known, 'approval_required')) {
    reply.header('location', `/v1/change-requests/${String(known.details['requestId'])}`);
  }
  // Fastify answers some errors (a URL that it cannot read) outside the hooks that set these.
  reply.headers({ ...securityHeaders, 'x-request-id': request.id });
  await reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem);
}

/**
 * What a caller asks for in a header, HTTP has a status of its own for: 412 for a version that is not the expected one (RFC 9110), 422
 * for an idempotency key of another change (its draft, 2.7). In a body they are conflicts as everywhere.
 */
function statusOf(error: unknown, { headers }: FastifyRequest): number | undefined {
  const conditional = headers['if-match'] !== undefined || headers['if-none-match'] !== undefined;
  if (conditional && isConfigurationError(error, 'conflict')) return 412;
  const keyed = headers['idempotency-key'] !== undefined;
  return keyed && isConfigurationError(error, 'idempotency_conflict') ? 422 : undefined;
}

/** Translates the refusals of the HTTP framework into ours; leaves all else as it is. */
function fromFramework(error: unknown, request: FastifyRequest): unknown {
  if (isConfigurationError(error) || !(error instanceof Error)) return error;
  const { code, statusCode, validation, validationContext } = error as FastifyError;
  if (validation !== undefined) return invalidRequest(validation, validationContext ?? 'request');
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ConfigurationError('body_too_large', { limit: request.routeOptions.bodyLimit });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ConfigurationError('unsupported_media_type', {
        type: request.headers['content-type'] ?? 'of no type',
      });
    case 'FST_ERR_BAD_URL':
      return new ConfigurationError('invalid_path', {
        path: JSON.stringify(request.raw.url),
        problem: 'its percent-encoding is wrong',
      });
    default:
      return statusCode !== undefined && statusCode >= 400 && statusCode < 500
        ? new ConfigurationError('invalid_request', { problem: error.message.replace(/\.$/, '') })
        : error;
  }
}

type Validation = NonNullable<FastifyError['validation']>;

/** `body.comment: …` for each thing that does not fit the route's schema. */
function invalidRequest(validation: Validation, context: string): ConfigurationError {
  const place = context === 'querystring' ? 'query' : context;
  const errors = validation.map(({ instancePath, message }) => ({
    path: [place, ...instancePath.split('/').filter((step) => step !== '')].join('.'),
    message: message ?? 'is not allowed',
  }));
  const problem = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new ConfigurationError('invalid_request', { problem, errors });
}
