/** Owns the routes of change requests. */
import { requestStatuses } from '@strata/core';
import type { ChangeEdit, ChangeRequestInput, ConfigurationManagementService } from '@strata/service';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { tellRevision, writeAnswerHeaders } from '../revision-headers.ts';
import { impactAnalysis } from './impact.ts';
import { policyRecord } from './policies.ts';
import { pageLimit, place, scopeInput } from './scope-query.ts';
import { diffRecord } from './version-record.ts';
import { bodyIdempotencyKey, comment, force, given, present, refuseConditions } from './write-headers.ts';

const level = z.enum(['none', 'low', 'medium', 'high', 'critical']);

const requestedChange = z.object({
  key: z.string(),
  ...place.shape,
  operation: z.enum(['set', 'delete']),
  currentValue: z.unknown().describe('The layer when the change was requested or last edited'),
  proposedValue: z.unknown(),
  diff: z.array(diffRecord).readonly(),
  baseVersion: z.string().nullable(),
  expiresAt: z.date().optional(),
});

/** A change request. */
export const changeRequestRecord = z
  .object({
    id: z.string(),
    key: z.string(),
    ...place.shape,
    operation: z.string().describe('change for values, else what is to be done: lock, schema, policy …'),
    status: z.enum(requestStatuses),
    edition: z.int().describe('Counts the edits, from 1; an approval is of one edition'),
    impactLevel: level,
    impact: impactAnalysis
      .optional()
      .describe('What it does, computed when it was requested or last edited; only where one request is asked for'),
    requestedBy: z.string(),
    requestedAt: z.date(),
    editors: z.array(z.string()).readonly(),
    justification: z.string().nullable(),
    currentValue: z.unknown(),
    proposedValue: z.unknown(),
    changes: z.array(requestedChange).readonly(),
    approvals: z.array(z.object({ approverId: z.string(), comment: z.string().nullable(), at: z.date() })).readonly(),
    minimumApprovals: z.int(),
    policies: z.array(policyRecord).readonly(),
    forced: z.boolean().describe('Whether it goes ahead although values below become invalid'),
    comments: z.array(z.object({ author: z.string(), comment: z.string(), at: z.date() })).readonly(),
    expiresAt: z.date(),
    applyAt: z.date().optional(),
    reason: z.string().optional(),
    closedBy: z.string().optional(),
    closedAt: z.date().optional(),
    commit: z.string().optional().describe('The commit that applied it'),
    revision: z.int().optional().describe('The revision of that commit'),
  })
  .meta({ id: 'ChangeRequest' });

const proposal = z.strictObject({
  key: z.string(),
  ...scopeInput.shape,
  proposedValue: z.unknown().optional(),
  delete: z.boolean().optional().describe('Asks for the removal of the layer instead'),
  expiresAt: z.string().optional(),
});

const applyAt = z.string().describe('An ISO time; it is applied then, once it has its approvals');
const idParams = z.object({ id: z.string().describe('The id of the request, req-…') });

const newRequest = z.strictObject({
  ...proposal.partial().shape,
  changes: z.array(proposal).optional().describe('Several changes that are applied together'),
  justification: z.string().describe('What approvers decide by'),
  applyAt: applyAt.optional(),
  force,
  idempotencyKey: bodyIdempotencyKey,
});

const edit = z.strictObject({
  ...proposal.partial().shape,
  changes: z.array(proposal).optional(),
  justification: z.string().optional(),
  applyAt: applyAt.nullable().optional(),
});

/** All routes under `/v1/change-requests`. */
export function changeRequestRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addLists(app, service);
    addOne(app, service);
    addRequest(app, service);
    addDecisions(app, service);
    addEdits(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

const listSchema = { 200: z.object({ requests: z.array(changeRequestRecord).readonly() }), default: problemSchema };
const oneSchema = { 200: changeRequestRecord, default: problemSchema };

function addLists(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/change-requests',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key'] },
      schema: {
        summary: 'Change requests in whichever state, newest first',
        querystring: z.strictObject({
          status: z.enum(requestStatuses).optional(),
          key: z.string().optional(),
          requestedBy: z.string().optional(),
          before: z.string().optional().describe('Those older than the request of this id'),
          limit: pageLimit(50, 1000),
        }),
        response: listSchema,
      },
    },
    async (request) => {
      const { status, key, requestedBy, before, limit } = request.query;
      const filter = {
        ...given('status', status),
        ...given('key', key),
        ...given('requestedBy', requestedBy),
        ...given('before', before),
        limit,
      };
      return { requests: await service.as(actorOf(request)).listChangeRequests(filter) };
    },
  );
  app.get(
    '/v1/change-requests/pending',
    {
      onSend: answerConditionally,
      config: { errors: [] },
      schema: {
        summary:
          'Change requests that wait for approvals, newest first; with an approver, those that he can still approve',
        querystring: z.strictObject({ approver: z.string().optional().describe('Without one, all that wait') }),
        response: listSchema,
      },
    },
    async (request) => ({
      requests: await service.as(actorOf(request)).getPendingChanges(request.query.approver),
    }),
  );
}

