/** Owns the routes of effective values. */
import { ConfigurationError, formatScope, parseScopeContext, scopes, type JsonValue } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, scopeContextQuery } from './scope-query.ts';

const effectiveValue = z
  .object({
    key: z.string(),
    scope: z.enum(scopes),
    scopeId: z.string().nullable(),
    value: z.unknown(),
  })
  .meta({ id: 'EffectiveValue' });

/** `GET /v1/values/<key>`: the effective value of a key at a scope, with an entity tag. */
export function valueRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/values/*',
      {
        onSend: answerConditionally,
        schema: {
          summary: 'The effective value of a key at a scope',
          params: keyParams,
          querystring: scopeContextQuery,
          response: { 200: effectiveValue, default: problemSchema },
        },
      },
      async (request) => {
        const key = request.params['*'];
        const value = await readValue(service.as(actorOf(request)), key, request.query);
        const { scope, scopeId } = request.query;
        return { key, scope, scopeId: scopeId ?? null, value };
      },
    );
    done();
  };
}

/** @throws ConfigurationError `key_not_found` when no layer gives a value. */
async function readValue(
  service: ConfigurationManagementService,
  key: string,
  scope: z.output<typeof scopeContextQuery>,
): Promise<JsonValue> {
  const value = await service.get<JsonValue>(key, scope);
  if (value !== null) return value;
  // The library answers null both for a stored null and for nothing; over HTTP they are 200 and 404.
  const { leaves, value: explained } = await service.explain(key, scope);
  if (leaves.length === 0)
    throw new ConfigurationError('key_not_found', { key, scope: formatScope(parseScopeContext(scope)) });
  return explained;
}
