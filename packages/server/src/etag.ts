/** Owns entity tags: which answer bears which, and what the conditional headers of a request ask for. */
import { createHash } from 'node:crypto';
import { ConfigurationError } from '@strata/core';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The entity tag of a layer: its version in quotes. */
export function versionTag(version: string): string {
  return `"${version}"`;
}

/**
 * Gives a 200 answer an entity tag over its bytes, and turns it into a 304 when the caller holds it already (`If-None-Match`).
 * A hook for `onSend`.
 */
export async function answerConditionally(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  if (reply.statusCode !== 200 || typeof payload !== 'string') return payload;
  reply.header('cache-control', 'private, no-cache');
  const tag = `"${createHash('sha256').update(payload).digest('base64url')}"`;
  reply.header('etag', tag);
  const held = request.headers['if-none-match'];
  if (held === undefined || !holds(held, tag)) return payload;
  reply.code(304).removeHeader('content-type').removeHeader('content-length');
  return null;
}

/** Weak comparison, as RFC 9110 (13.1.2) has it for `If-None-Match`. */
function holds(header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some((entry) => entry.trim().replace(/^W\//, '') === tag);
}

const versionForm = /^"([0-9a-f]{16,64})"$/;

/**
 * What a write says about the layer it saw: `If-Match: "<version>"` that version, `If-None-Match: *` none (`null`), neither header
 * nothing.
 * @throws ConfigurationError `invalid_request` for any other use of the two headers.
 */
export function readPrecondition(request: FastifyRequest): { readonly ifVersion?: string | null } {
  const match = request.headers['if-match'];
  const noneMatch = request.headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined) refuse('If-Match and If-None-Match exclude each other');
  if (noneMatch !== undefined) {
    return noneMatch.trim() === '*' ? { ifVersion: null } : refuse('a write takes If-None-Match only as *');
  }
  if (match === undefined) return {};
  const version = versionForm.exec(match.trim())?.[1];
  return version === undefined
    ? refuse('If-Match takes the ETag of the layer: its version in double quotes, "3f2a9c0d1e4b5a67"')
    : { ifVersion: version };
}

function refuse(problem: string): never {
  throw new ConfigurationError('invalid_request', { problem });
}
