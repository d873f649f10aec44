/** Owns the route of commits: several changes as one. */
import type { CommitChange, ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { withRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { scopeInput } from './scope-query.ts';
import { versionRecord } from './version-record.ts';
import {
  bodyIdempotencyKey,
  breakGlass,
  comment,
  force,
  given,
  onceHeaders,
  refuseConditions,
} from './write-headers.ts';

/** One atomic change by one actor with one comment. */
export const commitRecord = z
  .object({
    id: z.string(),
    revision: z.int(),
    committedBy: z.string(),
    committedAt: z.date(),
    comment: z.string().nullable(),
    versions: z.array(versionRecord).readonly().describe('One for each change, in the order given'),
  })
  .meta({ id: 'Commit' });

const changed = scopeInput.extend({
  key: z.string(),
  ifVersion: z
    .string()
    .nullable()
    .optional()
    .describe('The version that the caller saw; null: none. A different current one is a conflict'),
});

const change = z.discriminatedUnion('delete', [
  changed.extend({
    delete: z.literal(false).optional(),
    value: z.unknown().refine((value) => value !== undefined, 'is missing'),
    expiresAt: z.iso.datetime({ offset: true }).optional().describe('When the layer removes itself'),
  }),
  changed.extend({ delete: z.literal(true) }),
]);

const commitBody = z.strictObject({
  changes: z.array(change).min(1),
  comment,
  force,
  breakGlass,
  idempotencyKey: bodyIdempotencyKey,
});

/** `POST /v1/commits`. */
export function commitRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.post(
      '/v1/commits',
      {
        preValidation: refuseConditions,
        config: {
          answerHeaders: writeAnswerHeaders,
          errors: [
            'invalid_key',
            'invalid_scope',
            'invalid_value',
            'invalid_version',
            'value_too_large',
            'validation_failed',
            'scope_not_allowed',
            'schema_code_missing',
            'would_break',
            'conflict',
            'ambiguous_version',
            'version_not_found',
            'key_not_found',
            'locked',
            'idempotency_conflict',
            'reason_required',
          ],
        },
        schema: {
          summary: 'Applies several changes as one: all or none',
          headers: onceHeaders,
          body: commitBody,
          response: { 200: commitRecord, default: problemSchema },
        },
      },
      async (request, reply) => {
        const actor = actorOf(request);
        const { changes, comment: why, force: forced, breakGlass: emergency, idempotencyKey } = request.body;
        const options = {
          ...readIdempotencyKey(request, idempotencyKey),
          ...given('force', forced),
          ...given('breakGlass', emergency),
        };
        return withRevision(reply, await service.as(actor).commit(changes as CommitChange[], actor.id, why, options));
      },
    );
    done();
  };
}
