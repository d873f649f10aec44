/** Owns the routes of feature flags: what they are, and their changes. */
import type { ErrorCode } from '@strata/core';
import type { ConfigurationManagementService, FlagChangeOptions } from '@strata/service';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally, readPrecondition } from '../etag.ts';
import { readIdempotencyKey } from '../idempotency.ts';
import { problemSchema } from '../problem.ts';
import { writeAnswerHeaders } from '../revision-headers.ts';
import { flagRecord } from './flag-records.ts';
import { dryRunFlag, dryRunRecord, tagged, writeErrors } from './layers.ts';
import { flag as switchFlag, place, placeOf, scopeContextQuery, scopeQuery } from './scope-query.ts';
import { versionRecord } from './version-record.ts';
import {
  bodyIdempotencyKey,
  breakGlass,
  comment,
  force,
  given,
  onceHeaders,
  present,
  refuseBody,
  refuseConditions,
  writeHeaders,
} from './write-headers.ts';

const nameParams = z.object({ name: z.string().describe('The name of the flag') });
const writeQuery = scopeQuery.extend({ dryRun: dryRunFlag });
const writeBody = z.strictObject({ comment, force, breakGlass, idempotencyKey: bodyIdempotencyKey });
const definition = z.record(z.string(), z.unknown()).describe('The flag, or the parts of it that this scope overrides');
const written = { 200: z.union([versionRecord, dryRunRecord]), default: problemSchema };

const changeErrors = [
  ...writeErrors,
  'flag_not_found',
  'flag_archived',
  'flag_name_used',
] as const satisfies readonly ErrorCode[];

const listQuery = scopeContextQuery.extend({
  enabled: z.enum(['true', 'false']).optional(),
  archived: z.enum(['true', 'false', 'all']).default('false').describe('Archived flags instead of the others, or all'),
  name: z.string().optional().describe('A name, or a glob of names'),
  tag: z.string().optional(),
  owner: z.string().optional(),
  segment: z.string().optional().describe('Only flags with a rule for this segment'),
  prerequisite: z.string().optional().describe('Only flags that need this one'),
});

