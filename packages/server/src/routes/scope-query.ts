/** Owns how a key and a scope are written in a request: the key as the rest of the path, the scope in the query. */
import { scopes } from '@strata/core';
import { z } from 'zod';

/** The key is the rest of the path, so that its `/` and `:` need no encoding. */
export const keyParams = z.object({ '*': z.string().describe('The key') });

/** The scope of one layer; without one, global. */
export const scopeQuery = z.strictObject({
  scope: z.enum(scopes).default('global'),
  scopeId: z.string().optional().describe('The id of the org, team or user; none at global'),
});

/** The scope to read at, with the parents to inherit from where they are not the registered ones. */
export const scopeContextQuery = scopeQuery.extend({
  organizationId: z.string().optional().describe('The org to inherit from; for a team or user'),
  teamId: z.string().optional().describe('The team to inherit from; for a user'),
});

/**
 * The scope that a call of history is narrowed to; absent, all scopes. A `scopeId` alone names no scope and is kept, so that
 * the service refuses it.
 */
export const optionalScopeQuery = scopeQuery.extend({ scope: z.enum(scopes).optional() });

/** A whole number above 0 in a query, where everything is text. */
export const positiveInteger = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/, 'must be a whole number above 0')
  .transform(Number);

/** The `{ scope }` of calls that may be narrowed to one. */
export function narrowing(query: z.output<typeof optionalScopeQuery>): {
  readonly scope?: z.output<typeof scopeQuery>;
} {
  const { scope, scopeId } = query;
  if (scope === undefined && scopeId === undefined) return {};
  return { scope: { scope: scope ?? 'global', ...(scopeId === undefined ? {} : { scopeId }) } };
}
