/** Owns the routes of tags. */
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { narrowing, optionalScopeQuery, place } from './scope-query.ts';
import { given, refuseConditions } from './write-headers.ts';

const tagRecord = z
  .object({
    tag: z.string(),
    key: z.string(),
    ...place.shape,
    version: z.string(),
    description: z.string().nullable(),
    createdBy: z.string(),
    createdAt: z.date(),
    revision: z.int(),
  })
  .meta({ id: 'Tag' });

/** `GET` and `POST /v1/tags`. */
export function tagRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addList(app, service);
    addCreation(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addList(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/tags',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope', 'invalid_key', 'invalid_tag'] },
      schema: {
        summary: 'Tags, newest first: all, or those of a key, a scope or a name',
        querystring: optionalScopeQuery.extend({ key: z.string().optional(), tag: z.string().optional() }),
        response: { 200: z.object({ tags: z.array(tagRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => {
      const { key, tag } = request.query;
      const filter = { ...narrowing(request.query), ...given('key', key), ...given('tag', tag) };
      return { tags: await service.as(actorOf(request)).listTags(filter) };
    },
  );
}

function addCreation(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/tags',
    {
      preValidation: refuseConditions,
      config: { errors: ['invalid_tag', 'invalid_version', 'version_not_found', 'ambiguous_version', 'tag_exists'] },
      schema: {
        summary: 'Names a version; the same tag on the same version again does no work',
        body: z.strictObject({
          tag: z.string(),
          version: z.string().describe('12 or more digits of its hash'),
          description: z.string().optional(),
        }),
        response: { 201: tagRecord, default: problemSchema },
      },
    },
    async (request, reply) => {
      const { tag, version, description } = request.body;
      return reply.code(201).send(await service.as(actorOf(request)).createTag(tag, version, description));
    },
  );
}