/** `GET` and `POST /v1/flags`, and what is done with one flag below `/v1/flags/<name>`. */
export function flagRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addReads(app, service);
    addCreation(app, service);
    addWrite(app, service);
    addRemoval(app, service);
    addChanges(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addReads(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/flags',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope'] },
      schema: {
        summary: 'The flags at a scope, merged with what it inherits',
        querystring: listQuery,
        response: { 200: place.extend({ flags: z.array(flagRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => {
      const { enabled, archived, name, tag, owner, segment, prerequisite, ...scope } = request.query;
      const flags = await service.as(actorOf(request)).listFlags({
        scope,
        archived: archived === 'all' ? 'all' : archived === 'true',
        ...given('enabled', enabled === undefined ? undefined : enabled === 'true'),
        ...present({ name, tag, owner, segment, prerequisite }),
      });
      return { ...placeOf(scope), flags: flags.map((flag) => ({ ...flag })) };
    },
  );
  app.get(
    '/v1/flags/:name',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_scope', 'flag_not_found'] },
      schema: {
        summary: 'One flag at a scope, merged with what it inherits',
        params: nameParams,
        querystring: scopeContextQuery,
        response: { 200: flagRecord, default: problemSchema },
      },
    },
    async (request) => ({ ...(await service.as(actorOf(request)).getFlag(request.params.name, request.query)) }),
  );
}

function addCreation(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/flags',
    {
      preValidation: refuseConditions,
      config: { errors: changeErrors, answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Creates a flag, or overrides one at a scope that does not yet',
        querystring: writeQuery,
        headers: onceHeaders,
        body: writeBody.extend({ flag: definition }),
        response: written,
      },
    },
    async (request, reply) => {
      const { acting, actor, scope, why, dryRun, options } = changeOf(service, request, request.query, request.body);
      const { flag } = request.body;
      const asNew = { ...options, ifVersion: null };
      return dryRun
        ? await acting.set('feature_flags', flag, scope, actor, why, { ...asNew, dryRun: true })
        : tagged(reply, await acting.set<unknown>('feature_flags', flag, scope, actor, why, asNew));
    },
  );
}

function addWrite(app: App, service: ConfigurationManagementService): void {
  app.put(
    '/v1/flags/:name',
    {
      config: { errors: changeErrors, answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Stores a flag, or what a scope overrides of it',
        params: nameParams,
        querystring: writeQuery,
        headers: writeHeaders,
        body: writeBody.extend({ flag: definition }),
        response: written,
      },
    },
    async (request, reply) => {
      const { acting, actor, scope, why, dryRun, options } = changeOf(service, request, request.query, request.body);
      const key = `feature_flags/${request.params.name}`;
      const { flag } = request.body;
      return dryRun
        ? await acting.set(key, flag, scope, actor, why, { ...options, dryRun: true })
        : tagged(reply, await acting.set<unknown>(key, flag, scope, actor, why, options));
    },
  );
}

function addRemoval(app: App, service: ConfigurationManagementService): void {
  app.delete(
    '/v1/flags/:name',
    {
      preValidation: refuseBody,
      config: { errors: [...changeErrors, 'key_not_found'], answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Removes what a scope says of a flag, so that it inherits again',
        params: nameParams,
        querystring: writeQuery.extend({ comment, force: switchFlag.describe('As in the body of PUT'), breakGlass }),
        headers: writeHeaders,
        response: written,
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { dryRun, comment: why, force: forced, breakGlass: emergency, ...scope } = request.query;
      const options = {
        ...readPrecondition(request),
        ...readIdempotencyKey(request),
        force: forced === 'true',
        ...given('breakGlass', emergency),
      };
      const acting = service.as(actor);
      const key = `feature_flags/${request.params.name}`;
      return dryRun === 'true'
        ? await acting.delete(key, scope, actor.id, why, { ...options, dryRun: true })
        : tagged(reply, await acting.delete(key, scope, actor.id, why, options));
    },
  );
}

function addChanges(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/flags/:name/toggle',
    {
      config: { errors: changeErrors, answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Switches a flag on or off for everybody',
        params: nameParams,
        querystring: writeQuery,
        headers: writeHeaders,
        body: writeBody.extend({ enabled: z.boolean().optional().describe('Absent: what it is not now') }),
        response: written,
      },
    },
    async (request, reply) => {
      const { acting, dryRun, ofFlag } = changeOf(service, request, request.query, request.body);
      const { name } = request.params;
      const { enabled } = request.body;
      return dryRun
        ? await acting.toggleFlag(name, enabled, { ...ofFlag, dryRun: true })
        : tagged(reply, await acting.toggleFlag(name, enabled, ofFlag));
    },
  );
  app.post(
    '/v1/flags/:name/rollout',
    {
      config: { errors: changeErrors, answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Sets the percentage of units that a flag is on for',
        params: nameParams,
        querystring: writeQuery,
        headers: writeHeaders,
        body: writeBody.extend({ percentage: z.number().describe('0 to 100, in steps of 0.001') }),
        response: written,
      },
    },
    async (request, reply) => {
      const { acting, dryRun, ofFlag } = changeOf(service, request, request.query, request.body);
      const { name } = request.params;
      const { percentage } = request.body;
      return dryRun
        ? await acting.setFlagRollout(name, percentage, { ...ofFlag, dryRun: true })
        : tagged(reply, await acting.setFlagRollout(name, percentage, ofFlag));
    },
  );
  app.post(
    '/v1/flags/:name/archive',
    {
      config: { errors: changeErrors, answerHeaders: writeAnswerHeaders },
      schema: {
        summary: 'Archives a flag: off for good, and its name is not used again',
        params: nameParams,
        querystring: writeQuery,
        headers: writeHeaders,
        body: writeBody,
        response: written,
      },
    },
    async (request, reply) => {
      const { acting, dryRun, ofFlag } = changeOf(service, request, request.query, request.body);
      const { name } = request.params;
      return dryRun
        ? await acting.archiveFlag(name, { ...ofFlag, dryRun: true })
        : tagged(reply, await acting.archiveFlag(name, ofFlag));
    },
  );
}

/** What a request says of a change, besides the change. */
function changeOf(
  service: ConfigurationManagementService,
  request: FastifyRequest,
  { dryRun, ...scope }: z.output<typeof writeQuery>,
  { comment: why, force: forced, breakGlass: emergency, idempotencyKey }: z.output<typeof writeBody>,
) {
  const actor = actorOf(request);
  const options = {
    ...readPrecondition(request),
    ...readIdempotencyKey(request, idempotencyKey),
    ...present({ force: forced, breakGlass: emergency }),
  };
  const ofFlag: FlagChangeOptions = { ...options, scope, ...given('comment', why) };
  return { acting: service.as(actor), actor: actor.id, scope, why, dryRun: dryRun === 'true', options, ofFlag };
}
