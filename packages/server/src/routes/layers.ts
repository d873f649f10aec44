/** Owns the routes of layers: what is stored at one scope, its writing and its removal. */
import { ConfigurationError, formatScope, parseScope, type ErrorCode } from '@strata/core';
import type { ConfigurationManagementService, WriteOptions } from '@strata/service';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { readPrecondition, versionTag } from '../etag.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { withRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { impactReport } from './impact.ts';
import { flag, keyParams, scopeQuery } from './scope-query.ts';
import { versionRecord } from './version-record.ts';
import { bodyIdempotencyKey, breakGlass, comment, force, given, refuseBody, writeHeaders } from './write-headers.ts';

/** `dryRun` of a query. */
export const dryRunFlag = flag.describe('Answers what the write would do, and does not do it');

const writeQuery = scopeQuery.extend({ dryRun: dryRunFlag });

const writeBody = z.strictObject({
  value: z.unknown().refine((value) => value !== undefined, 'is missing'),
  comment,
  expiresAt: z.iso.datetime({ offset: true }).optional().describe('When the layer removes itself'),
  force,
  breakGlass,
  idempotencyKey: bodyIdempotencyKey,
});

/** The codes with which the write of one layer can be refused. */
export const writeErrors = [
  'invalid_key',
  'invalid_scope',
  'invalid_value',
  'value_too_large',
  'validation_failed',
  'scope_not_allowed',
  'schema_code_missing',
  'would_break',
  'conflict',
  'locked',
  'idempotency_conflict',
  'reason_required',
] as const satisfies readonly ErrorCode[];

/** What a write would do. */
export const dryRunRecord = z.object({ dryRun: z.literal(true), ...impactReport.shape }).meta({ id: 'DryRun' });

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
      config: { errors: ['invalid_key', 'invalid_scope', 'key_not_found'], answerHeaders: writeAnswerHeaders },
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
      config: { errors: writeErrors, answerHeaders: writeAnswerHeaders },
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
      const { value, comment: why, expiresAt, force: forced, breakGlass: emergency, idempotencyKey } = request.body;
      const { dryRun, ...scope } = request.query;
      const key = request.params['*'];
      const options: WriteOptions = {
        ...readPrecondition(request),
        ...readIdempotencyKey(request, idempotencyKey),
        ...given('expiresAt', expiresAt),
        ...given('force', forced),
        ...given('breakGlass', emergency),
      };
      const acting = service.as(actor);
      return dryRun === 'true'
        ? await acting.set(key, value, scope, actor.id, why, { ...options, dryRun: true })
        : tagged(reply, await acting.set(key, value, scope, actor.id, why, options));
    },
  );
}

function addRemoval(app: App, service: ConfigurationManagementService): void {
  app.delete(
    '/v1/layers/*',
    {
      preValidation: refuseBody,
      config: { errors: [...writeErrors, 'key_not_found'], answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Removes a layer, so that the scope inherits again',
        params: keyParams,
        querystring: writeQuery.extend({ comment, force: flag.describe('As in the body of PUT'), breakGlass }),
        headers: writeHeaders,
        response: { 200: z.union([versionRecord, dryRunRecord]), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { dryRun, comment: why, force: forced, breakGlass: emergency, ...scope } = request.query;
      const key = request.params['*'];
      const options: WriteOptions = {
        ...readPrecondition(request),
        ...readIdempotencyKey(request),
        force: forced === 'true',
        ...given('breakGlass', emergency),
      };
      const acting = service.as(actor);
      return dryRun === 'true'
        ? await acting.delete(key, scope, actor.id, why, { ...options, dryRun: true })
        : tagged(reply, await acting.delete(key, scope, actor.id, why, options));
    },
  );
}

/** Answers a version under its entity tag and its revision. */
export function tagged<T extends { readonly version: string; readonly revision: number }>(
  reply: FastifyReply,
  version: T,
): T {
  reply.header('etag', versionTag(version.version));
  return withRevision(reply, version);
}
