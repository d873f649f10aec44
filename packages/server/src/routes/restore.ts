/** Owns the route that puts a whole scope back. */
import type { ConfigurationManagementService, RestoreTarget } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { withRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { commitRecord } from './commits.ts';
import { requiredScopeQuery } from './scope-query.ts';
import {
  bodyIdempotencyKey,
  breakGlass,
  comment,
  force,
  given,
  onceHeaders,
  refuseConditions,
} from './write-headers.ts';

const targets = ['at', 'revision', 'tag'] as const;

const restoreBody = z
  .strictObject({
    at: z.iso.datetime({ offset: true }).optional().describe('To the state at a time'),
    revision: z.int().min(1).optional().describe('To the state after a commit'),
    tag: z.string().optional().describe('Each key that bears the tag to the version that it marks'),
    comment,
    force,
    breakGlass,
    idempotencyKey: bodyIdempotencyKey,
  })
  .refine(
    (body) => targets.filter((name) => body[name] !== undefined).length === 1,
    `needs exactly one of ${targets.join(', ')}`,
  )
  .meta({ oneOf: targets.map((name) => ({ required: [name] })) });

/** `POST /v1/restore`. */
export function restoreRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/restore',
      {
        preValidation: refuseConditions,
        config: {
          answerHeaders: writeAnswerHeaders,
          errors: [
            'invalid_scope',
            'invalid_tag',
            'version_not_found',
            'validation_failed',
            'scope_not_allowed',
            'schema_code_missing',
            'would_break',
            'locked',
            'idempotency_conflict',
            'reason_required',
          ],
        },
        schema: {
          summary: 'Puts the own layers of a scope back, as one commit',
          querystring: requiredScopeQuery,
          headers: onceHeaders,
          body: restoreBody,
          response: { 200: commitRecord, default: problemSchema },
        },
      },
      async (request, reply) => {
        const actor = actorOf(request);
        const { comment: why, force: forced, breakGlass: emergency, idempotencyKey, at, revision, tag } = request.body;
        const target = { ...given('at', at), ...given('revision', revision), ...given('tag', tag) } as RestoreTarget;
        const options = {
          ...readIdempotencyKey(request, idempotencyKey),
          ...given('force', forced),
          ...given('breakGlass', emergency),
        };
        return withRevision(reply, await service.as(actor).restore(target, request.query, actor.id, why, options));
      },
    );
    done();
  };
}
