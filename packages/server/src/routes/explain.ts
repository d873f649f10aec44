/** Owns the route that tells why a value is what it is. */
import { scopes } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { lockRecord } from './locks.ts';
import { keyParams, place, scopeContextQuery } from './scope-query.ts';

const explainedLeaf = z.object({
  path: z.string(),
  value: z.unknown(),
  scope: z.enum([...scopes, 'schema']),
  scopeId: z.string().nullable(),
  version: z.string().nullable(),
  changedBy: z.string().nullable(),
  changedAt: z.date().nullable(),
  comment: z.string().nullable(),
  lock: lockRecord.optional(),
  candidates: z.array(place.extend({ version: z.string(), value: z.unknown() })).readonly(),
});

const explanation = z
  .object({
    key: z.string(),
    ...place.shape,
    revision: z.int(),
    chain: z.array(place).readonly(),
    value: z.unknown(),
    leaves: z.array(explainedLeaf).readonly(),
  })
  .meta({ id: 'Explanation' });

/** `GET /v1/explain/<key>`: where each leaf of an effective value comes from, now or at a past time. */
export function explainRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/explain/*',
      {
        onSend: answerConditionally,
        config: { errors: ['invalid_key', 'invalid_scope'] },
        schema: {
          summary: 'Why each leaf of an effective value is what it is',
          params: keyParams,
          querystring: scopeContextQuery.extend({ at: z.iso.datetime({ offset: true }).optional() }),
          response: { 200: explanation, default: problemSchema },
        },
      },
      async (request) => {
        const { at, ...scope } = request.query;
        return service
          .as(actorOf(request))
          .explain(request.params['*'], scope, at === undefined ? undefined : { at: new Date(at) });
      },
    );
    done();
  };
}
