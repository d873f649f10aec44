/** Owns the routes of layers: what is stored at one scope, its writing and its removal. */
import { ConfigurationError, formatScope, impactLevels, parseScope, scopes } from '@strata/core';
import type { ConfigurationManagementService, WriteOptions } from '@strata/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { readPrecondition, versionTag } from '../etag.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, scopeQuery } from './scope-query.ts';
import { diffRecord, versionRecord } from './version-record.ts';
import { writeHeaders } from './write-headers.ts';

const writeQuery = scopeQuery.extend({
  dryRun: z.enum(['true', 'false']).default('false').describe('Answers what the write would do, and does not do it'),
});

const writeBody = z.strictObject({
  value: z.unknown().refine((value) => value !== undefined, 'is missing'),
  comment: z.string().optional(),
  expiresAt: z.iso.datetime({ offset: true }).optional().describe('When the layer removes itself'),
  idempotencyKey: z.string().min(1).max(255).optional(),
});

const dryRunRecord = z
  .object({
    dryRun: z.literal(true),
    key: z.string(),
    scope: z.enum(scopes),
    scopeId: z.string().nullable(),
    changed: z.boolean(),
    impactLevel: z.enum(impactLevels),
    diff: z.array(diffRecord).readonly(),
    effectiveDiff: z.array(diffRecord).readonly(),
    wouldBreak: z
      .array(
        z.object({
          key: z.string(),
          scope: z.enum(scopes),
          scopeId: z.string().nullable(),
          errors: z.array(z.object({ path: z.string(), message: z.string() })).readonly(),
        }),
      )
      .readonly(),
  })
  .meta({ id: 'DryRun' });

/** `GET`, `PUT` and `DELETE /v1/layers/<key>`. */
export function layerRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addRead(app, service);
    addWrite(app, service);
    addRemoval(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addRead(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/layers/*',
    {
      schema: {
        summary: 'The layer stored at one scope, as its current version',
        params: keyParams,
        querystring: scopeQuery,
        response: { 200: versionRecord, default: problemSchema },
      },
    },
    async (request, reply) => {
      const key = request.params['*'];
      const layer = await service.as(actorOf(request)).getLayer(key, request.query);
      if (layer === null)
        throw new ConfigurationError('key_not_found', { key, scope: formatScope(parseScope(request.query)) });
      // No 304 here: tags can be put on a version later, and the entity tag is that of the version alone.
      reply.header('cache-control', 'private, no-cache');
      return tagged(reply, layer);
    },
  );
}

function addWrite(app: App, service: ConfigurationManagementService): void {
  app.put(
    '/v1/layers/*',
    {
      schema: {
        summary: 'Stores a layer',
        params: keyParams,
        querystring: writeQuery,
        headers: writeHeaders,
        body: writeBody,
        response: { 200: z.union([versionRecord, dryRunRecord]), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { value, comment, expiresAt, idempotencyKey } = request.body;
      const { dryRun, ...scope } = request.query;
      const key = request.params['*'];
      const options: WriteOptions = {
        ...readPrecondition(request),
        ...readIdempotencyKey(request, idempotencyKey),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      };
      const acting = service.as(actor);
      return dryRun === 'true'
        ? await acting.set(key, value, scope, actor.id, comment, { ...options, dryRun: true })
        : tagged(reply, await acting.set(key, value, scope, actor.id, comment, options));
    },
  );
}

function addRemoval(app: App, service: ConfigurationManagementService): void {
  app.delete(
    '/v1/layers/*',
    {
      preValidation: refuseBody,
      schema: {
        summary: 'Removes a layer, so that the scope inherits again',
        params: keyParams,
        querystring: writeQuery.extend({ comment: z.string().optional() }),
        headers: writeHeaders,
        response: { 200: z.union([versionRecord, dryRunRecord]), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { dryRun, comment, ...scope } = request.query;
      const key = request.params['*'];
      const options: WriteOptions = { ...readPrecondition(request), ...readIdempotencyKey(request) };
      const acting = service.as(actor);
      return dryRun === 'true'
        ? await acting.delete(key, scope, actor.id, comment, { ...options, dryRun: true })
        : tagged(reply, await acting.delete(key, scope, actor.id, comment, options));
    },
  );
}

/** Answers a version under its entity tag. */
function tagged<T extends { readonly version: string }>(reply: FastifyReply, version: T): T {
  reply.header('etag', versionTag(version.version));
  return version;
}

/** Many programs and proxies drop the body of a DELETE, so what it says would count for some callers and not for others. */
async function refuseBody(request: FastifyRequest): Promise<void> {
  if (request.body !== undefined) {
    throw new ConfigurationError('invalid_request', {
      problem: 'DELETE takes no body; put the comment into the query',
    });
  }
}
