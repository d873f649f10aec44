/** Owns the routes of the audit log: the look at it, its proof, checkpoints, the export and removal. */
import { Readable } from 'node:stream';
import { scopes } from '@strata/core';
import type { AuditVerifyOptions, ConfigurationManagementService } from '@strata/service';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../actor.ts';
import { answerConditionally } from '../etag.ts';
import { problemSchema } from '../problem.ts';
import { narrowing, optionalScopeQuery, pageLimit, positiveInteger } from './scope-query.ts';
import { given, present, refuseConditions } from './write-headers.ts';

const entryRecord = z
  .object({
    id: z.int(),
    operation: z.string().describe('set, delete, rollback, schema, lock, request, approve …'),
    key: z.string().nullable(),
    scope: z.enum(scopes).nullable(),
    scopeId: z.string().nullable(),
    userId: z.string(),
    success: z.boolean().describe('false where it was refused'),
    metadata: z.record(z.string(), z.unknown()),
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    requestId: z.string().nullable(),
    createdAt: z.date(),
    revision: z.int().nullable().describe('Of the commit that it is of'),
    seal: z.int().nullable().describe('The number of its seal; null while it has none'),
  })
  .meta({ id: 'AuditEntry' });

const checkpointRecord = z
  .object({
    store: z.string(),
    environment: z.string(),
    sequence: z.int(),
    kind: z.enum(['checkpoint', 'retention']),
    number: z.int().describe('The last seal that it covers'),
    chain: z.string().describe('The link of that seal'),
    createdAt: z.iso.datetime(),
    by: z.string(),
    key: z.string(),
    reason: z.string().optional(),
    revision: z.int().optional(),
    statement: z.string().describe('The text that is signed'),
    signature: z.string().describe('Ed25519, base64'),
    publicKey: z.string().describe('SPKI, base64'),
  })
  .meta({ id: 'AuditCheckpoint' });

const findingRecord = z.object({
  kind: z.string().describe('row_changed, row_missing, row_inserted, truncated … as docs/guides/audit.md lists them'),
  id: z.int().optional().describe('The row'),
  number: z.int().optional().describe('The seal'),
  version: z.string().optional(),
  message: z.string(),
});

const verification = z
  .object({
    ok: z.boolean(),
    findings: z.array(findingRecord).readonly(),
    findingCount: z.int(),
    rows: z.int(),
    sealed: z.int(),
    waiting: z.int().describe('How many rows wait for their seal'),
    withoutMac: z.int().describe('How many carry no code, since they are of before there was a key'),
    versions: z.int(),
    checkpoints: z.int(),
    number: z.int().describe('The last seal'),
    chain: z.string().describe('The link of it'),
  })
  .meta({ id: 'AuditVerification' });

const kept = z.looseObject({ statement: z.string(), signature: z.string() });

/** All routes under `/v1/audit`. */
export function auditRoutes(service: ConfigurationManagementService): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    addLog(app, service);
    addProof(app, service);
    addCheckpoints(app, service);
    addExport(app, service);
    addRemoval(app, service);
    done();
  };
}

type App = Parameters<FastifyPluginCallbackZod>[0];

