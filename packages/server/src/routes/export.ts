/** Owns the route of the export. */
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { place, scopeQuery } from './scope-query.ts';

const exportDocument = z
  .object({
    format: z.literal('strata-export'),
    formatVersion: z.literal(1),
    environment: z.string(),
    settings: z.array(
      z.object({
        key: z.string(),
        ...place.shape,
        value: z.unknown(),
        version: z.string(),
        changedBy: z.string(),
        changedAt: z.iso.datetime(),
        comment: z.string().nullable(),
        expiresAt: z.iso.datetime().optional(),
      }),
    ),
    checksum: z.string().describe('SHA-256 of the canonical JSON of everything else'),
  })
  .meta({ id: 'Export' });

/** `GET /v1/export`. */
export function exportRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/export',
      {
        onSend: answerConditionally,
        config: { errors: ['invalid_scope'] },
        schema: {
          summary: 'The own layers of a scope as a document; the same state gives the same bytes',
          querystring: scopeQuery,
          response: { 200: exportDocument, default: problemSchema },
        },
      },
      async (request, reply) => {
        const text = await service.as(actorOf(request)).exportConfig(request.query);
        // The bytes as they are: written anew they would be another document.
        return (reply as FastifyReply).type('application/json; charset=utf-8').send(text);
      },
    );
    done();
  };
}
