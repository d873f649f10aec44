/** Owns the route that tells who last changed each part of a layer. */
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, place, placeOf, scopeQuery } from './scope-query.ts';

const blameRecord = z
  .object({
    key: z.string(),
    ...place.shape,
    leaves: z
      .array(
        z.object({
          path: z.string(),
          value: z.unknown(),
          version: z.string(),
          changedBy: z.string(),
          changedAt: z.date(),
          comment: z.string().nullable(),
        }),
      )
      .readonly()
      .describe('None when there is no layer'),
  })
  .meta({ id: 'Blame' });

/** `GET /v1/blame/<key>`. */
export function blameRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/blame/*',
      {
        onSend: answerConditionally,
        config: { errors: ['invalid_key', 'invalid_scope'] },
        schema: {
          summary: 'The last change of each leaf of a layer',
          params: keyParams,
          querystring: scopeQuery,
          response: { 200: blameRecord, default: problemSchema },
        },
      },
      async (request) => {
        const key = request.params['*'];
        const leaves = await service.as(actorOf(request)).blame(key, request.query);
        return { key, ...placeOf(request.query), leaves };
      },
    );
    done();
  };
}
