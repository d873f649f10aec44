/** Owns the routes of versions: history, one version, the difference between two, and rollback. */
import { ConfigurationError } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally, readPrecondition, versionTag } from '../etag.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { keyParams, narrowing, optionalScopeQuery, positiveInteger } from './scope-query.ts';
import { diffRecord, versionRecord } from './version-record.ts';
import { writeHeaders } from './write-headers.ts';

const defaultLimit = 50;
const largestLimit = 1000;

const historyQuery = optionalScopeQuery.extend({
  limit: positiveInteger
    .refine((limit) => limit <= largestLimit, `must be at most ${String(largestLimit)}`)
    .default(defaultLimit),
  before: positiveInteger.optional().describe('Only versions of a revision before this one'),
});

const historyPage = z
  .object({
    versions: z.array(versionRecord).readonly(),
    next: z.int().nullable().describe('What to give as `before` for the next page; null on the last one'),
  })
  .meta({ id: 'HistoryPage' });

const reference = z.string().min(1).describe('4 or more digits of a hash, a tag, HEAD, HEAD~2 or @<ISO time>');

/** `GET /v1/history/<key>`, `/v1/versions/<key>`, `/v1/diff/<key>` and `POST /v1/rollback/<key>`. */
export function historyRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addHistory(app, service);
    addVersion(app, service);
    addDiff(app, service);
    addRollback(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addHistory(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/history/*',
    {
      onSend: answerConditionally,
      schema: {
        summary: 'The versions of a key, newest first',
        params: keyParams,
        querystring: historyQuery,
        response: { 200: historyPage, default: problemSchema },
      },
    },
    async (request) => {
      const { limit, before } = request.query;
      const options = { ...narrowing(request.query), ...(before === undefined ? {} : { before }) };
      const versions = await service.as(actorOf(request)).getHistory(request.params['*'], limit, options);
      return { versions, next: versions.length < limit ? null : (versions.at(-1)?.revision ?? null) };
    },
  );
}

function addVersion(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/versions/*',
    {
      onSend: answerConditionally,
      schema: {
        summary: 'One version of a key',
        params: keyParams,
        querystring: optionalScopeQuery.extend({ version: reference }),
        response: { 200: versionRecord, default: problemSchema },
      },
    },
    async (request) => {
      const key = request.params['*'];
      const { version } = request.query;
      const record = await service.as(actorOf(request)).getVersion(key, version, narrowing(request.query));
      if (record === null) throw new ConfigurationError('version_not_found', { version, key });
      return record;
    },
  );
}

function addDiff(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/diff/*',
    {
      onSend: answerConditionally,
      schema: {
        summary: 'What changed from one version of a key to another',
        params: keyParams,
        querystring: optionalScopeQuery.extend({ from: reference, to: reference }),
        response: { 200: z.object({ diff: z.array(diffRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => {
      const { from, to } = request.query;
      const options = narrowing(request.query);
      return { diff: await service.as(actorOf(request)).getDiff(request.params['*'], from, to, options) };
    },
  );
}

function addRollback(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/rollback/*',
    {
      schema: {
        summary: "Puts an earlier version's value back, as a new version",
        params: keyParams,
        querystring: optionalScopeQuery,
        headers: writeHeaders,
        body: z.strictObject({ toVersion: reference, reason: z.string().min(1) }),
        response: { 200: versionRecord, default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { toVersion, reason } = request.body;
      const options = {
        ...narrowing(request.query),
        ...readPrecondition(request),
        ...readIdempotencyKey(request),
      };
      const version = await service.as(actor).rollback(request.params['*'], toVersion, actor.id, reason, options);
      reply.header('etag', versionTag(version.version));
      return version;
    },
  );
}
