/** Owns the routes of versions: history, one version, the difference between two, and rollback. */
import { ConfigurationError, type ErrorCode } from '@strata/core';
import type { ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally, readPrecondition } from '../etag.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { writeAnswerHeaders } from '../revision-headers.ts';
import { dryRunFlag, dryRunRecord, tagged, writeErrors } from './layers.ts';
import { keyParams, narrowing, optionalScopeQuery, pageLimit, positiveInteger } from './scope-query.ts';
import { diffRecord, versionRecord } from './version-record.ts';
import { breakGlass, force, given, writeHeaders } from './write-headers.ts';

// A revision has at most 15 digits and a version at least 16, so that each is known by its form.
const version = z.string().regex(/^[0-9a-f]{16,64}$/, 'must be a revision, or next of the page before');

const largestLimit = 1000;

const historyQuery = optionalScopeQuery.extend({
  limit: pageLimit(50, largestLimit),
  before: z
    .union([positiveInteger, version])
    .optional()
    .describe('next of the page before; or a revision, for versions of earlier ones'),
});

const historyPage = z
  .object({
    versions: z.array(versionRecord).readonly(),
    next: z.string().nullable().describe('What to give as `before` for the next page; null on the last one'),
  })
  .meta({ id: 'HistoryPage' });

const reference = z.string().min(1).describe('4 or more digits of a hash, a tag, HEAD, HEAD~2 or @<ISO time>');

const referenceErrors = [
  'invalid_key',
  'invalid_scope',
  'invalid_version',
  'version_not_found',
  'ambiguous_version',
] as const satisfies readonly ErrorCode[];

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
      config: { errors: ['invalid_key', 'invalid_scope', 'version_not_found', 'ambiguous_version'] },
      schema: {
        summary: 'The versions of a key, newest first',
        params: keyParams,
        querystring: historyQuery,
        response: { 200: historyPage, default: problemSchema },
      },
    },
    async (request) => {
      const { limit, before } = request.query;
      const options = { ...narrowing(request.query), ...given('before', before) };
      const found = await service
        .as(actorOf(request))
        .getHistory(request.params['*'], Math.min(limit + 1, largestLimit), options);
      const versions = found.slice(0, limit);
      // Of a page of the largest size it is not known whether it is the last one.
      const goesOn = found.length > limit || found.length === largestLimit;
      return { versions, next: goesOn ? (versions.at(-1)?.version ?? null) : null };
    },
  );
}

function addVersion(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/versions/*',
    {
      onSend: answerConditionally,
      config: { errors: referenceErrors },
      schema: {
        summary: 'One version of a key',
        params: keyParams,
        querystring: optionalScopeQuery.extend({ version: reference }),
        response: { 200: versionRecord, default: problemSchema },
      },
    },
    async (request) => {
      const key = request.params['*'];
      const { version: wanted } = request.query;
      const record = await service.as(actorOf(request)).getVersion(key, wanted, narrowing(request.query));
      if (record === null) throw new ConfigurationError('version_not_found', { version: wanted, key });
      return record;
    },
  );
}

function addDiff(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/diff/*',
    {
      onSend: answerConditionally,
      config: { errors: referenceErrors },
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
      config: { errors: [...writeErrors, ...referenceErrors], answerHeaders: writeAnswerHeaders },
      schema: {
        summary: "Puts an earlier version's value back, as a new version",
        params: keyParams,
        querystring: optionalScopeQuery.extend({ dryRun: dryRunFlag }),
        headers: writeHeaders,
        body: z.strictObject({ toVersion: reference, reason: z.string().min(1), force, breakGlass }),
        response: { 200: z.union([versionRecord, dryRunRecord]), default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const key = request.params['*'];
      const { toVersion, reason, force: forced, breakGlass: emergency } = request.body;
      const options = {
        ...narrowing(request.query),
        ...readPrecondition(request),
        ...readIdempotencyKey(request),
        ...given('force', forced),
        ...given('breakGlass', emergency),
      };
      const acting = service.as(actor);
      return request.query.dryRun === 'true'
        ? await acting.rollback(key, toVersion, actor.id, reason, { ...options, dryRun: true })
        : tagged(reply, await acting.rollback(key, toVersion, actor.id, reason, options));
    },
  );
}