function addLog(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/audit',
    {
      onSend: answerConditionally,
      config: { errors: ['invalid_key', 'invalid_scope'] },
      schema: {
        summary: 'The audit log, newest first: what the caller may see of who did what, when',
        querystring: optionalScopeQuery.extend({
          key: z.string().optional(),
          userId: z.string().optional(),
          operation: z.string().optional(),
          success: z.enum(['true', 'false']).optional(),
          from: z.string().optional().describe('From this time on'),
          to: z.string().optional().describe('Before this time'),
          before: positiveInteger
            .optional()
            .meta({ type: 'integer', minimum: 1, description: 'Those before this row' }),
          limit: pageLimit(50, 1000),
        }),
        response: { 200: z.object({ entries: z.array(entryRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => {
      const { success, scope: _scope, scopeId: _scopeId, ...query } = request.query;
      const outcome = given('success', success === undefined ? undefined : success === 'true');
      const filter = { ...present(query), ...outcome, ...narrowing(request.query) };
      return { entries: await service.as(actorOf(request)).getAuditLog(filter) };
    },
  );
}

function addProof(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/audit/verify',
    {
      preValidation: refuseConditions,
      config: { errors: ['audit_key_missing'] },
      schema: {
        summary: 'Proves the audit log as of one moment; stores nothing',
        body: z.strictObject({
          checkpoints: z.array(kept).optional().describe('Checkpoints that were kept elsewhere'),
        }),
        response: { 200: verification, default: problemSchema },
      },
    },
    async (request) => {
      const options: AuditVerifyOptions = present(request.body);
      return service.as(actorOf(request)).verifyAudit(options);
    },
  );
}

function addCheckpoints(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/audit/checkpoints',
    {
      onSend: answerConditionally,
      config: { errors: ['audit_chain_broken'] },
      schema: {
        summary: 'The signed checkpoints, newest first',
        querystring: z.strictObject({
          before: positiveInteger
            .optional()
            .meta({ type: 'integer', minimum: 1, description: 'Those of a lower sequence' }),
          limit: pageLimit(50, 1000),
        }),
        response: { 200: z.object({ checkpoints: z.array(checkpointRecord).readonly() }), default: problemSchema },
      },
    },
    async (request) => ({
      checkpoints: await service.as(actorOf(request)).listAuditCheckpoints(present(request.query)),
    }),
  );
  app.post(
    '/v1/audit/checkpoints',
    {
      preValidation: refuseConditions,
      config: { errors: ['audit_key_missing', 'audit_chain_broken'] },
      schema: {
        summary: 'Seals what waits, and signs how far the audit log has come',
        response: { 201: checkpointRecord, default: problemSchema },
      },
    },
    async (request, reply) => reply.code(201).send(await service.as(actorOf(request)).createAuditCheckpoint()),
  );
}

function addExport(app: App, service: ConfigurationManagementService): void {
  app.get(
    '/v1/audit/export',
    {
      // It would make a row of its own, and a checkpoint.
      exposeHeadRoute: false,
      config: { errors: ['audit_key_missing', 'audit_chain_broken'] },
      schema: {
        summary: 'The sealed audit log as lines of JSON that anybody checks offline with the public key',
        querystring: z.strictObject({
          from: positiveInteger.optional().meta({ type: 'integer', minimum: 1, description: 'The first seal' }),
        }),
        response: { 200: { content: { 'application/x-ndjson': { schema: z.string() } } }, default: problemSchema },
      },
    },
    async (request, reply) => {
      const lines = service.as(actorOf(request)).exportAudit(present(request.query));
      // What is refused is refused before the first line.
      const first = await lines.next();
      const whole = async function* (): AsyncGenerator<string> {
        if (first.done !== true) yield first.value;
        yield* lines;
      };
      return (reply as FastifyReply).type('application/x-ndjson').send(Readable.from(whole(), { objectMode: false }));
    },
  );
}

function addRemoval(app: App, service: ConfigurationManagementService): void {
  app.post(
    '/v1/audit/prune',
    {
      preValidation: refuseConditions,
      config: { errors: ['audit_key_missing', 'audit_chain_broken', 'audit_broken', 'reason_required'] },
      schema: {
        summary: 'Removes the oldest rows under a signed checkpoint that takes their place',
        body: z.strictObject({
          before: z.string().describe('An ISO time: rows that are older'),
          reason: z.string().describe('Why'),
        }),
        response: {
          200: z.object({ removed: z.int(), checkpoint: checkpointRecord.nullable() }),
          default: problemSchema,
        },
      },
    },
    async (request) => {
      const actor = actorOf(request);
      const { before, reason } = request.body;
      return service.as(actor).pruneAudit({ before }, actor.id, reason);
    },
  );
}
