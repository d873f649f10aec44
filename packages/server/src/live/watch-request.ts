/** Owns what a reader of the feed can ask for, over HTTP and in the messages of a WebSocket. */
import { ConfigurationError, parseCursor, type ScopeContext } from '@strata/core';
import type { SubscribeOptions } from '@strata/service';
import { z } from 'zod';
import { scopeContextQuery, scopeName } from '../routes/scope-query.ts';
import { given } from '../routes/write-headers.ts';

const names = z
  .union([z.array(z.string()), z.string().transform((text) => [text])])
  .transform((texts) => texts.flatMap((text) => text.split(',')))
  .refine((all) => all.length <= maxNames, 'must be at most 256 names');

/** How many keys, globs and flags one reader may name. */
const maxNames = 256;

/** The query of `GET /v1/watch`. */
export const watchQuery = scopeContextQuery.extend({
  scope: scopeName
    .optional()
    .describe('Tells of the effective values of this scope; without it of layers, at all scopes'),
  keys: names
    .optional()
    .describe('Names or globs (* and ?), separated by commas or given several times; absent: all keys'),
  flags: names.optional().describe('Names or globs of flags: short for the keys feature_flags/<name>'),
  fromRevision: z.string().optional().describe('Goes on after this revision or cursor; absent: from now on'),
});

const list = z.union([z.string().transform((one) => [one]), z.array(z.string()).max(maxNames)]).optional();

/** What a subscription over a WebSocket asks for. */
export const watchMessage = z.strictObject({
  type: z.literal('subscribe'),
  id: z.string().min(1).max(64),
  keys: list,
  flags: list,
  scope: scopeName.optional(),
  scopeId: z.string().nullable().optional(),
  organizationId: z.string().optional(),
  teamId: z.string().optional(),
  fromRevision: z.union([z.string(), z.number()]).optional(),
});

/** What both have in common. */
interface Asked {
  readonly keys?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly scope?: ScopeContext['scope'] | undefined;
  readonly scopeId?: string | null | undefined;
  readonly organizationId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly fromRevision?: string | number | undefined;
}

/**
 * What to ask of the service's feed.
 * @param lastEventId the cursor of the last event that a reader saw; it wins over `fromRevision`.
 * @throws ConfigurationError `invalid_argument` for a cursor that is none, `invalid_request` for no name at all.
 */
export function subscribeOptions(asked: Asked, lastEventId?: string): SubscribeOptions {
  const { keys, flags, fromRevision } = asked;
  if (lastEventId !== undefined) parseCursor(lastEventId, 'Last-Event-ID');
  const wanted = [...(keys ?? []), ...(flags ?? []).map((flag) => `feature_flags/${flag}`)];
  if (wanted.length === 0 && (keys ?? flags) !== undefined) {
    throw new ConfigurationError('invalid_request', { problem: 'keys and flags name nothing; * stands for all' });
  }
  return {
    ...(wanted.length === 0 ? {} : { keys: wanted }),
    ...scopeOf(asked),
    ...given('fromRevision', lastEventId ?? fromRevision),
  };
}

/** An id without a scope is kept, so that the service refuses it. */
function scopeOf({ scope, scopeId, organizationId, teamId }: Asked): Pick<SubscribeOptions, 'scope'> {
  const id = scopeId ?? undefined;
  if (scope === undefined && id === undefined && organizationId === undefined && teamId === undefined) return {};
  return {
    scope: {
      scope: scope ?? 'global',
      ...given('scopeId', id),
      ...given('organizationId', organizationId),
      ...given('teamId', teamId),
    },
  };
}