function addOne(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/change-requests/:id',
    {
      onSend: answerConditionally,
      config: { errors: ['request_not_found'] },
      schema: { summary: 'One change request', params: idParams, response: oneSchema },
    },
    async (request) => service.as(actorOf(request)).getChangeRequest(request.params.id),
  );
}

function addRequest(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/change-requests',
    {
      preValidation: refuseConditions,
      config: {
        errors: ['invalid_scope', 'invalid_key', 'justification_required', 'invalid_value', 'idempotency_conflict'],
      },
      schema: {
        summary: 'Asks for a change, or for several that are applied together',
        body: newRequest,
        response: { 201: changeRequestRecord, default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const input = { ...present(request.body), requestedBy: actor.id } as unknown as ChangeRequestInput;
      const made = await service.as(actor).requestChange(input);
      return reply.code(201).header('location', `/v1/change-requests/${made.id}`).send(made);
    },
  );
}

const decisionErrors = [
  'request_not_found',
  'request_expired',
  'request_applied',
  'request_closed',
  'request_state',
  'request_conflicted',
] as const;

function addDecisions(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/change-requests/:id/approve',
    {
      preValidation: refuseConditions,
      config: {
        answerHeaders: writeAnswerHeaders,
        errors: [...decisionErrors, 'self_approval', 'already_approved', 'not_an_approver', 'request_edited'],
      },
      schema: {
        summary: 'Approves a request; the last approval that it needs applies it',
        params: idParams,
        body: z.strictObject({
          comment,
          edition: z.int().optional().describe('The edition that was looked at; due for a request that was edited'),
        }),
        response: oneSchema,
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const { comment: said, edition } = request.body;
      const { params } = request;
      const decided = await service.as(actor).approveChange(params.id, actor.id, said, given('edition', edition));
      if (decided.revision !== undefined) tellRevision(reply, decided.revision);
      return decided;
    },
  );
  app.post(
    '/v1/change-requests/:id/reject',
    {
      preValidation: refuseConditions,
      config: { errors: [...decisionErrors, 'not_an_approver', 'reason_required'] },
      schema: {
        summary: 'Rejects a request for good',
        params: idParams,
        body: z.strictObject({ reason: z.string() }),
        response: oneSchema,
      },
    },
    async (request) => {
      const actor = actorOf(request);
      return service.as(actor).rejectChange(request.params.id, actor.id, request.body.reason);
    },
  );
  app.post(
    '/v1/change-requests/:id/withdraw',
    {
      preValidation: refuseConditions,
      config: { errors: [...decisionErrors, 'not_the_author'] },
      schema: {
        summary: 'Takes a request back',
        params: idParams,
        body: z.strictObject({ reason: z.string().optional() }),
        response: oneSchema,
      },
    },
    async (request) => {
      const actor = actorOf(request);
      return service.as(actor).withdrawChange(request.params.id, actor.id, request.body.reason);
    },
  );
}

function addEdits(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/change-requests/:id/comments',
    {
      preValidation: refuseConditions,
      config: { errors: ['request_not_found', 'reason_required'] },
      schema: {
        summary: 'Says something about a request',
        params: idParams,
        body: z.strictObject({ comment: z.string() }),
        response: { 201: changeRequestRecord, default: problemSchema },
      },
    },
    async (request, reply) => {
      const actor = actorOf(request);
      const said = await service.as(actor).commentOnChange(request.params.id, actor.id, request.body.comment);
      return reply.code(201).send(said);
    },
  );
  app.post(
    '/v1/change-requests/:id/schedule',
    {
      preValidation: refuseConditions,
      config: { errors: [...decisionErrors, 'request_edited'] },
      schema: {
        summary: 'Sets when a request is applied; dismisses the approvals it has',
        params: idParams,
        body: z.strictObject({ applyAt: applyAt.nullable() }),
        response: oneSchema,
      },
    },
    async (request) => {
      const actor = actorOf(request);
      return service.as(actor).scheduleChange(request.params.id, request.body.applyAt, actor.id);
    },
  );
  app.patch(
    '/v1/change-requests/:id',
    {
      preValidation: refuseConditions,
      config: {
        errors: [...decisionErrors, 'request_edited', 'invalid_value', 'justification_required'],
      },
      schema: {
        summary: 'Replaces what a request says, on the values as they are now; dismisses the approvals it has',
        params: idParams,
        body: edit,
        response: oneSchema,
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const changes = present(request.body) as unknown as ChangeEdit;
      return service.as(actor).editChange(request.params.id, changes, actor.id);
    },
  );
}
