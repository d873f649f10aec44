/** Owns how a key and a scope are written in a request and in an answer: the key as the rest of the path, the scope in the query. */
import { scopes, type ConfigScope } from '@strata/core';
import { z } from 'zod';

/** The key is the rest of the path, so that its `/` and `:` need no encoding. */
export const keyParams = z.object({ '*': z.string().describe('The key') });

/** The kind of a scope. */
export const scopeName = z.enum(scopes);

const scopeId = z.string().describe('The id of the org, team or user; none at global');

/** The scope of one layer; without one, global. */
export const scopeQuery = z.strictObject({ scope: scopeName.default('global'), scopeId: scopeId.optional() });

/** The scope of a change that is too large to mean global by mistake. */
export const requiredScopeQuery = scopeQuery.extend({ scope: scopeName });

/** The scope to read at, with the parents to inherit from where they are not the registered ones. */
export const scopeContextQuery = scopeQuery.extend({
  organizationId: z.string().optional().describe('The org to inherit from; for a team or user'),
  teamId: z.string().optional().describe('The team to inherit from; for a user'),
});

/**
 * The scope that a call is narrowed to; absent, all scopes. A `scopeId` alone names no scope and is kept, so that the service refuses
 * it.
 */
export const optionalScopeQuery = scopeQuery.extend({ scope: scopeName.optional() });

/** A scope in a body. */
export const scopeInput = z.strictObject({ scope: scopeName, scopeId: scopeId.nullable().optional() });

/** The scope that an answer is about: `scopeId` is null at global. */
export const place = z.object({ scope: scopeName, scopeId: z.string().nullable() });

/** The scope of a query as answers have it. */
export function placeOf({ scope, scopeId: id }: z.output<typeof scopeQuery>): z.output<typeof place> {
  return { scope, scopeId: scope === 'global' ? null : (id ?? null) };
}

/** A whole number above 0 in a query, where everything is text. */
export const positiveInteger = z
  .string()
  .regex(/^[1-9][0-9]{0,14}$/, 'must be a whole number above 0')
  .transform(Number);

/** How many entries a page has at most. */
export function pageLimit(normal: number, most: number) {
  return positiveInteger
    .refine((limit) => limit <= most, `must be at most ${String(most)}`)
    .default(normal)
    .meta({ type: 'integer', minimum: 1, maximum: most, default: normal, description: 'How many at most' });
}

/** A switch in a query, off by default. */
export const flag = z.enum(['true', 'false']).default('false');

/** The `{ scope }` of calls that may be narrowed to one. */
export function narrowing(query: { readonly scope?: ConfigScope | undefined; readonly scopeId?: string | undefined }): {
  readonly scope?: z.output<typeof scopeQuery>;
} {
  const { scope, scopeId: id } = query;
  if (scope === undefined && id === undefined) return {};
  return { scope: { scope: scope ?? 'global', ...(id === undefined ? {} : { scopeId: id }) } };
}
