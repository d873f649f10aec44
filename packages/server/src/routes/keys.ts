/** Owns the routes of what is said of keys: their definitions, and what depends on what. */
import { impactLevels } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { keyParams } from './scope-query.ts';
import { comment, given, present, refuseBody, refuseConditions } from './write-headers.ts';

const definition = z.strictObject({
  owner: z.string().nullable().optional(),
  services: z.array(z.string()).readonly().nullable().optional().describe('The services that use the key'),
  baseImpact: z.enum(impactLevels).nullable().optional().describe('Counts before that of the schema'),
  restartNeeded: z
    .boolean()
    .nullable()
    .optional()
    .describe('Whether services take a change only when they start again'),
  downtimeSeconds: z.number().nullable().optional().describe('For how long each is away then'),
});

const definitionRecord = z
  .object({
    key: z.string(),
    owner: z.string().optional(),
    services: z.array(z.string()).readonly().optional(),
    baseImpact: z.enum(impactLevels).optional(),
    restartNeeded: z.boolean().optional(),
    downtimeSeconds: z.number().optional(),
    definedBy: z.string(),
    definedAt: z.date(),
    comment: z.string().nullable(),
    revision: z.int(),
  })
  .meta({ id: 'KeyDefinition' });

const dependencyRecord = z
  .object({
    key: z.string(),
    dependsOn: z.string(),
    addedBy: z.string(),
    addedAt: z.date(),
    comment: z.string().nullable(),
    revision: z.int(),
  })
  .meta({ id: 'Dependency' });

const keyQuery = z.strictObject({ key: z.string().optional().describe('Only this key') });
const dependsOn = z.string().describe('The key that it depends on');

/** `GET /v1/keys`, `PATCH /v1/keys/<key>`, `GET /v1/dependencies`, and `GET`, `PUT`, `DELETE /v1/dependencies/<key>`. */
export function keyRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addDefinitions(app, service);
    addDependencyReads(app, service);
    addDependencyWrites(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addDefinitions(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/keys',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key'] },
      schema: {
        summary: 'What is said of keys besides their schemas',
        querystring: keyQuery,
        response: { 200: z.object({ definitions: z.array(definitionRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => ({
      definitions: await service.as(actorOf(request)).listKeyDefinitions(given('key', request.query.key)),
    }),
  );
  app.patch(
    '/v1/keys/*',
    {
      preValidation: refuseConditions,
      config: { errors: ['invalid_key', 'approval_required'] },
      schema: {
        summary:
          'Says whose a key is, what uses it and what a change of it weighs; what is left out stays, null takes it away',
        params: keyParams,
        body: definition.extend({ comment }),
        response: { 200: definitionRecord, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const { comment: why, ...said } = request.body;
      return service.as(actor).defineKey(request.params['*'], present(said), actor.id, why);
    },
  );
}

function addDependencyReads(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/dependencies',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key'] },
      schema: {
        summary: 'The dependencies between keys: all, or those of one key in either direction',
        querystring: keyQuery,
        response: { 200: z.object({ dependencies: z.array(dependencyRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => ({
      dependencies: await service.as(actorOf(request)).listDependencies(given('key', request.query.key)),
    }),
  );
  app.get(
    '/v1/dependencies/*',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key'] },
      schema: {
        summary:
          'The keys that a key depends on and those that depend on it, over any number of steps, the nearest first',
        params: keyParams,
        response: {
          200: z.object({
            key: z.string(),
            dependencies: z.array(z.string()).readonly(),
            dependents: z.array(z.string()).readonly(),
          }),
          default: problemSchema,
        },
      },
    },
    async (request) => {
      const key = request.params['*'];
      const acting = service.as(actorOf(request));
      return {
        key,
        dependencies: await acting.getDependencies(key),
        dependents: await acting.getDependencies(key, { direction: 'dependents' }),
      };
    },
  );
}

function addDependencyWrites(app: App, service: ConfigurationManagementService): void {
  app.put(
    '/v1/dependencies/*',
    {
      preValidation: refuseConditions,
      config: { errors: ['invalid_key', 'dependency_cycle'] },
      schema: {
        summary: 'Says that a key depends on another',
        params: keyParams,
        body: z.strictObject({ dependsOn, comment }),
        response: { 200: dependencyRecord, default: problemSchema },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const { dependsOn: other, comment: why } = request.body;
      return service.as(actor).addDependency(request.params['*'], other, actor.id, why);
    },
  );
  app.delete(
    '/v1/dependencies/*',
    {
      preValidation: [refuseConditions, refuseBody],
      config: { errors: ['invalid_key', 'dependency_not_found'] },
      schema: {
        summary: 'Says that a key no longer depends on another',
        params: keyParams,
        querystring: z.strictObject({ dependsOn, comment }),
        response: { 204: z.undefined(), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { dependsOn: other, comment: why } = request.query;
      await service.as(actor).removeDependency(request.params['*'], other, actor.id, why);
      return reply.code(204).send();
    },
  );
}
