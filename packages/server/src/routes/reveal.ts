/** Owns the route that hands out secrets. */
import type { JsonValue } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, placeOf, scopeContextQuery } from './scope-query.ts';
import { effectiveValue, requireThere } from './values.ts';
import { refuseConditions } from './write-headers.ts';

const revealBody = z.strictObject({ reason: z.string().describe('Why, for the audit log') });

/** `POST /v1/reveal/<key>`: an effective value with its secrets, recorded in the audit log before it leaves. */
export function revealRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/reveal/*',
      {
        preValidation: refuseConditions,
        config: {
          errors: [
            'invalid_key',
            'invalid_scope',
            'key_not_found',
            'reason_required',
            'secret_damaged',
            'encryption_key_missing',
            'key_provider_failed',
          ],
        },
        schema: {
          summary: 'The effective value of a key with its secrets, for a reason; takes the permission read-sensitive',
          params: keyParams,
          querystring: scopeContextQuery,
          body: revealBody,
          response: { 200: effectiveValue, default: problemSchema },
        },
      },
      async (request) => {
        const key = request.params['*'];
        const acting = service.as(actorOf(request));
        const value = await acting.reveal<JsonValue>(key, request.query, request.body.reason);
        const there = await requireThere(acting, key, request.query, value);
        return { key, ...placeOf(request.query), value: there };
      },
    );
    done();
  };
}
