/** Owns the routes of locks. */
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, narrowing, optionalScopeQuery, place, requiredScopeQuery } from './scope-query.ts';
import { comment, given, refuseBody, refuseConditions } from './write-headers.ts';

/** A lock in force. */
export const lockRecord = z
  .object({
    key: z.string(),
    ...place.shape,
    path: z.string().describe('The part that is locked; $ for all of it'),
    version: z.string().nullable().describe('What the locking scope had when it locked'),
    revision: z.int(),
    lockedBy: z.string(),
    lockedAt: z.date(),
    comment: z.string().nullable(),
  })
  .meta({ id: 'Lock' });

const lockQuery = requiredScopeQuery.extend({
  path: z.string().optional().describe('The part to lock, a.b[0]; absent: all of the value'),
});

/** `GET /v1/locks`, `PUT` and `DELETE /v1/locks/<key>`. */
export function lockRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addList(app, service);
    addLock(app, service);
    addUnlock(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addList(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/locks',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope', 'invalid_key'] },
      schema: {
        summary: 'The locks in force: all, or those of a key or a scope',
        querystring: optionalScopeQuery.extend({ key: z.string().optional() }),
        response: { 200: z.object({ locks: z.array(lockRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => {
      const filter = { ...narrowing(request.query), ...given('key', request.query.key) };
      return { locks: await service.as(actorOf(request)).listLocks(filter) };
    },
  );
}

function addLock(app: App, service: ConfigurationManagementService): void {
  app.put(
    '/v1/locks/*',
    {
      preValidation: refuseConditions,
      config: { errors: ['invalid_scope', 'invalid_key', 'lock_exists', 'lock_broken'] },
      schema: {
        summary: 'Forbids the scopes below to say anything about a key, or about one part of it',
        params: keyParams,
        querystring: lockQuery,
        body: z.strictObject({ comment }),
        response: { 200: lockRecord, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const { path, ...scope } = request.query;
      const options = given('path', path);
      return service.as(actor).lockConfig(request.params['*'], scope, options, actor.id, request.body.comment);
    },
  );
}

function addUnlock(app: App, service: ConfigurationManagementService): void {
  app.delete(
    '/v1/locks/*',
    {
      preValidation: [refuseConditions, refuseBody],
      config: { errors: ['invalid_scope', 'invalid_key', 'lock_not_found'] },
      schema: {
        summary: 'Takes a lock away',
        params: keyParams,
        querystring: lockQuery.extend({ comment }),
        response: { 204: z.undefined(), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { path, comment: why, ...scope } = request.query;
      await service.as(actor).unlockConfig(request.params['*'], scope, given('path', path), actor.id, why);
      return reply.code(204).send();
    },
  );
}
