/** Owns the routes of approval policies. */
import { scopes } from '@strata/core';
import type { ApprovalPolicy, ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { comment, present, refuseBody, refuseConditions } from './write-headers.ts';

const policy = z.strictObject({
  keys: z.array(z.string()).readonly().describe('Names of keys, or globs'),
  scopes: z.array(z.enum(scopes)).readonly().optional(),
  levels: z
    .array(z.enum(['none', 'low', 'medium', 'high', 'critical']))
    .readonly()
    .optional()
    .describe('The impact levels that it is about; absent: all'),
  minimumApprovals: z.int().describe('How many people other than the author have to agree, 0 to 20'),
  approvers: z
    .strictObject({
      roles: z.array(z.string()).readonly().optional(),
      users: z.array(z.string()).readonly().optional(),
    })
    .optional()
    .describe('Who counts; absent: whoever may approve at all'),
  firstValues: z.enum(['exempt', 'approve']).optional(),
  expiresIn: z.int().optional().describe('After how many seconds a request expires; absent: seven days'),
});

/** A policy in force. */
export const policyRecord = z
  .object({
    name: z.string(),
    ...policy.shape,
    setBy: z.string().optional(),
    setAt: z.date().optional(),
    comment: z.string().nullable().optional(),
    revision: z.int().optional(),
  })
  .meta({ id: 'ApprovalPolicy' });

const nameParams = z.object({ name: z.string().describe('The name of the policy') });

/** `GET /v1/policies`, `PUT` and `DELETE /v1/policies/<name>`. */
export function policyRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/v1/policies',
      {
        onSend: answerConditionally,
        config: { errors: [] },
        schema: {
          summary: 'The approval policies in force, the built-in one included',
          response: { 200: z.object({ policies: z.array(policyRecord).readonly() }), default: problemSchema },
        },
      },
      async (request) => ({ policies: await service.as(actorOf(request)).listPolicies() }),
    );
    app.put(
      '/v1/policies/:name',
      {
        preValidation: refuseConditions,
        config: { errors: [] },
        schema: {
          summary: 'Sets an approval policy; guarded by the policies in force',
          params: nameParams,
          body: policy.extend({ comment }),
          response: { 200: policyRecord, default: problemSchema },
        },
      },
      async (request) => {
        const actor = actorOf(request);
        const { comment: why, ...given } = request.body;
        const asked = { ...present(given), name: request.params.name } as unknown as ApprovalPolicy;
        return service.as(actor).setPolicy(asked, actor.id, why);
      },
    );
    app.delete(
      '/v1/policies/:name',
      {
        preValidation: [refuseConditions, refuseBody],
        config: { errors: ['policy_not_found'] },
        schema: {
          summary: 'Takes an approval policy away; guarded by the policies in force',
          params: nameParams,
          querystring: z.strictObject({ comment }),
          response: { 204: z.undefined(), default: problemSchema },
        },
      },
      async (request, reply) => {
        const actor = actorOf(request);
        await service.as(actor).removePolicy(request.params.name, actor.id, request.query.comment);
        return reply.code(204).send();
      },
    );
    done();
  };
}
