/** Owns the header by which a write can be repeated safely. */
import { ConfigurationError } from '@strata/core';
import type { FastifyRequest } from 'fastify';
import { singleHeader } from './request-guard.ts';

/** A quoted string of structured fields (RFC 9651), or the bare token that many clients send. */
const headerForm = /^(?:"((?:[ !#-[\]-~]|\\["\\]){1,255})"|([A-Za-z0-9_.:-]{1,255}))$/;

/**
 * The key of `Idempotency-Key: "…"` (draft-ietf-httpapi-idempotency-key-header) or of the body.
 * @throws ConfigurationError `invalid_request` when it is malformed, or both are given and differ.
 */
export function readIdempotencyKey(request: FastifyRequest, inBody?: string): { readonly idempotencyKey?: string } {
  const header = singleHeader(request, 'idempotency-key');
  if (header === undefined) return inBody === undefined ? {} : { idempotencyKey: inBody };
  const match = headerForm.exec(header);
  if (match === null) refuse('Idempotency-Key takes 1 to 255 printable ASCII characters in double quotes');
  const idempotencyKey = match[1]?.replaceAll(/\\(["\\])/g, '$1') ?? match[2] ?? '';
  if (inBody !== undefined && inBody !== idempotencyKey) {
    refuse('the header Idempotency-Key and idempotencyKey of the body differ');
  }
  return { idempotencyKey };
}

function refuse(problem: string): never {
  throw new ConfigurationError('invalid_request', { problem });
}
