/** Owns the route of the API's document. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';

/**
 * `GET /v1/openapi.json`.
 * @param document makes the document's text; asked once, when all routes are known.
 */
export function openApiRoutes(document: () => string): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    let text: string | undefined;
    app.get(
      '/v1/openapi.json',
      {
        onSend: answerConditionally,
        schema: {
          summary: 'This document',
          response: { 200: z.looseObject({ openapi: z.literal('3.1.0') }), default: problemSchema },
        },
      },
      async (_request, reply) =>
        (reply as FastifyReply).type('application/json; charset=utf-8').send((text ??= document())),
    );
    done();
  };
}
