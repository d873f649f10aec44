/** Owns what every write takes besides its subject: conditions, a key under which it happens once, and a body where one is due. */
import { ConfigurationError } from '@strata/core';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';

const idempotencyKey = z.string().optional().describe('A write repeated with this key is applied once');

/** Conditions under which a write happens, and the key under which it happens once. Other headers pass. */
export const writeHeaders = z.looseObject({
  'if-match': z.string().optional().describe('"<version>": the write happens only if the layer still has this version'),
  'if-none-match': z.string().optional().describe('*: the write happens only if there is no layer yet'),
  'idempotency-key': idempotencyKey,
});

/** The key under which a write of several layers happens once. Other headers pass. */
export const onceHeaders = z.looseObject({ 'idempotency-key': idempotencyKey });

/** `force` of a body. */
export const force = z.boolean().optional().describe('Goes ahead although values below become invalid');

/** `breakGlass` of a body or query. */
export const breakGlass = z
  .string()
  .min(1)
  .optional()
  .describe('Goes ahead without the approvals that it needs, for this reason. Takes the permission break-glass');

/** A comment of a body or query. */
export const comment = z.string().optional().describe('Why');

/** The idempotency key of a body, where a header is hard to send. */
export const bodyIdempotencyKey = z.string().min(1).max(255).optional().describe('As the header Idempotency-Key');

/** Leaves out what was not given. */
export function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): Readonly<Partial<Record<Name, Value>>> {
  const entry: Partial<Record<string, Value>> = value === undefined ? {} : { [name]: value };
  return entry as Partial<Record<Name, Value>>;
}

/** Leaves out all that was not given. */
export function present<Body extends object>(body: Body): { [Name in keyof Body]: Exclude<Body[Name], undefined> } {
  const entries = Object.entries(body).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Body]: Exclude<Body[Name], undefined> };
}

/**
 * Refuses conditions on a write that is not of one layer: ignored, they would promise what is not kept. A hook for `preValidation`.
 */
export async function refuseConditions({ headers }: FastifyRequest): Promise<void> {
  if (headers['if-match'] === undefined && headers['if-none-match'] === undefined) return;
  throw new ConfigurationError('invalid_request', {
    problem: 'If-Match and If-None-Match belong to the write of one layer; here they have no meaning',
  });
}

/**
 * Refuses a body: many programs and proxies drop that of a DELETE, so what it says would count for some callers and not for others. A
 * hook for `preValidation`.
 */
export async function refuseBody({ body }: FastifyRequest): Promise<void> {
  if (body === undefined) return;
  throw new ConfigurationError('invalid_request', { problem: 'DELETE takes no body; put the comment into the query' });
}
