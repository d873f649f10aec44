/** Owns the route that undoes one commit. */
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { withRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { commitRecord } from './commits.ts';
import { impactAnalysis, layerPreview } from './impact.ts';
import { dryRunFlag } from './layers.ts';
import { bodyIdempotencyKey, breakGlass, force, given, onceHeaders, refuseConditions } from './write-headers.ts';

/** What a revert would do. */
const revertDryRun = z
  .object({
    dryRun: z.literal(true),
    ...impactAnalysis.shape,
    commit: z.string().describe('The commit that would be undone'),
    revision: z.int().describe('The revision of that commit'),
    changes: z.array(layerPreview).readonly().describe('One for each layer that the commit changed'),
  })
  .meta({ id: 'RevertDryRun' });

const revertBody = z.strictObject({ reason: z.string().min(1), force, breakGlass, idempotencyKey: bodyIdempotencyKey });

/** `POST /v1/commits/<commit>/revert`. */
export function revertRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/commits/:id/revert',
      {
        preValidation: refuseConditions,
        config: {
          answerHeaders: writeAnswerHeaders,
          errors: [
            'commit_not_found',
            'revert_conflicts',
            'revert_unsupported',
            'reason_required',
            'value_too_large',
            'validation_failed',
            'scope_not_allowed',
            'schema_code_missing',
            'would_break',
            'locked',
            'idempotency_conflict',
            'approval_required',
            'not_permitted',
          ],
        },
        schema: {
          summary: 'Undoes one commit, and leaves what later commits changed',
          params: z.object({ id: z.string().describe('The id of the commit, or its revision') }),
          querystring: z.strictObject({ dryRun: dryRunFlag }),
          headers: onceHeaders,
          body: revertBody,
          response: { 200: z.union([commitRecord, revertDryRun]), default: problemSchema },
        },
      },
      async (request, reply) => {
        const actor = actorOf(request);
        const { id } = request.params;
        const { reason, force: forced, breakGlass: emergency, idempotencyKey } = request.body;
        const options = {
          ...readIdempotencyKey(request, idempotencyKey),
          ...given('force', forced),
          ...given('breakGlass', emergency),
        };
        const acting = service.as(actor);
        return request.query.dryRun === 'true'
          ? await acting.revert(id, actor.id, reason, { ...options, dryRun: true })
          : withRevision(reply, await acting.revert(id, actor.id, reason, options));
      },
    );
    done();
  };
}
